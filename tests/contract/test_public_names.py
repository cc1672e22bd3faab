"""The public names: those of the stubs are those of the page on the API, and none that was promised is missing."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import cnnzoo

ROOT = Path(__file__).parents[2]
PROMISED = (Path(__file__).parent / "golden" / "public_names.txt").read_text(encoding="utf-8").split()


def stub_names():
    """Give the names that the stubs list, and the public modules that are one file: what they define is public."""
    package = Path(cnnzoo.__file__).parent
    names, modules, rooms = set(), set(), set()
    for stub in package.rglob("__init__.pyi"):
        room = ".".join(["cnnzoo", *stub.parent.relative_to(package).parts])
        rooms.add(room)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                (names if node.module else modules).update(f"{room}.{alias.name}" for alias in node.names)
    return names, modules - rooms


def documented_names():
    """Give the names on the page on the API, those of a whole module one by one."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    yield from re.findall(r"^\.\. (?:autofunction|autoclass|py:data):: (\S+)$", text, re.MULTILINE)
    for module, members in re.findall(r"^\.\. automodule:: (\S+)\n +:members: (.+)$", text, re.MULTILINE):
        yield from (f"{module}.{member}" for member in members.split(", "))


def test_the_page_on_the_api_has_the_names_of_the_stubs():
    documented = list(documented_names())
    assert len(documented) == len(set(documented))
    names, modules = stub_names()
    assert {name for name in documented if name.rpartition(".")[0] not in modules} == names


def test_no_promised_name_is_missing():
    assert set(PROMISED) - set(documented_names()) == set()


@pytest.mark.parametrize("name", list(documented_names()))
def test_a_documented_name_can_be_imported(name):
    room, _, last = name.rpartition(".")
    assert hasattr(importlib.import_module(room), last)
