"""What made the features: a front end as data, its hash, and the way back."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from importlib.metadata import version
from numbers import Integral, Real
from operator import index
from typing import Any

import joblib
import numpy as np
import soundfile
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skhrmel._base import BaseMelTransformer
from skhrmel._front_end import AudioFrontEnd
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.compression import Compression

NAME = "front_end.json"

# How many clips are worked on at a time says nothing of their features.
_LEFT_OUT = ("n_jobs",)
# The only classes that a file of parameters can name.
_CLASSES: dict[str, type] = {
    cls.__name__: cls for cls in (AudioFrontEnd, HRMelTransformer, LogMelTransformer)
}
# Packages whose code a feature goes through: another version may round otherwise.
_PACKAGES = (
    "skhrmel",
    "numpy",
    "scipy",
    "scikit-learn",
    "librosa",
    "numba",
    "soundfile",
    "soxr",
)


def prepare(front_end: AudioFrontEnd) -> AudioFrontEnd:
    """Make the front end that workers use.

    One of skhrmel's own transformers is fitted anew from its parameters, so that what
    is recorded is what is used; another one must have been fitted.

    Parameters
    ----------
    front_end : AudioFrontEnd
        The user's, which is not changed.

    Returns
    -------
    front_end : AudioFrontEnd
        Fitted.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If a parameter is impossible, or was changed after a fit that is needed.
    NotFittedError
        If its transformer learns from frames and has not.
    """
    if not isinstance(front_end, AudioFrontEnd):
        raise TypeError(
            f"front_end must be an AudioFrontEnd, got {type(front_end).__name__}."
        )
    inner = front_end.transformer
    if inner is None or isinstance(inner, BaseMelTransformer):
        fresh = clone(front_end)
        if inner is not None:
            # What decodes has no part in features, and may have to learn first.
            fresh.transformer.set_params(decoder="pinv")
        return fresh.fit([])
    check_is_fitted(front_end)
    now = front_end._make_framing(), front_end._make_reader()
    if now != (front_end._framing, front_end._reader):
        raise ValueError(
            "front_end has parameters that were set after its fit: fit it."
        )
    return front_end


def describe(
    front_end: AudioFrontEnd, prepared: AudioFrontEnd, storage: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a front end as data.

    Parameters
    ----------
    front_end : AudioFrontEnd
        The user's.
    prepared : AudioFrontEnd
        What `prepare` makes of it.
    storage : mapping
        How the features are stored, from `skhrmel._storage.Storage.described`.

    Returns
    -------
    settings : dict
        ``"parameters"`` with nested estimators as dicts with their ``"class"``,
        `storage`, ``"learned"`` (a digest of what the transformer has learned, or
        None), ``"hash"`` of all these, ``"versions"`` and ``"feature_names"``.

    Raises
    ------
    ValueError
        If a parameter cannot be written as data.
    """
    described: dict[str, Any] = {
        "parameters": _described(front_end, "front_end")
        # What None stands for.
        | {"transformer": _described(front_end._make_transformer(), "transformer")},
        **storage,
        "learned": None,
    }
    if not isinstance(prepared.transformer_, BaseMelTransformer):
        described["learned"] = joblib.hash(prepared.transformer_, hash_name="sha1")
    text = json.dumps(described, sort_keys=True)
    return {
        "hash": hashlib.sha256(text.encode()).hexdigest()[:16],
        **described,
        "versions": versions(),
        "feature_names": _feature_names(prepared),
    }


def _feature_names(front_end: AudioFrontEnd) -> list[str]:
    if hasattr(front_end.transformer_, "get_feature_names_out"):
        return list(map(str, front_end.get_feature_names_out()))
    return [f"feature{k}" for k in range(front_end.n_features_out_)]


