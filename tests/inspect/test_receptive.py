"""The receptive field of every kind of layer beside where gradients arrive."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnzoo._keras.kinds import KINDS
from cnnzoo.inspect import layer_table
from cnnzoo.models import layers as own

layers, ops = keras.layers, keras.ops

SIDE, SMALL_SIDE = 30, 13  # of images on one or two axes, and on three
PLACES = range(-2, 3)  # of the values that are asked for, around the middle: neighbours may see differently far
INPUTS = 12  # random images, since of a pool the largest value alone passes on a gradient
POSITIVE = keras.initializers.RandomUniform(0.5, 1.5, seed=0)  # nothing cancels

FIRST = "channels_first"


def conv(axes, **options):
    return getattr(layers, f"Conv{axes}D")(2, 3, padding="same", kernel_initializer=POSITIVE, **options)


def between_convolutions(layer, axes=2):
    """Convolutions before and after show that the layer's own field is carried on."""
    return lambda x: conv(axes)(layer(conv(axes)(x)))


def turned(x):
    return layers.Permute((3, 1, 2))(x)


def merged(merge, *branches):
    return lambda x: conv(2)(merge([branch(x) for branch in branches]))


def squeezed(x):
    weights = layers.Dense(2, "sigmoid")(layers.GlobalAveragePooling2D()(x))
    return layers.Multiply()([x, layers.Reshape((1, 1, 2))(weights)])


def unet(x):
    low = layers.UpSampling2D(2)(conv(2)(layers.AveragePooling2D(2)(conv(2)(x))))
    return conv(2)(layers.Concatenate()([low, conv(2)(x)]))


