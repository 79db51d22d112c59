"""Design, measure and deploy multi-band mel front ends inside scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skhrmel._base import EmptyFilterWarning
    from skhrmel._front_end import AudioFrontEnd
    from skhrmel._layout_cv import HRMelTransformerCV
    from skhrmel._pooling import FramePooling
    from skhrmel._quantizer import UniformQuantizer
    from skhrmel._transformers import HRMelTransformer, LogMelTransformer

__version__ = "0.1.0"

_HOMES = {
    "AudioFrontEnd": "skhrmel._front_end",
    "EmptyFilterWarning": "skhrmel._base",
    "FramePooling": "skhrmel._pooling",
    "HRMelTransformer": "skhrmel._transformers",
    "HRMelTransformerCV": "skhrmel._layout_cv",
    "LogMelTransformer": "skhrmel._transformers",
    "UniformQuantizer": "skhrmel._quantizer",
}

__all__ = [
    "AudioFrontEnd",
    "EmptyFilterWarning",
    "FramePooling",
    "HRMelTransformer",
    "HRMelTransformerCV",
    "LogMelTransformer",
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
