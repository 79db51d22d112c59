"""A directive that shows what ``skhrmel COMMAND --help`` prints."""

import argparse
import os
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from skhrmel.cli import build_parser

# Columns that fit the width of a page's text.
_COLUMNS = "84"


class CommandHelp(SphinxDirective):
    """The help of a subcommand, or of the command itself without an argument."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a block as in a terminal."""
        text = help_of(self.arguments[0] if self.arguments else None)
        return [nodes.literal_block(text, text, language="text")]


def help_of(command: str | None) -> str:
    """Format the help of a subcommand.

    Parameters
    ----------
    command : str or None
        Name of the subcommand; None is the command itself.

    Returns
    -------
    text : str
        What ``--help`` prints in a terminal of 84 columns.
    """
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _COLUMNS
    try:
        parser = build_parser()
        return (
            parser if command is None else subcommands(parser)[command]
        ).format_help()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """List the parsers of the subcommands.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The command's.

    Returns
    -------
    parsers : dict of str to argparse.ArgumentParser
        By name.
    """
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
