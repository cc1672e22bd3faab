import csv
import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import cnnzoo
from cnnzoo.inspect import LayerRow, layer_table

layers = keras.layers


def of(model, name):
    return next(row for row in layer_table(model).rows if row.name == name)


def test_rows_follow_the_data_and_add_up():
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(6, 3, strides=2, padding="same", groups=2, name="grouped")(inputs)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(5, name="dense")(x))
    table = layer_table(model)
    assert table.rows == (
        LayerRow("grouped", "Conv2D", (4, 4, 6), 3 * 3 * 2 * 6 + 6, 4 * 4 * 3 * 3 * 2 * 6, (3, 3), (2, 2), 384, (3, 3)),
        LayerRow("pool", "GlobalAveragePooling2D", (6,), 0, 0, None, None, 24, (8, 8)),
        LayerRow("dense", "Dense", (5,), 35, 30, None, None, 20, (8, 8)),
    )
    assert (table.params, table.macs) == (model.count_params(), 4 * 4 * 108 + 30)
    assert table.activation_bytes == 384 + 24 + 20
    assert table.not_counted == ()


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (layers.Conv2D(6, (3, 5), padding="same"), 8 * 8 * 3 * 5 * 4 * 6),
        (layers.Conv2D(6, 3, dilation_rate=2), 4 * 4 * 9 * 4 * 6),
        (layers.Conv2D(8, 3, strides=2, groups=4), 3 * 3 * 9 * 1 * 8),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 6 * 9 * 4 * 2),
        (layers.SeparableConv2D(5, 3, depth_multiplier=2), 6 * 6 * (9 * 4 * 2 + 4 * 2 * 5)),
        # Each of the 64 values of a map is spread by a kernel
        (layers.Conv2DTranspose(6, 3, strides=2), 8 * 8 * 9 * 4 * 6),
        (layers.Dense(7), 8 * 8 * 4 * 7),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(2), 0),
    ],
)
def test_multiply_accumulates_of_a_layer(layer, macs):
    inputs = keras.Input((8, 8, 4))
    table = layer_table(keras.Model(inputs, layer(inputs)))
    assert (table.macs, table.not_counted) == (macs, ())


def test_other_numbers_of_axes():
    inputs = keras.Input((9, 2))
    (row,) = layer_table(keras.Model(inputs, layers.Conv1D(3, 5, strides=2)(inputs))).rows
    assert (row.output_shape, row.macs, row.kernel_size, row.receptive_field) == ((3, 3), 3 * 5 * 2 * 3, (5,), (5,))
    inputs = keras.Input((4, 5, 6, 2))
    (row,) = layer_table(keras.Model(inputs, layers.Conv3D(3, 2)(inputs))).rows
    assert (row.macs, row.receptive_field) == (3 * 4 * 5 * 8 * 2 * 3, (2, 2, 2))


def test_half_precision_takes_half_the_memory():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1, dtype="mixed_float16", name="half")])
    assert of(model, "half").activation_bytes == 4 * 4 * 2 * 2


def test_branches_merge():
    inputs = keras.Input((16, 16, 3))
    short = layers.Conv2D(4, 1, padding="same", name="short")(inputs)
    long = layers.Conv2D(4, 3, padding="same", name="long1")(inputs)
    long = layers.Conv2D(4, 3, padding="same", name="long2")(long)
    model = keras.Model(inputs, layers.Add(name="sum")([short, long]))
    assert of(model, "short").receptive_field == (1, 1)
    assert of(model, "sum").receptive_field == (5, 5)
    assert layer_table(model).macs == 256 * (3 * 4 + 9 * 3 * 4 + 9 * 4 * 4)


def test_branches_of_different_strides_have_no_one_receptive_field():
    inputs = keras.Input((16, 16, 3))
    fine = layers.Conv2D(4, 9)(inputs)
    coarse = layers.Conv2D(4, 2, strides=2)(inputs)
    model = keras.Model(inputs, layers.Concatenate(name="both")([fine, coarse]))
    assert of(model, "both").receptive_field is None


def test_a_layer_called_twice_counts_its_work_twice_and_its_parameters_once():
    inputs = keras.Input((8, 8, 2))
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    model = keras.Model(inputs, shared(shared(inputs)))
    first, second = layer_table(model).rows
    assert (first.name, second.name) == ("shared", "shared")
    assert (first.params, second.params) == (38, 0)
    assert first.macs == second.macs == 64 * 9 * 2 * 2
    assert second.receptive_field == (5, 5)


def test_models_within_models_are_listed_layer_by_layer():
    inner = cnnzoo.models.vgg19(include_top=False, input_shape=(None, None, 3), name="backbone")
    inputs = keras.Input((64, 64, 3))
    x = layers.GlobalAveragePooling2D(name="pool")(inner(inputs))
    table = layer_table(keras.Model(inputs, layers.Dense(2, name="dense")(x)))
    alone = layer_table(cnnzoo.models.vgg19(include_top=False, input_shape=(64, 64, 3)))
    assert [row.name for row in table.rows[:2]] == ["backbone/backbone_block1_conv1", "backbone/backbone_block1_conv2"]
    assert [row[1:] for row in table.rows[:-2]] == [row[1:] for row in alone.rows]
    assert table.macs == alone.macs + 1024


