import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnzoo import plots

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
    assert texts.count("true cat\npredicted cat: right") == -(-count // 2)
    assert texts.count("true dog\npredicted cat: wrong") == count // 2
    assert texts.count("70.0%") == count


def test_plots_touch_no_global_state():
    before = set(sys.modules)
    plots.history(CURVES)
    assert "matplotlib.pyplot" not in set(sys.modules) - before
