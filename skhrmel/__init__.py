"""Design, measure and deploy multi-band mel front ends inside scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skhrmel._ablation_display import AblationDisplay
    from skhrmel._base import EmptyFilterWarning
    from skhrmel._filter_bank_display import FilterBankDisplay
    from skhrmel._front_end import AudioFrontEnd
    from skhrmel._layout_cv import HRMelTransformerCV
    from skhrmel._pooling import FramePooling
    from skhrmel._quantizer import UniformQuantizer
    from skhrmel._reconstruction_display import ReconstructionDisplay
    from skhrmel._spectrogram_display import SpectrogramDisplay
    from skhrmel._transformers import HRMelTransformer, LogMelTransformer

__version__ = "0.1.0"

_HOMES = {
    "AblationDisplay": "skhrmel._ablation_display",
    "AudioFrontEnd": "skhrmel._front_end",
    "EmptyFilterWarning": "skhrmel._base",
    "FilterBankDisplay": "skhrmel._filter_bank_display",
    "FramePooling": "skhrmel._pooling",
    "HRMelTransformer": "skhrmel._transformers",
    "HRMelTransformerCV": "skhrmel._layout_cv",
    "LogMelTransformer": "skhrmel._transformers",
    "ReconstructionDisplay": "skhrmel._reconstruction_display",
    "SpectrogramDisplay": "skhrmel._spectrogram_display",
    "UniformQuantizer": "skhrmel._quantizer",
}

__all__ = [
    "AblationDisplay",
    "AudioFrontEnd",
    "EmptyFilterWarning",
    "FilterBankDisplay",
    "FramePooling",
    "HRMelTransformer",
    "HRMelTransformerCV",
    "LogMelTransformer",
    "ReconstructionDisplay",
    "SpectrogramDisplay",
    "UniformQuantizer",
]


def __getattr__(name: str) -> Any:
    """Import the estimators when they are first asked for.

    Importing scikit-learn takes seconds, in which the command could not yet answer
    Ctrl-C.
    """
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
