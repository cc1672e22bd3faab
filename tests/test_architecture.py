"""The floors of the house: imports point down, no two folders import each other, and names say who may import what."""

import ast
import itertools
import re
from pathlib import Path

import pytest

import cnnzoo

PACKAGE = Path(cnnzoo.__file__).parent

# From the ground up; what stands on one floor may import its neighbours, as long as it does so one way
FLOORS = (
    {"_support"},
    {"_keras"},
    {"data", "models"},
    {"evaluation", "inspect", "plots"},
    {"recipes", "runs"},
    {"pretrained"},
    {"training"},
    {"report", "play", "exporting", "testing"},
    {"cli"},
    {"__main__", "__init__"},
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
APART = {("data", "models"), ("models", "data")}  # neighbours that know nothing of each other


def imported(path):
    """Give the modules of cnnzoo that a file imports, those imported within functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cnnzoo":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if is_module(name) else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "cnnzoo")


def is_module(name):
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def room_of(path):
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


ROOMS = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
ARROWS = sorted(
    {
        (room_of(path), name.split(".")[1], path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if name.count(".") and room_of(path) != name.split(".")[1]
    }
)


def test_every_room_has_a_floor():
    assert set(FLOOR_OF) >= ROOMS


def test_the_map_shows_every_room_and_only_files_that_exist():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {f"`{room}/`" if (PACKAGE / room).is_dir() else f"`{room}.py`" for room in ROOMS - {"__main__"}}
    assert [room for room in rooms if f"| {room} |" not in text] == []
    for folder, file in re.findall(r"`(\w+)/` → `(\w+\.py)`", text):
        assert (PACKAGE / folder / file).is_file(), f"{folder}/{file}"


def test_no_import_points_up():
    assert [arrow for arrow in ARROWS if FLOOR_OF[arrow[0]] < FLOOR_OF[arrow[1]]] == []


def test_only_the_report_of_a_run_reaches_up_through_the_package():
    """``import cnnzoo`` gives access to every room, also to those above."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cnnzoo":
                room = room_of(path)
                if room in FLOOR_OF and FLOOR_OF[room] < FLOOR_OF.get(node.attr, 0):
                    found.add((path.relative_to(PACKAGE).as_posix(), node.attr))
    assert found == {("runs/run.py", "report")}  # Run.report()


def test_no_two_rooms_import_each_other():
    pairs = {arrow[:2] for arrow in ARROWS}
    assert [pair for pair in pairs if pair[::-1] in pairs] == []
    assert not pairs & APART


def test_no_modules_import_each_other_in_a_circle():
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(["cnnzoo", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        graph[module] = set(imported(path)) - {module}
    while leaves := [module for module, needs in graph.items() if not needs & graph.keys()]:
        for module in leaves:
            del graph[module]
    assert not graph


@pytest.mark.parametrize(
    "folder", sorted({room for floor in FLOORS for room in floor if (PACKAGE / room).is_dir()} - {"cli"})
)
def test_a_module_with_an_underscore_is_its_folders_own(folder):
    own = {f"cnnzoo.{folder}.{path.stem}" for path in (PACKAGE / folder).glob("_*.py")}
    assert [arrow for arrow in ARROWS if arrow[3] in own] == []


def test_a_module_without_an_underscore_is_for_others():
    """Another folder imports it, it has public names, or it is a script; those of the command line are its own."""
    reached = {name for *_, name in ARROWS}
    for stub in PACKAGE.rglob("__init__.pyi"):
        package = ".".join(["cnnzoo", *stub.parent.relative_to(PACKAGE).parts])
        lines = (line.split() for line in stub.read_text(encoding="utf-8").splitlines())
        reached |= {f"{package}{words[1]}" if words[1] != "." else f"{package}.{words[3]}" for words in lines if words}
    own = [
        path.relative_to(PACKAGE).as_posix()
        for path in itertools.chain(*(PACKAGE.glob(f"{room}/*.py") for room in FLOOR_OF))
        if not path.name.startswith("_")
        and room_of(path) != "cli"
        and f"cnnzoo.{room_of(path)}.{path.stem}" not in reached
        and "__main__" not in path.read_text(encoding="utf-8")
    ]
    assert own == []