EXACT = {
    "Conv2D": lambda x: conv(2)(layers.Conv2D(2, (2, 3), (2, 1), "same", kernel_initializer=POSITIVE)(conv(2)(x))),
    "Conv2D dilated": lambda x: conv(2)(conv(2, dilation_rate=(2, 3))(x)),
    "DepthwiseConv2D": between_convolutions(layers.DepthwiseConv2D(4, 2, depthwise_initializer=POSITIVE)),
    "SeparableConv2D": between_convolutions(
        layers.SeparableConv2D(2, 3, depthwise_initializer=POSITIVE, pointwise_initializer=POSITIVE)
    ),
    "Conv2DTranspose": between_convolutions(layers.Conv2DTranspose(2, 3, 2, "same", kernel_initializer=POSITIVE)),
    "Conv2DTranspose 4/3": between_convolutions(layers.Conv2DTranspose(2, 4, 3, kernel_initializer=POSITIVE)),
    "Conv2DTranspose dilated": between_convolutions(
        layers.Conv2DTranspose(2, 3, dilation_rate=2, kernel_initializer=POSITIVE)
    ),
    "Conv2DTranspose with gaps": between_convolutions(
        layers.Conv2DTranspose(2, 2, 3, kernel_initializer=POSITIVE)  # between the kernels values see nothing
    ),
    "Dense": between_convolutions(layers.Dense(2, "relu", kernel_initializer=POSITIVE)),
    "MaxPooling2D": between_convolutions(layers.MaxPooling2D(3, 2)),
    "AveragePooling2D": between_convolutions(layers.AveragePooling2D((2, 3), padding="same")),
    "pooled twice": between_convolutions(lambda x: conv(2)(layers.MaxPooling2D(2)(layers.MaxPooling2D(2)(x)))),
    "GlobalMaxPooling2D": lambda x: layers.GlobalMaxPooling2D()(layers.AveragePooling2D(SIDE, 1, "same")(x)),
    "GlobalAveragePooling2D": lambda x: layers.GlobalAveragePooling2D()(conv(2)(x)),
    "GlobalAveragePooling2D kept": lambda x: layers.Add()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
    "squeezed": squeezed,
    "UpSampling2D": between_convolutions(layers.UpSampling2D((2, 3))),
    "UpSampling2D bilinear": between_convolutions(layers.UpSampling2D((2, 3), interpolation="bilinear")),
    "UpSampling2D of a pool": between_convolutions(lambda x: layers.UpSampling2D(2)(layers.AveragePooling2D(2)(x))),
    "unet": unet,
    "Resizing": between_convolutions(layers.Resizing(20, 45)),
    "Resizing nearest": between_convolutions(layers.Resizing(20, 45, interpolation="nearest")),
    "Flatten": lambda x: layers.Dense(2)(layers.Flatten()(x)),
    "Reshape of all": lambda x: conv(1)(layers.Reshape((SIDE * SIDE, 2))(layers.GroupNormalization(1)(x))),
    "RepeatVector": lambda x: layers.RepeatVector(3)(layers.GlobalAveragePooling2D()(x)),
    "Add": merged(layers.Add(), conv(2), lambda x: x),
    "Average": merged(layers.Average(), conv(2), conv(2, dilation_rate=3)),
    "Subtract": merged(layers.Subtract(), conv(2), lambda x: x),
    "Multiply": merged(layers.Multiply(), conv(2), lambda x: x),
    "Maximum": merged(layers.Maximum(), conv(2), lambda x: x * 9.0),
    "Minimum": merged(layers.Minimum(), conv(2), lambda x: x * 9.0),
    "Concatenate": merged(layers.Concatenate(), conv(2), lambda x: x),
    "Concatenate moved": merged(
        layers.Concatenate(),
        lambda x: layers.ZeroPadding2D(((9, 0), (0, 5)))(x),
        layers.ZeroPadding2D(((0, 9), (5, 0)), name="other"),
    ),
    "Add of strides": merged(
        layers.Add(),
        lambda x: layers.Conv2D(2, 1, 2, kernel_initializer=POSITIVE)(x),
        lambda x: layers.Conv2D(2, 4, 2, "same", kernel_initializer=POSITIVE)(x),
    ),
    "Activation": between_convolutions(layers.Activation("gelu")),
    "Activation softmax": between_convolutions(layers.Activation("softmax")),
    "Softmax": between_convolutions(layers.Softmax()),
    "Softmax over rows": between_convolutions(layers.Softmax(axis=1)),
    "ELU": between_convolutions(layers.ELU()),
    "LeakyReLU": between_convolutions(layers.LeakyReLU()),
    "PReLU": between_convolutions(layers.PReLU(shared_axes=(1, 2))),
    "ReLU": between_convolutions(layers.ReLU()),
    "Identity": between_convolutions(layers.Identity()),
    "Dropout": between_convolutions(layers.Dropout(0.5)),
    "AlphaDropout": between_convolutions(layers.AlphaDropout(0.5)),
    "GaussianDropout": between_convolutions(layers.GaussianDropout(0.5)),
    "GaussianNoise": between_convolutions(layers.GaussianNoise(0.5)),
    "ActivityRegularization": between_convolutions(layers.ActivityRegularization(0.5)),
    "SpatialDropout2D": between_convolutions(layers.SpatialDropout2D(0.5)),
    "ZeroPadding2D": between_convolutions(layers.ZeroPadding2D(((1, 2), (3, 0)))),
    "Cropping2D": between_convolutions(layers.Cropping2D(((1, 2), (3, 0)))),
    "BatchNormalization": between_convolutions(layers.BatchNormalization()),
    "Normalization": between_convolutions(layers.Normalization(mean=0.5, variance=2.0)),
    "Rescaling": between_convolutions(layers.Rescaling(2.0, 1.0)),
    "GroupNormalization": between_convolutions(layers.GroupNormalization(2)),
    "LayerNormalization": between_convolutions(layers.LayerNormalization()),
    "LayerNormalization over columns": between_convolutions(layers.LayerNormalization(axis=[2, 3])),
    "LayerNormalization over places": between_convolutions(layers.LayerNormalization(axis=[1, 2])),
    "RMSNormalization": between_convolutions(layers.RMSNormalization()),
    "UnitNormalization": between_convolutions(layers.UnitNormalization()),
    "UnitNormalization over rows": between_convolutions(layers.UnitNormalization(axis=1)),
    "Permute": lambda x: conv(2)(layers.Permute((2, 3, 1))(turned(conv(2)(x)))),
    "Transpose": lambda x: layers.Dense(2)(ops.transpose(conv(2)(x), (0, 3, 1, 2))),  # over the columns
    "Dense on columns": lambda x: layers.Dense(2)(layers.SpatialDropout2D(0.5, data_format=FIRST)(turned(x))),
    "softmax on columns": lambda x: layers.Activation("softmax")(turned(conv(2)(x))),
    "Divide": between_convolutions(lambda x: ops.divide(x, 2.0 + x)),
    "TrueDivide": between_convolutions(lambda x: x / 2.0),
    "Clip": between_convolutions(lambda x: ops.clip(x, -100, 100)),
    "Relu": between_convolutions(ops.relu),
    "Sigmoid": between_convolutions(lambda x: ops.sigmoid(x / 100.0)),
    "Tanh": between_convolutions(lambda x: ops.tanh(x / 100.0)),
    "Cast": between_convolutions(lambda x: ops.cast(ops.cast(x, "float64"), "float32")),
    "Repeat": between_convolutions(lambda x: ops.repeat(x, 2, axis=-1)),
    "Flip": between_convolutions(lambda x: ops.flip(x, axis=3)),
    "GetItem": between_convolutions(lambda x: x[..., ::-1]),
    "ops.softmax over columns": between_convolutions(lambda x: ops.softmax(x, axis=2)),
    "Mean": lambda x: layers.Dense(2)(ops.mean(conv(2)(x), axis=[1, 2])),
    "Max": lambda x: x + ops.max(layers.AveragePooling2D(SIDE, 1, "same")(x), axis=(1, 2), keepdims=True),
    "Min": lambda x: x + ops.min(layers.AveragePooling2D(SIDE, 1, "same")(x), axis=(1, 2), keepdims=True),
    "Sum over rows": lambda x: x * ops.sum(x, axis=1, keepdims=True),
    "Prod": lambda x: x + ops.prod(x, axis=1, keepdims=True),
    "Std": between_convolutions(lambda x: x / ops.std(x, axis=(1, 2), keepdims=True)),
    "Var over channels": between_convolutions(lambda x: x - ops.var(x, axis=-1, keepdims=True)),
    # On one axis, and on three
    "Conv1D causal": lambda x: conv(1)(layers.Conv1D(2, 3, padding="causal", kernel_initializer=POSITIVE)(x)),
    "DepthwiseConv1D": between_convolutions(layers.DepthwiseConv1D(3, depthwise_initializer=POSITIVE), 1),
    "SeparableConv1D": between_convolutions(
        layers.SeparableConv1D(2, 3, depthwise_initializer=POSITIVE, pointwise_initializer=POSITIVE), 1
    ),
    "Conv1DTranspose": between_convolutions(layers.Conv1DTranspose(2, 3, 2, kernel_initializer=POSITIVE), 1),
    "MaxPooling1D": between_convolutions(layers.MaxPooling1D(2), 1),
    "AveragePooling1D": between_convolutions(layers.AveragePooling1D(3), 1),
    "GlobalMaxPooling1D": lambda x: layers.GlobalMaxPooling1D()(layers.AveragePooling1D(SIDE, 1, "same")(x)),
    "GlobalAveragePooling1D": lambda x: layers.GlobalAveragePooling1D()(conv(1)(x)),
    "UpSampling1D": between_convolutions(layers.UpSampling1D(3), 1),
    "SpatialDropout1D": between_convolutions(layers.SpatialDropout1D(0.5), 1),
    "ZeroPadding1D": between_convolutions(layers.ZeroPadding1D((2, 1)), 1),
    "Cropping1D": between_convolutions(layers.Cropping1D((2, 1)), 1),
    "Conv3D": lambda x: conv(3)(conv(3)(x)),
    "Conv3DTranspose": between_convolutions(layers.Conv3DTranspose(2, 3, 2, kernel_initializer=POSITIVE), 3),
    "MaxPooling3D": lambda x: layers.MaxPooling3D(2)(conv(3)(x)),
    "AveragePooling3D": lambda x: layers.AveragePooling3D(2, 1)(conv(3)(x)),
    "GlobalMaxPooling3D": lambda x: layers.GlobalMaxPooling3D()(layers.AveragePooling3D(SMALL_SIDE, 1, "same")(x)),
    "GlobalAveragePooling3D": lambda x: layers.GlobalAveragePooling3D()(x),
    "UpSampling3D": between_convolutions(layers.UpSampling3D(2), 3),
    "SpatialDropout3D": lambda x: layers.SpatialDropout3D(0.5)(conv(3)(x)),
    "ZeroPadding3D": lambda x: layers.ZeroPadding3D(1)(conv(3)(x)),
    "Cropping3D": lambda x: layers.Cropping3D(1)(conv(3)(x)),
}

