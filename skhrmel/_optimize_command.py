"""``skhrmel optimize``: the best band layout for a folder of music."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from skhrmel import _optimize_files as files
from skhrmel import _optimize_report as report
from skhrmel._ablate_options import band_bins, band_edges, job_count
from skhrmel._command_output import make_console, print_remarks
from skhrmel._drawing import require_pyplot
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._optimize_tracks import measure_held_out, read_tracks
from skhrmel._tracks import (
    MAX_JOBS,
    add_paths,
    check_outputs,
    file_tracks,
    synthetic_tracks,
)
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.ablation import N_FFT, SR, Track, TrackResult
from skhrmel.folders import find_audio

_DESCRIPTION = """\
Find the layout of bands and bins that loses the least of your music, among all layouts
on a grid of edges, and measure it on tracks that the search has not seen.
"""

_EPILOG = """\
examples:
  skhrmel optimize ~/music --bands 4 -j 2          four bands, every range balanced
  skhrmel optimize ~/music --bands 2/3/4/5 --total-mels 64
  skhrmel optimize ~/music --no-worse-than log-mel --bands 4
  skhrmel optimize ~/music --edges 0,500,1500,3000,6000,20000 --mel-scale htk
  skhrmel optimize ~/music --decoder kl --json layouts.json --plot front.svg

