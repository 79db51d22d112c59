"""Find audio files in folders."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: Suffixes, in lower case, of what a folder search takes for audio. Formats that
#: libsndfile cannot read are among them on purpose: a file that is left out must be
#: reported, not passed over.
AUDIO_SUFFIXES = frozenset(
    {".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac"}
    | {".m4a", ".mka", ".mp1", ".mp2", ".mp3", ".mpc", ".oga", ".ogg", ".opus", ".rf64"}
    | {".snd", ".tta", ".w64", ".wav", ".wave", ".wma", ".wv"}
)


@dataclass
class AudioSearch:
    """What a search for audio files found.

    Attributes
    ----------
    files : list of Path
        Audio files by suffix, and everything that was named itself.
    ignored : Counter of str
        What was left out of folders: files that are not audio, counted by suffix, and
        links to folders.
    problems : dict of str to str
        Paths that could not be searched, with the reason.
    """

    files: list[Path] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> AudioSearch:
    """Find audio files by name.

    Files are taken as they are, folders are searched with all their subfolders for the
    suffixes in `AUDIO_SUFFIXES`. A file that is found twice is listed once. Links to
    files are followed, links to folders inside a folder are not.

    Parameters
    ----------
    paths : iterable of path-like
        Files and folders; ``~`` is the home folder.

    Returns
    -------
    search : AudioSearch
        Files in the order of `paths`, those of a folder sorted by name.

    Examples
    --------
    >>> from skhrmel.folders import find_audio
    >>> find_audio(["no-such-folder"]).problems
    {'no-such-folder': 'no such file or folder'}
    """
    search = AudioSearch()
    seen: set[str] = set()
    for file in walk_audio(paths, search):
        target = os.path.realpath(file)
        if target not in seen:
            seen.add(target)
            search.files.append(file)
    return search


def walk_audio(
    paths: Iterable[str | os.PathLike[str]],
    search: AudioSearch,
    *,
    leave_out: str | os.PathLike[str] | None = None,
) -> Iterator[Path]:
    """Find audio files one after another, however many there are.

    Parameters
    ----------
    paths : iterable of path-like
        As for `find_audio`.
    search : AudioSearch
        Is told what is ignored and which paths cannot be searched.
    leave_out : path-like or None, default=None
        A folder inside others that is not searched, such as that of the output.

    Yields
    ------
    file : Path
        What `find_audio` lists, and again a file that is found twice.
    """
    for path in paths:
        name = os.fspath(path)
        try:
            yield from _find(name, search, leave_out)
        except OSError as error:
            search.problems[name] = str(error.strerror).lower()


def _find(
    name: str, search: AudioSearch, leave_out: str | os.PathLike[str] | None
) -> Iterator[Path]:
    path = Path(name).expanduser()
    if name and path.is_dir():
        is_empty = True
        for file in _search_folder(path, search, leave_out):
            is_empty = False
            yield file
        if is_empty:
            search.problems[name] = "no audio files in this folder"
    elif name and (path.exists() or path.is_symlink()):
        yield path
    else:
        search.problems[name or "''"] = "no such file or folder"


def _search_folder(
    folder: Path, search: AudioSearch, leave_out: str | os.PathLike[str] | None
) -> Iterator[Path]:
    def report(error: OSError) -> None:
        search.problems[str(error.filename)] = str(error.strerror).lower()

    for parent, folders, names in os.walk(folder, onerror=report):
        folders[:] = sorted(
            name for name in folders if not _is_same(Path(parent, name), leave_out)
        )
        links = [name for name in folders if Path(parent, name).is_symlink()]
        if links:
            search.ignored["links to folders"] += len(links)
        for name in sorted(names):
            # Not by pathlib, as there may be a million.
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
            if suffix in AUDIO_SUFFIXES:
                yield Path(parent, name)
            else:
                search.ignored[suffix.rstrip(".") or "no suffix"] += 1


def _is_same(folder: Path, other: str | os.PathLike[str] | None) -> bool:
    try:
        return other is not None and folder.samefile(other)
    except OSError:
        return False
