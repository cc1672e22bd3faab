"""Where a backbone ends, as the graph tells."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo._keras.heads import has_head, without_head
from cnnzoo.models.layers import AdaptiveAveragePooling


def network(*tail, maps=(layers.Conv2D, 6, 3)):
    """A network of 12 x 12 images whose last maps are (n, 10, 10, 6), then ``tail``."""
    kind, *options = maps
    outputs = inputs = keras.Input((12, 12, 3))
    for layer in (kind(*options, activation="relu", name="maps"), *tail):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name="net")


HEADS = {
    "pooled": lambda: [layers.GlobalAveragePooling2D(), layers.Dropout(0.1), layers.Dense(4, "softmax")],
    "flat, of several layers": lambda: [
        layers.Dropout(0.1),
        layers.Flatten(),
        layers.Dense(8, "relu"),
        layers.BatchNormalization(),
        layers.Dense(4),
    ],
    "logits, then a softmax": lambda: [layers.Flatten(), layers.Dense(4), layers.Softmax()],
    "one sigmoid": lambda: [layers.GlobalMaxPooling2D(), layers.Dense(1, "sigmoid")],
    "a convolution that gives classes, as in SqueezeNet": lambda: [
        layers.Dropout(0.5),
        layers.Conv2D(4, 1, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Softmax(),
    ],
    "a convolution on pooled maps, as in MobileNet": lambda: [
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Dropout(0.1),
        layers.Conv2D(4, 1),
        layers.Reshape((4,)),
        layers.Activation("softmax"),
    ],
    "a convolution as large as the maps": lambda: [layers.Conv2D(4, 10), layers.Flatten(), layers.Softmax()],
    "a model": lambda: [
        keras.Sequential([keras.Input((10, 10, 6)), layers.GlobalAveragePooling2D(), layers.Dense(4, "softmax")])
    ],
    "several labels": lambda: [layers.GlobalAveragePooling2D(), layers.Dense(4, "sigmoid")],
    "a mean": lambda: [lambda maps: keras.ops.mean(maps, axis=(1, 2)), layers.Dense(4, "softmax")],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_backbone_ends_in_the_last_maps(head):
    model = network(*head())
    backbone = without_head(model)
    assert (backbone.output_shape, backbone.name) == ((None, 10, 10, 6), "net")
    images = np.random.default_rng(0).random((2, 12, 12, 3), dtype="float32")
    np.testing.assert_array_equal(backbone(images), model.get_layer("maps")(images))
    assert without_head(backbone) is backbone


NO_HEADS = {
    "maps": lambda: [layers.Conv2D(4, 3)],
    "pooled maps": lambda: [layers.GlobalAveragePooling2D()],
    "features of a dense layer": lambda: [layers.Flatten(), layers.Dense(8, "relu")],
    "flat maps": lambda: [layers.Flatten()],
}


@pytest.mark.parametrize("tail", NO_HEADS.values(), ids=NO_HEADS)
def test_what_gives_no_classes_has_no_head(tail):
    model = network(*tail())
    assert not has_head(model)
    assert without_head(model) is model


@pytest.mark.parametrize("whole", [True, False])
def test_models_within_the_model_are_opened(whole):
    """A whole classifier behind a scale; and a backbone whose maps the outer model pools."""
    inner = network(*HEADS["pooled"]()) if whole else network(layers.GlobalAveragePooling2D())
    tail = [] if whole else [layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Rescaling(1 / 2), inner, *tail])
    backbone = without_head(model)
    images = np.random.default_rng(0).random((2, 12, 12, 3), dtype="float32")
    np.testing.assert_allclose(backbone(images), inner.get_layer("maps")(images / 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lenet5", (1, 1, 120)), ("alexnet", (1, 1, 256)), ("vgg19", (1, 1, 512)), ("squeezenet1_1", (1, 1, 512))],
)
def test_networks_of_the_zoo(name, shape):
    side = cnnzoo.model_card(name).smallest_size
    options = {"input_shape": (side, side, 3), "kernel_initializer": "zeros"}
    for activation in ("softmax", None):
        model = cnnzoo.create_model(name, classifier_activation=activation, **options)
        backbone = without_head(model)
        own = cnnzoo.create_model(name, include_top=False, **options)
        assert backbone.output_shape == own.output_shape == (None, *shape)
        assert [layer.name for layer in backbone.layers] == [layer.name for layer in own.layers]


@pytest.mark.parametrize(
    "pool",
    [
        layers.GlobalAveragePooling2D(keepdims=True),
        lambda maps: keras.ops.mean(maps, axis=(1, 2), keepdims=True),
        layers.AveragePooling2D(1),
        layers.AveragePooling2D(7, padding="same"),
        AdaptiveAveragePooling(1),
    ],
    ids=["global", "operation", "window", "large window", "adaptive"],
)
def test_maps_of_small_images_may_be_1_x_1_before_they_are_averaged(pool):
    """As in MobileNet of 32 x 32 pixels, where the last convolutions but one stride to a single pixel."""
    tail = (layers.Conv2D(8, 3, 8, name="single"), layers.Conv2D(5, 1, name="last"), pool, layers.Conv2D(4, 1))
    backbone = without_head(network(*tail, layers.Flatten(), layers.Softmax()))
    assert (backbone.layers[-1].name, backbone.output_shape) == ("last", (None, 1, 1, 5))


def test_the_convolution_that_gives_classes_may_take_1_x_1_maps_of_small_images():
    """As in SqueezeNet, whose classes are averaged after it."""
    tail = (layers.Conv2D(5, 10, name="single"), layers.Dropout(0.5), layers.Conv2D(4, 1, activation="relu"))
    model = network(*tail, layers.GlobalAveragePooling2D(), layers.Softmax())
    assert without_head(model).layers[-1].name == "single"


@pytest.mark.slow
@pytest.mark.usefixtures("weightless")
def test_the_networks_of_keras_end_at_any_size_where_keras_ends_them():
    for name in ("MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "DenseNet121"):
        build = getattr(keras.applications, name)
        for side in (32, 64):
            model = build(weights=None, input_shape=(side, side, 3))
            own = build(weights=None, input_shape=(side, side, 3), include_top=False)
            assert list(map(type, without_head(model).layers)) == list(map(type, own.layers)), name


def test_a_graph_that_branches_in_its_head_is_refused():
    inputs = keras.Input((12, 12, 3))
    maps = layers.Conv2D(4, 3)(inputs)
    vectors = layers.Concatenate()([layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)])
    model = keras.Model(inputs, layers.Dense(2, "softmax")(vectors), name="forked")
    with pytest.raises(ValueError, match="Cannot find where the head of 'forked' begins"):
        without_head(model)


def test_what_does_not_take_images_alone_is_refused():
    inputs = keras.Input((12,))
    with pytest.raises(ValueError, match=r"must have one input.*Received a network with inputs \(None, 12\)"):
        without_head(keras.Model(inputs, layers.Dense(2)(inputs)))
