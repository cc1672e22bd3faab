"""What range of pixels networks take: told by their graphs, and by nothing else."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo._keras.scale import note_scale, scale_of
from cnnzoo.data import Split
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import features, gradcam, occlusion
from cnnzoo.pretrained import embed, load

SLOW = pytest.mark.slow

SIDE = 12
AS_BYTES = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
LABELS = np.arange(5) % 3


def network(*beginning, classes=3):
    keras.utils.set_random_seed(0)
    inputs = outputs = keras.Input((SIDE, SIDE, 3))
    for step in (*beginning, layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(classes)):
        outputs = step(outputs)
    return keras.Model(inputs, outputs)


def adapted(scale):
    layer = layers.Normalization()
    layer.adapt(AS_BYTES.astype(np.float32) / (255 if scale == "unit" else 1))
    return layer


BYTE = {
    "rescaled": [layers.Rescaling(1 / 255)],
    "to [-1, 1]": [layers.Rescaling(1 / 127.5, offset=-1)],
    "divided": [lambda images: images / 255.0],
    "lambda": [layers.Lambda(lambda images: images / 255.0)],
    "normalised": [adapted("byte")],
    "less a mean": [lambda images: keras.ops.flip(images, -1) - np.array([103.9, 116.8, 123.7], np.float32)],
    "augmented before": [layers.RandomFlip(), layers.RandomContrast(0.5), layers.Rescaling(1 / 255)],
    "padded before": [layers.ZeroPadding2D(2), layers.Rescaling(1 / 255)],
    "resized before": [layers.Resizing(8, 8), layers.Rescaling(1 / 255)],
    "in two branches": [lambda images: layers.Concatenate()([layers.Rescaling(1 / 255)(images), images / 127.5])],
    "repeated": [lambda images: keras.ops.concatenate([images, images], -1), layers.Rescaling(1 / 255)],
    "in a model within": [keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255)])],
}
UNIT = {
    "to [-1, 1]": [layers.Rescaling(2.0, offset=-1)],
    "normalised": [adapted("unit")],
    "to bytes and a mean": [layers.Rescaling(255.0, offset=-117.0)],
    "inverted": [lambda images: 1 - images],
}
UNKNOWN = {
    "plain": [],
    "times 1": [layers.Rescaling(1.0)],
    "normalised by nothing": [layers.Normalization()],
    "padded": [layers.ZeroPadding2D(1)],
    "a frozen convolution": [layers.Conv2D(3, 1, trainable=False)],
    "batch normalisation": [layers.BatchNormalization()],
    "branches of two ranges": [lambda images: layers.Concatenate()([images / 255.0, images * 2 - 1])],
    "a branch": [lambda images: images + layers.Conv2D(3, 1)(images)],
}


@pytest.mark.parametrize(
    ("beginning", "scale"),
    [
        *[pytest.param(steps, "byte", id=f"byte, {name}") for name, steps in BYTE.items()],
        pytest.param([layers.Rescaling(1 / 16)], "byte", id="by a sixteenth"),
        *[pytest.param(steps, "unit", id=f"unit, {name}") for name, steps in UNIT.items()],
        *[pytest.param(steps, None, id=f"unknown, {name}") for name, steps in UNKNOWN.items()],
    ],
)
def test_the_graph_tells(beginning, scale):
    assert scale_of(network(*beginning)) == scale


def test_whole_numbers_are_bytes_to_a_network_that_takes_them():
    assert scale_of(keras.Sequential([keras.Input((8, 8, 3), dtype="uint8"), layers.Conv2D(1, 3)])) == "byte"


@pytest.mark.parametrize("name", ["EfficientNetB0", "EfficientNetV2B0", "MobileNetV3Small", "ConvNeXtTiny"])
def test_networks_of_keras_with_preprocessing_inside(name):
    build = getattr(keras.applications, name)
    assert scale_of(build(weights=None, include_top=False, input_shape=(32, 32, 3))) == "byte"


def test_a_network_of_keras_without_preprocessing_tells_nothing():
    assert scale_of(keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))) is None


@pytest.mark.parametrize("name", ["mobilenet", "efficientnetb0", "mobilenetv3small"])
@pytest.mark.parametrize("scale", ["byte", "unit"])
def test_networks_that_are_loaded_with_preprocessing(name, scale):
    assert scale_of(load(name, weights=None, input_shape=(32, 32, 3), preprocess=True, scale=scale)) == scale


def test_what_this_package_builds_is_known_and_what_is_made_of_it():
    zoo = cnnzoo.models.lenet5()
    inputs = keras.Input((32, 32, 1))
    assert scale_of(zoo) == "unit"
    assert scale_of(features(zoo, "c1")) == "unit"
    assert scale_of(keras.Model(zoo.inputs[0], zoo.layers[-2].output)) == "unit"
    assert scale_of(keras.Model(inputs, zoo(inputs))) == "unit"
    assert scale_of(keras.Model(inputs, zoo(layers.Rescaling(1 / 255)(inputs)))) == "byte"
    other = keras.Model(zoo.inputs[0], layers.Conv2D(2, 3)(zoo.inputs[0]))  # only the input is the zoo's
    assert scale_of(other) is None


def test_padding_that_is_wider_than_the_image_hides_no_scale():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(layers.ZeroPadding2D(5)(layers.Rescaling(1 / 255)(inputs))))
    assert scale_of(model) == "byte"
    assert scale_of(cnnzoo.models.resnet18(input_shape=(8, 8, 3), kernel_initializer="zeros")) == "unit"


def test_what_is_noted_does_not_contradict_the_graph():
    model = network(layers.Rescaling(1 / 255))
    note_scale(model, "unit")
    assert scale_of(model) == "byte"


@pytest.mark.parametrize("name", [name if name == "rescaled" else pytest.param(name, marks=SLOW) for name in BYTE])
def test_whole_numbers_go_in_as_the_network_takes_them(name):
    model = network(*BYTE[name])
    model.compile(
        keras.optimizers.SGD(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    loss, accuracy = model.evaluate(AS_BYTES.astype(np.float32), LABELS, verbose=0)
    found = evaluate(model, Split(AS_BYTES, LABELS))
    assert (found.loss, found.accuracy) == pytest.approx((loss, accuracy), rel=1e-4)
    floats = AS_BYTES.astype(np.float32)
    np.testing.assert_allclose(gradcam(model, AS_BYTES), gradcam(model, floats), atol=1e-5)
    np.testing.assert_allclose(occlusion(model, AS_BYTES), occlusion(model, floats), atol=1e-4)
    np.testing.assert_allclose(embed(model, AS_BYTES), embed(model, floats), atol=1e-5)


ASKED = {
    "evaluate": lambda model, images, **options: evaluate(model, Split(images, LABELS), **options).probabilities,
    "gradcam": gradcam,
    "occlusion": occlusion,
    "embed": embed,
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_whole_numbers_are_refused_where_nothing_tells(ask):
    model = network()
    with pytest.raises(ValueError, match="the network's input range is unknown"):
        ask(model, AS_BYTES)
    floats = AS_BYTES.astype(np.float32)
    np.testing.assert_allclose(ask(model, AS_BYTES, scale="byte"), ask(model, floats, scale="byte"), atol=1e-5)
    np.testing.assert_allclose(ask(model, AS_BYTES, scale="unit"), ask(model, floats / 255), atol=1e-5)
    with pytest.raises(ValueError, match="Unknown scale 'bytes'"):
        ask(model, AS_BYTES, scale="bytes")


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_floats_of_another_range_are_warned_of(ask):
    floats = AS_BYTES.astype(np.float32)
    with pytest.warns(UserWarning, match=r"expects pixels in \[0, 1\], but `.*` has pixels in \[0, 255\]") as caught:
        ask(network(layers.Rescaling(2.0, offset=-1)), floats)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"expects pixels in \[0, 255\], but `.*` has pixels in \[0, 1\]"):
        ask(network(layers.Rescaling(1 / 255)), floats / 255)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite_are_refused(ask, value):
    images = AS_BYTES.astype(np.float32) / 255
    images[2, 3, 4, 0] = images[4, 0, 0, 0] = value
    with pytest.raises(ValueError, match="NaN or infinity in 2 of 5 images, the first at position 2"):
        ask(network(), images)
