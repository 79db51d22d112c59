"""How pytest runs the snippets of these pages: each page in a folder of its own."""

import matplotlib
import pytest

# Neither settings nor directives of Sphinx, and nothing that was built.
collect_ignore_glob = ["*.py", "_build/*", "api/generated/*"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Let a page write files, and draw without a window."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")
