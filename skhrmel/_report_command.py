"""``skhrmel report``: a page of tables, plots and sound."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from skhrmel import _ablate_options as options
from skhrmel import _ablation_files as files
from skhrmel import _ablation_report as ablation_report
from skhrmel._drawing import require_pyplot
from skhrmel._page_audio import MEDIA_TYPES
from skhrmel._terminal import printable
from skhrmel._tracks import (
    add_paths,
    check_outputs,
    describe_settings,
    file_tracks,
    measure_with_progress,
    synthetic_tracks,
)
from skhrmel.ablation import HOP_LENGTH, SR, paper_representations
from skhrmel.folders import find_audio

_MAX_SECONDS = 60.0

_DESCRIPTION = """\
Measure every track as `skhrmel ablate` does, and write one page of HTML: tables, plots,
and excerpts in which original and reconstructions are switched while they play.
"""

_EPILOG = """\
examples:
  skhrmel report my-track.mp3 --out report.html   one file
  skhrmel report                                  synthetic music, made on the spot
  skhrmel report ~/music -j 2                     every audio file in a folder
  skhrmel report song.flac --excerpt song.flac@75 --seconds 8
  skhrmel report song.flac --allocation 90/5/1    with a layout that sounds broken
  skhrmel report ~/music --allocation 48/28/20 --mel-scale htk --excerpts 5
  skhrmel report ~/music --audio opus             a smaller page, pictures as before

Needs matplotlib: pip install 'skhrmel[plot]'. With 'skhrmel[perceptual]', ViSQOL's
opinion of each version is shown, too. Without --excerpt, tracks are chosen over the
whole range of what HR-Mel gains or loses, and in each the part with the most energy.
The better of the two decoders learns of the other tracks where there are ten or more,
else of the same track outside of the excerpt; the page says of what. Exit status: 0 all
done, 1 something was skipped, 2 wrong usage, 130 interrupted.
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
    add_paths(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="page to write (default: report.html)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all figures to this file"
    )
    parser.add_argument(
        "--excerpts",
        type=partial(_number, int, 1, 50),
        default=3,
        metavar="N",
        help="number of excerpts where none is named, 1 to 50 (default: 3)",
    )
    parser.add_argument(
        "--excerpt",
        action="append",
        type=_place,
        default=[],
        metavar="FILE@SECONDS",
        help="excerpt of this track from this second on; repeatable (default: the "
        "loudest part of tracks that differ)",
    )
    parser.add_argument(
        "--seconds",
        type=partial(_number, float, 0.5, _MAX_SECONDS),
        default=6.0,
        metavar="S",
        help="duration of an excerpt in seconds, 0.5 to 60 (default: 6)",
    )
    parser.add_argument(
        "--audio",
        choices=tuple(MEDIA_TYPES),
        default="flac",
        help="flac keeps 16 bits, and browsers since about 2017 play it; opus stores "
        "the sound, but not the pictures, in about a sixth of the bytes, and Safari "
        "before 18.4 cannot play it (default: flac)",
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
    try:
        named = {_full_name(name, names): start for name, start in args.excerpt}
    except ValueError as error:
        fail(f"--excerpt: {error}")

    results = measure_with_progress(tracks, representations, n_jobs=args.n_jobs)
    skipped = ablation_report.skipped(results, search.problems)
    for name, reason in skipped.items():
        print(f"Skipped: {printable(name)}: {printable(reason)}", file=sys.stderr)
    measured = [track for track, r in zip(tracks, results, strict=True) if r.errors]
    if not measured:
        print("Nothing could be measured.", file=sys.stderr)
        return 1
    long_enough = [r for r in results if r.seconds * SR >= HOP_LENGTH]
    first, second = report.PROPOSED, report.USUAL
    chosen: dict[str, float | None] = named or dict.fromkeys(
        report.choose_tracks(long_enough, args.excerpts, first=first, second=second)
    )
    heard = {name: representations[name] for name in (second, first, *extra)}
    doing = "decoding excerpt {} of " + str(len(chosen))
    with Console(stderr=True).status(doing.format(1)) as status:
        try:
            excerpts = []
            for excerpt in report.make_excerpts(
                measured, chosen, heard, seconds=args.seconds
            ):
                excerpts.append(excerpt)
                status.update(doing.format(min(len(excerpts) + 1, len(chosen))))
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
            if path == args.out:
                print(f"Open it in a browser: {path.absolute().as_uri()}")
    return written


def _full_name(name: str, names: Sequence[str]) -> str:
    """Find the track that a path, or the last part of one, means."""
    matching = [full for full in names if full == name or Path(full).name == name]
    if name in matching:
        return name
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ValueError(f"{name} could be any of {', '.join(matching)}")
    raise ValueError(
        f"{name} is none of the {len(names)} tracks, such as {names[0]}"
        if names
        else f"{name}: there are no tracks"
    )


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
