"""What can be asked of ``skhrmel ablate``: options and extra configurations."""

import argparse
from collections.abc import Sequence
from itertools import product

from sklearn.base import BaseEstimator

from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.ablation import N_FFT, SR
from skhrmel.filterbank import BandLayout, MelScale


def extra_representations(
    allocations: Sequence[tuple[int, ...]],
    edges: Sequence[tuple[float, ...]],
    mel_scales: Sequence[MelScale],
) -> dict[str, BaseEstimator]:
    """Make the configurations asked for on the command line.

    Every allocation is combined with all edges that make as many bands, and both with
    every mel scale. Raises a ValueError if a configuration is impossible or part of the
    request fits nothing.
    """
    if not (allocations or edges or mel_scales):
        return {}
    default = HRMelTransformer()
    all_edges = edges or [default.band_edges]
    all_bins = allocations or [default.n_mels]
    layouts = [(e, b) for e, b in product(all_edges, all_bins) if len(b) == len(e) - 1]
    used = [part for layout in layouts for part in layout]
    unused = [part for part in (*all_bins, *all_edges) if part not in used]
    if unused:
        raise ValueError(
            f"no --allocation and --edges of the same number of bands for {unused[0]}: "
            f"allocations {all_bins}, edges {all_edges}"
        )
    extra: dict[str, BaseEstimator] = {}
    for scale in mel_scales or [default.mel_scale]:
        if scale == "htk":
            extra["Log-Mel-96 HTK"] = LogMelTransformer(mel_scale="htk")
        for band_edges, bins in layouts:
            if sum(bins) > N_FFT // 2 + 1:
                raise ValueError(
                    f"{sum(bins)} bins are more than the {N_FFT // 2 + 1} of the FFT: "
                    f"{'/'.join(map(str, bins))}"
                )
            BandLayout(SR, band_edges, bins, scale)
            extra[_name(bins, band_edges, scale)] = HRMelTransformer(
                n_mels=bins,
                band_edges=band_edges,
                mel_scale=scale,
                compression=default.compression if len(bins) == 3 else "log1p",
            )
    return extra


def _name(bins: Sequence[int], edges: Sequence[float], scale: str) -> str:
    name = f"HR-Mel {'/'.join(map(str, bins))}"
    if tuple(edges) != HRMelTransformer().band_edges:
        name += f" at {','.join(f'{edge:.12g}' for edge in edges)}"
    return name + (" HTK" if scale == "htk" else "")


def band_bins(text: str) -> tuple[int, ...]:
    """Parse bins a band."""
    try:
        return tuple(int(part) for part in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected bins a band such as 40/32/24, got {text!r}"
        ) from None


def band_edges(text: str) -> tuple[float, ...]:
    """Parse band edges in Hz."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected frequencies in Hz such as 0,1500,6000,20000, got {text!r}"
        ) from None


def job_count(text: str) -> int:
    """Parse a number of jobs."""
    try:
        n_jobs = int(text)
    except ValueError:
        n_jobs = 0
    if n_jobs != 0:
        return n_jobs
    raise argparse.ArgumentTypeError(f"expected an integer other than 0, got {text!r}")


def bit_counts(text: str) -> tuple[int, ...]:
    """Parse numbers of bits."""
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if counts and all(1 <= count <= 16 for count in counts):
        return counts
    raise argparse.ArgumentTypeError(
        f"expected numbers of bits from 1 to 16 such as 4,6,8, got {text!r}"
    )


def add_representation_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of extra configurations."""
    parser.add_argument(
        "--allocation",
        action="append",
        type=band_bins,
        default=[],
        metavar="A/B/C",
        help="also measure HR-Mel with these bins a band; repeatable (default: "
        "40/32/24, if edges or a scale are given)",
    )
    parser.add_argument(
        "--edges",
        action="append",
        type=band_edges,
        default=[],
        metavar="F0,F1,...",
        help="also measure HR-Mel with these band edges in Hz; repeatable (default: "
        "0,1500,6000,20000)",
    )
    parser.add_argument(
        "--mel-scale",
        action="append",
        choices=("slaney", "htk"),
        default=[],
        help="mel scale of the extra configurations; repeatable (default: slaney)",
    )


def add_jobs_option(parser: argparse.ArgumentParser) -> None:
    """Add the number of tracks measured at the same time."""
    parser.add_argument(
        "-j",
        "--n-jobs",
        type=job_count,
        default=1,
        metavar="N",
        help="tracks measured at the same time; -1 uses every core (default: 1)",
    )
