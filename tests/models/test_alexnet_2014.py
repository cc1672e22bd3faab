import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.heads import without_head


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("size", [(63, 63), (63, 300), (500, 280)])
def test_dense_layers_take_the_same_of_images_of_any_size(size):
    model = cnnzoo.models.alexnet_2014(input_shape=(*size, 3))
    assert model.get_layer("fc1").kernel.shape == (6 * 6 * 256, 4096)


def test_the_head_begins_where_maps_are_averaged_to_one_size():
    """So that the backbone of a network with its head is the network without it."""
    model = cnnzoo.models.alexnet_2014(input_shape=(63, 63, 3), kernel_initializer="zeros")
    without = cnnzoo.models.alexnet_2014(input_shape=(63, 63, 3), kernel_initializer="zeros", include_top=False)
    assert [layer.name for layer in without_head(model).layers] == [layer.name for layer in without.layers]
    assert without.output_shape == (None, 1, 1, 256)


@pytest.mark.slow
def test_weights_fit_images_of_another_size(tmp_path):
    small = cnnzoo.models.alexnet_2014(input_shape=(63, 63, 3), num_classes=3)
    small.save_weights(tmp_path / "small.weights.h5")
    larger = cnnzoo.models.alexnet_2014(input_shape=(95, 127, 3), weights=tmp_path / "small.weights.h5")
    assert larger.output_shape == (None, 3)
    assert all(map(np.array_equal, small.get_weights(), larger.get_weights()))


def test_the_fourth_convolution_gives_the_parameters_that_the_paper_counts():
    """0.2 % more than in 2012; with the 384 filters of its footnote there would be 1.4 % more."""
    features, kernel = 256, 3 * 3
    parameters = {name: cnnzoo.model_card(name).params + 990 * 4097 for name in ("alexnet_2012", "alexnet_2014")}
    more = 128 * (384 * kernel + 1) + 128 * kernel * features
    assert round(parameters["alexnet_2014"] / parameters["alexnet_2012"] - 1, 3) == 0.002
    assert round((parameters["alexnet_2014"] + more) / parameters["alexnet_2012"] - 1, 3) == 0.014
