"""Figures on real music; skipped where no recordings are at hand.

SKHRMEL_MUSIC names a folder of audio files, SKHRMEL_REFERENCE a JSON file of the errors
that an independent float64 prototype measured on them.
"""

import json

import numpy as np
import pytest

from skhrmel import HRMelTransformer, LogMelTransformer
from skhrmel.audio import load_mono
from skhrmel.folders import find_audio
from skhrmel.metrics import (
    ErrorSpectrum,
    log_spectral_distance,
    neg_reconstruction_error,
)
from skhrmel.spectrum import power_blocks, power_frames

TRANSFORMERS = {
    "Mel-80 (slaney)": LogMelTransformer(n_mels=80),
    "Mel-96 (slaney)": LogMelTransformer(),
    "Mel-96 (htk)": LogMelTransformer(mel_scale="htk"),
    "HR-Mel 40/32/24 (slaney)": HRMelTransformer(),
    "HR-Mel 40/32/24 (htk)": HRMelTransformer(mel_scale="htk"),
    "HR-Mel 32/32/32 (slaney)": HRMelTransformer(n_mels=(32, 32, 32)),
    "HR-Mel 24/32/40 (slaney)": HRMelTransformer(n_mels=(24, 32, 40)),
}


@pytest.fixture(scope="module")
def errors(recordings):
    """Overall, low, mid and high error by representation and track."""
    errors = {name: {} for name in TRANSFORMERS}
    for transformer in TRANSFORMERS.values():
        transformer.fit(np.zeros((1, 1025), dtype=np.float32))
    for file in find_audio([recordings]).files:
        spectra = dict.fromkeys(TRANSFORMERS)
        for block in power_blocks(load_mono(file).samples):
            for name, transformer in TRANSFORMERS.items():
                spectrum = ErrorSpectrum.between(
                    block, transformer.inverse_transform(transformer.transform(block))
                )
                spectra[name] = spectra[name] + spectrum if spectra[name] else spectrum
        for name, spectrum in spectra.items():
            errors[name][file.stem] = [
                spectrum.relative_error(),
                *spectrum.band_relative_errors().values(),
            ]
    return errors


def test_errors_equal_the_prototypes(errors, reference):
    expected = json.loads(reference.read_text())["tracks"]
    for name in TRANSFORMERS:
        assert set(errors[name]) == set(expected[name])
        for track, figures in errors[name].items():
            # The reference is rounded to six digits; float32 adds its 6e-8.
            np.testing.assert_allclose(
                figures, expected[name][track]["pinv"], rtol=0, atol=2e-6
            )


def test_mean_errors_are_the_papers_order(errors):
    overall = {
        name: np.mean([figures[0] for figures in by_track.values()])
        for name, by_track in errors.items()
    }
    assert (
        overall["HR-Mel 40/32/24 (slaney)"]
        < overall["Mel-96 (slaney)"]
        < overall["HR-Mel 32/32/32 (slaney)"]
        < overall["Mel-80 (slaney)"]
        < overall["HR-Mel 24/32/40 (slaney)"]
    )


def test_float64_and_float32_agree(recordings, reference):
    file = recordings / "revelation.ogg"
    samples = load_mono(file).samples
    expected = json.loads(reference.read_text())["tracks"]["HR-Mel 40/32/24 (slaney)"]
    for dtype in (np.float32, np.float64):
        frames = power_frames(samples.astype(dtype))
        hrmel = HRMelTransformer().fit(frames)
        score = neg_reconstruction_error(hrmel, frames)
        assert -score == pytest.approx(expected["revelation"]["pinv"][0], abs=2e-6)
        distance = log_spectral_distance(
            frames, hrmel.inverse_transform(hrmel.transform(frames))
        )
        # Rounding decides about bins near the floor of -100 dB.
        tolerance = {np.float32: 5e-3, np.float64: 1e-4}[dtype]
        assert distance == pytest.approx(
            expected["revelation"]["lsd_pinv"], abs=tolerance
        )


@pytest.fixture(scope="module")
def every_eighth(recordings):
    """Every eighth frame of each track."""
    files = find_audio([recordings]).files
    return {file.stem: power_frames(load_mono(file).samples)[::8] for file in files}


@pytest.mark.parametrize(("mel_scale", "goal"), [("slaney", 0.17), ("htk", 0.105)])
def test_learned_decoding_of_tracks_never_heard(every_eighth, mel_scale, goal):
    """Every band better than by the pseudo-inverse and by updates from a flat start."""
    errors = {"kl": [], "pinv": [], "flat": []}
    for track, frames in every_eighth.items():
        others = [f for name, f in every_eighth.items() if name != track]
        for decoder, found in errors.items():
            hrmel = HRMelTransformer(mel_scale=mel_scale, decoder="kl")
            if decoder == "pinv":
                hrmel.set_params(decoder="pinv").fit(frames[:1])
            else:
                hrmel.fit(np.vstack(others) if decoder == "kl" else 0 * frames[:1])
            decoded = hrmel.inverse_transform(hrmel.transform(frames))
            spectrum = ErrorSpectrum.between(frames, decoded)
            bands = spectrum.band_relative_errors().values()
            found.append([spectrum.relative_error(), *bands])
    kl, pinv, flat = (np.mean(found, axis=0) for found in errors.values())
    assert kl[0] <= goal
    assert np.all(kl < pinv)
    assert np.all(kl < flat)


def test_untrained_decoding_is_as_good_as_from_a_flat_start(every_eighth, reference):
    expected = json.loads(reference.read_text())["tracks"]["HR-Mel 40/32/24 (slaney)"]
    ratios = []
    for track, frames in every_eighth.items():
        hrmel = HRMelTransformer(decoder="kl").fit(0 * frames[:1])
        decoded = hrmel.inverse_transform(hrmel.transform(frames))
        found = ErrorSpectrum.between(frames, decoded).relative_error()
        ratios.append(found / expected[track]["kl_flat_every8"][0])
    # 30 updates, most of them squared, against 100 plain ones of the prototype.
    assert np.mean(ratios) < 1.03
    assert max(ratios) < 1.1
