"""Deprecated names: each warns in the form that docs/stability.md promises, and is gone when its release has come."""

import ast
import re
from pathlib import Path

import pytest

import cnnzoo

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FORM = re.compile(r"`[^`]+` is now `[^`]+`; (\d+\.\d+\.\d+) removes the old name\.")
HIDDEN = ("DeprecationWarning", "PendingDeprecationWarning")  # from most people


def problems(source, release):
    """Give what is wrong with the warnings of deprecated names in a module, for the release that has it."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"):
            continue
        kinds = {ast.unparse(each) for each in [*node.args, *(word.value for word in node.keywords)]}
        if kinds.intersection(HIDDEN):
            yield f"line {node.lineno}: hidden by Python"
        if "FutureWarning" in kinds:
            found = FORM.search(ast.unparse(node.args[0]))
            if found is None:
                yield f"line {node.lineno}: not in the promised form"
            elif as_numbers(found[1]) <= as_numbers(release):
                yield f"line {node.lineno}: to be removed now"


def as_numbers(version):
    return tuple(map(int, version.split(".")))


def test_the_example_of_the_page_keeps_the_old_name_and_warns():
    names = {}
    exec(EXAMPLE, names)
    assert names["count_images"]("abc", largest=2) == 2
    with pytest.warns(FutureWarning, match=FORM.pattern) as caught:
        assert names["count_images"]("abc", limit=2) == 2
    assert caught[0].filename == __file__  # the caller's line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.3.0", "0.3.0", []),
        ("0.3.0 removes", "A later release removes", ["not in the promised form"]),
        ("0.3.0", "0.2.0", ["to be removed now"]),
        ("FutureWarning", "DeprecationWarning", ["hidden by Python"]),
    ],
)
def test_a_warning_in_another_form_is_found(old, new, expected):
    found = list(problems(EXAMPLE.replace(old, new), "0.2.1"))
    assert [each.partition(": ")[2] for each in found] == expected


def test_no_warning_of_the_package_is_in_another_form():
    files = list(Path(cnnzoo.__file__).parent.rglob("*.py"))
    found = {path.name: list(problems(path.read_text(encoding="utf-8"), cnnzoo.__version__)) for path in files}
    assert {name: each for name, each in found.items() if each} == {}
