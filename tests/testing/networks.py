"""Small networks, as they should be and in ways that they should not."""

import keras

L = keras.layers


@keras.saving.register_keras_serializable("tests")
class Stopped(keras.layers.Layer):
    """Lets no gradient pass."""

    def call(self, inputs):
        return keras.ops.stop_gradient(inputs)


@keras.saving.register_keras_serializable("tests")
class Broken(keras.layers.Layer):
    """Divides by zero."""

    def call(self, inputs):
        return inputs / keras.ops.zeros_like(inputs)


class Unregistered(keras.layers.Layer):
    """Is not known to Keras, as it is not where its module says."""

    def call(self, inputs):
        return inputs


Unregistered.__module__ = "nowhere"


def small(*, activation="softmax", units=3, size=3, first="c1", dtype=None, shape=(12, 12, 1), between=(), pool=True):
    """A convolution that has a name, layers that have none, and a dense layer."""
    images = keras.Input(shape)
    maps = L.Conv2D(4, size, padding="same", activation="relu", name=first, dtype=dtype)(images)
    for layer in (L.BatchNormalization(), *between):
        maps = layer(maps)
    vectors = (L.GlobalAveragePooling2D() if pool else L.Flatten())(maps)
    scores = L.Dense(units, activation, name="out", dtype="float32")(vectors)
    return keras.Model(images, scores, name="small")
