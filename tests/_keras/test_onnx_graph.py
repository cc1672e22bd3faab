"""Networks as ONNX graphs, computed by OpenVINO, beside Keras."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.engine import _compiled
from cnnzoo._keras.onnx_graph import write_onnx
from cnnzoo._keras.preprocessing import preprocessed, with_channels
from cnnzoo._keras.reading import UnsupportedError
from cnnzoo.models import layers

SMALLEST = {  # of each family, that together have all layers of this zoo
    "alexnet_2012": 67,
    "densenet_40_12": 32,
    "googlenet": 32,
    "lenet1": 28,
    "lenet5_1998": 32,
    "mnasnet0_5": 32,
    "mobilenet_v1": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "nin_cifar10": 32,
    "resnet20": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 33,
    "vgg11_bn": 32,
    "wrn_16_4": 32,
}


def outputs(model, images):
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))


def shaken(model, seed=0):
    """Return ``model`` with buffers and biases that are not those of the beginning, so that all of them count."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if len(variable.shape) == 1 and "seed" not in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


def compare(model, shape, tolerance=1e-4, spread=1):
    images = spread * np.random.default_rng(0).standard_normal((3, *shape), np.float32)
    wanted = outputs(model, images)
    found = _compiled(write_onnx(model).SerializeToString(), "float32")(images)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()
    assert np.ptp(wanted) > 0


def built(name, side, **options):
    channels = cnnzoo.model_card(name).input_shape[2]
    keras.utils.set_random_seed(0)
    model = cnnzoo.create_model(name, input_shape=(side, side, channels), **options)
    return model if len(model.outputs) == 1 else keras.Model(model.inputs, model.outputs[0])


@pytest.mark.parametrize("name", [name for name, side in SMALLEST.items() if cnnzoo.model_card(name).params < 2e6])
def test_a_family_gives_what_keras_gives(name):
    model = shaken(built(name, SMALLEST[name], classifier_activation=None))
    compare(model, model.input_shape[1:])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, side in SMALLEST.items() if cnnzoo.model_card(name).params >= 2e6])
def test_a_larger_family_gives_what_keras_gives(name):
    model = shaken(built(name, SMALLEST[name], classifier_activation=None))
    compare(model, model.input_shape[1:])


def one(layer, shape=(9, 8, 6)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6"),
        keras.layers.Conv2D(6, (3, 2), groups=2, dilation_rate=2, use_bias=False),
        keras.layers.Conv2D(3, (3, 2), dilation_rate=(2, 3), padding="same"),
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        keras.layers.SeparableConv2D(5, 3, padding="same", activation="silu"),
        keras.layers.Dense(5, activation="hard_sigmoid"),
        keras.layers.BatchNormalization(scale=False),
        keras.layers.LayerNormalization(),
        keras.layers.MaxPooling2D(3, 2, padding="same"),
        keras.layers.AveragePooling2D(3, 2, padding="same"),
        keras.layers.GlobalMaxPooling2D(keepdims=True),
        keras.layers.ZeroPadding2D(((1, 2), (0, 3))),
        keras.layers.Cropping2D(((1, 2), (0, 3))),
        keras.layers.Reshape((6, 8, 9)),
        keras.layers.Permute((2, 1, 3)),
        keras.layers.Flatten(),
        keras.layers.Rescaling(2.0, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        keras.layers.Normalization(mean=[0.5] * 6, variance=[0.1] * 6),
        keras.layers.ReLU(max_value=0.7),
        keras.layers.LeakyReLU(0.2),
        keras.layers.Softmax(),
        keras.layers.Activation("gelu"),
        keras.layers.Activation("hard_silu"),
        keras.layers.Activation("mish"),
        keras.layers.ELU(0.5),
        keras.layers.Conv2D(4, 1, activation="gelu"),
        keras.layers.Conv2D(4, 1, activation=keras.layers.ReLU(max_value=6.0)),
        keras.layers.Conv2D(4, 1, activation="log_softmax"),
        keras.layers.SpatialDropout2D(0.5),
        layers.CeilAveragePooling2D(3, 2),
        layers.AdaptiveAveragePooling(4),
        layers.ZeroChannels(3),
        layers.ChannelSlice(1, 4),
        layers.ChannelShuffle(3),
        layers.LocalResponseNormalization(alpha=0.5),
    ],
    ids=lambda layer: layer.name,
)
def test_a_layer_gives_what_keras_gives(layer):
    model = one(layer)
    compare(shaken(model), (9, 8, 6), spread=8)


def test_branches_nested_models_and_operations():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.ReLU()])
    a, b = inner(inputs), keras.layers.Conv2D(4, 1)(inputs)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(a)
    merged = [
        keras.layers.Add()([a, b]),
        keras.layers.Multiply()([a, gate]),
        keras.layers.Average()([a, b]),
        keras.layers.Maximum()([a, b]) - 0.5,
        2.0 * b + 1.0,
    ]
    x = keras.layers.Concatenate()(merged)
    x = keras.layers.Concatenate(axis=1)([x, x])
    x = keras.ops.cast(keras.ops.cast(x, "float16"), "float32")
    compare(keras.Model(inputs, keras.layers.Flatten()(x)), (8, 8, 3), tolerance=1e-2)


def test_images_of_any_size():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D()(x)))
    for shape in ((9, 12, 3), (20, 17, 3)):
        compare(model, shape)


def test_an_unknown_layer_is_named():
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2

    def relu(x):  # no function of Keras, whatever its name
        return x / 2

    for layer, told in (
        (Doubled(name="mine"), r"does not support layer 'mine' \(Doubled\)\."),
        (keras.layers.MaxPooling2D(2, data_format="channels_first", name="turned"), "Layer 'turned' is channels_first"),
        (keras.layers.Activation("glu", name="mine"), "does not support layer 'mine': its activation is glu"),
        (keras.layers.Activation(relu), "its activation is relu"),
        (keras.layers.Conv2D(2, 1, activation=Doubled(name="within")), "does not support layer 'within'"),
        (keras.layers.BatchNormalization(axis=1), "it normalises another axis"),
        (keras.layers.ReLU(threshold=0.5), "it has a threshold"),
    ):
        with pytest.raises(UnsupportedError, match=told):
            write_onnx(one(layer))


def test_several_inputs_or_outputs_are_refused():
    inputs, others = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    with pytest.raises(UnsupportedError, match=r"Received a model with 1 and 2\."):
        write_onnx(keras.Model(inputs, [keras.layers.ReLU()(inputs), keras.layers.Flatten()(inputs)]))
    with pytest.raises(UnsupportedError, match=r"Received a model with 2 and 1\."):
        write_onnx(keras.Model([inputs, others], keras.layers.Add()([inputs, others])))


def test_a_dense_layer_shared_by_maps_and_vectors():
    inputs = keras.Input((4, 4, 3))
    dense = keras.layers.Dense(5)
    pooled = [keras.layers.GlobalAveragePooling2D()(dense(inputs)), dense(keras.layers.GlobalMaxPooling2D()(inputs))]
    compare(keras.Model(inputs, keras.layers.Concatenate()(pooled)), (4, 4, 3))


@pytest.mark.parametrize(("mode", "channels"), [("caffe", 3), ("caffe", 1), ("torch", 1), ("tf", 3)])
def test_preprocessing_is_written(mode, channels):
    inputs = keras.Input((8, 8, channels))
    x = keras.layers.Conv2D(4, 3)(preprocessed(inputs, mode, "unit"))
    compare(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)), (8, 8, channels))


def test_colours_become_grey():
    compare(with_channels(built("lenet1", 28, classifier_activation=None), 3), (28, 28, 3))
