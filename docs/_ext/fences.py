"""Fences without the empty line that ends a doctest in Markdown."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def without_empty_end(app: Sphinx, document: nodes.document) -> None:  # noqa: ARG001
    """Strip what is shown of every fence.

    pytest takes a closing fence for output, unless an empty line stands before it.
    """
    for block in document.findall(nodes.literal_block):
        stripped = block.rawsource.rstrip("\n")
        if block.astext() == block.rawsource and stripped != block.rawsource:
            block.rawsource = stripped
            block.children = [nodes.Text(stripped)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the step."""
    app.connect("doctree-read", without_empty_end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
