"""A. Krizhevsky, I. Sutskever, G. E. Hinton, 2012: ImageNet classification with deep convolutional neural networks.

The layers follow section 3.5 and figure 2, in the compact form that courses use.
"""

import os

import keras

from cnnzoo._support.arguments import check_number
from cnnzoo.models.building import (
    InputShape,
    chain,
    check_input_shape,
    dense,
    initializer_for_one_layer,
)
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.models.weights import classes_for, load_weights

INPUT_SHAPE = (224, 224, 3)  # Section 2
DROPOUT_RATE = 0.5  # Section 4.2
SMALLEST_SIZE = 163  # leaves one pixel after the last pooling


def alexnet(
    *,
    num_classes: int | None = None,
    input_shape: InputShape = INPUT_SHAPE,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "alexnet",
) -> keras.Model:
    """Build the compact, single-tower AlexNet.

    Five convolutions, three overlapping poolings, three dense layers: 24,767,882 parameters and 2,203,626,624
    multiply-accumulates for a 224 x 224 image and 10 classes.

    **Deviations from the paper:**

    - one tower, where the paper splits the maps over two GPUs
    - no local response normalisation
    - no padding in any convolution
    - no pooling after the first convolution, but one after the third
    - 1,024 values enter the first dense layer, where the paper has 9,216
    - He initialisation and zero biases, where the paper has N(0, 0.01), and ones for some biases
    - 10 classes by default, where the paper has 1,000

    Args:
        num_classes: Number of classes, at least 1; None takes as many as ``weights`` have, else 10. Unused when
            ``include_top=False``.
        input_shape: Height, width and channels of an image, in pixels; height and width at least 163, or None when
            ``include_top=False``.
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
        kernel_initializer: Keras initializer of all kernels; each layer gets a copy of its own.
        classifier_activation: Activation of the output layer; None gives logits.
        include_top: Whether the dense layers follow the convolutions.
        weights: Local file (``.weights.h5``, ``.keras`` or ``.h5``) saved from the same network; None initialises.
        name: Name of the model.

    Returns:
        A functional model that takes float images in [0, 1] of shape (n, height, width, channels) and gives float32
        class probabilities (logits when ``classifier_activation=None``) of shape (n, num_classes), or the last pooled
        maps when ``include_top=False``.

    Raises:
        ValueError: An argument is out of range, ``input_shape`` is too small, or ``weights`` does not fit.
        FileNotFoundError: ``weights`` names no file.

    Reference:
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    >>> alexnet(kernel_initializer="zeros").count_params()
    24767882
    """
    num_classes = classes_for(MODEL_CARDS["alexnet"], num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = check_input_shape(input_shape, smallest=SMALLEST_SIZE, include_top=include_top)

    layers = _convolutions(kernel_initializer)
    if include_top:
        layers += _classifier(num_classes, dropout_rate, kernel_initializer, classifier_activation)
    model = chain(input_shape, layers, name)
    load_weights(model, MODEL_CARDS["alexnet"], weights)
    return model


def _convolutions(kernel_initializer: str | keras.initializers.Initializer) -> list[keras.Layer]:
    def convolution(filters: int, kernel_size: int, name: str, strides: int = 1) -> keras.Layer:
        kernel = initializer_for_one_layer(kernel_initializer)
        return keras.layers.Conv2D(
            filters, kernel_size, strides, activation="relu", kernel_initializer=kernel, name=name
        )

    def overlapping_pool(name: str) -> keras.Layer:
        return keras.layers.MaxPooling2D(3, strides=2, name=name)

    return [
        convolution(96, 11, "conv1", strides=4),  # (54, 54, 96)
        convolution(256, 5, "conv2"),  # (50, 50, 256)
        overlapping_pool("pool2"),  # (24, 24, 256)
        convolution(384, 3, "conv3"),  # (22, 22, 384)
        overlapping_pool("pool3"),  # (10, 10, 384)
        convolution(384, 3, "conv4"),  # (8, 8, 384)
        convolution(256, 3, "conv5"),  # (6, 6, 256)
        overlapping_pool("pool5"),  # (2, 2, 256)
    ]


def _classifier(
    num_classes: int,
    dropout_rate: float,
    kernel_initializer: str | keras.initializers.Initializer,
    classifier_activation: str | None,
) -> list[keras.Layer]:
    return [
        keras.layers.Flatten(name="flatten"),  # 1,024
        dense(4096, "fc1", "relu", kernel_initializer),
        keras.layers.Dropout(dropout_rate, name="dropout1"),
        dense(4096, "fc2", "relu", kernel_initializer),
        keras.layers.Dropout(dropout_rate, name="dropout2"),
        dense(num_classes, "predictions", classifier_activation, kernel_initializer, dtype="float32"),
    ]
