"""Figures of evaluations."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnzoo import plots
from cnnzoo.evaluation import Evaluation
from tests.plots.reading import text_of


def test_calibration_draws_the_share_that_is_right():
    labels, probabilities = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    figure = plots.calibration(Evaluation(("cat", "dog"), labels, probabilities).calibration(bins=5))
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0, 0, 1, 0, 0.5]
    assert "expected calibration error 40.0%" in figure.axes[0].get_title()


def test_confusion_writes_every_count():
    figure = plots.confusion(np.array([[5, 2], [0, 7]]), ["cat", "dog"])
    texts = text_of(figure)
    assert {"5", "2", "7", "accuracy 85.71 % (12/14)"} <= set(texts)
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
    assert texts.count("true cat\npredicted cat\ncorrect") == -(-count // 2)
    assert texts.count("true dog\npredicted cat\nwrong") == count // 2
    assert texts.count("70.0%") == count
