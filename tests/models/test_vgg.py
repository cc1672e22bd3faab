import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.inspect import LayerRow, layer_table

TABLE = (
    LayerRow("block1_conv1", "Conv2D", (224, 224, 64), 1_792, 86_704_128),
    LayerRow("block1_conv2", "Conv2D", (224, 224, 64), 36_928, 1_849_688_064),
    LayerRow("block1_pool", "MaxPooling2D", (112, 112, 64), 0, 0),
    LayerRow("block2_conv1", "Conv2D", (112, 112, 128), 73_856, 924_844_032),
    LayerRow("block2_conv2", "Conv2D", (112, 112, 128), 147_584, 1_849_688_064),
    LayerRow("block2_pool", "MaxPooling2D", (56, 56, 128), 0, 0),
    LayerRow("block3_conv1", "Conv2D", (56, 56, 256), 295_168, 924_844_032),
    LayerRow("block3_conv2", "Conv2D", (56, 56, 256), 590_080, 1_849_688_064),
    LayerRow("block3_conv3", "Conv2D", (56, 56, 256), 590_080, 1_849_688_064),
    LayerRow("block3_conv4", "Conv2D", (56, 56, 256), 590_080, 1_849_688_064),
    LayerRow("block3_pool", "MaxPooling2D", (28, 28, 256), 0, 0),
    LayerRow("block4_conv1", "Conv2D", (28, 28, 512), 1_180_160, 924_844_032),
    LayerRow("block4_conv2", "Conv2D", (28, 28, 512), 2_359_808, 1_849_688_064),
    LayerRow("block4_conv3", "Conv2D", (28, 28, 512), 2_359_808, 1_849_688_064),
    LayerRow("block4_conv4", "Conv2D", (28, 28, 512), 2_359_808, 1_849_688_064),
    LayerRow("block4_pool", "MaxPooling2D", (14, 14, 512), 0, 0),
    LayerRow("block5_conv1", "Conv2D", (14, 14, 512), 2_359_808, 462_422_016),
    LayerRow("block5_conv2", "Conv2D", (14, 14, 512), 2_359_808, 462_422_016),
    LayerRow("block5_conv3", "Conv2D", (14, 14, 512), 2_359_808, 462_422_016),
    LayerRow("block5_conv4", "Conv2D", (14, 14, 512), 2_359_808, 462_422_016),
    LayerRow("block5_pool", "MaxPooling2D", (7, 7, 512), 0, 0),
    LayerRow("flatten", "Flatten", (25_088,), 0, 0),
    LayerRow("fc1", "Dense", (4096,), 102_764_544, 102_760_448),
    LayerRow("dropout1", "Dropout", (4096,), 0, 0),
    LayerRow("fc2", "Dense", (4096,), 16_781_312, 16_777_216),
    LayerRow("dropout2", "Dropout", (4096,), 0, 0),
    LayerRow("predictions", "Dense", (10,), 40_970, 40_960),
)


def small(**options):
    return cnnzoo.models.vgg19(input_shape=(32, 32, 3), include_top=False, kernel_initializer="zeros", **options)


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def test_layer_table():
    table = layer_table(cnnzoo.models.vgg19(kernel_initializer="zeros"))
    assert table.rows == TABLE
    assert (table.params, table.macs) == (139_611_210, 19_628_007_424)


def test_a_thousand_classes_have_the_published_figures():
    table = layer_table(cnnzoo.models.vgg19(num_classes=1000, kernel_initializer="zeros"))
    assert (table.params, table.macs) == (143_667_240, 19_632_062_464)


def test_weight_decay_is_an_l2_regulariser_of_the_convolutions_only():
    model = cnnzoo.models.vgg19(input_shape=(32, 32, 3), kernel_initializer="zeros", weight_decay=1e-3)
    assert all(layer.kernel_regularizer.l2 == pytest.approx(1e-3) for layer in convolutions(model))
    assert all(layer.kernel_regularizer is None for layer in model.layers if isinstance(layer, keras.layers.Dense))


def test_weight_decay_defaults_to_the_papers_number():
    assert all(layer.kernel_regularizer.l2 == pytest.approx(5e-4) for layer in convolutions(small()))


def test_no_weight_decay_leaves_no_regulariser():
    assert all(layer.kernel_regularizer is None for layer in convolutions(small(weight_decay=0)))


def test_weight_decay_has_twice_the_gradient_of_the_papers():
    """The docstring's factor of two: the regulariser adds w * W^2, whose slope is 2 * w * W."""
    regulariser = convolutions(small(weight_decay=5e-4))[0].kernel_regularizer
    kernel, step = 3.0, 1e-2
    high, low = (float(regulariser(np.array([kernel + offset], "float32"))) for offset in (step, -step))
    assert (high - low) / (2 * step) == pytest.approx(2 * 5e-4 * kernel, rel=1e-3)


def test_weights_move_from_keras_applications_by_name():
    theirs = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    ours = small()
    for layer in convolutions(theirs):
        ours.get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(0).random((2, 32, 32, 3), dtype="float32")
    np.testing.assert_allclose(ours.predict(images, verbose=0), theirs.predict(images, verbose=0), atol=1e-5)
