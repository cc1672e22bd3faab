import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.inspect import features


def test_named_layers_give_what_they_give_in_the_network():
    model = cnnzoo.models.lenet5()
    images = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    given = features(model, ["c1", "output"])(images)
    assert {name: tuple(value.shape) for name, value in given.items()} == {"c1": (2, 28, 28, 6), "output": (2, 10)}
    np.testing.assert_array_equal(given["output"], model(images))
    np.testing.assert_array_equal(features(model, "c1")(images), given["c1"])


def test_the_weights_are_shared():
    model = cnnzoo.models.lenet5()
    part = features(model, "c1")
    model.get_layer("c1").set_weights([np.ones((5, 5, 1, 6)), np.zeros(6)])
    assert float(keras.ops.max(part(np.ones((1, 32, 32, 1))))) == 25


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match=r"There is no layer 'block3_conv9'\. Did you mean 'block3_conv"):
        features(cnnzoo.models.vgg19(include_top=False, kernel_initializer="zeros"), ["block3_conv9"])
    with pytest.raises(ValueError, match="at least one layer"):
        features(cnnzoo.models.lenet5(), [])
