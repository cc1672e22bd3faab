"""One thing where several are expected: taken as one, or refused; never read letter by letter."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo import plots
from cnnzoo.data import AUGMENTATIONS, Dataset, Split, stream
from cnnzoo.data.sampling import subset
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import features, gradcam
from cnnzoo.pretrained import classifier, decode
from cnnzoo.training import Recipe, fit

THREE = Split(np.zeros((2, 32, 32, 1), np.float32), np.array([0, 1]))


@pytest.fixture(scope="module")
def lenet5():
    return cnnzoo.models.lenet5(num_classes=3)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: evaluate(model, THREE, class_names="cat"),
        lambda model: fit(model, Dataset(THREE, THREE, "cat"), recipe=Recipe(epochs=1)),
        lambda model: classifier("mobilenetv2", class_names="cat"),
        lambda model: decode(np.eye(3), class_names="cat"),
        lambda model: plots.confusion(np.eye(3, dtype=int), "cat"),
        lambda model: plots.samples(THREE.images, THREE.labels, np.eye(3)[:2], "cat"),
        lambda model: plots.confusion(np.eye(2, dtype=int), [1, 2]),
    ],
)
def test_names_of_classes_are_a_list(lenet5, call):
    with pytest.raises(ValueError, match=r"`class_names` must be a list of strings\. Received: class_names="):
        call(lenet5)


def test_titles_and_runs_are_several():
    with pytest.raises(ValueError, match="`titles` must be a list of strings"):
        plots.overlay(np.zeros((2, 8, 8, 1)), np.zeros((2, 8, 8)), "ab")
    with pytest.raises(ValueError, match="`runs` must be runs by their names"):
        plots.histories([{"loss": [1.0]}])


def test_one_of_several_is_taken_as_one(lenet5, digits):
    assert features(lenet5, "c1").output_shape == (None, 28, 28, 6)
    assert gradcam(lenet5, THREE.images, 2).shape == (2, 32, 32)
    assert Recipe(augment="flip").augment == ("flip",)
    assert next(iter(stream(THREE, batch_size=2, augment="flip")))[0].shape == (2, 32, 32, 1)
    assert "flip" in AUGMENTATIONS
    epochs = []
    once = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    small = [subset(split, 20) for split in digits]
    fit(cnnzoo.models.lenet5(), *small, recipe=Recipe(epochs=1), callbacks=once, progress=False)
    assert epochs == [0]
