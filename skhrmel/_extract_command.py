"""``skhrmel extract``: a folder of audio in, a folder of features out."""

import argparse
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from skhrmel._extract_report import Reporter, print_summary
from skhrmel._front_end import AudioFrontEnd
from skhrmel._path_list import can_be_read_again, read_paths
from skhrmel._saved_front_end import read_front_end
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.audio import RESAMPLERS
from skhrmel.compression import COMPRESSIONS
from skhrmel.extraction import FolderInUseError, WorkerError, extract_features
from skhrmel.folders import AudioSearch, walk_audio

_DESCRIPTION = """\
Extract the features of audio files: a .npy file a clip in a tree like that of the
clips, with a manifest of what was done and the settings beside them. A run that was
interrupted, or killed, is continued by the same command.
"""

_EPILOG = """\
examples:
  skhrmel extract ~/music --out features -j 2
  skhrmel extract --list songs.txt --root ~/music --out features --timeout 60
  skhrmel extract ~/music --out others --n-mels 64/16/16 --resample soxr_hq
  skhrmel extract ~/music --out more --front-end features/front_end.json

A file of parameters is JSON such as {"sr": 22050, "resample": "soxr_hq", "transformer":
{"class": "LogMelTransformer", "sr": 22050, "n_mels": 64, "fmax": 11025}}.

exit status:
  0    all done
  1    some clips failed, or the folder could not be written to; the output says what
  2    wrong usage, or a folder of other settings or in use
  130  interrupted
"""

# Flags of the front end; those that are not given keep the library's defaults.
_FRONT_END_FLAGS = ("sr", "n_fft", "hop_length", "channels", "resample")
_TRANSFORMER_FLAGS = ("n_mels", "edges", "mel_scale", "compression")


def add_parser(subparsers: Any) -> None:
    """Add ``extract`` to the subcommands."""
    parser = subparsers.add_parser(
        "extract",
        help="extract the features of many files to a folder",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="audio file, or folder to search with its subfolders",
    )
    parser.add_argument(
        "--list", metavar="FILE", help="text file of paths, one a line; - is the input"
    )
    parser.add_argument(
        "--null",
        action="store_true",
        help="paths in the list end with a null byte, as those of find -print0",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the features"
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder that the tree of features begins at (default: the folder that "
        "holds all PATHs; with --list, the root of the file system)",
    )
    parser.add_argument(
        "-j",
        "--n-jobs",
        type=_n_jobs,
        default=1,
        metavar="N",
        help="worker processes; -1 uses every core (default: 1)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="end the process of a clip that takes longer (default: wait)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "uint8", "uint16"),
        default="float32",
        help="numbers on disk; uint8 and uint16 are codes over the range of each clip "
        "(default: float32)",
    )
    parser.add_argument(
        "--sha256", action="store_true", help="record the digest of each audio file"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="empty a folder of features first"
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print nothing but failures"
    )
    _add_front_end_flags(parser.add_argument_group("front end"))
    parser.set_defaults(run=partial(run, fail=parser.error))


def _add_front_end_flags(group: Any) -> None:
    front_end, transformer = AudioFrontEnd(), HRMelTransformer()
    group.add_argument(
        "--front-end",
        type=Path,
        metavar="FILE",
        help="JSON file of parameters, or .skops file of a saved AudioFrontEnd; "
        "instead of the flags below",
    )
    group.add_argument(
        "--sr",
        type=float,
        metavar="HZ",
        help=f"sampling rate (default: {front_end.sr:g})",
    )
    group.add_argument(
        "--n-fft",
        type=int,
        metavar="SAMPLES",
        help=f"length of a frame and its FFT (default: {front_end.n_fft})",
    )
    group.add_argument(
        "--hop-length",
        type=int,
        metavar="SAMPLES",
        help=f"distance of neighbouring frames (default: {front_end.hop_length})",
    )
    group.add_argument(
        "--channels",
        choices=("mono", "each", "mid_side"),
        help="their mean, each by itself, or mean and half difference of two "
        f"(default: {front_end.channels})",
    )
    group.add_argument(
        "--resample",
        choices=RESAMPLERS,
        help="convert files at another rate (default: they fail)",
    )
    group.add_argument(
        "--n-mels",
        type=_parts(int, "/", "bins a band such as 40/32/24"),
        metavar="A/B/C",
        help="bins a band; a single number makes an ordinary log-mel spectrogram "
        f"(default: {'/'.join(map(str, transformer.n_mels))})",
    )
    group.add_argument(
        "--edges",
        type=_parts(float, ",", "frequencies in Hz such as 0,1500,6000,20000"),
        metavar="F0,F1,...",
        help="edges of the bands in Hz (default: "
        f"{','.join(f'{edge:g}' for edge in transformer.band_edges)})",
    )
    group.add_argument(
        "--mel-scale",
        choices=("slaney", "htk"),
        help=f"mel scale (default: {transformer.mel_scale})",
    )
    group.add_argument(
        "--compression",
        type=_parts(str, ",", "names"),
        metavar="NAME,...",
        help="one for all bands, or one a band, of "
        f"{', '.join(COMPRESSIONS)} (default: {','.join(transformer.compression)}; "
        "log1p for a single number of bins)",
    )


