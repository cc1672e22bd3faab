"""Run the notebooks in `examples/` with other parameters, and record what their cells show.

python -m tests.example_notebooks lecture_1_lenet5 DATA_PATH=mnist.npz

runs `examples/lecture_1_lenet5.ipynb` in an empty folder with `DATA_PATH = "mnist.npz"`, and stores the outputs in the
file. The parameters in the file do not change. Cells that download something, and cells that show photographs of a
data set that is not ours to pass on, keep no outputs. What TensorFlow writes as it starts is left out, and pictures
have 256 colours, which makes the files smaller.

python -m tests.example_notebooks --addresses

writes the repository's address, which `pyproject.toml` has, into the links of all notebooks.
"""

import argparse
import ast
import base64
import copy
import io
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import nbclient
import nbformat
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("lecture_1_lenet5", "lecture_2_alexnet", "lecture_3_vgg19", "transfer", "looking_inside")

INSTALL, PARAMETERS, DOWNLOAD, PHOTOGRAPHS = "install", "parameters", "download", "photographs"  # tags of cells
OF_TENSORFLOW = "All log messages before absl::InitializeLog()"  # how it begins what it writes as it starts
TIMEOUT = 3600  # seconds for one cell
GITHUB = "https://github.com/"
REPOSITORY = re.compile(rf'^repository = "({GITHUB}[\w-]+/[\w.-]+)"', re.MULTILINE)  # in pyproject.toml
IN_A_LINK = re.compile(r"(?<=github\.com/)[\w-]+/[\w.-]+|(?<=google\.com/github/)[\w-]+/[\w.-]+")  # owner and name
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def path_of(name: str) -> Path:
    return EXAMPLES / f"{name}.ipynb"


def read(name: str) -> Any:
    return nbformat.read(path_of(name), as_version=4)


def tagged(notebook: Any, tag: str) -> list[Any]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def parameters_of(notebook: Any) -> dict[str, Any]:
    (cell,) = tagged(notebook, PARAMETERS)
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}


def executed(
    notebook: Any, folder: str | Path, parameters: Mapping[str, Any], without: Collection[str] = (INSTALL,)
) -> Any:
    """Return `notebook` as it is after a run in `folder` with `parameters`, without the cells tagged `without`."""
    if unknown := parameters.keys() - parameters_of(notebook).keys():
        raise ValueError(f"The notebook has no parameter {', '.join(sorted(unknown))}.")
    notebook = copy.deepcopy(notebook)
    left_out = [cell for tag in without for cell in tagged(notebook, tag)]
    notebook.cells = [cell for cell in notebook.cells if cell not in left_out]
    (cell,) = tagged(notebook, PARAMETERS)
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in {**parameters_of(notebook), **parameters}.items())
    nbclient.NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def record(name: str, parameters: Mapping[str, Any], folder: str | Path | None = None) -> None:
    """Run a notebook in `folder`, or in an empty one, and store its outputs in its file."""
    notebook = read(name)
    with tempfile.TemporaryDirectory() as empty:
        outcome = executed(notebook, folder or empty, parameters, without=(INSTALL, DOWNLOAD))
    by_id = {cell.id: cell for cell in outcome.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            ran = by_id.get(cell.id)
            outputs, cell.execution_count = (ran.outputs, ran.execution_count) if ran else ([], None)
            cell.outputs = [_small(each) for each in outputs if OF_TENSORFLOW not in each.get("text", "")]
            if PHOTOGRAPHS in cell.metadata.get("tags", ()):
                cell.outputs = []
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.write(notebook, path_of(name))


def _small(output: Any) -> Any:
    """Return `output` with its picture in 256 colours, if it has one."""
    if content := output.get("data", {}).get("image/png"):
        picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB").quantize(256)
        smaller = io.BytesIO()
        picture.save(smaller, "PNG", optimize=True)
        output.data["image/png"] = base64.b64encode(smaller.getvalue()).decode()
    return output


def repository() -> str:
    """Return the repository's address."""
    found = REPOSITORY.search((EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"pyproject.toml must give the repository as {GITHUB}OWNER/NAME.")
    return found[1]


def with_addresses(text: str, repository: str) -> str:
    """Return the text of a notebook whose links lead to that repository."""
    return IN_A_LINK.sub(repository.removeprefix(GITHUB), text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES, nargs="?")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--folder", help="where to run it, for example where its photographs are")
    parser.add_argument("--addresses", action="store_true", help="write the repository's address into all notebooks")
    given = parser.parse_args()
    if given.addresses:
        for path in map(path_of, NAMES):
            path.write_text(with_addresses(path.read_text(encoding="utf-8"), repository()), encoding="utf-8")
        return
    if given.name is None:
        parser.error("name a notebook, or pass --addresses")
    parameters = {key: _value(text) for key, _, text in (each.partition("=") for each in given.parameters)}
    record(given.name, parameters, given.folder)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


if __name__ == "__main__":
    main()
