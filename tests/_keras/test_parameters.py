import keras
import pytest

from cnnzoo._keras.parameters import Counts, count_parameters

SHAPE = (8, 8, 3)

# Of a layer with both kinds of weights
LAYERS = {
    "dense": (lambda: keras.layers.Dense(5), Counts(20, 0)),
    "batch normalisation": (lambda: keras.layers.BatchNormalization(), Counts(6, 6)),
    "without scale and centre": (lambda: keras.layers.BatchNormalization(scale=False, center=False), Counts(0, 6)),
    "normalization": (lambda: keras.layers.Normalization(), Counts(0, 7)),  # mean, variance, and a counter
    "spectral": (lambda: keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 3)), Counts(112, 4)),
    "distributed": (lambda: keras.layers.TimeDistributed(keras.layers.BatchNormalization()), Counts(6, 6)),
    "dropout": (lambda: keras.layers.Dropout(0.5, seed=0), Counts(0, 0)),
}


@pytest.mark.parametrize("case", LAYERS)
def test_freezing_changes_no_count(case):
    make, counts = LAYERS[case]
    model = keras.Sequential([keras.Input(SHAPE), make()])
    assert count_parameters(model) == counts
    assert sum(counts) == model.count_params()
    model.trainable = False
    assert count_parameters(model) == counts
    model.trainable = True
    for layer in model.layers:
        layer.trainable = False
    assert count_parameters(model) == counts


def test_a_layer_that_is_built_frozen_has_the_same_counts():
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(4, 3, trainable=False)])
    assert model.trainable_weights == []
    assert count_parameters(model) == Counts(112, 0)


def test_a_layer_that_is_used_twice_counts_once():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="shared")])
    given = keras.Input((4,))
    model = keras.Model(given, inner(inner(given)))
    assert count_parameters(model) == Counts(20, 0)
