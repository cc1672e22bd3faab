import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.inspect import features, layer_table


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


def test_layers_within_models_are_found():
    backbone = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.MaxPooling2D(name="pool")],
        name="backbone",
    )
    inputs = keras.Input((8, 8, 3))
    around = keras.Model(inputs, backbone(keras.layers.Rescaling(2, name="scale")(inputs)), name="around")
    model = keras.Sequential([keras.Input((8, 8, 3)), around, keras.layers.Flatten(name="flat")])
    images = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    names = ["around/scale", "around/backbone/conv", "flat"]
    assert set(names) < {row.name for row in layer_table(model).rows}
    given = features(model, names)(images)
    convolved = backbone.get_layer("conv")(2 * images)
    np.testing.assert_allclose(given["around/backbone/conv"], convolved, rtol=1e-6)
    np.testing.assert_array_equal(given["flat"], model(images))
    np.testing.assert_array_equal(features(model, "around/backbone/conv")(images), given["around/backbone/conv"])
    np.testing.assert_array_equal(features(model, "around")(images), around(images))
    assert len(backbone.get_layer("conv")._inbound_nodes) == 1  # not called once more


def test_models_that_keras_named_are_told_apart_in_a_later_process():
    inner = [
        keras.Model(inputs := keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1, name="conv")(inputs)) for _ in range(2)
    ]
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Flatten(name="flat")(inner[1](inner[0](inputs))))
    names = [f"{inner[0].name}/conv", f"{inner[1].name}/conv", "flat"]
    keras.utils.clear_session()  # names begin anew
    images = np.ones((1, 8, 8, 3), np.float32)
    given = features(model, names)(images)
    np.testing.assert_allclose(given[names[0]], inner[0](images), rtol=1e-6)
    np.testing.assert_allclose(given[names[1]], inner[1](inner[0](images)), rtol=1e-6)
    np.testing.assert_allclose(given["flat"], model(images), rtol=1e-6)


def test_of_a_layer_that_is_called_twice_the_first_time_counts():
    inputs, double = keras.Input((4, 4, 1)), keras.layers.Rescaling(2, name="double")
    model = keras.Model(inputs, double(double(inputs)))
    np.testing.assert_array_equal(features(model, "double")(np.ones((1, 4, 4, 1))), np.full((1, 4, 4, 1), 2))


def test_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, images):
            return images

    with pytest.raises(ValueError, match="must be a functional or sequential Keras model"):
        features(Own(), "any")


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match=r"Unknown layer 'block3_conv9'\. Did you mean 'block3_conv"):
        features(cnnzoo.models.vgg19(include_top=False, kernel_initializer="zeros"), ["block3_conv9"])
    with pytest.raises(ValueError, match="at least one layer"):
        features(cnnzoo.models.lenet5(), [])
