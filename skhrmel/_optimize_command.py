"""``skhrmel optimize``: the best band layout for a folder of music."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from skhrmel import _optimize_report as report
from skhrmel._ablate_options import band_bins, band_edges, job_count
from skhrmel._command_output import make_console, print_remarks
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._moments import second_moment
from skhrmel._threads import one_blas_thread
from skhrmel._tracks import (
    MAX_JOBS,
    SYNTHETIC_SECONDS,
    SYNTHETIC_TRACKS,
    ctrl_c_for_this_process_only,
    file_tracks,
    synthetic_tracks,
)
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.ablation import HOP_LENGTH, N_FFT, SR, Track, TrackResult, measure_track
from skhrmel.folders import find_audio
from skhrmel.spectrum import power_blocks

_DESCRIPTION = """\
Find the layout of bands and bins that loses the least of your music, among all layouts
on a grid of edges, and measure it on tracks that the search has not seen.
"""

_EPILOG = """\
examples:
  skhrmel optimize ~/music -j 2                    three bands, every range balanced
  skhrmel optimize ~/music --bands 2/3/4/5 --total-mels 64
  skhrmel optimize ~/music --no-worse-than log-mel --bands 4
  skhrmel optimize ~/music --edges 0,500,1500,3000,6000,20000 --mel-scale htk

The objective "balanced" lets the error of every analysis band count the same. "overall"
minds the energy alone: it spends nearly all bins on the bass, and music decoded from
such features sounds broken. Exit status: 0 all done, 1 something was skipped, 2 wrong
usage, 130 interrupted.
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
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="audio file, or folder to search with its subfolders (default: "
        f"{SYNTHETIC_TRACKS} synthetic tracks of {SYNTHETIC_SECONDS:g} s)",
    )
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
        help="ranges that are balanced: the paper's three, or the critical bands of "
        "hearing (default: paper)",
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
        default=1,
        metavar="N",
        help="fewest bins of a band (default: 1)",
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
    try:
        search._validate_params()
        search._prepare(N_FFT // 2 + 1)
    except ValueError as error:
        fail(str(error))
    found = find_audio(args.paths)
    tracks = file_tracks(found) if args.paths else synthetic_tracks()
    n_jobs = max(-MAX_JOBS, min(args.n_jobs, max(1, len(tracks)), MAX_JOBS))
    n_folds = min(args.folds, len(tracks)) if len(tracks) > 1 else 0
    folds = [_make_search(args)._prepare(N_FFT // 2 + 1) for _ in range(n_folds)]

    results, heard = _read(tracks, search, folds, n_jobs)
    console = make_console()
    if heard:
        try:
            report.print_layouts(console, search, len(heard))
            if len(heard) > 1 and folds:
                results += _measure_held_out(heard, folds, n_jobs)
                report.print_held_out(console, results)
            report.print_code(console, search)
        except ValueError as error:
            console.print(str(error), markup=False, soft_wrap=True)
            return 1
    print_remarks(console, results, found)
    if not heard:
        console.print("Nothing could be measured.")
    return 0 if len(heard) == len(tracks) > 0 and not found.problems else 1


def _read(
    tracks: Sequence[Track],
    search: HRMelTransformerCV,
    folds: Sequence[HRMelTransformerCV],
    n_jobs: int,
) -> tuple[list[TrackResult], list[Track]]:
    """Add each track to the search and to all folds but its own.

    Gives what was wrong with tracks, and those that sound.
    """
    problems: list[TrackResult] = []
    heard: list[Track] = []
    moments = _in_parallel(_measure_moment, [(t,) for t in tracks], n_jobs)
    moments = _with_progress(moments, len(tracks), "reading")
    for track, (result, moment) in zip(tracks, moments, strict=True):
        if moment is None:
            problems.append(result)
            continue
        search._add(moment)
        for k, fold in enumerate(folds):
            if k != len(heard) % len(folds):
                fold._add(moment)
        heard.append(track)
    return problems, heard


def _measure_held_out(
    tracks: Sequence[Track], folds: Sequence[HRMelTransformerCV], n_jobs: int
) -> list[TrackResult]:
    """Measure each track by the layout that was found without it."""
    representations = [_representations(fold) for fold in folds]
    jobs = [(t, representations[k % len(folds)]) for k, t in enumerate(tracks)]
    measure = partial(measure_track, n_fft=N_FFT, hop_length=HOP_LENGTH)
    results = _in_parallel(measure, jobs, n_jobs)
    return list(_with_progress(results, len(jobs), "measuring"))


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
        mel_scale=args.mel_scale,
        n_jobs=args.n_jobs,
    )


def _representations(search: HRMelTransformerCV) -> dict[str, Any]:
    return {
        report.CHOSEN: HRMelTransformer(
            SR,
            n_mels=search.n_mels_,
            band_edges=search.band_edges_,
            compression="log1p",
            mel_scale=search.mel_scale,
        ),
        "HR-Mel 40/32/24": HRMelTransformer(SR),
        f"Log-Mel-{search.total_mels}": LogMelTransformer(SR, n_mels=search.total_mels),
    }


def _measure_moment(track: Track) -> tuple[TrackResult, NDArray | None]:
    """Give the second moment of a track, or the reason why there is none."""
    try:
        samples, note = track.load()
        with one_blas_thread():
            moment = second_moment(
                power_blocks(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
            )
    except (ValueError, MemoryError) as error:
        problem = str(error) or type(error).__name__
        return TrackResult(track.name, 0.0, {}, problem=problem), None
    seconds = len(samples) / SR
    if not moment.any():
        problem = "silent, so it has no relative error"
        return TrackResult(track.name, seconds, {}, note, problem), None
    return TrackResult(track.name, seconds, {}, note), moment


def _in_parallel(function: Any, jobs: Sequence[tuple], n_jobs: int) -> Iterator[Any]:
    with ctrl_c_for_this_process_only():
        results: Iterator[Any] = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(function)(*job) for job in jobs
        )
    return results


def _with_progress(results: Iterable[Any], total: int, text: str) -> Iterator[Any]:
    """Show how far it is, where there is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from results
        return
    columns = TextColumn(text), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for result in results:
            yield result
            progress.update(task, advance=1)
