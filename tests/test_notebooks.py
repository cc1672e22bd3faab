"""What notebooks show of the objects of this package, and in a real kernel."""

import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo._support.callers import is_notebook
from cnnzoo.data import Dataset, Split, load_dataset
from cnnzoo.evaluation import Evaluation, Prediction
from cnnzoo.report import write_comparison

HOSTILE = '<script>alert("1")</script>'


def evaluation(names=("cat", HOSTILE)):
    probabilities = np.eye(len(names), dtype=np.float32)[[0, 1, 1, 0]]
    return Evaluation(tuple(names), np.array([0, 1, 0, 0]), probabilities)


def hostile_dataset():
    images = np.random.default_rng(0).random((20, 8, 8, 3), dtype=np.float32)
    split = Split(images, np.arange(20) % 2)
    return Dataset(split, split, ("cat", HOSTILE))


def run():
    return cnnzoo.training.load_run("lenet5")


SHOWN = {
    "layer table": (lambda: cnnzoo.inspect.layer_table(cnnzoo.models.lenet5()), "48,120"),
    "model card": (lambda: cnnzoo.model_card("resnet18"), "1,813,566,464"),
    "pretrained card": (lambda: cnnzoo.pretrained.pretrained_card("mobilenetv2"), "2,223,872"),
    "recipe card": (lambda: cnnzoo.training.recipe_card("vgg19", "paper"), "Simonyan"),
    "recipe": (lambda: cnnzoo.training.Recipe(augment="flip"), "flip"),
    "split": (lambda: load_dataset("digits").train, "4,000 images, 32 x 32 x 1, float32"),
    "data set": (lambda: load_dataset("digits"), "1,000 images, 32 x 32 x 1, float32"),
    "data set, hostile": (hostile_dataset, "&lt;script&gt;"),
    "evaluation": (evaluation, "75.00% (3/4)"),
    "evaluation, hostile": (evaluation, "&lt;script&gt;"),
    "prediction": (lambda: Prediction(HOSTILE, {HOSTILE: 0.75, "cat": 0.25}), "75.00%"),
    "run": (run, "99.51%"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_shows_a_small_escaped_table(name):
    make, expected = SHOWN[name]
    shown = make()
    page = shown._repr_html_()
    assert expected in page
    assert "<script" not in page
    assert len(page) < 64 << 10
    assert page.count("<table") == page.count("</table>")
    colours = re.findall(r"(?:color|background):\s*([^;\"]+)", page)
    assert set(colours) <= {"#0072b2"}  # legible on light and dark backgrounds


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: cnnzoo.inspect.layer_table(cnnzoo.models.lenet5()),
            "<LayerTable: 8 layers, 61,706 parameters, 416,520 MACs>",
        ),
        (lambda: cnnzoo.model_card("lenet5"), "<ModelCard lenet5: LeNet-5 (1998), 61,706 parameters, 416,520 MACs>"),
        (hostile_dataset, "<Dataset: 20 images to train on, 20 to test on, 2 classes>"),
        (lambda: hostile_dataset().train, "<Split: 20 images, 8 x 8 x 3, float32>"),
        (lambda: Split("images", [1]), "Split(images='images', labels=[1])"),
        (lambda: Prediction("a.png", {"dog": 0.75, "cat": 0.25}), "<Prediction: dog (75.00%), a.png>"),
        (run, "<Run: lenet5, 15 epochs, test accuracy 99.51%, "),
        (lambda: cnnzoo.training.recipe_card("vgg19", "paper"), "<RecipeCard 'paper' of vgg19: Simonyan, Zisserman"),
    ],
)
def test_the_plain_representation_is_one_line(make, text):
    assert repr(make()).startswith(text)


def test_images_are_from_all_over_a_split():
    split = Split(np.zeros((100, 8, 8, 1), np.uint8), np.arange(100))
    labels = re.findall(r"<figcaption>(\d+)", split._repr_html_())
    assert (len(labels), labels[0], labels[-1]) == (12, "0", "99")


def test_images_that_cannot_be_shown_are_left_out():
    for images in (np.zeros((4, 8, 8, 2)), np.zeros((0, 8, 8, 3)), np.zeros((4, 8))):
        assert "<img" not in Split(images, np.zeros(len(images), int))._repr_html_()