TURNED = {"Transpose", "Dense on columns", "softmax on columns"}  # their last layers have the channels first

# What sees all that there is counts as seeing all of the image, also where a part of that is cut off before
EXACT |= {
    "LocalResponseNormalization": between_convolutions(own.LocalResponseNormalization()),
    "ChannelShuffle": between_convolutions(own.ChannelShuffle(2)),
    "ChannelSlice": between_convolutions(own.ChannelSlice(0, 1)),
    "ZeroChannels": between_convolutions(own.ZeroChannels(2)),
    "CeilAveragePooling2D": between_convolutions(own.CeilAveragePooling2D(3, 2)),
    "AdaptiveAveragePooling": between_convolutions(own.AdaptiveAveragePooling(7)),
    "AdaptiveAveragePooling to more": between_convolutions(own.AdaptiveAveragePooling(40)),
    "TableConv2D": between_convolutions(own.TableConv2D([[0], [0, 1]], 5, kernel_initializer=POSITIVE)),
    "RadialBasisFunctions": lambda x: own.RadialBasisFunctions([[0.0, 1.0]])(
        layers.GlobalAveragePooling2D()(conv(2)(x))
    ),
}

AT_LEAST = {
    "GlobalAveragePooling2D of a part": lambda x: layers.GlobalAveragePooling2D()(layers.Cropping2D(5)(x)),
    "Flatten of a part": lambda x: layers.Dense(1)(layers.Flatten()(layers.Conv2D(1, 2, 4)(x))),
    "LayerNormalization of a part": lambda x: layers.LayerNormalization(axis=1)(layers.Cropping2D(5)(x)),
}

