import json

import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.catalog import trained_folder
from cnnzoo.training import load_run


@pytest.fixture(scope="module")
def card():
    """The record of the training whose weights ship."""
    return json.loads((trained_folder("lenet5", "mnist") / "run.json").read_text())


def test_the_weights_that_ship_are_as_good_as_their_card_says(card, digits):
    _, held_out = digits
    model = cnnzoo.models.lenet5(weights="mnist")
    right = model.predict(held_out.images, verbose=0).argmax(axis=1) == held_out.labels
    assert card["metrics"]["held_out_digits_accuracy"] == pytest.approx(right.mean(), abs=0.002)
    assert right.mean() >= 0.99


@pytest.mark.slow
def test_the_weights_that_ship_on_all_of_mnist(card, datasets):
    evaluation = load_run("lenet5").evaluate("mnist", datasets / "mnist.npz")
    assert evaluation.accuracy == pytest.approx(card["metrics"]["test_accuracy"], abs=5e-4)
    assert np.abs(evaluation.confusion - card["confusion"]).sum() <= 6


def test_the_card_says_how_the_weights_came_about(card):
    assert card["data"]["train_size"] == 59_000


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match=r"Unknown lenet5 weights 'minst'\. Did you mean 'mnist'"):
        trained_folder("lenet5", "minst")
