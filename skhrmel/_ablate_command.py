"""``skhrmel ablate``: the paper's tables for a folder of music."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from sklearn.base import BaseEstimator

from skhrmel import _ablate_options as options
from skhrmel import _ablation_files as files
from skhrmel import _ablation_report as report
from skhrmel._command_output import make_console, print_remarks
from skhrmel._rate_report import print_rates
from skhrmel._tracks import (
    add_paths,
    check_outputs,
    describe_settings,
    file_tracks,
    measure_with_progress,
    synthetic_tracks,
)
from skhrmel.ablation import (
    HOP_LENGTH,
    N_FFT,
    SR,
    TrackResult,
    paper_representations,
)
from skhrmel.folders import AudioSearch, find_audio
from skhrmel.rate_distortion import mean_rates

_DESCRIPTION = """\
Represent every track as Mel-80, Log-Mel-80, Mel-96, Log-Mel-96 and HR-Mel, reconstruct
its power spectrum, and print the HR-Mel paper's three tables beside its own figures.
"""

_EPILOG = """\
examples:
  skhrmel ablate                            synthetic music, made on the spot
  skhrmel ablate ~/music song.flac -j 2     every audio file in a folder, and one more
  skhrmel ablate ~/music --allocation 48/28/20 --mel-scale slaney --mel-scale htk
  skhrmel ablate ~/music --edges 0,1000,4000,20000 --json errors.json
  skhrmel ablate ~/music --bits 4,6,8,16    what few bits cost, for each compression
  skhrmel ablate ~/music --edges 0,1000,3000,8000,20000 --allocation 32/24/24/16

Tracks are mixed down to mono and, at another rate than 44.1 kHz, resampled. Files that
cannot be decoded are reported at the end, the others are measured. Exit status: 0 all
done, 1 something was skipped, 2 wrong usage, 130 interrupted.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``ablate`` to the subcommands."""
    parser = subparsers.add_parser(
        "ablate",
        help="measure what mel representations lose of your music",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_paths(parser)
    options.add_representation_options(parser)
    parser.add_argument(
        "--bits",
        type=options.bit_counts,
        default=(),
        metavar="N,N,...",
        help="also quantise the features to these numbers of bits, 1 to 16, after each "
        "compression, and report what that costs (default: no rounding)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all figures to this file"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a row a track and representation to this file",
    )
    options.add_jobs_option(parser)
    parser.set_defaults(run=partial(run, fail=parser.error))


def run(args: argparse.Namespace, *, fail: Any) -> int:
    """Measure and report; give the exit status. `fail` ends with a usage error."""
    try:
        extra = options.extra_representations(
            args.allocation, args.edges, args.mel_scale
        )
    except ValueError as error:
        fail(str(error))
    search = find_audio(args.paths)
    try:
        check_outputs([path for path in (args.json, args.csv) if path], search.files)
    except ValueError as error:
        fail(str(error))
    representations = paper_representations() | extra
    tracks = file_tracks(search) if args.paths else synthetic_tracks()

    results = measure_with_progress(
        tracks, representations, n_bits=args.bits, n_jobs=args.n_jobs
    )

    console = make_console()
    n_measured = sum(bool(result.errors) for result in results)
    if n_measured:
        _print_header(console, results, synthetic=not args.paths)
        report.print_tables(console, results, representations)
        if args.bits:
            rates = [result.rates for result in results if result.rates]
            print_rates(console, mean_rates(rates))
    print_remarks(console, results, search)
    if not n_measured:
        console.print("Nothing could be measured.")
    written = _write_files(args, results, representations, search)
    complete = n_measured == len(tracks) and n_measured > 0 and not search.problems
    return 0 if complete and written else 1


def _write_files(
    args: argparse.Namespace,
    results: Sequence[TrackResult],
    representations: dict[str, BaseEstimator],
    search: AudioSearch,
) -> bool:
    """Write the files asked for; say whether all could be."""
    settings = describe_settings(synthetic=not args.paths)
    written = True
    for path, write in (
        (args.json, partial(files.write_json, unsearched=search.problems)),
        (args.csv, files.write_csv),
    ):
        try:
            if path is not None:
                write(path, results, representations, settings)
        except OSError as error:
            print(f"{path}: could not be written: {error.strerror}", file=sys.stderr)
            written = False
    return written


def _print_header(
    console: Console, results: Sequence[TrackResult], *, synthetic: bool
) -> None:
    measured = [result for result in results if result.errors]
    minutes, seconds = divmod(round(sum(result.seconds for result in measured)), 60)
    source = "tracks" if len(measured) > 1 else "track"
    if synthetic:
        source = f"synthetic {source} (skhrmel.datasets.make_music, not recordings)"
    versions = files.describe_run()
    console.print(
        f"{len(measured)} {source}, {minutes}:{seconds:02d} in all; mono, {SR} Hz, "
        f"n_fft={N_FFT}, hop_length={HOP_LENGTH}; skhrmel {versions['skhrmel']}, "
        f"numpy {versions['numpy']}, scipy {versions['scipy']}\n",
        soft_wrap=True,
    )
