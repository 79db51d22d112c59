"""The numbers of peers that are too large to depend on; librosa's are in docs/."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skhrmel import AudioFrontEnd, LogMelTransformer
from skhrmel.filterbank import BandLayout
from skhrmel.spectrum import power_frames

# torch warns of what its own later versions will do.
pytestmark = pytest.mark.filterwarnings("default")

SR, N_FFT, HOP, N_MELS = 16000, 400, 200, 40


@pytest.fixture(scope="module")
def samples(clips):
    return clips[0][:SR].astype(np.float32)


def torch_mel_power(torch, y, basis):
    """The formula of ``torchaudio.transforms.MelSpectrogram``, by torch alone."""
    spectrum = torch.stft(
        torch.from_numpy(y),
        N_FFT,
        HOP,
        window=torch.hann_window(N_FFT),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    return torch.from_numpy(basis) @ spectrum.abs() ** 2


def test_front_end_gives_what_torchaudio_computes(samples):
    torch = pytest.importorskip("torch")
    layout = BandLayout(SR, (0, SR // 2), (N_MELS,), mel_scale="htk", norm=None)
    mel = LogMelTransformer(
        SR,
        n_mels=N_MELS,
        fmax=SR // 2,
        mel_scale="htk",
        norm=None,
        compression="identity",
    )
    front_end = AudioFrontEnd(
        mel, sr=SR, n_fft=N_FFT, hop_length=HOP, pad_mode="reflect"
    )
    (ours,) = front_end.fit_transform([samples])
    theirs = torch_mel_power(
        torch, samples, layout.basis(N_FFT).astype(np.float32)
    ).numpy()
    # Both in float32, by different Fourier transforms: 400 sums of numbers of up to
    # the frame's largest, each to 6e-8 of it.
    frame_peak = theirs.max(axis=0)[:, None]
    assert_allclose(ours / frame_peak, theirs.T / frame_peak, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["slaney", None])
def test_filters_are_torchaudios(scale, norm):
    torchaudio = pytest.importorskip("torchaudio")
    theirs = torchaudio.functional.melscale_fbanks(
        N_FFT // 2 + 1, 0.0, float(SR // 2), N_MELS, SR, norm, scale
    ).numpy()
    ours = BandLayout(SR, (0, SR // 2), (N_MELS,), scale, norm).basis(N_FFT)
    # torchaudio's corners are float32: a frequency of 8 kHz is known to 5e-4 Hz, and
    # the narrowest filters rise in 40 Hz.
    assert_allclose(ours, theirs.T, rtol=0, atol=2e-5 * theirs.max())


def test_mel_spectrogram_and_decibels_are_torchaudios(samples):
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("torchaudio").transforms
    spectrogram = transforms.MelSpectrogram(SR, N_FFT, hop_length=HOP, n_mels=N_MELS)
    theirs = spectrogram(torch.from_numpy(samples))
    mel = LogMelTransformer(
        SR,
        n_mels=N_MELS,
        fmax=SR // 2,
        mel_scale="htk",
        norm=None,
        compression="db",
    )
    frames = power_frames(samples, n_fft=N_FFT, hop_length=HOP, pad_mode="reflect")
    ours = mel.fit_transform(frames)
    decibels = transforms.AmplitudeToDB()(theirs).numpy().T
    # In decibels quiet bins count as loud ones do: those 60 dB below the frame's peak
    # have four digits, which is 1e-3 dB.
    heard = decibels > decibels.max(axis=1, keepdims=True) - 60
    assert_allclose(ours[heard], decibels[heard], rtol=0, atol=5e-3)
