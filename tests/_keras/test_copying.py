"""Copies of layers that Keras itself could not copy."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnzoo._keras.copying import copy_layer


def double(values):
    return values * 2.0


class Doubled(layers.Layer):
    def call(self, values):
        return values * 2.0


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None, **options):
        return keras.ops.ones(shape, dtype)


class Untold(layers.Layer):
    def __init__(self, things):
        super().__init__(name="untold")
        self.things = object()


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, activation=double),
        layers.Dense(3, activation=lambda values: values * 2.0),
        layers.Dense(3, activation=layers.LeakyReLU()),
        layers.Dense(3, kernel_regularizer=lambda kernel: keras.ops.sum(kernel)),
        layers.Dense(3, kernel_initializer=Ones()),
        layers.Lambda(lambda values: values * 3.0),
        layers.Lambda(lambda values, factor: values * factor, arguments={"factor": 3.0}),
        Doubled(),
    ],
)
def test_a_copy_does_the_same(layer):
    values = np.arange(4.0, dtype=np.float32).reshape(1, 4)
    expected = layer(values)
    copy = copy_layer(layer, {})
    assert (type(copy), copy.name) == (type(layer), layer.name)
    copy.build((1, 4))
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(values), expected)
    assert not {id(weight) for weight in copy.weights} & {id(weight) for weight in layer.weights}


def test_changes_are_made():
    assert (
        copy_layer(layers.Dense(3, activation=double), {"activation": "linear"}).activation is keras.activations.linear
    )


def test_a_layer_that_cannot_be_copied_is_named_with_the_reason():
    with pytest.raises(ValueError, match=r"Layer 'untold' \(Untold\) cannot be copied.* `get_config`"):
        copy_layer(Untold([]), {})
