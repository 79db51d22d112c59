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
# Whole paths have 4096 bytes at most on Linux, of which the output folder needs some.
_LONGEST_PATH = 2048
# 128 bits, so that nobody finds two names of the same mark.
_MARK = re.compile(rb"~[0-9a-f]{32}(\.npy)?$")


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
    file = "/".join(map(_shortened, [FEATURES, *folders, f"{last}.npy"]))
    if len(os.fsencode(file)) <= _LONGEST_PATH:
        return file
    # A folder of a name that no other clip's can have, as it would be marked once more.
    mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f"{FEATURES}/{'~' * (_LONGEST - 33)}~{mark}/{mark}.npy"


def _shortened(part: str) -> str:
    encoded = os.fsencode(part)
    # What looks shortened is marked as well, lest it be another's shortened name.
    looks_short = len(encoded) == _LONGEST and _MARK.search(encoded)
    if len(encoded) <= _LONGEST and not looks_short:
        return part
    mark = f"~{hashlib.sha256(encoded).hexdigest()[:32]}"
    suffix = ".npy" if part.endswith(".npy") else ""
    room = _LONGEST - len(mark) - len(suffix)
    # Not in the middle of a character; as long in any case, as that tells it is short.
    kept = encoded[:room].decode(errors="ignore")
    return kept + "~" * (room - len(kept.encode())) + mark + suffix
