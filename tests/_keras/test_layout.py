"""Networks with the channels first give what those with the channels last give, or are refused."""

import keras
import numpy as np
import pytest
from PIL import Image

from cnnzoo import plots
from cnnzoo._keras.layout import takes_channels_first
from cnnzoo.data import Split
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import diagram, features, gradcam, layer_table, occlusion
from cnnzoo.pretrained import classifier, embed
from cnnzoo.training import Recipe, fit
from tests.inspect.layouts import both, network, turned

layers = keras.layers

FIRST = "channels_first"


@pytest.fixture(scope="module")
def pair():
    """The two networks, and images; skipped where TensorFlow's kernels take the channels last alone."""
    last, first, images = both()
    try:
        first(turned(images))
    except Exception as error:  # without oneDNN
        pytest.skip(f"TensorFlow cannot compute it here: {type(error).__name__}")
    return last, first, images


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: layers.Conv2D(2, 3, data_format=FIRST)(x), True),
        (lambda x: layers.Conv2D(2, 3)(x), False),
        (lambda x: layers.Conv2D(2, 3, data_format=FIRST)(layers.Rescaling(1 / 255)(x)), True),
        (lambda x: layers.Conv2D(2, 3, data_format=FIRST)(layers.BatchNormalization(axis=1)(x)), True),
        # A layer with a kernel is believed before one that is as Keras is set
        (lambda x: layers.Conv2D(2, 3, data_format=FIRST)(layers.RandomFlip()(x)), True),
        (lambda x: layers.Flatten()(layers.ZeroPadding2D(1, data_format=FIRST)(x)), True),
        # TransposedWeight on the way
        (lambda x: layers.Conv2D(2, 3, data_format=FIRST)(layers.Permute((3, 1, 2))(x)), False),
        (lambda x: layers.Conv2D(2, 3)(layers.Permute((2, 3, 1))(x)), True),
        (lambda x: layers.Conv2D(2, 3)(keras.ops.transpose(x, (0, 2, 3, 1))), True),
        # No layer tells
        (lambda x: layers.Dense(2)(layers.Flatten()(x)), False),
    ],
)
def test_the_layers_say_how_images_are_laid_out(build, expected):
    inputs = keras.Input((9, 9, 9))
    model = keras.Model(inputs, build(inputs))
    assert takes_channels_first(model) is expected
    outer = keras.Sequential([keras.Input((9, 9, 9)), model])
    assert takes_channels_first(outer) is expected


@pytest.mark.parametrize("layer", [None, "conv1", "norm", "relu", "pool"])
def test_gradcam_is_that_of_the_network_with_the_channels_last(pair, layer):
    last, first, images = pair
    heat = gradcam(first, turned(images), [0, 4, 2], layer)
    assert heat.shape == (3, 32, 24)
    np.testing.assert_allclose(heat, gradcam(last, images, [0, 4, 2], layer), atol=1e-5)


def test_occlusion_is_that_of_the_network_with_the_channels_last(pair):
    last, first, images = pair
    heat = occlusion(first, turned(images), patch_size=6)
    assert heat.shape == (3, 32, 24)
    np.testing.assert_allclose(heat, occlusion(last, images, patch_size=6), atol=1e-4)


def test_the_layer_table_differs_in_the_shapes_alone():
    last, first = network("channels_last"), network(FIRST)
    for own, other in zip(layer_table(first).rows, layer_table(last).rows, strict=True):
        expected = other.output_shape
        assert own.output_shape == ((expected[-1], *expected[:-1]) if len(expected) == 3 else expected)
        assert own._replace(output_shape=expected, type=other.type) == other
    assert layer_table(first).rows[0].receptive_field == (3, 5)


def test_an_open_size_is_given_in_the_networks_order():
    inputs = keras.Input((3, None, None))
    model = keras.Model(inputs, layers.Conv2D(2, 3, data_format=FIRST)(inputs))
    (row,) = layer_table(model, input_shape=(3, 10, 8)).rows
    assert (row.output_shape, row.macs) == ((2, 8, 6), 8 * 6 * 9 * 3 * 2)


def test_the_diagram_is_that_of_the_network_with_the_channels_last():
    last, first = network("channels_last"), network(FIRST)
    assert diagram(first).replace(first.name, last.name) == diagram(last)


def test_features_and_vectors_are_those_of_the_network_with_the_channels_last(pair):
    last, first, images = pair
    own, other = (features(model, "conv2") for model in (first, last))
    assert own.output_shape == (None, 4, 15, 5)
    vectors = embed(own, turned(images))
    assert vectors.shape == (3, 4)
    np.testing.assert_allclose(vectors, embed(other, images), rtol=1e-4, atol=1e-6)


def test_a_classifier_averages_the_places_of_its_backbone(pair):
    last, first, images = pair
    backbones = [features(model, "conv2") for model in (first, last)]
    own, other = (classifier(backbone, num_classes=2, scale="unit") for backbone in backbones)
    own.set_weights(other.get_weights())
    np.testing.assert_allclose(own.predict(turned(images), verbose=0), other.predict(images, verbose=0), atol=1e-5)


def test_evaluation_takes_images_as_the_network_does(pair):
    last, first, images = pair
    labels = np.array([0, 1, 2])
    assert evaluate(first, Split(turned(images), labels)).loss == pytest.approx(
        evaluate(last, Split(images, labels)).loss, abs=1e-5
    )


def test_what_reads_or_resizes_images_refuses_channels_first(tmp_path):
    model = network(FIRST)
    images = np.zeros((4, 3, 32, 24), np.float32)
    split = Split(images, np.zeros(4, np.int64))
    message = r"must accept images of shape \(n, height, width, channels\) .* model for \(n, 3, 32, 24\): .*Permute"
    with pytest.raises(ValueError, match=message):
        fit(model, split, split, recipe=Recipe(epochs=1))
    with pytest.raises(ValueError, match=message):
        evaluate(model, split, image_size=(32, 24))
    maps = features(model, "conv2")
    with pytest.raises(ValueError, match=message):
        embed(maps, images, image_size=(32, 24))
    Image.new("RGB", (24, 32)).save(tmp_path / "0.png")
    with pytest.raises(ValueError, match=message):
        embed(maps, tmp_path)
    with pytest.raises(ValueError, match="must have channels last"):
        plots.overlay(images, np.zeros((4, 32, 24)))


@pytest.mark.slow
def test_what_the_refusal_advises_trains(pair):
    last, first, images = pair
    wrapped = keras.Sequential([keras.Input((32, 24, 3)), layers.Permute((3, 1, 2)), first])
    np.testing.assert_allclose(gradcam(wrapped, images, 1), gradcam(last, images, 1), atol=1e-5)
    split = Split(images, np.array([0, 1, 2]))
    weights = last.get_weights(), first.get_weights()
    recipe = Recipe(epochs=1, batch_size=3, precision="float32", normalize=True)
    own = fit(wrapped, split, split, recipe=recipe, progress=False)
    other = fit(last, split, split, recipe=recipe, progress=False)
    assert own.metrics["test_loss"] == pytest.approx(other.metrics["test_loss"], abs=1e-4)
    last.set_weights(weights[0])
    first.set_weights(weights[1])
