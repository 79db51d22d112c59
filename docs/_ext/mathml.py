"""Equations as MathML, which needs no script and no network to be read."""

import re
from html import escape
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

_logger = logging.getLogger(__name__)

# A letter with an index below it and a hat above.
_ACCENTED = re.compile(
    r"<munderover>\s*(<mi>[^<]*</mi>)\s*(<mi>[^<]*</mi>|<mrow>(?:(?!</mrow>).)*</mrow>)\s*"
    r'(<mo stretchy="false">[^<]*</mo>)\s*</munderover>',
    re.DOTALL,
)


def show_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write an equation inside a line."""
    translator.body.append(_to_mathml(node, node.astext(), as_block=False))
    raise nodes.SkipNode


def show_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation on lines of its own, with its number if it has a label."""
    tex = node.astext()
    if r"\\" in tex and r"\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    translator.body.append(translator.starttag(node, "div", CLASS="math equation"))
    translator.body.append(_to_mathml(node, tex, as_block=True))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def _to_mathml(node: nodes.Element, tex: str, *, as_block: bool) -> str:
    try:
        return _ACCENTED.sub(_put_index_aside, tex2mathml(tex, as_block=as_block))
    except MathError as error:
        _logger.warning("equation: %s", error, location=node)
        return f"<code>{escape(tex)}</code>"


def _put_index_aside(match: re.Match[str]) -> str:
    """Write the index of a letter with a hat where indices belong."""
    letter, index, hat = match.groups()
    return f'<msub><mover accent="true">{letter}{hat}</mover>{index}</msub>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (show_inline, None), (show_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
