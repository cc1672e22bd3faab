"""Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998: Gradient-based learning applied to document recognition.

The layers follow section II.B and figure 2.
"""

import os

import keras

from cnnzoo.models.building import (
    InputShape,
    chain,
    check_input_shape,
    dense,
    initializer_for_one_layer,
)
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.models.weights import classes_for, load_weights

INPUT_SHAPE = (32, 32, 1)  # Figure 2: 28 x 28 digits in a 32 x 32 field
SMALLEST_SIZE = 32  # leaves the 5 x 5 pixels that C5 covers


def lenet5(
    *,
    num_classes: int | None = None,
    input_shape: InputShape = INPUT_SHAPE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "lenet5",
) -> keras.Model:
    """Build LeNet-5, as it is taught today.

    Three 5 x 5 convolutions with average pooling between them, then two dense layers: 61,706 parameters and 416,520
    multiply-accumulates for a 32 x 32 image and 10 classes.

    **Deviations from the paper:**

    - ReLU where the paper has a scaled tanh
    - C3 sees all six maps of S2, where the paper connects them by a table
    - S2 and S4 average, without the trainable coefficient and bias of the paper
    - a dense softmax output where the paper has Euclidean radial basis functions
    - He initialisation, where the paper draws uniformly from 2.4 / fan-in on either side of zero

    Args:
        num_classes: Number of classes, at least 1; None takes as many as ``weights`` have, else 10. Unused when
            ``include_top=False``.
        input_shape: Height, width and channels of an image, in pixels; height and width at least 32, or None when
            ``include_top=False``.
        kernel_initializer: Keras initializer of all kernels; each layer gets a copy of its own.
        classifier_activation: Activation of the output layer; None gives logits.
        include_top: Whether F6 and the output follow the convolutions.
        weights: "mnist" for the weights that ship with the package, see ``docs/models``; or a local file
            (``.weights.h5``, ``.keras`` or ``.h5``) saved from the same network; None initialises.
        name: Name of the model.

    Returns:
        A functional model that takes float images in [0, 1] of shape (n, height, width, channels) and gives float32
        class probabilities (logits when ``classifier_activation=None``) of shape (n, num_classes), or the maps of C5
        when ``include_top=False``.

    Raises:
        ValueError: An argument is out of range, ``input_shape`` is too small, or ``weights`` does not fit.
        FileNotFoundError: ``weights`` names no file.

    Reference:
        https://doi.org/10.1109/5.726791

    >>> lenet5().count_params()
    61706
    """
    num_classes = classes_for(MODEL_CARDS["lenet5"], num_classes, weights)
    input_shape = check_input_shape(input_shape, smallest=SMALLEST_SIZE, include_top=include_top)

    layers = _convolutions(kernel_initializer)
    if include_top:
        layers += _classifier(num_classes, kernel_initializer, classifier_activation)
    model = chain(input_shape, layers, name)
    load_weights(model, MODEL_CARDS["lenet5"], weights)
    return model


def _convolutions(kernel_initializer: str | keras.initializers.Initializer) -> list[keras.Layer]:
    def convolution(filters: int, name: str) -> keras.Layer:
        kernel = initializer_for_one_layer(kernel_initializer)
        return keras.layers.Conv2D(filters, 5, activation="relu", kernel_initializer=kernel, name=name)

    return [
        convolution(6, "c1"),  # (28, 28, 6)
        keras.layers.AveragePooling2D(2, name="s2"),  # (14, 14, 6)
        convolution(16, "c3"),  # (10, 10, 16)
        keras.layers.AveragePooling2D(2, name="s4"),  # (5, 5, 16)
        convolution(120, "c5"),  # (1, 1, 120)
    ]


def _classifier(
    num_classes: int, kernel_initializer: str | keras.initializers.Initializer, classifier_activation: str | None
) -> list[keras.Layer]:
    return [
        keras.layers.Flatten(name="flatten"),
        dense(84, "f6", "relu", kernel_initializer),
        dense(num_classes, "output", classifier_activation, kernel_initializer, dtype="float32"),
    ]
