"""The documentation, built with warnings as errors, and what came of it."""

import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path
from pkgutil import iter_modules
from urllib.parse import unquote, urlsplit

import pytest
from sphinx.util.inventory import InventoryFile

import skhrmel
from skhrmel.cli import build_parser
from skhrmel.compression import COMPRESSIONS
from skhrmel.folders import AUDIO_SUFFIXES
from skhrmel.metrics import BARK_BANDS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of the pages, built of a copy of docs/ by a process of its own."""
    folder = tmp_path_factory.mktemp("docs")
    source, pages = folder / "docs", folder / "html"
    shutil.copytree(
        ROOT / "docs", source, ignore=shutil.ignore_patterns("_build", "generated")
    )
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n"]
    done = subprocess.run(
        [*command, "-b", "html", source, pages], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return pages


@pytest.fixture(scope="module")
def inventory(built):
    """Places of what can be linked to, by kind and name."""
    return InventoryFile.loads((built / "objects.inv").read_bytes(), uri="").data


@pytest.fixture(scope="module")
def documented(inventory):
    """Names of Python objects that have a place in the pages."""
    return {
        name
        for kind, items in inventory.items()
        if kind.startswith("py:")
        for name in items
    }


class Page(HTMLParser):
    """What a page points to, what it loads, and the places in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.places = set(), set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "a" and attrs.get("href"):
            self.links.add(attrs["href"])
        if tag in ("img", "script") and attrs.get("src"):
            self.loads.add(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.add(attrs["href"])


@pytest.fixture(scope="module")
def pages(built):
    return {
        path: Page(path)
        for path in built.rglob("*.html")
        # Templates of the theme.
        if "_static" not in path.parts
    }


def public_modules():
    return [
        f"skhrmel.{module.name}"
        for module in iter_modules(skhrmel.__path__)
        if not module.name.startswith("_")
    ]


def public_names(module_name):
    """`__all__`, or else classes, functions and described constants of a module."""
    module = import_module(module_name)
    if hasattr(module, "__all__"):
        return set(module.__all__)
    own = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isclass(value) or isfunction(value))
        and value.__module__ == module_name
    }
    source = Path(module.__file__).read_text("utf-8")
    constants = re.findall(r"^#:.*\n(?:#.*\n)*([A-Z]\w*)\b", source, re.MULTILINE)
    return own | set(constants)


def test_constants_are_public_where_they_are_described():
    assert "COMPRESSIONS" in public_names("skhrmel.compression")


@pytest.mark.parametrize("module_name", ["skhrmel", *public_modules()])
def test_everything_public_is_in_the_reference(module_name, documented):
    assert module_name in documented
    missing = {
        name
        for name in public_names(module_name)
        # Some names can be imported from two places, and are described at one.
        if f"{module_name}.{name}" not in documented
        and f"skhrmel.{name}" not in documented
    }
    assert missing == set()


def test_constants_are_described_on_the_page_of_their_module(inventory):
    """They have no pages of their own, nor the docstring of their type."""
    constants = inventory["py:data"]
    assert {"skhrmel.ablation.N_FFT", "skhrmel.metrics.PAPER_BANDS"} <= set(constants)
    for name, item in constants.items():
        module_name, _, constant = name.rpartition(".")
        assert item.uri.partition("#")[0] == f"api/{module_name}.html", name
        assert constant in public_names(module_name), f"{name} has no comment with #:"


def test_values_too_long_for_a_signature_are_in_the_reference(built):
    """Those that the sources of the pages repeat."""
    text = {
        name: (built / "api" / f"skhrmel.{name}.html").read_text("utf-8")
        for name in ("compression", "folders", "metrics")
    }
    for name in COMPRESSIONS:
        assert f">{name}<" in text["compression"]
    for suffix in AUDIO_SUFFIXES:
        assert f">{suffix}<" in text["folders"]
    edges = re.search(r"Their edges: ([\s\d,and]+) Hz, and infinity", text["metrics"])
    assert [*map(float, re.findall(r"\d+", edges[1])), math.inf] == [
        0.0,
        *(high for _, high in BARK_BANDS.values()),
    ]


def test_methods_are_in_the_reference(documented):
    assert {
        "skhrmel.AudioFrontEnd.stream",
        "skhrmel.HRMelTransformer.inverse_transform",
        "skhrmel.AblationDisplay.from_cv_results",
    } <= documented


def test_links_inside_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            there = target.exists() and (
                not parts.fragment
                or target.suffix != ".html"
                or unquote(parts.fragment) in pages[target].places
            )
            if not there:
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_pages_load_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        for source in page.loads:
            parts = urlsplit(source)
            assert not parts.scheme, f"{path.name} loads {source}"
            assert not parts.netloc, f"{path.name} loads {source}"
            assert (path.parent / unquote(parts.path)).exists(), source


def test_every_figure_is_another_one(built, pages):
    """Plots of one page would overwrite each other if their names were the same."""
    asked = sum(
        page.read_text("utf-8").count(".. plot::")
        for page in (ROOT / "docs").rglob("*.md")
        if "_build" not in page.parts and "generated" not in page.parts
    )
    shown = {
        source
        for page in pages.values()
        for source in page.loads
        if re.search(r"-\d+\.png$", source)
    }
    drawn = {(built / "_images" / Path(source).name).read_bytes() for source in shown}
    assert len(shown) == len(drawn) == asked > 5


def test_the_page_of_the_command_has_every_help(built):
    page = (built / "guide" / "command-line.html").read_text("utf-8")
    (subcommands,) = (
        action.choices
        for action in build_parser()._actions
        if hasattr(action, "choices") and isinstance(action.choices, dict)
    )
    assert len(subcommands) >= 4
    for name in subcommands:
        assert f"usage: skhrmel {name}" in page


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_to_files_of_the_repository_lead_there(name, built):
    text = (ROOT / name).read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        assert (ROOT / parts.path).exists(), link
        if parts.fragment:
            html = built / Path(parts.path).relative_to("docs").with_suffix(".html")
            assert f'id="{parts.fragment}"' in html.read_text("utf-8"), link


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_the_picture_is_of_the_measured_figures(tmp_path):
    """Drawn again, it shows the same bars: those of docs/measured/errors.json."""
    import json

    sys.path.insert(0, str(ROOT / "docs"))
    try:
        picture = import_module("picture")
    finally:
        sys.path.pop(0)
    document = json.loads((ROOT / "docs/measured/errors.json").read_text("utf-8"))
    figure = picture.draw(document)
    bars = [
        bar.get_height()
        for ax in figure.axes
        for container in ax.containers
        for bar in container
    ]
    means = [
        sum(track["errors"][name][key] for track in document["tracks"])
        / len(document["tracks"])
        for name in picture.LAYOUTS
        for key in picture.RANGES
    ]
    assert bars == pytest.approx(means)