The objective "balanced" lets the error of every analysis band count the same. "overall"
minds the energy alone: it spends nearly all bins on the bass, and music decoded from
such features sounds broken. Four bands lose less than three and sound better.
"--no-worse-than log-mel" protects every range and wants four bands or more; with fewer
bins a band than "--min-mels 4", layouts may fail on other tracks. Exit status: 0 all
done, 1 something was skipped, 2 wrong usage, 130 interrupted.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``optimize`` to the subcommands."""
    parser = subparsers.add_parser(
        "optimize",
        help="find the band layout that loses the least of your music",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(parser)
    parser.add_argument(
        "--total-mels",
        type=int,
        default=96,
        metavar="N",
        help="bins of all bands together (default: 96)",
    )
    parser.add_argument(
        "--bands",
        type=band_bins,
        default=(3,),
        metavar="K/L/...",
        help="numbers of bands to choose from (default: 3)",
    )
    parser.add_argument(
        "--edges",
        type=band_edges,
        metavar="F0,F1,...",
        help="candidate edges in Hz (default: 24, evenly spaced in mel up to 20 kHz)",
    )
    parser.add_argument(
        "--objective",
        choices=("balanced", "overall"),
        default="balanced",
        help="what is minimised (default: balanced)",
    )
    parser.add_argument(
        "--analysis-bands",
        choices=("paper", "bark"),
        default="paper",
        help="ranges that are balanced: the paper's three, or the 24 critical bands of "
        "hearing and what lies above them (default: paper)",
    )
    parser.add_argument(
        "--no-worse-than",
        choices=("log-mel", "hr-mel"),
        help="let no analysis band lose more than with this representation (default: "
        "bands may lose more)",
    )
    parser.add_argument(
        "--min-mels",
        type=int,
        default=4,
        metavar="N",
        help="fewest bins of a band (default: 4)",
    )
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="search by every Nth frame only, which saves time since neighbours are "
        "alike; all frames of held-out tracks are measured (default: 1)",
    )
    parser.add_argument(
        "--mel-scale",
        choices=("slaney", "htk"),
        default="slaney",
        help="mel scale (default: slaney)",
    )
    parser.add_argument(
        "--folds",
        type=int,
        default=4,
        metavar="N",
        help="parts of the tracks held out in turn; 0 measures nothing (default: 4)",
    )
    parser.add_argument(
        "--decoder",
        choices=("pinv", "kl"),
        default="pinv",
        help="decoder by which held-out tracks are measured; kl learns from the other "
        "tracks. The search itself assumes pinv (default: pinv)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all figures and layouts, with --plot also the Pareto front",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the Pareto front, all layouts that no other beats in every range, "
        "as .png, .svg or .pdf; takes seconds for 4 bands, minutes for 12; needs "
        "matplotlib, and the paper's ranges",
    )
    parser.add_argument(
        "-j",
        "--n-jobs",
        type=job_count,
        default=1,
        metavar="N",
        help="tracks worked on at the same time; -1 uses every core (default: 1)",
    )
    parser.set_defaults(run=partial(run, fail=parser.error))


def run(args: argparse.Namespace, *, fail: Any) -> int:
    """Search, measure and report; give the exit status. `fail` is for wrong usage."""
    if args.folds < 0 or args.folds == 1:
        fail(f"--folds must be 0 or at least 2, got {args.folds}")
    search = _make_search(args)
    found = find_audio(args.paths)
    try:
        search._validate_params()
        search._prepare(N_FFT // 2 + 1)
        check_outputs([path for path in (args.json, args.plot) if path], found.files)
        if args.plot is not None:
            files.check_picture(args.plot, args.analysis_bands)
    except ValueError as error:
        fail(str(error))
    if args.plot is not None:
        try:
            require_pyplot("skhrmel optimize --plot")
        except ImportError as error:
            print(f"skhrmel optimize: {error}", file=sys.stderr)
            return 1
    tracks = file_tracks(found) if args.paths else synthetic_tracks()
    n_jobs = max(-MAX_JOBS, min(args.n_jobs, max(1, len(tracks)), MAX_JOBS))
    n_folds = min(args.folds, len(tracks)) if len(tracks) > 1 else 0
    folds = [_make_search(args)._prepare(N_FFT // 2 + 1) for _ in range(n_folds)]

    # A picture also has layouts that reach beyond the edges of the search.
    n_used = search._problem.count_used() if args.plot is None else None
    results, heard = read_tracks(tracks, search, folds, args.every, n_used, n_jobs)
    console = make_console()
    if not heard:
        print_remarks(console, results, found)
        console.print("Nothing could be measured.")
        return 1
    try:
        report.print_layouts(console, search, len(heard))
        held_out = _measure(heard, folds, args, n_jobs, console)
    except ValueError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return 1
    if held_out:
        results = [r for r in results if r.problem] + held_out
    for line in report.code(search, args.decoder), report.flags(search):
        console.print(line, markup=False, soft_wrap=True)
    settings = files.describe_search(
        search,
        synthetic=not args.paths,
        n_folds=len(folds) if held_out else 0,
        decoder=args.decoder,
        no_worse_than=args.no_worse_than,
    )
    document = files.make_document(
        search,
        folds,
        results,
        held_out,
        settings,
        found.problems,
        _find_front(args.plot, search),
    )
    written = _write_files(args, search, document)
    print_remarks(console, results, found)
    complete = len(heard) == len(tracks) and not found.problems
    return 0 if complete and written else 1


def _measure(
    tracks: Sequence[Track],
    folds: Sequence[HRMelTransformerCV],
    args: argparse.Namespace,
    n_jobs: int,
    console: Console,
) -> list[TrackResult]:
    """Measure tracks that a search has not seen, if there are any, and print it."""
    if args.folds and len(tracks) == 1:
        console.print("One track: there is none to hold out.\n")
    if not folds or len(tracks) == 1:
        return []
    held_out = measure_held_out(tracks, folds, args.decoder, n_jobs)
    report.print_held_out(console, held_out, args.decoder)
    return held_out


def _find_front(
    picture: Path | None, search: HRMelTransformerCV
) -> list[dict[str, Any]] | None:
    """Find the layouts to draw, if there is a picture and they are not too many."""
    if picture is None:
        return None
    with Console(stderr=True).status("finding layouts that no other beats"):
        try:
            return search.pareto_front_
        except ValueError as error:
            print(f"{picture}: could not be drawn: {error}", file=sys.stderr)
            return None


def _write_files(
    args: argparse.Namespace, search: HRMelTransformerCV, document: Mapping[str, Any]
) -> bool:
    """Write the files asked for; say whether all could be."""
    drawable = document["pareto_front"] is not None
    written = drawable or args.plot is None
    for path, write in (
        (args.json, partial(files.write_json, document=document)),
        (args.plot if drawable else None, partial(files.write_plot, search=search)),
    ):
        try:
            if path is not None:
                write(path)
        except OSError as error:
            print(f"{path}: could not be written: {error.strerror}", file=sys.stderr)
            written = False
    return written


def _make_search(args: argparse.Namespace) -> HRMelTransformerCV:
    references = {
        None: None,
        "log-mel": LogMelTransformer(SR, n_mels=args.total_mels),
        "hr-mel": HRMelTransformer(SR),
    }
    return HRMelTransformerCV(
        SR,
        total_mels=args.total_mels,
        n_bands=args.bands,
        candidate_edges=args.edges,
        objective=args.objective,
        analysis_bands=args.analysis_bands,
        no_worse_than=references[args.no_worse_than],
        min_mels=args.min_mels,
        frame_step=args.every,
        mel_scale=args.mel_scale,
        n_jobs=args.n_jobs,
    )
