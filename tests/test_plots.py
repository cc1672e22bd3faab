import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnzoo import plots
from cnnzoo.data import Dataset, Split

CURVES = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "accuracy": [0.3, 0.6], "val_accuracy": [0.2, 0.5]}


def text_of(figure):
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


def test_history_draws_the_numbers():
    figure = plots.history(CURVES)
    accuracy, loss = figure.axes
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [CURVES["accuracy"], CURVES["val_accuracy"]]
    assert [line.get_ydata().tolist() for line in loss.lines] == [CURVES["loss"], CURVES["val_loss"]]
    assert accuracy.lines[0].get_xdata().tolist() == [1, 2]


def test_confusion_writes_every_count():
    figure = plots.confusion(np.array([[5, 2], [0, 7]]), ["cat", "dog"])
    texts = text_of(figure)
    assert {"5", "2", "7", "12 of 14 images are right"} <= set(texts)
    assert figure.axes[0].images[0].get_array().tolist() == [[5 / 7, 2 / 7], [0, 1]]


def test_a_class_without_images_draws_no_share():
    figure = plots.confusion(np.array([[0, 0], [0, 7]]), ["cat", "dog"])
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_samples_say_right_and_wrong(channels, count):
    images = np.random.default_rng(0).random((count, 8, 8, channels), dtype="float32")
    probabilities = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (count, 1))
    figure = plots.samples(images, np.arange(count) % 2, probabilities, ["cat", "dog", "owl"])
    assert isinstance(figure, Figure)
    texts = text_of(figure)
    assert texts.count("true cat\npredicted cat\nright") == -(-count // 2)
    assert texts.count("true dog\npredicted cat\nwrong") == count // 2
    assert texts.count("70.0%") == count


@pytest.mark.parametrize("names", [["$5_$", "a $ b"], [f"class {number}" for number in range(300)]])
def test_any_class_names_can_be_drawn(tmp_path, names):
    classes = len(names)
    split = Split(np.zeros((classes, 4, 4, 1), np.uint8), np.arange(classes))
    plots.save(plots.confusion(np.eye(classes, dtype=int), names), tmp_path / "confusion.png")
    plots.save(plots.class_grid(Dataset(split, split, tuple(names)), columns=1), tmp_path / "grid.png")
    probabilities = np.full((1, classes), 1 / classes)
    plots.save(plots.samples(np.zeros((1, 4, 4, 1)), np.array([1]), probabilities, names), tmp_path / "samples.png")


def test_plots_touch_no_global_state():
    code = f"import sys; from cnnzoo import plots; plots.history({CURVES}); print('matplotlib.pyplot' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "False"


def test_class_grid_draws_a_row_a_class(digits):
    figure = plots.class_grid(Dataset(*digits, tuple("0123456789")), columns=3)
    rows = [figure.axes[start : start + 3] for start in range(0, 30, 3)]
    assert [row[0].get_ylabel() for row in rows] == list("0123456789")
    shown = rows[7][1].images[0].get_array()
    np.testing.assert_array_equal(shown, digits[0].images[17, :, :, 0])


def test_a_class_with_few_images_leaves_cells_empty():
    split = Split(np.zeros((3, 8, 8, 3), np.uint8), np.array([0, 0, 1]))
    figure = plots.class_grid(Dataset(split, split, ("cat", "dog")), columns=2)
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 0]


def test_a_picture_is_never_written_over(tmp_path):
    (tmp_path / "mine.png").write_text("mine")
    with pytest.raises(FileExistsError, match="exists and is left as it is"):
        plots.save(plots.history(CURVES), tmp_path / "mine.png")
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="cannot be written"):
        plots.save(plots.history(CURVES), tmp_path / "absent" / "grid.png")
    assert list(tmp_path.iterdir()) == []
