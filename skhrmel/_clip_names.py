"""Names of clips, and where the features of each lie."""

import hashlib
import os
import re

#: Folder of the feature files inside the output folder.
FEATURES = "features"

# Clips that do not lie below the root are mirrored by their absolute path in here.
_OUTSIDE = "_outside"
# Names of files are this long at most, in bytes, on nearly all file systems.
_LONGEST = 255


def clip_name(path: str, root: str | None) -> str:
    """Name a clip by its place below a root folder.

    Different files have different names: what does not lie below the root is named by
    its absolute path, in a folder of its own.

    Parameters
    ----------
    path : str
        Absolute path of the clip.
    root : str or None
        Absolute path of the root folder; None is that of the file system.

    Returns
    -------
    name : str
        A relative path with ``/`` between its parts, none of which is ``..``.
    """
    parts = _parts(path)
    if root is not None:
        above = _parts(root)
        if parts[: len(above)] == above and len(parts) > len(above):
            parts = parts[len(above) :]
            if re.fullmatch(f"{_OUTSIDE}_*", parts[0]):
                parts[0] += "_"
        else:
            parts = [_OUTSIDE, *parts]
    return "/".join(parts)


def _parts(path: str) -> list[str]:
    # By hand: a million paths through pathlib take half a minute.
    drive, rest = os.path.splitdrive(path)
    parts = [part for part in rest.split(os.sep) if part]  # noqa: PTH206
    return [re.sub(r"[/\\:]+", "_", drive), *parts] if drive else parts


def feature_file(name: str) -> str:
    """Say where the features of a clip lie.

    Parameters
    ----------
    name : str
        Name of the clip.

    Returns
    -------
    file : str
        Path relative to the output folder, with ``/`` between its parts.
    """
    # A folder named "x.wav.npy" must not be in the way of the features of "x.wav".
    *folders, last = name.split("/")
    folders = [re.sub(r"(\.npy_*)$", r"\1_", folder) for folder in folders]
    return "/".join(map(_shortened, [FEATURES, *folders, f"{last}.npy"]))


def _shortened(part: str) -> str:
    encoded = os.fsencode(part)
    if len(encoded) <= _LONGEST:
        return part
    mark = f"~{hashlib.sha256(encoded).hexdigest()[:16]}"
    suffix = ".npy" if part.endswith(".npy") else ""
    kept = encoded[: _LONGEST - len(mark) - len(suffix)]
    # Not in the middle of a character.
    return os.fsencode(kept.decode(errors="ignore") + mark + suffix).decode()
