"""Design, measure and deploy multi-band mel front ends inside scikit-learn."""

from skhrmel._transformers import (
    EmptyFilterWarning,
    HRMelTransformer,
    LogMelTransformer,
)

__version__ = "0.1.0"

__all__ = ["EmptyFilterWarning", "HRMelTransformer", "LogMelTransformer"]
