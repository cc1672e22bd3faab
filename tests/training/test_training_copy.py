import keras
import numpy as np
import pytest
import tensorflow as tf

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.training import Recipe, fit
from cnnzoo.training._training_copy import CoveringConv2D, build_training_copy, move_weights, pixel_statistics

STATISTICS = (np.array([0.4], np.float32), np.array([0.25], np.float32))


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 32, 32, 1), dtype=np.float32)


def softmax(logits):
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def test_a_training_copy_gives_the_logits_of_the_same_weights(images):
    model = cnnzoo.models.lenet5()
    training_copy = build_training_copy(model, "float32")
    assert softmax(training_copy.predict(images, verbose=0)) == pytest.approx(
        model.predict(images, verbose=0), abs=1e-6
    )


def test_a_training_copy_that_normalizes_sees_normalized_pixels(images):
    model = cnnzoo.models.lenet5()
    training_copy = build_training_copy(model, "float32", STATISTICS)
    expected = model.predict((images - 0.4) / 0.25, verbose=0)
    assert softmax(training_copy.predict(images, verbose=0)) == pytest.approx(expected, abs=1e-5)


def covering(**options):
    layers = [keras.Input((5, 4, 6)), keras.layers.Conv2D(8, (5, 4), activation="relu", **options)]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(3)])
    model.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"use_bias": False}])
def test_a_kernel_that_covers_its_input_is_a_matrix(options):
    """Outputs and gradients are those of the convolution."""
    model = covering(**options)
    training_copy = build_training_copy(model, "float32")
    assert isinstance(training_copy.layers[1], CoveringConv2D)
    images = np.random.default_rng(1).random((7, 5, 4, 6), dtype=np.float32)
    results = []
    for each in (model, training_copy):
        with tf.GradientTape() as tape:
            outputs = each(images, training=True)
            loss = keras.ops.sum(outputs**2)
        results.append([outputs, *tape.gradient(loss, [weight.value for weight in each.trainable_weights])])
    for expected, found in zip(*results, strict=True):
        assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("options", [{"padding": "same"}, {"groups": 2}])
def test_any_other_convolution_stays_one(options):
    training_copy = build_training_copy(covering(**options), "float32")
    assert type(training_copy.layers[1]) is keras.layers.Conv2D


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "vgg19"])
def test_normalization_is_folded_into_the_weights(name):
    """Also where the first layer pads, as in VGG19."""
    channels = {"lenet5": 1, "vgg19": 3}[name]
    model = cnnzoo.create_model(name, input_shape=(32, 32, channels))
    images = np.random.default_rng(0).random((4, 32, 32, channels), dtype=np.float32)
    statistics = pixel_statistics(Split(images, np.arange(4)), "unit")
    training_copy = build_training_copy(model, "float32", statistics)
    trained = softmax(training_copy.predict(images, verbose=0))
    move_weights(training_copy, model)
    assert model.predict(images, verbose=0) == pytest.approx(trained, abs=1e-5)


def test_layers_compute_in_the_policy_and_the_last_in_float32():
    training_copy = build_training_copy(cnnzoo.models.lenet5(), "mixed_bfloat16")
    assert {layer.compute_dtype for layer in training_copy.layers[1:-1]} == {"bfloat16"}
    assert training_copy.layers[-1].compute_dtype == "float32"
    assert {weight.dtype for weight in training_copy.weights} == {"float32"}


@pytest.mark.slow
def test_training_in_bfloat16_leaves_a_network_in_float32(digits):
    train, test = (Split(split.images[:100], split.labels[:100]) for split in digits)
    recipe = Recipe(epochs=1, batch_size=20, precision="mixed_bfloat16", normalize=True)
    run = fit(cnnzoo.models.lenet5(), train, test, recipe=recipe, progress=False)
    assert {layer.compute_dtype for layer in run.model.layers[1:]} == {"float32"}
    assert run.history["val_accuracy"][0] == pytest.approx(run.metrics["test_accuracy"], abs=0.05)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_statistics_are_those_of_numpy(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 6, 5, 3), dtype=np.uint8)
    images = pixels if dtype == "uint8" else (pixels / 255).astype(np.float32)
    mean, deviation = pixel_statistics(Split(images, np.zeros(1100)), "unit")
    assert mean == pytest.approx((pixels / 255).mean(axis=(0, 1, 2)), rel=1e-5)
    assert deviation == pytest.approx((pixels / 255).std(axis=(0, 1, 2)), rel=1e-5)


def test_statistics_of_bytes_are_those_that_the_network_sees():
    split = Split(np.random.default_rng(0).integers(0, 256, (10, 6, 5, 3), dtype=np.uint8), np.zeros(10))
    for bytes_, unit in zip(pixel_statistics(split, "byte"), pixel_statistics(split, "unit"), strict=True):
        np.testing.assert_allclose(bytes_, 255 * unit, rtol=1e-6)


def test_images_of_one_colour_divide_by_one():
    assert pixel_statistics(Split(np.ones((2, 4, 4, 1), np.float32), np.zeros(2)), "unit")[1] == [1]


def test_a_network_that_begins_otherwise_cannot_normalize():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="first")])
    with pytest.raises(ValueError, match=r"begins with a Conv2D .* Received .* Flatten"):
        build_training_copy(model, "float32", STATISTICS)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize("is_nested", [False, True])
def test_normalization_is_folded_into_a_convolution_further_in(order, is_nested):
    """Behind layers that only move pixels, in a model within the model, and with the channels first."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Cropping2D(1)(inputs)
    x = x if order == "channels_last" else keras.layers.Permute((3, 1, 2))(x)
    x = keras.layers.Conv2D(4, 3, data_format=order)(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten(data_format=order)(x)))
    if is_nested:
        model = keras.Sequential([keras.Input((8, 8, 3)), model])
    pixels = np.random.default_rng(0).random((4, 8, 8, 3), dtype=np.float32)
    mean, deviation = pixel_statistics(Split(pixels, np.arange(4)), "unit")
    training_copy = build_training_copy(model, "float32", (mean, deviation))
    try:
        expected = model.predict((pixels - mean) / deviation, verbose=0)
    except tf.errors.UnimplementedError:
        pytest.skip("TensorFlow takes the channels last alone, without oneDNN")
    np.testing.assert_allclose(training_copy.predict(pixels, verbose=0), expected, atol=1e-5)
    move_weights(training_copy, model)
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, atol=1e-5)


def test_a_subclassed_model_is_refused():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def build(self, input_shape):
            self.dense.build(input_shape)

        def call(self, inputs):
            return self.dense(inputs)

    model = Mine()
    model.build((None, 4))
    with pytest.raises(ValueError, match=r"the layer graph of a subclassed model is unknown.* Received: Mine 'mine'"):
        build_training_copy(model, "float32")


def test_normalisation_of_the_networks_own_is_taken_over():
    """A Normalization layer, as EfficientNet has one, works with what it made of its weights as they were loaded."""
    layer = keras.layers.Normalization(mean=None, variance=None)
    layer.adapt(np.random.default_rng(0).normal(3, 5, (100, 8, 8, 3)))
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Flatten(), keras.layers.Dense(2)])
    images = np.random.default_rng(1).random((4, 8, 8, 3), dtype=np.float32)
    np.testing.assert_allclose(build_training_copy(model, "float32")(images), model(images), rtol=1e-5)