def test_one_hot_labels_are_named():
    dataset = Dataset(*[Split(np.zeros((3, 4, 4, 1)), np.eye(3)[[2, 0, 1]])] * 2, ("a", "b", "c"))
    assert re.findall(r"<figcaption>(\w)", dataset._repr_html_()) == ["c", "a", "b"]


def test_a_prediction_shows_its_picture(tmp_path):
    path = tmp_path / "seven.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)
    prediction = Prediction(str(path), {"7": 1.0})
    assert "data:image/png;base64," in prediction._repr_html_()
    path.write_bytes(b"changed")
    assert "<img" not in prediction._repr_html_()


def test_the_layer_table_is_printed_as_the_command_prints_it(capsys):
    text = str(cnnzoo.inspect.layer_table(cnnzoo.models.lenet5()))
    lines = text.splitlines()
    assert lines[0].split() == [
        "layer",
        "type",
        "kernel",
        "output",
        "parameters",
        "MACs",
        "memory",
        "receptive",
        "field",
    ]
    assert re.split(r"  +", lines[5]) == [
        "c5",
        "Conv2D",
        "5 x 5",
        "1 x 1 x 120",
        "48,120",
        "#########",
        "48,000",
        "#",
        "480 B",
        "32 x 32",
    ]
    assert len({line.index("Conv2D") for line in lines if "Conv2D" in line}) == 1


def test_a_comparison_is_shown(tmp_path):
    shown = write_comparison(["lenet5", "lenet5_1998"], tmp_path / "page.html")
    assert "99.51%" in shown._repr_html_()
    assert repr(shown).startswith("<Comparison of lenet5 as shipped, lenet5_1998 as shipped: ")


def test_a_drawing_is_text_that_notebooks_draw():
    drawing = cnnzoo.inspect.diagram(cnnzoo.models.lenet5())
    assert drawing._repr_svg_() == drawing
    assert repr(drawing).startswith("<Diagram: SVG of ")


def test_a_figure_is_a_picture():
    assert cnnzoo.plots.history({"loss": [2.0, 1.0]})._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("shell", [None, object(), types.SimpleNamespace(kernel=None), types.SimpleNamespace(kernel=1)])
def test_a_notebook_is_told_by_its_kernel(monkeypatch, shell):
    assert not is_notebook()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert is_notebook() == (getattr(shell, "kernel", None) is not None)


def test_labels_of_any_kind_are_shown():
    images = np.zeros((3, 4, 4, 1))
    assert re.findall(r"<figcaption>(\w+)", Split(images, [0, 1, 7])._repr_html_()) == ["0", "1", "7"]
    dataset = Dataset(*[Split(images, np.array([0, 1, 7]))] * 2, ("a", "b"))
    assert re.findall(r"<figcaption>(\w+)", dataset._repr_html_()) == ["a", "b", "7"]


def test_a_run_whose_folder_has_gone_is_shown():
    gone = replace(run(), path=Path("gone"))
    assert "Files" not in gone._repr_html_()


CELLS = (
    "import cnnzoo",
    "run = cnnzoo.training.train('lenet5', epochs=2, fraction=0.1, out='run')",
    "cnnzoo.plots.history(run)",
    "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(1, 2)\ncnnzoo.plots.history(run, axes=axes)",
    "run",
    "cnnzoo.inspect.layer_table(run.model)",
    "cnnzoo.inspect.diagram(run.model)",
)


@pytest.mark.slow
def test_in_a_real_kernel_each_cell_shows_one_thing(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [[each for each in cell.outputs if each.output_type != "stream"] for cell in notebook.cells]
    kinds = [[next(kind for kind in each.data if kind != "text/plain") for each in shown] for shown in outputs]
    picture, page = ["image/png"], ["text/html"]
    assert kinds == [[], page, picture, picture, page, page, ["image/svg+xml"]]
    (progress,) = outputs[1]
    assert "epoch 2/2" in progress.data["text/html"]
    assert "data:image/png" in progress.data["text/html"]
    streams = [each for cell in notebook.cells for each in cell.outputs if each.output_type == "stream"]
    assert [each.name for each in streams] == ["stdout"]  # the headline of the training, and nothing of TensorFlow's
    assert len(streams[0].text.splitlines()) <= 6
