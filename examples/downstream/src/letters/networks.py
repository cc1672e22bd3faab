"""Four ways to make a network of one's own."""

import keras

import cnnzoo

LETTERS = 26


def as_taught() -> keras.Model:
    """LeNet-5's convolutions, trained on digits, with a head of our own."""
    backbone = cnnzoo.models.lenet5(weights="mnist", include_top=False)
    vectors = keras.layers.Flatten(name="flat")(backbone.output)
    hidden = keras.layers.Dense(84, "relu", name="hidden")(vectors)
    scores = keras.layers.Dense(LETTERS, "softmax", dtype="float32", name="letter")(hidden)
    return keras.Model(backbone.inputs[0], scores, name="as_taught")


def frozen_backbone() -> keras.Model:
    """The same convolutions, which stay as they are, with cnnzoo's head."""
    model = cnnzoo.with_head(cnnzoo.backbone("lenet5"), LETTERS)
    cnnzoo.freeze(model, "c5")
    return model


def joined() -> keras.Model:
    """Two networks, each for an image, and the probability that both show the same letter."""
    left, right = (cnnzoo.models.lenet5(include_top=False, name=side) for side in ("left", "right"))
    both = keras.layers.Concatenate(name="both")([left.output, right.output])
    vectors = keras.layers.GlobalAveragePooling2D(name="pooled")(both)
    same = keras.layers.Dense(1, "sigmoid", dtype="float32", name="same")(vectors)
    return keras.Model([left.inputs[0], right.inputs[0]], same, name="joined")


def strokes() -> keras.Model:
    """The maps that LeNet-5 makes of an image, for a program that looks at them."""
    return cnnzoo.inspect.features(cnnzoo.models.lenet5(weights="mnist"), "c3")