def versions() -> dict[str, str]:
    """Find the versions of everything that a feature's last bit may depend on.

    Returns
    -------
    versions : dict of str to str
        By package.
    """
    found = {package: version(package) for package in _PACKAGES}
    return found | {"libsndfile": soundfile.__libsndfile_version__}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in what two descriptions differ.

    Parameters
    ----------
    old, new : mapping
        From `describe`.

    Returns
    -------
    lines : list of str
        Such as ``"parameters.hop_length: 441, now 512"``; empty if all is the same.
    """
    before, after = _flat(old), _flat(new)
    found = [
        f"{key}: {before.get(key, 'not there')!r}, now {after.get(key, 'not there')!r}"
        for key in {**before, **after}
        if key != "hash"
        and not key.startswith("feature_names")
        and (key not in before or key not in after or before[key] != after[key])
    ]
    if not found and old["hash"] != new["hash"]:
        # Somebody has edited the file.
        found.append(f"hash: {old['hash']!r}, now {new['hash']!r}")
    return found


def front_end_from_parameters(parameters: Any) -> AudioFrontEnd:
    """Make a front end from data; nothing in it is executed.

    Parameters
    ----------
    parameters : dict
        What `describe` gives, its ``"parameters"`` alone, or a dict such as
        ``{"sr": 22050, "transformer": {"class": "LogMelTransformer", "sr": 22050,
        "fmax": 11025}}``, where what is left out has its default.

    Returns
    -------
    front_end : AudioFrontEnd
        Not fitted.

    Raises
    ------
    ValueError
        If a class or a parameter is unknown, or the front end cannot be made from data.
    """
    if isinstance(parameters, dict) and "parameters" in parameters:
        if parameters.get("learned") is not None:
            raise ValueError(
                "this front end has learned from frames, which its parameters do not "
                "hold: save the estimator with skops.io and give that file"
            )
        parameters = parameters["parameters"]
    if not isinstance(parameters, dict):
        raise ValueError(
            f"expected an object of parameters, got {type(parameters).__name__}"
        )
    front_end = _built({"class": "AudioFrontEnd", **parameters})
    if not isinstance(front_end, AudioFrontEnd):
        raise ValueError(f"class {type(front_end).__name__} is no AudioFrontEnd")
    return front_end


def _built(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_built, value))
    if not isinstance(value, dict):
        return value
    name = value.get("class")
    if not isinstance(name, str) or name not in _CLASSES:
        raise ValueError(
            f"class {name!r} cannot be made from data, only {', '.join(_CLASSES)}"
        )
    known = inspect.signature(_CLASSES[name]).parameters
    for key in value:
        if key != "class" and key not in known:
            raise ValueError(f"{name} has no parameter {key!r}")
    return _CLASSES[name](**{k: _built(v) for k, v in value.items() if k != "class"})


def _described(value: Any, name: str) -> Any:
    """Turn a parameter into what JSON can hold, so that equal means equal."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return index(value)
    if isinstance(value, Real):
        # 44100.0 and 44100 make the same features.
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        return {"class": _class_name(type(value))} | {
            key: _described(parameter, f"{name}.{key}")
            for key, parameter in parameters.items()
            if key not in _LEFT_OUT
        }
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_described(item, f"{name}[{k}]") for k, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(k): _described(item, f"{name}.{k}") for k, item in value.items()}
    return _described_code(value, name)


def _described_code(value: Any, name: str) -> Any:
    if isinstance(value, Compression):
        return {
            "function": _described(value.function, f"{name}.function"),
            "inverse": _described(value.inverse, f"{name}.inverse"),
        }
    if hasattr(value, "func") and hasattr(value, "keywords"):
        return {
            "partial": _described(value.func, name),
            "args": _described(value.args, name),
            "keywords": _described(value.keywords, name),
        }
    title = getattr(value, "__qualname__", getattr(value, "__name__", "<unknown>"))
    if callable(value) and "<" not in title:
        return f"{getattr(value, '__module__', None) or 'numpy'}.{title}"
    raise ValueError(
        f"{name} is {value!r}, which cannot be recorded beside the features; expected "
        "numbers, text, sequences of them, estimators or functions with a name."
    )


def _class_name(cls: type) -> str:
    return (
        cls.__name__ if cls in _CLASSES.values() else f"{cls.__module__}.{cls.__name__}"
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
    return flat
