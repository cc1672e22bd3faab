"""K. Simonyan, A. Zisserman, 2015: Very deep convolutional networks for large-scale image recognition.

The layers follow table 1; they carry the names of ``keras.applications``, so weights move by name.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from cnnzoo._keras.preprocessing import preprocessed, preprocessed_grey
from cnnzoo._support.arguments import check_number
from cnnzoo.models.building import (
    InputShape,
    chain,
    check_input_shape,
    dense,
    initializer_for_one_layer,
)
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.models.keras_applications import IMAGENET
from cnnzoo.models.weights import classes_for, load_weights

INPUT_SHAPE = (224, 224, 3)  # Section 2.1
DROPOUT_RATE = 0.5  # Section 3.1
WEIGHT_DECAY = 5e-4  # Section 3.1
SMALLEST_SIZE = 32  # leaves one pixel after the five poolings

# Table 1, column E: how many convolutions of how many filters make each block
BLOCKS_E = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))


def vgg19(
    *,
    num_classes: int | None = None,
    input_shape: InputShape = INPUT_SHAPE,
    dropout_rate: float = DROPOUT_RATE,
    weight_decay: float = WEIGHT_DECAY,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    preprocess: bool | None = None,
    name: str = "vgg19",
) -> keras.Model:
    """Build VGG19, the paper's network E.

    Sixteen 3 x 3 convolutions in five blocks, three dense layers: 139,611,210 parameters and 19,628,007,424
    multiply-accumulates for a 224 x 224 image and 10 classes.

    **Deviations from the paper:**

    - weight decay on the convolutions only, by default twice as strong as the paper's: see `weight_decay`
    - He initialisation, where the paper starts from its network A
    - 10 classes by default, where the paper has 1,000

    Args:
        num_classes: Number of classes, at least 1; None takes as many as ``weights`` have, else 10. Unused when
            ``include_top=False``.
        input_shape: Height, width and channels of an image, in pixels; height and width at least 32, or None when
            ``include_top=False``.
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
        weight_decay: Factor w of ``keras.regularizers.L2`` on the convolutions' kernels, at least 0; 0 leaves it out.
            Keras adds w times the sum of squares to the loss, a gradient of 2 w W, where the paper means w W: so
            5e-4 here equals 1e-3 in the paper's terms, and the paper's 5e-4 is ``weight_decay=2.5e-4``. It is not the
            decoupled ``weight_decay`` of an optimiser.
        kernel_initializer: Keras initializer of all kernels; each layer gets a copy of its own.
        classifier_activation: Activation of the output layer; None gives logits.
        include_top: Whether the dense layers follow the convolutions.
        weights: "imagenet" starts the convolutions, by name, from those of ``keras.applications.VGG19`` (80 MB, from
            Keras' cache or downloaded there), and leaves the dense layers as initialised. A local file
            (``.weights.h5``, ``.keras`` or ``.h5``) gives all weights, or where it holds the convolutions only, those.
            None initialises. With an ``input_shape`` of one channel, the first kernels of ImageNet's convolutions, or
            of a file of convolutions on three channels, are summed.
        preprocess: Whether the graph turns images in [0, 1] into what the convolutions of Keras Applications take, RGB
            or grey; None does so with ``weights="imagenet"``. Give True for a local copy of those.
        name: Name of the model.

    Returns:
        A functional model that takes float images in [0, 1] of shape (n, height, width, channels) and gives float32
        class probabilities (logits when ``classifier_activation=None``) of shape (n, num_classes), or the last pooled
        maps when ``include_top=False``.

    Raises:
        ValueError: An argument is out of range, ``input_shape`` is too small, or ``weights`` does not fit.
        FileNotFoundError: ``weights`` names no file.
        ConnectionError: The ImageNet weights are not in the cache and cannot be downloaded.

    Reference:
        https://arxiv.org/abs/1409.1556

    >>> vgg19(include_top=False, kernel_initializer="zeros").count_params()
    20024384
    """
    num_classes = classes_for(MODEL_CARDS["vgg19"], num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    weight_decay = check_number("weight_decay", weight_decay, "[0, inf)")
    input_shape = check_input_shape(input_shape, smallest=SMALLEST_SIZE, include_top=include_top)

    imagenet = weights == IMAGENET
    preprocess = imagenet if preprocess is None else preprocess
    if (imagenet or preprocess) and input_shape[2] not in (1, 3):
        raise ValueError(
            f"ImageNet weights and preprocessing take 1 or 3 channels. Received: input_shape={input_shape}"
        )
    layers: list[Callable[[Any], Any]] = [_preprocessing(input_shape)] if preprocess else []
    layers += _convolutions(weight_decay, kernel_initializer)
    if include_top:
        layers += _classifier(num_classes, dropout_rate, kernel_initializer, classifier_activation)
    model = chain(input_shape, layers, name)
    load_weights(model, MODEL_CARDS["vgg19"], weights)
    return model


def _preprocessing(input_shape: InputShape) -> Callable[[Any], Any]:
    return preprocessed_grey if input_shape[2] == 1 else partial(preprocessed, mode="caffe", scale="unit")


def _convolutions(weight_decay: float, kernel_initializer: str | keras.initializers.Initializer) -> list[keras.Layer]:
    layers: list[keras.Layer] = []
    for block, (convolutions, filters) in enumerate(BLOCKS_E, start=1):
        for convolution in range(1, convolutions + 1):
            layers.append(
                keras.layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    activation="relu",
                    kernel_initializer=initializer_for_one_layer(kernel_initializer),
                    kernel_regularizer=keras.regularizers.L2(weight_decay) if weight_decay else None,
                    name=f"block{block}_conv{convolution}",
                )
            )
        layers.append(keras.layers.MaxPooling2D(2, name=f"block{block}_pool"))
    return layers


def _classifier(
    num_classes: int,
    dropout_rate: float,
    kernel_initializer: str | keras.initializers.Initializer,
    classifier_activation: str | None,
) -> list[keras.Layer]:
    return [
        keras.layers.Flatten(name="flatten"),  # 25,088
        dense(4096, "fc1", "relu", kernel_initializer),
        keras.layers.Dropout(dropout_rate, name="dropout1"),
        dense(4096, "fc2", "relu", kernel_initializer),
        keras.layers.Dropout(dropout_rate, name="dropout2"),
        dense(num_classes, "predictions", classifier_activation, kernel_initializer, dtype="float32"),
    ]
