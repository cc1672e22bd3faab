"""The notebooks in `examples/`: their form, and a run from top to bottom on few images."""

import re
from pathlib import Path

import keras
import pytest

notebooks = pytest.importorskip("tests.example_notebooks", reason="nbclient and nbformat, of the extra cnnzoo[test]")

ROOT = Path(__file__).parents[1]
LARGEST = 400_000  # bytes of a file
OF_A_MACHINE = re.compile(r"/(?:work|tmp|home|root|Users|opt|content)/|[A-Z]:\\\\")
MOST_LINES = 16  # of text that a cell shows


@pytest.fixture(params=notebooks.NAMES)
def name(request):
    return request.param


def test_every_notebook_is_known():
    assert {path.stem for path in notebooks.EXAMPLES.glob("*.ipynb")} == set(notebooks.NAMES)
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    for name in notebooks.NAMES:
        assert page.count(f"examples/{name}.ipynb") == 1
        assert page.count(f"\nexamples/{name}\n") == 1


def test_it_begins_with_a_title_and_a_link_to_colab(name):
    title, link = notebooks.read(name).cells[0].source.split("\n\n")
    assert title.startswith("# ")
    place = notebooks.repository().removeprefix("https://")
    colab = f"https://colab.research.google.com/{place.replace('.com', '', 1)}/blob/main/examples/{name}.ipynb"
    assert link == f"[Open in Colab]({colab})"


def test_its_links_lead_into_the_repository(name):
    text = "\n".join(cell.source for cell in notebooks.read(name).cells if cell.cell_type == "markdown")
    for link in re.findall(r"https://github\.com/[^)]*", text):
        place, _, heading = link.partition("#")
        target = ROOT / place.removeprefix(f"{notebooks.repository()}/blob/main/")
        assert target.is_file()
        headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not heading or heading in [each.lower().replace(" ", "-") for each in headings]
    for other in re.findall(r"`(\w+)\.ipynb`", text):
        assert other in notebooks.NAMES


def test_its_links_follow_the_repository(name):
    text = notebooks.path_of(name).read_text(encoding="utf-8")
    moved = notebooks.with_addresses(text, "https://github.com/some-lab/classics")
    assert moved.count("some-lab/classics") >= 2  # Colab and the cell that installs
    assert notebooks.repository().removeprefix("https://github.com/") not in moved
    assert notebooks.with_addresses(moved, notebooks.repository()) == text


def test_it_installs_the_package_and_has_parameters(name):
    notebook = notebooks.read(name)
    (install,) = notebooks.tagged(notebook, notebooks.INSTALL)
    assert install is notebook.cells[1]
    assert install.source == f"%pip install -q git+{notebooks.repository()}"
    assert notebooks.parameters_of(notebook)


def test_each_cell_has_a_text_above_it(name):
    notebook = notebooks.read(name)
    installs = notebooks.tagged(notebook, notebooks.INSTALL)
    kinds = " ".join(cell.cell_type for cell in notebook.cells if cell not in installs)
    assert kinds.startswith("markdown markdown")
    assert "code code" not in kinds


def test_its_outputs_are_those_of_one_run(name):
    notebook = notebooks.read(name)
    text = notebooks.path_of(name).read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    assert not OF_A_MACHINE.search(text)
    assert notebook.metadata == notebooks.METADATA
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    silent = [cell for tag in (notebooks.INSTALL, notebooks.DOWNLOAD) for cell in notebooks.tagged(notebook, tag)]
    assert [cell.execution_count for cell in code if cell not in silent] == [*range(1, len(code) - len(silent) + 1)]
    assert all(not cell.outputs and cell.execution_count is None for cell in silent)
    assert all(not cell.outputs for cell in notebooks.tagged(notebook, notebooks.PHOTOGRAPHS))
    assert all("execution" not in cell.metadata for cell in code)
    assert_brief(notebook)


def assert_brief(notebook):
    """Check that no cell shows an error, a warning or a wall of text."""
    outputs = [(cell.source, each) for cell in notebook.cells if cell.cell_type == "code" for each in cell.outputs]
    assert outputs
    for source, output in outputs:
        shown = output.get("text") or output.get("data", {}).get("text/plain", "")
        assert output.output_type != "error", source
        assert output.get("name") != "stderr", f"{source}\n{shown}"
        assert "warning" not in shown.lower(), f"{source}\n{shown}"
        assert len(shown.splitlines()) <= MOST_LINES, f"{source}\n{shown}"


def test_a_parameter_that_it_does_not_have_is_refused(tmp_path):
    with pytest.raises(ValueError, match="The notebook has no parameter EPOCH"):
        notebooks.executed(notebooks.read("transfer"), tmp_path, {"EPOCH": 1})


@pytest.fixture
def run(tmp_path):
    """Run a notebook from top to bottom in an empty folder, where no cell may fail, warn or fill the page."""
    folder = tmp_path / "empty"
    folder.mkdir()

    def run(name, **parameters):
        outcome = notebooks.executed(notebooks.read(name), folder, parameters)
        assert_brief(outcome)
        return outcome

    return run


def shown_by(notebook, cell_id):
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(str(each.get("data", each.get("text"))) for each in cell.outputs)


@pytest.mark.slow
def test_lecture_1_runs(run):
    notebook = run("lecture_1_lenet5", DATA="digits", EPOCHS=1)
    assert "4,000 images to train on" in shown_by(notebook, "train")
    assert "/1,000)" in shown_by(notebook, "evaluate")


@pytest.mark.slow
def test_lecture_2_runs(run, small_cifar10):
    notebook = run("lecture_2_alexnet", DATA_PATH=str(small_cifar10), IMAGE_SIZE=163, EPOCHS=1)
    assert "50 images to train on, 10 to test on" in shown_by(notebook, "train")


@pytest.mark.slow
def test_lecture_3_runs(run, small_cifar10, tmp_path):
    backbone = tmp_path / "vgg19_notop.weights.h5"
    keras.applications.VGG19(include_top=False, weights=None).save_weights(backbone)
    small = {"DATA_PATH": str(small_cifar10), "IMAGE_SIZE": 32, "EPOCHS": 1, "HEAD_EPOCHS": 2}
    notebook = run("lecture_3_vgg19", **small, WEIGHTS=None, BACKBONE_WEIGHTS=str(backbone))
    assert "50 images to train on, 10 to test on" in shown_by(notebook, "train")
    assert "50 images to train on, 10 to test on" in shown_by(notebook, "finetune")


@pytest.mark.slow
def test_transfer_runs(run, small_photos):
    notebook = run("transfer", PHOTOS=str(small_photos), NETWORK="resnet20", EPOCHS=2)
    assert "8 images to train on, 2 to test on" in shown_by(notebook, "finetune")
    assert "(2, 64)" in shown_by(notebook, "embed")


@pytest.mark.slow
def test_looking_inside_runs(run, tmp_path):
    run("looking_inside", IMAGES=2)
    assert (tmp_path / "empty" / "lenet5.html").stat().st_size > 100_000
