import keras
import numpy as np
import pytest

from cnnzoo._keras.weight_files import open_weights


def nested():
    """A model with a model within, whose weights an .h5 file keeps in one group."""
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="c"), layers.BatchNormalization(name="b")], name="inner"
    )
    inner.add(layers.Conv2D(4, 3, use_bias=False, name="d"))
    return keras.Sequential([keras.Input((8, 8, 3)), inner, layers.Flatten(), layers.Dense(2, name="end")])


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_each_layer_is_listed_with_its_weights(tmp_path, suffix):
    model = nested()
    path = tmp_path / f"model{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    own = [layer for layer in (*model.layers[0].layers, *model.layers[1:]) if layer.weights]
    with open_weights(path) as layers:
        by_name = {layer.name: layer for layer in layers}
        assert by_name.keys() == {layer.name for layer in own}
        for layer in own:
            stored = by_name[layer.name]
            assert stored.shapes == tuple(tuple(weight.shape) for weight in layer.weights)
            assert all(map(np.array_equal, stored.arrays(), layer.get_weights()))
