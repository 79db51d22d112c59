"""``skhrmel report``: a page of tables, plots and sound."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from skhrmel import _ablate_options as options
from skhrmel import _ablation_files as files
from skhrmel import _ablation_report as ablation_report
from skhrmel._drawing import require_pyplot
from skhrmel._page_audio import MEDIA_TYPES
from skhrmel._tracks import (
    SYNTHETIC_SECONDS,
    SYNTHETIC_TRACKS,
    check_outputs,
    describe_settings,
    file_tracks,
    measure_with_progress,
    synthetic_tracks,
)
from skhrmel.ablation import HOP_LENGTH, SR, paper_representations
from skhrmel.folders import find_audio

# What the paper proposes, and what it is compared with.
_PROPOSED, _USUAL = "HR-Mel 40/32/24", "Log-Mel-96"
_MAX_SECONDS = 60.0

_DESCRIPTION = """\
Measure every track as `skhrmel ablate` does, and write one page of HTML: tables, plots,
and excerpts in which original and reconstructions are switched while they play.
"""

_EPILOG = """\
examples:
  skhrmel report                              synthetic music, made on the spot
  skhrmel report ~/music --out report.html    every audio file in a folder
  skhrmel report song.flac --excerpt song.flac@75 --seconds 8
  skhrmel report ~/music --allocation 48/28/20 --mel-scale htk --excerpts 5
  skhrmel report ~/music --audio opus         sound in a sixth of the bytes

Needs matplotlib: pip install 'skhrmel[plot]'. With 'skhrmel[perceptual]', ViSQOL's
opinion of each version is shown, too. Without --excerpt, tracks are chosen over the
whole range of what HR-Mel gains or loses, and in each the part with the most energy.
Exit status: 0 all done, 1 something was skipped, 2 wrong usage, 130 interrupted.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``report`` to the subcommands."""
    parser = subparsers.add_parser(
        "report",
        help="write a page with tables, plots and sound to compare",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="audio file, or folder to search with its subfolders (default: "
        f"{SYNTHETIC_TRACKS} synthetic tracks of {SYNTHETIC_SECONDS:g} s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="page to write (default: report.html)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument(
        "--excerpts",
        type=partial(_number, int, 1, 50),
        default=3,
        metavar="N",
        help="number of excerpts where none is named (default: 3)",
    )
    parser.add_argument(
        "--excerpt",
        action="append",
        type=_place,
        default=[],
        metavar="FILE@SECONDS",
        help="excerpt of this track from this second on; repeatable",
    )
    parser.add_argument(
        "--seconds",
        type=partial(_number, float, 0.5, _MAX_SECONDS),
        default=6.0,
        metavar="S",
        help="duration of an excerpt in seconds (default: 6)",
    )
    parser.add_argument(
        "--audio",
        choices=tuple(MEDIA_TYPES),
        default="flac",
        help="flac keeps 16 bits, opus takes a sixth of the bytes (default: flac)",
    )
    options.add_representation_options(parser)
    options.add_jobs_option(parser)
    parser.set_defaults(run=partial(run, fail=parser.error))


def run(args: argparse.Namespace, *, fail: Any) -> int:
    """Measure and write; give the exit status. `fail` ends with a usage error."""
    try:
        require_pyplot("skhrmel report")
    except ImportError as error:
        print(f"skhrmel report: {error}", file=sys.stderr)
        return 1
    # Here and not above: these import what draws.
    from skhrmel import _report_page as page
    from skhrmel import report

    try:
        extra = options.extra_representations(
            args.allocation, args.edges, args.mel_scale
        )
        search = find_audio(args.paths)
        check_outputs([path for path in (args.out, args.json) if path], search.files)
    except ValueError as error:
        fail(str(error))
    representations = paper_representations() | extra
    tracks = file_tracks(search) if args.paths else synthetic_tracks()
    names = [track.name for track in tracks]
    for name, _ in args.excerpt:
        if name not in names:
            fail(f"--excerpt: {name} is none of the {len(names)} tracks")

    results = measure_with_progress(tracks, representations, n_jobs=args.n_jobs)
    skipped = ablation_report.skipped(results, search.problems)
    for name, reason in skipped.items():
        print(f"Skipped: {ascii(name)[1:-1]}: {ascii(reason)[1:-1]}", file=sys.stderr)
    measured = [track for track, r in zip(tracks, results, strict=True) if r.errors]
    if not measured:
        print("Nothing could be measured.", file=sys.stderr)
        return 1
    long_enough = [r for r in results if r.seconds * SR >= HOP_LENGTH]
    chosen: dict[str, float | None] = dict(args.excerpt) or dict.fromkeys(
        report.choose_tracks(long_enough, args.excerpts, first=_PROPOSED, second=_USUAL)
    )
    heard = {name: representations[name] for name in (_USUAL, _PROPOSED, *extra)}
    with Console(stderr=True).status("decoding excerpts"):
        try:
            excerpts = list(
                report.make_excerpts(measured, chosen, heard, seconds=args.seconds)
            )
        except ValueError as error:
            print(f"skhrmel report: {error}", file=sys.stderr)
            return 1
        settings = describe_settings(synthetic=not args.paths)
        document = page.add_report_figures(
            files.make_document(results, representations, settings, search.problems),
            results,
            excerpts,
        )
        text = page.build_page(document, results, excerpts, codec=args.audio)
    written = _write(args, text, document)
    return 0 if written and not skipped else 1


def _write(args: argparse.Namespace, text: str, document: dict[str, Any]) -> bool:
    """Write the files asked for; say whether all could be."""
    written = True
    contents = {args.out: text}
    if args.json is not None:
        contents[args.json] = files.as_json(document)
    for path, content in contents.items():
        try:
            # Names of files need not be valid text.
            path.write_text(content, "utf-8", errors="backslashreplace")
        except OSError as error:
            print(f"{path}: could not be written: {error.strerror}", file=sys.stderr)
            written = False
        else:
            print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return written


def _number(kind: Any, low: float, high: float, text: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = low - 1
    if low <= value <= high:
        return value
    raise argparse.ArgumentTypeError(
        f"expected a number from {low:g} to {high:g}, got {text!r}"
    )


def _place(text: str) -> tuple[str, float]:
    """Parse a track and a second."""
    name, mark, seconds = text.rpartition("@")
    try:
        start = float(seconds)
    except ValueError:
        start = -1.0
    if mark and name and 0 <= start < float("inf"):
        return name, start
    raise argparse.ArgumentTypeError(
        f"expected a file and a second such as song.flac@75, got {text!r}"
    )
