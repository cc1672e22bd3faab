"""A. Krizhevsky, 2014: One weird trick for parallelizing convolutional neural networks.

The layers are those of torchvision's ``alexnet``: the network of 2012 in a single tower. Its fourth convolution has
256 filters, as in the author's file for one GPU, where footnote 1 of the paper has 384. With 256 there are 0.2 % more
parameters than in 2012, as the paper says; with 384 there would be 1.4 % more.
"""

from __future__ import annotations

import os

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models.alexnet import DROPOUT_RATE, UNITS
from cnnzoo.models.cards import Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="alexnet",
    title="One weird trick for parallelizing convolutional neural networks",
    authors=("A. Krizhevsky",),
    year=2014,
    reference="https://arxiv.org/abs/1404.5997",
    input_shape=(224, 224, 3),  # As in 2012; padded by 2, it gives the sizes of the maps of 2012
    smallest_size=63,  # leaves one pixel after the last pooling
    deviations=(
        "256 filters in the fourth convolution, as in torchvision, where footnote 1 has 384",
        "no response normalisation, which the paper doesn't name among its differences from 2012",
        "softmax over the classes, where the paper has independent logistic units",
        "dropout before each hidden dense layer, as in torchvision, where the network of 2012 has it after",
        "the last maps are averaged to 6 x 6, as in torchvision: nothing changes at 224 x 224, and other sizes fit",
        "images in [0, 1], where the network of 2012 takes those of 0 to 255, less the mean image of the training set",
        "He initialisation and zero biases, where the network of 2012 has a standard deviation of 0.01, and ones for "
        "some biases",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012",),
)

POOLED_SIZE = 6  # Of the last maps, before the dense layers


def _alexnet_2014(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "alexnet_2014",
) -> keras.Model:
    """Build the AlexNet of a single tower.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout before each hidden dense layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    def convolution(
        x: keras.KerasTensor, filters: int, size: int, strides: int, name: str, padding: int
    ) -> keras.KerasTensor:
        return make.activation(make.convolution(x, filters, size, strides, name=name, padding=padding), name)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = convolution(x, 64, 11, 4, "conv1", padding=2)  # (55, 55, 64)
    x = make.max_pool(x, 3, 2, name="pool1")  # (27, 27, 64)
    x = convolution(x, 192, 5, 1, "conv2", padding=2)  # (27, 27, 192)
    x = make.max_pool(x, 3, 2, name="pool2")  # (13, 13, 192)
    x = convolution(x, 384, 3, 1, "conv3", padding=1)  # (13, 13, 384)
    x = convolution(x, 256, 3, 1, "conv4", padding=1)  # (13, 13, 256)
    x = convolution(x, 256, 3, 1, "conv5", padding=1)  # (13, 13, 256)
    x = make.max_pool(x, 3, 2, name="pool5")  # (6, 6, 256)
    if include_top:
        x = layers.AdaptiveAveragePooling(POOLED_SIZE, name=layer("avgpool"))(x)  # (6, 6, 256)
        x = keras.layers.Flatten(name=layer("flatten"))(x)  # 9,216
        for number in (1, 2):
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
            x = keras.layers.Dense(UNITS, kernel_initializer=kernel(), name=layer(f"fc{number}"))(x)
            x = make.activation(x, f"fc{number}")
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    convolutions = {f"conv{number}": f"features.{place}" for number, place in enumerate((0, 3, 6, 8, 10), start=1)}
    return {**convolutions, "fc1": "classifier.1", "fc2": "classifier.4", "predictions": "classifier.6"}[layer]


CARDS = {
    "alexnet_2014": PAPER.card(
        "alexnet_2014",
        "AlexNet (2014)",
        params=57_044_810,
        macs=710_133_440,
        torchvision=Counterpart("alexnet", _torchvision_module),
    )
}

alexnet_2014 = variant(
    _alexnet_2014,
    CARDS["alexnet_2014"],
    "The AlexNet of a single tower, torchvision's: five convolutions, three overlapping poolings, three dense layers",
)
