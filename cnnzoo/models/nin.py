"""M. Lin, Q. Chen, S. Yan, 2014: Network in network.

The layers follow section 3 and figure 2. The paper leaves the number of filters to its supplement: these, the kernels
and the poolings are those of the authors' Caffe files for CIFAR-10 and ImageNet, whose names the convolutions carry,
less the "-1024" of some. Poolings keep windows that lie partly outside, as in Caffe.
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
    family="nin",
    title="Network in network",
    authors=("M. Lin", "Q. Chen", "S. Yan"),
    year=2014,
    reference="https://arxiv.org/abs/1312.4400",
    input_shape=(32, 32, 3),
    smallest_size=4,  # leaves one pixel after the last pooling
    deviations=(
        "filters, kernels and poolings of the authors' Caffe file, where the paper does not list them",
        "no max pooling after the last block, as in those files, where the paper has one after each",
        "He initialisation, where those files draw with a standard deviation of 0.05, for ImageNet also of 0.01",
    ),
    datasets=("CIFAR-10", "CIFAR-100", "SVHN", "MNIST"),
)

DROPOUT_RATE = 0.5  # the authors' files


class Block(NamedTuple):
    """A convolution, two of 1 x 1 (an "mlpconv layer"), and what follows them."""

    filters: tuple[int, int, int]
    size: int
    strides: int = 1
    pool: str = "max"
    is_dropped: bool = True


class Row(NamedTuple):
    """One of the authors' files: blocks, then filters of the last block's first two convolutions; for 10 classes."""

    title: str
    blocks: tuple[Block, ...]
    filters: int
    params: int
    macs: int
    input_shape: tuple[int, int, int]
    smallest_size: int
    deviations: tuple[str, ...]


TABLE = {
    "nin_cifar10": Row(
        "NiN (CIFAR-10)",
        (Block((192, 160, 96), 5), Block((192, 192, 192), 5, pool="average")),
        192,
        966_986,
        222_486_528,
        (32, 32, 3),
        4,
        (
            "the second pooling averages, as in the authors' Caffe file, where the paper takes the largest",
            "images in [0, 1], where the paper normalises the contrast and whitens",
        ),
    ),
    "nin_imagenet": Row(
        "NiN (ImageNet)",
        (
            Block((96, 96, 96), 11, strides=4, is_dropped=False),
            Block((256, 256, 256), 5, is_dropped=False),
            Block((384, 384, 384), 3),
        ),
        1024,
        6_580_426,
        1_063_693_440,
        (224, 224, 3),
        39,
        (
            "four blocks, for ImageNet, where the paper has three, for smaller images",
            "dropout before the last block only, where the paper has it between all",
            "images in [0, 1], where the file subtracts a mean image",
            "10 classes by default, where the file has 1,000",
        ),
    ),
}


def _nin(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "nin",
) -> keras.Model:
    """Build a network of the authors' files.

    Its own arguments:
        dropout_rate: Fraction of the values that the dropout between blocks drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row, make = TABLE[card.name], Blocks(layer, kernel)

    x = inputs = keras.Input(input_shape, name=layer("input"))
    for number, block in enumerate(row.blocks, start=1):
        of_conv, *of_cccp = block.filters
        padding = 0 if block.strides > 1 else None
        x = make.convolution(
            x, of_conv, block.size, block.strides, padding=padding, activation="relu", name=f"conv{number}"
        )
        for cccp, filters in enumerate(of_cccp, start=2 * number - 1):
            x = make.convolution(x, filters, 1, activation="relu", name=f"cccp{cccp}")
        if block.pool == "average":
            x = layers.CeilAveragePooling2D(3, 2, name=layer(f"pool{number}"))(x)
        else:
            x = make.max_pool(x, 3, 2, ceil=True, name=f"pool{number}")  # (16, then 8, ... or 27, 13, 6, ...)
        if block.is_dropped:
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
    last = len(row.blocks) + 1
    x = make.convolution(x, row.filters, 3, activation="relu", name=f"conv{last}")
    x = make.convolution(x, row.filters, 1, activation="relu", name=f"cccp{2 * last - 1}")  # (8, 8, 192 or 6, 6, 1,024)
    if include_top:
        names = map(layer, (card.head, f"pool{last}", "predictions"))
        x = building.averaged_predictions(x, num_classes, classifier_activation, kernel(), *names)
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(
        name,
        row.title,
        params=row.params,
        macs=row.macs,
        deviations=row.deviations,
        input_shape=row.input_shape,
        smallest_size=row.smallest_size,
        head=f"cccp{2 * len(row.blocks) + 2}",
    )
    for name, row in TABLE.items()
}
SUMMARY = "{} blocks of a convolution and two of 1 x 1, the last of which scores the classes at each place"
SUMMARIES = {name: SUMMARY.format(("Three", "Four")[len(row.blocks) - 2]) for name, row in TABLE.items()}

nin_cifar10 = variant(_nin, CARDS["nin_cifar10"], SUMMARIES["nin_cifar10"])
nin_imagenet = variant(_nin, CARDS["nin_imagenet"], SUMMARIES["nin_imagenet"], input_shape=(224, 224, 3))
