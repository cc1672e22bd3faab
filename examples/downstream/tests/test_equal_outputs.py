"""Outputs that must equal those of something else: a saved file, a function, a module of PyTorch."""

import keras
import numpy as np
import pytest
from letters import as_taught, strokes

import cnnzoo
from cnnzoo.testing import assert_equal_outputs


@pytest.fixture
def images():
    return cnnzoo.data.load_digits()[1].images[:4]


def test_the_network_equals_its_file(images, tmp_path):
    model = as_taught()
    model.save(tmp_path / "letters.keras")
    assert_equal_outputs(model, keras.saving.load_model(tmp_path / "letters.keras"), images)


def test_the_maps_are_not_negative(images):
    model = strokes()

    def reference(images):
        return np.maximum(model.predict(images, verbose=0), 0)

    assert_equal_outputs(model, reference, images)


def test_the_first_maps_equal_those_of_pytorch(images):
    torch = pytest.importorskip("torch")
    ours = cnnzoo.inspect.features(as_taught(), "c1")
    kernel, bias = ours.get_layer("c1").get_weights()
    theirs = torch.nn.Conv2d(1, 6, 5)
    theirs.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    theirs.bias.data = torch.from_numpy(bias)
    assert_equal_outputs(ours, torch.nn.Sequential(theirs, torch.nn.ReLU()), images, tolerance=1e-5)
