"""Batch normalisation in one operation gives what Keras' layer gives, up to rounding."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.training._fused import FusedBatchNormalization, is_fusible
from cnnzoo.training._training_copy import build_training_copy


def both(**options):
    """Build Keras' layer and ours, with the same weights."""
    layers = [kind(**options) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    for layer in layers:
        layer.build((None, 5, 6, 3))
        draw = np.random.default_rng(0)
        layer.set_weights([draw.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    return layers


@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.7, "epsilon": 1e-5}, {"scale": False}, {"center": False}, {"trainable": False}]
)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_moving_statistics_are_those_of_keras(options, training):
    maps = np.random.default_rng(1).normal(2, 3, (4, 5, 6, 3)).astype("float32")
    theirs, ours = both(**options)
    np.testing.assert_allclose(ours(maps, training=training), theirs(maps, training=training), rtol=1e-4, atol=1e-5)
    for own, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-5)


def test_gradients_are_those_of_keras():
    import tensorflow as tf

    maps = tf.constant(np.random.default_rng(1).normal(2, 3, (4, 5, 6, 3)), "float32")
    found = []
    for layer in both():
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(layer(maps, training=True) ** 3)
        found.append(tape.gradient(loss, [maps, *(weight.value for weight in layer.trainable_weights)]))
    for own, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-3, atol=1e-3)


def test_maps_stay_in_16_bits_and_statistics_do_not():
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    outputs = layer(np.ones((2, 4, 4, 3), "float32"), training=True)
    assert (outputs.dtype, layer.moving_mean.dtype) == ("bfloat16", "float32")


@pytest.mark.parametrize(
    ("layer", "fits"),
    [
        (keras.layers.BatchNormalization(), True),
        (keras.layers.BatchNormalization(axis=3), True),
        (keras.layers.BatchNormalization(axis=1), False),
        (keras.layers.BatchNormalization(synchronized=True), False),
        (keras.layers.LayerNormalization(), False),
    ],
)
def test_only_keras_own_layer_over_the_last_axis_is_replaced(layer, fits):
    layer(keras.Input((4, 4, 4)))
    assert is_fusible(layer) is fits


def test_a_layer_that_is_called_twice_is_replaced():
    layer = keras.layers.BatchNormalization()
    layer(keras.Input((4, 4, 3)))
    layer(keras.Input((8, 8, 3)))
    assert is_fusible(layer)


def test_the_copy_that_trains_has_it_and_the_network_does_not():
    model = cnnzoo.models.resnet20(input_shape=(8, 8, 3))
    copy = build_training_copy(model, "float32")
    kinds = [type(layer) for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert set(kinds) == {FusedBatchNormalization}
    assert len(kinds) == 19
    assert not any(isinstance(layer, FusedBatchNormalization) for layer in model.layers)
    images = np.random.default_rng(0).random((2, 8, 8, 3), dtype="float32")
    probabilities = keras.ops.softmax(copy(images, training=False))
    np.testing.assert_allclose(probabilities, model(images, training=False), rtol=1e-4)
