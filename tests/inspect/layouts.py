"""The same network twice: with the channels last, and with the channels first."""

import keras
import numpy as np

layers = keras.layers


def network(order, activation="softmax", size=(32, 24)):
    """A small classifier of images with three channels; its weights depend on the seed alone."""
    keras.utils.set_random_seed(0)
    axis = 1 if order == "channels_first" else -1
    inputs = keras.Input((3, *size) if order == "channels_first" else (*size, 3))
    x = layers.Conv2D(8, (3, 5), strides=(1, 2), data_format=order, name="conv1")(inputs)
    x = layers.BatchNormalization(axis=axis, name="norm")(x)
    x = layers.Activation("relu", name="relu")(x)
    x = layers.MaxPooling2D(2, data_format=order, name="pool")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", data_format=order, name="conv2")(x)
    x = layers.GlobalAveragePooling2D(data_format=order, name="mean")(x)
    return keras.Model(inputs, layers.Dense(5, activation, name="top")(x))


def both():
    """The two networks, with the same weights, and images for the one with the channels last."""
    last, first = network("channels_last"), network("channels_first")
    first.set_weights(last.get_weights())
    return last, first, np.random.default_rng(1).random((3, 32, 24, 3), dtype=np.float32)


def turned(images):
    """Images with the channels last as images with the channels first."""
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))
