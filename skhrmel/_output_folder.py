"""The output folder: made, recognised, emptied or refused."""

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

from skhrmel._clip_names import FEATURES
from skhrmel._feature_files import PARTIAL, write_whole
from skhrmel._manifest import NAME as MANIFEST
from skhrmel._settings import NAME as SETTINGS
from skhrmel._settings import differences

TIMINGS = "timings.jsonl"


class SettingsError(ValueError):
    """Features of different settings would be mixed; the message says which."""


def open_folder(folder: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Make the folder ready, or refuse it.

    Parameters
    ----------
    folder : Path
        An existing folder, which is locked.
    settings : dict
        From `skhrmel._settings.describe`.
    overwrite : bool
        Whether to empty a folder of features.

    Raises
    ------
    SettingsError
        If it holds features of other settings.
    ValueError
        If it holds something else, or links in the place of what is written.
    """
    for name in (SETTINGS, MANIFEST, TIMINGS, PARTIAL, FEATURES):
        if (folder / name).is_symlink():
            raise ValueError(
                f"{folder / name} is a link, through which the output would leave the "
                "folder"
            )
    shutil.rmtree(folder / PARTIAL, ignore_errors=True)
    recorded = folder / SETTINGS
    if recorded.exists():
        if overwrite:
            _empty(folder)
        else:
            _check_settings(recorded, settings)
    elif strangers := _strangers(folder):
        raise ValueError(
            f"{folder}: neither empty nor a folder of features (no {SETTINGS}), "
            f"but holds {strangers[0]!r}"
        )
    if not recorded.exists():
        text = json.dumps(settings, indent=2, ensure_ascii=False)
        write_whole(recorded, f"{text}\n".encode())
    (folder / PARTIAL).mkdir()
    (folder / FEATURES).mkdir(exist_ok=True)


def folds_names(folder: Path) -> bool:
    """Find out whether a file system takes different names for one.

    Parameters
    ----------
    folder : Path
        Made ready by `open_folder`.

    Returns
    -------
    folds : bool
        Whether names that differ in case, or in how accents are written, are one.
    """
    probe = folder / PARTIAL / "\N{LATIN SMALL LETTER E WITH ACUTE}"
    probe.touch()
    others = (probe.name.upper(), unicodedata.normalize("NFD", probe.name))
    found = any(probe.with_name(other).exists() for other in others)
    probe.unlink()
    return found


def _empty(folder: Path) -> None:
    # The settings last: until then, the folder is seen to be one of features.
    for name in (MANIFEST, TIMINGS):
        (folder / name).unlink(missing_ok=True)
    if (folder / FEATURES).exists():
        shutil.rmtree(folder / FEATURES)
    (folder / SETTINGS).unlink()


def _check_settings(recorded: Path, settings: dict[str, Any]) -> None:
    found = differences(read_settings(recorded), settings)
    if found:
        listed = "\n  ".join(found)
        raise SettingsError(
            f"{recorded.parent}: holds features of other settings:\n  {listed}\n"
            "Choose another folder, or overwrite it."
        )


def read_settings(recorded: Path) -> dict[str, Any]:
    """Read what `open_folder` has written.

    Parameters
    ----------
    recorded : Path
        The file.

    Returns
    -------
    settings : dict
        From `skhrmel._settings.describe`.

    Raises
    ------
    ValueError
        If it is not there or something else.
    """
    try:
        settings = json.loads(recorded.read_text(encoding="utf-8"))
        settings["hash"], settings["feature_names"]
    except FileNotFoundError:
        raise ValueError(
            f"{recorded.parent}: not a folder of features (no {recorded.name})"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{recorded}: not written by skhrmel: {error!r}") from error
    return settings


def _strangers(folder: Path) -> list[str]:
    # Names with a dot are the lock and what a run leaves that is killed as it begins.
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]
