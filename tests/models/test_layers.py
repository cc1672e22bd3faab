"""The layers that Keras lacks, beside what defines them."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.layers import (
    AdaptiveAveragePooling,
    ChannelShuffle,
    ChannelSlice,
    LocalResponseNormalization,
    ZeroChannels,
)

MAPS = np.random.default_rng(0).standard_normal((2, 7, 5, 6)).astype("float32") * 20


def test_response_normalization_is_the_equation_of_the_paper():
    expected = np.empty_like(MAPS)
    for i in range(6):
        energy = (MAPS[..., max(0, i - 2) : i + 3] ** 2).sum(-1)
        expected[..., i] = MAPS[..., i] / (2 + 1e-4 * energy) ** 0.75
    np.testing.assert_allclose(LocalResponseNormalization()(MAPS), expected, rtol=1e-5)


def test_a_shuffle_spreads_the_groups():
    maps = np.arange(6, dtype="float32").reshape(1, 1, 1, 6)
    assert np.ravel(ChannelShuffle(2)(maps)).tolist() == [0, 3, 1, 4, 2, 5]
    assert np.ravel(ChannelShuffle(3)(maps)).tolist() == [0, 2, 4, 1, 3, 5]


def test_a_slice_has_the_maps_in_between():
    np.testing.assert_array_equal(ChannelSlice(1, 3)(MAPS), MAPS[..., 1:3])


@pytest.mark.parametrize("size", [1, 3, 6, 7])
def test_windows_begin_and_end_as_in_pytorch(size):
    found = np.asarray(AdaptiveAveragePooling(size)(MAPS))
    for i in range(size):
        for j in range(size):
            rows = slice(i * 7 // size, -(-(i + 1) * 7 // size))
            columns = slice(j * 5 // size, -(-(j + 1) * 5 // size))
            np.testing.assert_allclose(found[:, i, j], MAPS[:, rows, columns].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_networks_with_them_are_saved_and_looked_into(tmp_path):
    outputs = inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(4, 3, padding="same", name="conv")(outputs)
    for layer in (
        LocalResponseNormalization(name="norm"),
        ChannelShuffle(name="shuffle"),
        ZeroChannels(2, name="zeros"),
        ChannelSlice(0, 2, name="slice"),
    ):
        outputs = layer(outputs)
    model = keras.Model(inputs, AdaptiveAveragePooling(3, name="pool")(outputs))
    model.save(tmp_path / "model.keras")
    loaded = cnnzoo.backbone(tmp_path / "model.keras")
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    table = cnnzoo.inspect.layer_table(model)
    assert [row.receptive_field for row in table.rows] == [(3, 3)] * 5 + [(6, 6)]
    assert table.not_counted == ()