UNKNOWN = {
    "UpSampling2D bicubic": between_convolutions(layers.UpSampling2D(2, interpolation="bicubic")),
    "Resizing antialias": between_convolutions(layers.Resizing(20, 20, antialias=True)),
    "CenterCrop": between_convolutions(layers.CenterCrop(20, 20)),
    "RandomFlip": between_convolutions(layers.RandomFlip()),
    "Reshape": between_convolutions(layers.Reshape((SIDE, SIDE, 2))),
    "Permute sides": between_convolutions(layers.Permute((2, 1, 3))),
    "Transpose sides": between_convolutions(lambda x: ops.transpose(x, (0, 2, 1, 3))),
    "Flip of rows": between_convolutions(lambda x: ops.flip(x, axis=1)),
    "Flip of all": between_convolutions(lambda x: ops.flip(x)),
    "GetItem of rows": between_convolutions(lambda x: x[:, 2:]),
    "GetItem of a turned image": between_convolutions(lambda x: x[:, :, ::-1]),
    "Repeat of rows": between_convolutions(lambda x: ops.repeat(x, 2, axis=1)),
    "ops.average of rows": lambda x: ops.average(x, axis=1),
    "Sum of rows": lambda x: ops.sum(x, axis=1),
    "Concatenate of rows": merged(layers.Concatenate(axis=1), conv(2), lambda x: x),
    "Add of other strides": merged(layers.Add(), lambda x: ops.mean(x, axis=1, keepdims=True)[:, :, :1], conv(2)),
    "Lambda": between_convolutions(layers.Lambda(lambda x: x - ops.mean(x, axis=1, keepdims=True))),
    "an activation of one's own": lambda x: conv(2, activation=lambda y: y - ops.mean(y, axis=1, keepdims=True))(x),
    "attention": lambda x: layers.MultiHeadAttention(1, 2)(x, x),
    "another order": lambda x: conv(2)(layers.MaxPooling2D(2, data_format=FIRST)(conv(2)(x))),
}


