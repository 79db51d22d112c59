"""A worker process: extracts the clips it is asked for, one after another.

Decoders are native code that reads whatever a file holds. So they run in a process of
their own, which may crash, hang or be killed, and costs nothing but the clip it had.
"""

import json
import os
import pickle
import queue
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from skhrmel._clip_line import Line, new_line
from skhrmel._clip_names import feature_file
from skhrmel._extractor import one_thread_in_a_worker
from skhrmel._feature_files import OutputError
from skhrmel._front_end import AudioFrontEnd
from skhrmel._settings import versions
from skhrmel._storage import Storage

# A worker that nobody asks for anything ends; its supervisor starts another one when
# there is work again. On a cluster nobody tells workers that the last clip is done.
IDLE_SECONDS = 60.0

# A file that ends this much earlier than its header says gets a note.
_NOTED_SECONDS = 0.1


def main() -> None:
    """Answer requests from standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What libraries print must not get between the answers.
    os.dup2(2, 1)
    requests: queue.Queue[bytes] = queue.Queue()
    stream = os.fdopen(os.dup(0), "rb")
    sys.path[:] = json.loads(_read(stream))
    setup = pickle.loads(_read(stream))
    threading.Thread(target=_listen, args=(stream, requests), daemon=True).start()
    warnings.simplefilter("ignore")
    try:
        work = _prepare(setup)
    except Exception as error:
        _answer(answers, {"broken": f"{type(error).__name__}: {error}"})
        return
    _answer(answers, {"ready": True})
    while True:
        try:
            request = json.loads(requests.get(timeout=IDLE_SECONDS))
        except queue.Empty:
            return
        _answer(answers, {"began": True})
        _answer(answers, work(request))


def send(stream: IO[bytes], content: bytes) -> None:
    """Send bytes with their length.

    Parameters
    ----------
    stream : binary file
        Where to.
    content : bytes
        What.
    """
    stream.write(len(content).to_bytes(8, "little") + content)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    length = stream.read(8)
    content = stream.read(int.from_bytes(length, "little"))
    if len(length) < 8 or len(content) < int.from_bytes(length, "little"):
        raise EOFError
    return content


def _listen(stream: IO[bytes], requests: "queue.Queue[bytes]") -> None:
    """Take requests, and end the process as soon as nobody could read its answer."""
    try:
        while True:
            requests.put(_read(stream))
    except (EOFError, OSError):
        os._exit(1)


def _answer(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")


def _prepare(setup: dict[str, Any]) -> "ClipExtraction":
    here = versions()
    if here != setup["versions"]:
        raise RuntimeError(
            f"this worker has other versions, {here}, than the run, {setup['versions']}"
        )
    front_end: AudioFrontEnd = pickle.loads(setup["front_end"])
    if not hasattr(front_end, "transformer_"):
        front_end.fit([])
    # Code is compiled or loaded now, and not while the first clip's time runs.
    front_end.transform([np.zeros((2, 4 * front_end.n_fft), dtype=np.float32)])
    return ClipExtraction(
        front_end, Path(setup["out"]), setup["storage"], setup["sha256"]
    )


class ClipExtraction:
    """Extracts clips to feature files.

    Parameters
    ----------
    front_end : AudioFrontEnd
        Fitted.
    out : Path
        The output folder.
    storage : Storage
        How the features are stored.
    sha256 : bool
        Whether to take the digest of each file.
    """

    def __init__(
        self, front_end: AudioFrontEnd, out: Path, storage: Storage, sha256: bool
    ) -> None:
        self._reader = front_end._make_reader()
        self._extractor = front_end._extractor()
        self._out = out
        self._storage = storage
        self._sha256 = sha256

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """Extract one clip.

        Parameters
        ----------
        request : dict
            As for `skhrmel._clip_line.new_line`.

        Returns
        -------
        answer : dict
            The ``"line"`` and the ``"seconds"`` it took; or ``"output_error"`` if the
            output folder cannot be written to.
        """
        start = time.perf_counter()
        line = new_line(request)
        try:
            self._extract(line)
        except OutputError as error:
            return {"output_error": [error.errno, error.strerror, str(error.filename)]}
        except MemoryError:
            line["error"] = "out of memory"
        except Exception as error:
            # Whatever a decoder or a transformer may raise is this clip's alone.
            reason = str(error).removeprefix(f"{line['path']}: ")
            known = isinstance(error, ValueError)
            line["error"] = reason if known else f"{type(error).__name__}: {reason}"
        return {"line": line, "seconds": time.perf_counter() - start}

    def _extract(self, line: Line) -> None:
        file = feature_file(line["name"])
        path = line["path"]
        clip = _CountedClip(line)
        writer = self._storage.writer(self._out, file)
        try:
            with one_thread_in_a_worker():
                blocks = self._reader.blocks(path, inspect=clip.inspect)
                for rows in self._extractor.rows(clip.counted(blocks), path):
                    writer.write(rows)
            if self._sha256:
                with Path(path).open("rb") as content:
                    line["sha256"] = file_digest(content, "sha256").hexdigest()
            stored = writer.commit(axis_of_channels=self._reader.channels != "mono")
        finally:
            writer.discard()
        line |= {
            "status": "done",
            "duration": round(clip.n_samples / self._reader.sr, 6),
            "note": clip.note(self._reader.sr),
            "features": file,
            **stored,
        }


class _CountedClip:
    """Notes what a file is like while it is read."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._n_promised = 0
        self.n_samples = 0

    def inspect(self, file: soundfile.SoundFile) -> None:
        self._line |= {"rate": file.samplerate, "channels": file.channels}
        self._n_promised = file.frames

    def counted(self, blocks: Iterator[NDArray]) -> Iterator[NDArray]:
        for block in blocks:
            self.n_samples += block.shape[1]
            yield block

    def note(self, sr: float) -> str | None:
        promised = self._n_promised / self._line["rate"]
        missing = promised - self.n_samples / sr
        if missing < _NOTED_SECONDS:
            return None
        return f"ends {missing:.6g} s before the {promised:.6g} s of its header"


if __name__ == "__main__":
    main()
