import keras
import pytest

import cnnzoo
from cnnzoo.inspect import LayerRow, layer_table


def test_rows_follow_the_data_and_add_up():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", groups=2, name="grouped")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(5, name="dense")(x))
    table = layer_table(model)
    assert table.rows == (
        LayerRow("grouped", "Conv2D", (4, 4, 6), 3 * 3 * 2 * 6 + 6, 4 * 4 * 3 * 3 * 2 * 6),
        LayerRow("pool", "GlobalAveragePooling2D", (6,), 0, 0),
        LayerRow("dense", "Dense", (5,), 35, 30),
    )
    assert (table.params, table.macs) == (model.count_params(), 4 * 4 * 108 + 30)


def test_an_open_input_size_is_refused():
    model = cnnzoo.models.lenet5(include_top=False, input_shape=(None, None, 1))
    with pytest.raises(ValueError, match="fixed input size"):
        layer_table(model)