def model_of(name, build):
    axes = next((axes for axes in (1, 3) if f"{axes}D" in name), 2)
    inputs = keras.Input((*[SMALL_SIDE if axes == 3 else SIDE] * axes, 2))
    return keras.Model(inputs, build(inputs))


def reached(model, spatial_axes):
    """Return how far apart the outermost pixels lie on which a value around the middle depends."""
    places = [0] if len(model.output_shape) == 2 else PLACES
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(0.2, 1, (INPUTS * len(places), *model.input_shape[1:])), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = model(images, training=False)
        asked = np.zeros(values.shape, np.float32)
        for number, offset in enumerate(list(places) * INPUTS):
            place = [side // 2 + min(max(offset, -(side // 2)), side // 2 - 1) for side in values.shape[1:]]
            channels = [slice(None) if axis not in spatial_axes else place[axis] for axis in range(len(place))]
            weights = rng.uniform(0.5, 1.5, values.shape[1:])
            asked[(number, *channels)] = weights[tuple(channels)]
        value = tf.reduce_sum(values * asked)
    gradients = np.abs(tape.gradient(value, images).numpy()).max(axis=-1)
    gradients = gradients.reshape(INPUTS, len(places), *gradients.shape[1:]).max(axis=0)
    sizes = []
    for axis in range(1, gradients.ndim):
        others = tuple(other for other in range(1, gradients.ndim) if other != axis)
        arrives = gradients.max(axis=others) > 0 if others else gradients > 0
        sizes.append(max(np.ptp(np.flatnonzero(row)) + 1 for row in arrives if row.any()))
    return tuple(sizes)


def spatial_axes_of(name, model):
    """Which axes of the output are places."""
    output = model.output_shape[1:]
    if len(output) != len(model.input_shape) - 1:
        return ()
    return tuple(range(1, len(output))) if name in TURNED else tuple(range(len(output) - 1))


@pytest.mark.parametrize("name", EXACT)
def test_the_receptive_field_is_how_far_gradients_reach(name):
    model = model_of(name, EXACT[name])
    assert layer_table(model).rows[-1].receptive_field == reached(model, spatial_axes_of(name, model))


@pytest.mark.parametrize("name", AT_LEAST)
def test_a_receptive_field_is_never_smaller_than_what_gradients_reach(name):
    model = model_of(name, AT_LEAST[name])
    told, arrives = layer_table(model).rows[-1].receptive_field, reached(model, spatial_axes_of(name, model))
    assert all(np.greater_equal(told, arrives))


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_not_told(name):
    assert layer_table(model_of(name, UNKNOWN[name])).rows[-1].receptive_field is None


def test_every_kind_of_layer_is_compared():
    compared = {
        row.type
        for cases in (EXACT, AT_LEAST, UNKNOWN)
        for name in cases
        for row in layer_table(model_of(name, cases[name])).rows
    }
    not_compared = {f"Random{each}" for each in ("Crop", "Brightness", "Contrast", "Rotation", "Translation", "Zoom")}
    not_compared |= {
        f"Adaptive{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3)
    }  # of Keras 3.15
    others = {"LayerScale", "StochasticDepth", "SeparableConv3D", "DepthwiseConv3D"}  # of keras.applications, or none
    assert frozenset().union(*KINDS.values()) - compared - not_compared == others
