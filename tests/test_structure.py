"""The map of modules in docs/how-it-works.md, held against the modules themselves."""

import ast
import re
from pathlib import Path

import skhrmel

PACKAGE = Path(skhrmel.__file__).parent
PAGE = PACKAGE.parent / "docs" / "how-it-works.md"


def rooms_on_the_page():
    """The number of the room that the map gives each module."""
    page = PAGE.read_text("utf-8")
    rooms = {}
    for part in re.split(r"^### (?=\d)", page, flags=re.MULTILINE)[1:]:
        number = int(part.split(".")[0])
        for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE):
            for module in re.findall(r"`(\w+)`", row):
                assert module not in rooms, f"{module} is on the map twice"
                rooms[module] = number
    return rooms


def imports_of(path):
    """Modules of the package that a module imports, at its top or in a function.

    What only a type checker imports does not count.
    """
    found = set()
    tree = ast.parse(path.read_text("utf-8"))
    for_checkers = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_checkers or not isinstance(node, ast.ImportFrom):
            continue
        if node.module == "skhrmel":
            found |= {alias.name for alias in node.names}
        elif node.module and node.module.startswith("skhrmel."):
            found.add(node.module.split(".")[1])
    return found


def test_the_map_has_every_module_and_no_other():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert set(rooms_on_the_page()) == modules


def test_imports_go_one_way_between_rooms():
    rooms = rooms_on_the_page()
    upwards = [
        f"{module} (room {room}) imports {other} (room {rooms[other]})"
        for module, room in rooms.items()
        for other in imports_of(PACKAGE / f"{module}.py") & set(rooms)
        if rooms[other] > room
    ]
    assert upwards == []


def test_imports_do_not_go_in_circles():
    rooms = rooms_on_the_page()
    left = {name: imports_of(PACKAGE / f"{name}.py") & set(rooms) for name in rooms}
    while left:
        free = [name for name, needed in left.items() if not needed & set(left)]
        assert free, f"a circle of imports among {sorted(left)}"
        for name in free:
            del left[name]
