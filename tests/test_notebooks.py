import os
from pathlib import Path

import nbformat
import pytest
import soundfile
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    """So that a change of one shows in a diff, and no figure goes stale."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.fixture(scope="module")
def excerpts(tmp_path_factory):
    """16 s of each recording: whole ones take minutes and show no more errors."""
    if not (music := os.environ.get("SKHRMEL_MUSIC")):
        return None
    folder = tmp_path_factory.mktemp("excerpts")
    for path in sorted(Path(music).glob("*.*")):
        if path.suffix.upper()[1:] in soundfile.available_formats():
            rate = soundfile.info(path).samplerate
            samples, _ = soundfile.read(path, start=rate, frames=16 * rate)
            soundfile.write(folder / f"{path.stem}.flac", samples, rate)
    return folder


# The kernel's own libraries, not ours, run with these settings of the test run.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, excerpts, monkeypatch):
    if excerpts is not None:
        monkeypatch.setenv("SKHRMEL_MUSIC", str(excerpts))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    warnings = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert warnings == []