def run(args: argparse.Namespace, *, fail: Any) -> int:
    """Extract and report; give the exit status. `fail` ends with a usage error."""
    if not args.paths and args.list is None:
        fail("give at least one PATH or --list")
    try:
        front_end = _front_end(args)
        total = _total(args)
    except (ValueError, OSError) as error:
        fail(str(error))
    search = AudioSearch()
    console = Console(stderr=True, quiet=args.quiet, highlight=False)
    try:
        with Reporter(console, total) as reporter:
            extraction = extract_features(
                front_end,
                reporter.counted(_clips(args, search)),
                args.out,
                root=args.root or _common_root(args),
                stored_as=args.dtype,
                sha256=args.sha256,
                n_jobs=args.n_jobs,
                timeout=args.timeout,
                overwrite=args.overwrite,
                callback=reporter.update,
            )
    except (ValueError, FolderInUseError) as error:
        fail(str(error))
    except WorkerError as error:
        print(f"skhrmel: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"skhrmel: {args.out} cannot be written to: {error}. What was done stays; "
            "the same command continues.",
            file=sys.stderr,
        )
        return 1
    print_summary(extraction, search, args.out, quiet=args.quiet)
    return 1 if extraction.n_failed or search.problems else 0


def _front_end(args: argparse.Namespace) -> AudioFrontEnd:
    given = {
        flag: getattr(args, flag)
        for flag in (*_FRONT_END_FLAGS, *_TRANSFORMER_FLAGS)
        if getattr(args, flag) is not None
    }
    if args.front_end is not None:
        if given:
            raise ValueError(
                f"--front-end and --{next(iter(given)).replace('_', '-')} exclude each "
                "other"
            )
        return read_front_end(args.front_end)
    settings = {key: given[key] for key in _FRONT_END_FLAGS if key in given}
    inner = {key: given[key] for key in _TRANSFORMER_FLAGS if key in given}
    front_end = AudioFrontEnd(_transformer(inner, given.get("sr", 44100.0)), **settings)
    return front_end.fit([])


def _transformer(inner: dict[str, Any], sr: float) -> Any:
    edges = inner.pop("edges", None)
    if len(inner.get("compression", ())) == 1:
        inner["compression"] = inner["compression"][0]
    if len(inner.get("n_mels", ())) != 1:
        return HRMelTransformer(
            sr=sr, **inner, **({} if edges is None else {"band_edges": edges})
        )
    if edges is not None:
        if len(edges) != 2:
            raise ValueError(f"one band has two edges, got --edges {edges}")
        inner |= {"fmin": edges[0], "fmax": edges[1]}
    return LogMelTransformer(sr=sr, **inner | {"n_mels": inner["n_mels"][0]})


def _total(args: argparse.Namespace) -> int | None:
    """Count the clips, unless their list can be read only once."""
    if args.list is not None and not can_be_read_again(args.list):
        return None
    return sum(1 for _ in _clips(args, AudioSearch()))


def _clips(args: argparse.Namespace, search: AudioSearch) -> Iterator[str | Path]:
    yield from walk_audio(args.paths, search, leave_out=args.out)
    if args.list is None:
        return
    is_empty = True
    for path in read_paths(args.list, null=args.null):
        is_empty = False
        yield path
    if is_empty:
        search.problems[args.list] = "no paths in this list"


def _common_root(args: argparse.Namespace) -> str | None:
    if args.list is not None or not args.paths:
        return None
    folders = []
    for path in args.paths:
        place = Path(path).expanduser().absolute()
        folders.append(place if place.is_dir() else place.parent)
    try:
        return str(os.path.commonpath(folders))
    except ValueError:
        # On different drives.
        return None


def _parts(kind: type, separator: str, expected: str) -> Any:
    def parse(text: str) -> tuple:
        try:
            return tuple(kind(part) for part in text.split(separator))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected {expected}, got {text!r}"
            ) from None

    return parse


def _n_jobs(text: str) -> int:
    try:
        n_jobs = int(text)
    except ValueError:
        n_jobs = 0
    if n_jobs != 0:
        return n_jobs
    raise argparse.ArgumentTypeError(f"expected an integer other than 0, got {text!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError(f"expected positive seconds, got {text!r}")
