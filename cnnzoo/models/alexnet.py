"""A. Krizhevsky, I. Sutskever, G. E. Hinton, 2012: ImageNet classification with deep convolutional neural networks.

The layers follow section 3.5 and figure 2, in a compact form.
"""

from __future__ import annotations

import os

from cnnzoo._support.arguments import check_number
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard, Paper

PAPER = Paper(
    family="alexnet",
    title="ImageNet classification with deep convolutional neural networks",
    authors=("A. Krizhevsky", "I. Sutskever", "G. E. Hinton"),
    year=2012,
    reference="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    input_shape=(224, 224, 3),  # Section 3.5
    smallest_size=163,  # leaves one pixel after the last pooling
    deviations=(
        "one tower, where the paper splits the maps over two GPUs",
        "no local response normalisation",
        "no padding in any convolution",
        "no pooling after the first convolution, but one after the third",
        "1,024 values enter the first dense layer, where the paper has 9,216",
        "images in [0, 1], where the paper takes those of 0 to 255, less the mean image of the training set",
        "dropout scales up what it keeps in training, where the paper halves all outputs in testing",
        "He initialisation and zero biases, where the paper has a standard deviation of 0.01, and ones for some biases",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2010", "ILSVRC-2012", "ImageNet Fall 2009"),
)

UNITS = 4096  # Section 3.5
DROPOUT_RATE = 0.5  # Section 4.2


def _alexnet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "alexnet",
) -> keras.Model:
    """Build the compact, single-tower AlexNet.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)

    def convolution(filters: int, kernel_size: int, name: str, strides: int = 1) -> keras.Layer:
        return keras.layers.Conv2D(
            filters, kernel_size, strides, activation="relu", kernel_initializer=kernel(), name=layer(name)
        )

    def overlapping_pool(name: str) -> keras.Layer:
        return keras.layers.MaxPooling2D(3, strides=2, name=layer(name))

    inputs = keras.Input(input_shape, name=layer("input"))
    x = convolution(96, 11, "conv1", strides=4)(inputs)  # (54, 54, 96)
    x = overlapping_pool("pool2")(convolution(256, 5, "conv2")(x))  # (24, 24, 256)
    x = overlapping_pool("pool3")(convolution(384, 3, "conv3")(x))  # (10, 10, 384)
    x = convolution(384, 3, "conv4")(x)  # (8, 8, 384)
    x = overlapping_pool("pool5")(convolution(256, 3, "conv5")(x))  # (2, 2, 256)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)  # 1,024
        for number in (1, 2):
            x = keras.layers.Dense(UNITS, "relu", kernel_initializer=kernel(), name=layer(f"fc{number}"))(x)
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {"alexnet": PAPER.card("alexnet", "AlexNet (compact)", params=24_767_882, macs=2_203_626_624)}

alexnet = variant(
    _alexnet,
    CARDS["alexnet"],
    "The compact AlexNet in a single tower: five convolutions, three overlapping poolings, three dense layers",
)
