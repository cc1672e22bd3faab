"""M. D. Zeiler, R. Fergus, 2013: Visualizing and understanding convolutional networks.

The layers follow figure 3, and row (b) of table 2. The paper gives the sizes of the maps and no padding; here it is
what leads to those: a pixel around the images, and poolings whose last window may lie partly outside.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard, Paper

PAPER = Paper(
    family="zfnet",
    title="Visualizing and understanding convolutional networks",
    authors=("M. D. Zeiler", "R. Fergus"),
    year=2013,
    reference="https://arxiv.org/abs/1311.2901",
    input_shape=(224, 224, 3),  # Figure 3
    smallest_size=63,  # leaves one pixel after the last pooling
    deviations=(
        "contrast is normalised as by Krizhevsky et al., 2012, with their constants: the paper gives none",
        "images in [0, 1], where the paper takes those of 0 to 255, less the mean image of the training set",
        "no bound on the filters' root mean square, which the paper keeps within 0.1 in training",
        "He initialisation, where the paper says that all weights start at 0.01",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "Caltech-101", "Caltech-256", "PASCAL VOC 2012"),
)

UNITS = 4096  # Figure 3
DROPOUT_RATE = 0.5  # Section 3


class Row(NamedTuple):
    """A network: the filters of its third to fifth convolution; counted for 10 classes."""

    source: str
    title: str
    filters: tuple[int, int, int]
    params: int
    macs: int


TABLE = {
    "zfnet": Row("figure 3", "ZFNet", (384, 384, 256), 58_301_578, 1_163_977_856),
    "zfnet_512": Row("row (b) of table 2", "ZFNet (b)", (512, 1024, 512), 103_571_594, 2_472_649_856),
}


def _zfnet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "zfnet",
) -> keras.Model:
    """Build a network of the paper.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = make.convolution(inputs, 96, 7, 2, name="conv1", padding=1, activation="relu")  # (110, 110, 96)
    x = make.max_pool(x, 3, 2, name="pool1", ceil=True)  # (55, 55, 96)
    x = layers.LocalResponseNormalization(name=layer("norm1"))(x)
    x = make.convolution(x, 256, 5, 2, name="conv2", padding=0, activation="relu")  # (26, 26, 256)
    x = make.max_pool(x, 3, 2, name="pool2", ceil=True)  # (13, 13, 256)
    x = layers.LocalResponseNormalization(name=layer("norm2"))(x)
    for number, filters in enumerate(TABLE[card.name].filters, start=3):
        x = make.convolution(x, filters, 3, name=f"conv{number}", activation="relu")  # (13, 13, filters)
    x = make.max_pool(x, 3, 2, name="pool5")  # (6, 6, 256 or 512)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)  # 9,216 or 18,432
        for number in (6, 7):
            x = keras.layers.Dense(UNITS, "relu", kernel_initializer=kernel(), name=layer(f"fc{number}"))(x)
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {name: PAPER.card(name, row.title, params=row.params, macs=row.macs) for name, row in TABLE.items()}
SUMMARY = "The network of {}: five convolutions, the last three of {}, {} and {} filters, then three dense layers"
SUMMARIES = {name: SUMMARY.format(row.source, *row.filters) for name, row in TABLE.items()}

zfnet = variant(_zfnet, CARDS["zfnet"], SUMMARIES["zfnet"])
zfnet_512 = variant(_zfnet, CARDS["zfnet_512"], SUMMARIES["zfnet_512"])
