"""What ``skhrmel optimize`` does with tracks: second moments, and errors held out."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._moments import second_moment
from skhrmel._threads import one_blas_thread
from skhrmel._tracks import ctrl_c_for_this_process_only
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.ablation import HOP_LENGTH, N_FFT, SR, Track, TrackResult, measure_track
from skhrmel.spectrum import power_blocks

#: Name of the layouts found, each on other tracks than it is measured on.
CHOSEN = "found"
# Frames of which a decoder learns: neighbours, which overlap, say nearly the same.
_LEARN_STEP = 8


def read_tracks(
    tracks: Sequence[Track],
    search: HRMelTransformerCV,
    folds: Sequence[HRMelTransformerCV],
    frame_step: int,
    n_used: int | None,
    n_jobs: int,
) -> tuple[list[TrackResult], list[Track]]:
    """Add each track to the search and to all folds but its own.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks.
    search : HRMelTransformerCV
        A search that is ready for moments; receives all tracks.
    folds : sequence of HRMelTransformerCV
        Searches that are ready for moments. Track ``k`` of those that sound belongs to
        fold ``k % len(folds)``, and is added to the others.
    frame_step : int
        The search looks at every so manyth frame.
    n_used : int or None
        Products of the lowest so many frequencies are needed; None is all of them.
    n_jobs : int
        Tracks worked on at the same time.

    Returns
    -------
    results : list of TrackResult
        What is to be said of each track, without errors.
    heard : list of Track
        Those that sound.
    """
    results: list[TrackResult] = []
    heard: list[Track] = []
    jobs = [(track, frame_step, n_used) for track in tracks]
    moments = _in_parallel(_measure_moment, jobs, n_jobs)
    moments = _with_progress(moments, len(tracks), "reading")
    for track, (result, moment) in zip(tracks, moments, strict=True):
        results.append(result)
        if moment is None:
            continue
        search._add(moment)
        for k, fold in enumerate(folds):
            if k != len(heard) % len(folds):
                fold._add(moment)
        heard.append(track)
    return results, heard


def measure_held_out(
    tracks: Sequence[Track],
    folds: Sequence[HRMelTransformerCV],
    decoder: str,
    n_jobs: int,
) -> list[TrackResult]:
    """Measure each track by the layout that was found without it.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks that sound.
    folds : sequence of HRMelTransformerCV
        As for `read_tracks`, which has added the tracks.
    decoder : {"pinv", "kl"}
        Decoder of all representations. ``"kl"`` is taught by the tracks that the layout
        was found on, every eighth frame of them.
    n_jobs : int
        Tracks, or folds, worked on at the same time.

    Returns
    -------
    results : list of TrackResult
        In the order of the tracks.
    """
    representations = [_representations(fold, decoder) for fold in folds]
    if decoder == "kl":
        lessons = [
            (estimators, [t for j, t in enumerate(tracks) if j % len(folds) != k])
            for k, estimators in enumerate(representations)
        ]
        taught = _in_parallel(_teach, lessons, min(n_jobs, len(folds)))
        representations = list(_with_progress(taught, len(folds), "teaching"))
    jobs = [(t, representations[k % len(folds)]) for k, t in enumerate(tracks)]
    measure = partial(measure_track, n_fft=N_FFT, hop_length=HOP_LENGTH)
    results = _in_parallel(measure, jobs, n_jobs)
    return list(_with_progress(results, len(jobs), "measuring"))


def _representations(
    search: HRMelTransformerCV, decoder: str
) -> dict[str, BaseEstimator]:
    found = HRMelTransformer(
        SR,
        n_mels=search.n_mels_,
        band_edges=search.band_edges_,
        compression="log1p",
        mel_scale=search.mel_scale,
        decoder=decoder,
    )
    n_mels = search.total_mels
    return {
        CHOSEN: found,
        "HR-Mel 40/32/24": HRMelTransformer(SR, decoder=decoder),
        f"Log-Mel-{n_mels}": LogMelTransformer(SR, n_mels=n_mels, decoder=decoder),
    }


def _teach(
    representations: dict[str, BaseEstimator], tracks: Sequence[Track]
) -> dict[str, BaseEstimator]:
    """Fit representations to tracks, so that being measured does not fit them again."""
    for track in tracks:
        samples, _ = track.load()
        blocks = power_blocks(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
        frames = np.vstack([block[::_LEARN_STEP] for block in blocks])
        with one_blas_thread():
            for estimator in representations.values():
                estimator.partial_fit(frames)
    return {name: FrozenEstimator(e) for name, e in representations.items()}


def _measure_moment(
    track: Track, frame_step: int, n_used: int | None
) -> tuple[TrackResult, NDArray | None]:
    """Give the second moment of a track, or the reason why there is none."""
    try:
        samples, note = track.load()
        with one_blas_thread():
            moment = second_moment(
                # Of the other frames, not even the spectrum is needed.
                power_blocks(samples, n_fft=N_FFT, hop_length=HOP_LENGTH * frame_step),
                n_used=n_used,
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
