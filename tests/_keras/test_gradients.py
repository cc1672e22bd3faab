"""Gradients with respect to weights; those of other backends in ``tests/testing/test_downstream.py``."""

import keras
import numpy as np

from cnnzoo._keras.gradients import weight_gradients


def test_they_are_the_slopes_of_the_loss_at_the_weights_of_now():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, "tanh")(keras.layers.Dropout(0.5)(inputs)))
    rows = np.random.default_rng(0).random((4, 3), dtype="float32")
    gradients = weight_gradients(model, [rows], lambda outputs: keras.ops.mean(keras.ops.square(outputs)))
    kernel = model.trainable_variables[0]
    for _ in range(2):
        _, (found, bias) = gradients()
        assert bias.shape == (2,)
        start = keras.ops.convert_to_numpy(kernel.value).copy()
        for place in np.ndindex(*start.shape):
            ends = []
            for step in (-1e-2, 1e-2):
                moved = start.copy()
                moved[place] += step
                kernel.assign(moved)
                ends.append(gradients()[0])
            assert abs((ends[1] - ends[0]) / 2e-2 - found[place]) < 1e-3
        kernel.assign(start + 0.3)


def test_a_weight_that_does_not_reach_the_loss_has_zeros():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(1)(inputs)])
    rows = np.ones((1, 3), np.float32)
    value, (*used, kernel, bias) = weight_gradients(model, [rows], lambda outputs: keras.ops.sum(outputs[0]))()
    assert np.isfinite(value)
    assert all(each.any() for each in used)
    assert not kernel.any()
    assert (kernel.shape, bias.shape) == ((3, 1), (1,))
