"""Names in single backticks: links where they name something documented, else code.

Docstrings write parameters and functions alike in single backticks. Which is which is
known when all pages have been read.
"""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

import skhrmel

# What must not have links inside.
_NO_PLACE = (nodes.title, nodes.reference, pending_xref)


class LinkCode(SphinxTransform):
    """Links of code on pages in Markdown that names something of the package.

    So the sources of pages are plain Markdown, which reads well without Sphinx.
    """

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Refer to what is named, in all but titles and links."""
        for code in list(self.document.findall(nodes.literal)):
            name = code.astext()
            module, _, attribute = name.rpartition(".")
            known = name in skhrmel.__all__ or (
                module.startswith("skhrmel.") and attribute.isidentifier()
            )
            inside = code.parent
            if not known or isinstance(inside, _NO_PLACE):
                continue
            reference = pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=name if module else f"skhrmel.{name}",
                refdoc=self.env.docname,
                refexplicit=False,
                may_lead_nowhere=True,
            )
            inside.replace(code, reference)
            reference += nodes.literal(name, name, classes=["xref", "py", "py-obj"])


class Name(PyXRefRole):
    """A reference that may lead nowhere."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Mark the reference, as one to any object of Python."""
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        refnode["may_lead_nowhere"] = True
        return super().process_link(env, refnode, has_explicit_title, title, target)


def find_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Look for an object at the top of the package; else a name is code."""
    if node.get("refdomain") != "py":
        return None
    target = f"skhrmel.{node['reftarget']}"
    domain = env.domains["py"]
    if target in domain.objects:
        return domain.resolve_xref(
            env, node["refdoc"], app.builder, "obj", target, node, content
        )
    # What is learned by `fit` is described on the page of its class.
    learned = node["reftarget"].endswith("_") and "." not in node["reftarget"]
    return content if learned or node.get("may_lead_nowhere") else None


def leave_out_scikit_learn(
    *event: Any,
) -> bool | None:
    """Leave out methods inherited of scikit-learn, which documents them."""
    _, _, _, obj, *_ = event
    home = getattr(obj, "__module__", None) or ""
    return True if home.startswith("sklearn.") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role and what resolves it."""
    app.add_role("name", Name())
    app.add_transform(LinkCode)
    app.connect("missing-reference", find_name)
    app.connect("autodoc-skip-member", leave_out_scikit_learn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