def test_an_unknown_layer_counts_nothing_and_is_named():
    class Conv2D(keras.layers.Layer):  # not Keras'
        def call(self, images):
            return images * 2

    inputs = keras.Input((8, 8, 1))
    x = Conv2D(name="own")(inputs)
    x = layers.Conv2D(2, 3, name="after")(x)
    x = layers.Reshape((36, 2))(x)
    model = keras.Model(inputs, layers.MultiHeadAttention(1, 2, name="attention")(x, x))
    table = layer_table(model)
    assert table.not_counted == ("own", "attention")
    assert table.macs == 36 * 9 * 2
    assert [row.receptive_field for row in table.rows] == [None] * 4


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(2, 3, dilation_rate=2), (5, 5)),
        (layers.Conv2DTranspose(2, 4, strides=2), (2, 2)),  # each value is made of two neighbours, on each axis
        (layers.UpSampling2D(2), (1, 1)),
        (layers.UpSampling2D(2, interpolation="bilinear"), (2, 2)),
        (layers.ZeroPadding2D(1), (1, 1)),
        (layers.Flatten(), (12, 12)),
        (layers.LayerNormalization(), (1, 1)),
        (layers.LayerNormalization(axis=[1, 2]), (12, 12)),
        (layers.GroupNormalization(1), (12, 12)),
    ],
)
def test_receptive_field_of_a_layer(layer, expected):
    inputs = keras.Input((12, 12, 2))
    (row,) = layer_table(keras.Model(inputs, layer(inputs))).rows
    assert row.receptive_field == expected


def test_strides_widen_what_later_layers_see():
    table = layer_table(cnnzoo.models.lenet5())
    assert [(row.name, row.receptive_field) for row in table.rows[:5]] == [
        ("c1", (5, 5)),
        ("s2", (6, 6)),
        ("c3", (14, 14)),
        ("s4", (16, 16)),
        ("c5", (32, 32)),  # the whole image, as the paper says
    ]


def test_the_receptive_field_is_where_a_gradient_arrives():
    model = keras.Sequential(
        [
            keras.Input((33, 33, 1)),
            layers.Conv2D(1, 3, strides=2, kernel_initializer="ones"),
            layers.AveragePooling2D(3, 2),
            layers.Conv2D(1, 3, dilation_rate=2, kernel_initializer="ones", name="last"),
        ]
    )
    image = tf.zeros((1, 33, 33, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = model(image)[0, 1, 1, 0]
    reached = tf.where(tape.gradient(value, image)[0, ..., 0] != 0).numpy()
    rows, columns = np.ptp(reached, axis=0) + 1
    assert of(model, "last").receptive_field == (rows, columns)


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("VGG19", 19_632_062_464),  # 19.6 G: Simonyan, Zisserman 2015, counted the same way
        ("ResNet50", 3_857_973_248),  # He, Zhang, Ren, Sun 2016, table 1: 3.8e9
        ("MobileNetV2", 300_774_272),  # Sandler et al. 2018, table 4: 300 M
    ],
)
def test_published_networks(name, macs):
    model = getattr(keras.applications, name)(weights=None)
    table = layer_table(model, input_shape=(224, 224, 3))
    assert (table.macs, table.params + table.buffers, table.not_counted) == (macs, model.count_params(), ())
    assert table.params == sum(weight.size for weight in map(np.asarray, model.trainable_weights))


def test_an_open_size_needs_one():
    model = cnnzoo.models.lenet5(include_top=False, input_shape=(None, None, 1))
    with pytest.raises(ValueError, match="fixed input size; otherwise pass `input_shape`"):
        layer_table(model)
    fixed = layer_table(cnnzoo.models.lenet5(include_top=False))
    assert layer_table(model, input_shape=(32, 32, 1)) == fixed
    with pytest.raises(ValueError, match="`input_shape` must fit"):
        layer_table(model, input_shape=(32, 32, 3))


def test_a_subclassed_model_is_refused():
    class Subclassed(keras.Model):
        def call(self, images):
            return images

    with pytest.raises(ValueError, match="functional or sequential"):
        layer_table(Subclassed())
    with pytest.raises(ValueError, match="must be built"):
        layer_table(keras.Sequential([layers.Dense(1)]))
    with pytest.raises(ValueError, match=r"Received the string 'vgg19'\. Build it with `cnnzoo\.create_model`"):
        layer_table("vgg19")


def test_formats_hold_every_row_and_the_totals():
    table = layer_table(cnnzoo.models.lenet5())
    written = json.loads(table.to_json())
    assert written["total"] == {"params": 61_706, "macs": 416_520, "activation_bytes": 32_856}
    assert written["layers"][0]["receptive_field"] == [5, 5]
    header, *lines = csv.reader(io.StringIO(table.to_csv()))
    assert header == [name for name in LayerRow._fields if name != "buffers"]
    assert lines[0] == ["c1", "Conv2D", "28x28x6", "156", "117600", "5x5", "1x1", "18816", "5x5"]
    assert len(lines) == len(written["layers"]) == 8
    markdown = table.to_markdown().splitlines()
    assert markdown[2] == "| c1 | Conv2D | 28x28x6 | 156 | 117,600 | 5x5 | 1x1 | 18,816 | 5x5 |"
    assert markdown[-1] == "| total |  |  | 61,706 | 416,520 |  |  | 32,856 |  |"


def test_what_batch_normalisation_keeps_is_a_figure_of_its_own():
    """Gamma and beta are learned; mean and variance are not, be the layer frozen or not."""
    for trainable in (True, False):
        inputs = keras.Input((4, 4, 3))
        table = layer_table(keras.Model(inputs, layers.BatchNormalization(trainable=trainable)(inputs)))
        assert (table.params, table.buffers) == (6, 6)
    assert json.loads(table.to_json())["total"] == {
        "params": 6,
        "macs": 0,
        "activation_bytes": 192,
        "buffers": 6,
    }
    header, line = csv.reader(io.StringIO(table.to_csv()))
    assert dict(zip(header, line, strict=True))["buffers"] == "6"
    assert table.to_markdown().splitlines()[-1] == "| total |  |  | 6 | 0 |  |  | 192 |  | 6 |"
