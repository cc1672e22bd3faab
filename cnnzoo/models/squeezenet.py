"""F. N. Iandola, S. Han, M. W. Moskewicz, K. Ashraf, W. J. Dally, K. Keutzer, 2016: SqueezeNet.

The layers follow table 1; version 1.1 is the one that the authors published beside their code. Poolings keep windows
that lie partly outside, as in Caffe and in torchvision.
"""

from __future__ import annotations

import os
from functools import partial
from typing import NamedTuple

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="squeezenet",
    title="SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    authors=("F. N. Iandola", "S. Han", "M. W. Moskewicz", "K. Ashraf", "W. J. Dally", "K. Keutzer"),
    year=2016,
    reference="https://arxiv.org/abs/1602.07360",
    input_shape=(224, 224, 3),  # Table 1
    smallest_size=21,  # leaves one pixel after the last pooling
    deviations=(
        "ReLUs after conv1 and conv10, too, as in the authors' files",
        "images in [0, 1], where the authors' files subtract the mean colour",
        "He initialisation, where the authors' files have Xavier's, and for conv10 a standard deviation of 0.01",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012",),
    head="conv10",
)

# Table 1: filters of squeeze1x1, and of each of expand1x1 and expand3x3
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
DROPOUT_RATE = 0.5  # Section 3.3.1: after fire9


class Row(NamedTuple):
    """A version: filters and kernel of conv1, and the layers after which maps are halved; counted for 10 classes."""

    filters: int
    kernel: int
    pooled: tuple[int, ...]
    params: int
    macs: int
    smallest_size: int
    deviations: tuple[str, ...]


TABLE = {
    "squeezenet1_0": Row(
        96,
        7,
        (1, 4, 8),
        740_554,
        733_261_856,
        21,
        ("no padding: conv1 makes 109 x 109 maps of 224 x 224 pixels, where table 1 has 111 x 111, as of 227 x 227",),
    ),
    "squeezenet1_1": Row(
        64,
        3,
        (1, 3, 5),
        727_626,
        263_489_216,
        17,
        (
            "64 filters of 3 x 3 in conv1, where table 1 has 96 of 7 x 7: the authors' version 1.1",
            "pooling after conv1, fire3 and fire5, where table 1 has it after conv1, fire4 and fire8",
        ),
    ),
}


def _squeezenet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "squeezenet",
) -> keras.Model:
    """Build a version of SqueezeNet, without bypasses.

    Its own arguments:
        dropout_rate: Fraction of the last maps' values that the dropout before conv10 drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row, make = TABLE[card.name], Blocks(layer, kernel)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.convolution(x, row.filters, row.kernel, 2, padding=0, activation="relu", name="conv1")
    x = make.max_pool(x, 3, 2, ceil=True, name="maxpool1")  # (54 or 55, 54 or 55, 96 or 64)
    for number, (squeezed, expanded) in FIRES.items():
        x = _fire(x, make, squeezed, expanded, f"fire{number}")
        if number in row.pooled:
            x = make.max_pool(x, 3, 2, ceil=True, name=f"maxpool{number}")  # (27, then 13, ...)
    if include_top:  # of (13, 13, 512)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout9"))(x)
        x = building.averaged_predictions(
            x, num_classes, classifier_activation, kernel(), layer(card.head), layer("avgpool10"), layer("predictions")
        )
    return building.finish(inputs, x, card, name, weights)


def _fire(x: keras.KerasTensor, make: Blocks, squeezed: int, expanded: int, name: str) -> keras.KerasTensor:
    x = make.convolution(x, squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")
    branches = [
        make.convolution(x, expanded, size, activation="relu", name=f"{name}_expand{size}x{size}") for size in (1, 3)
    ]
    return make.joined(branches, f"{name}_concat")


def _torchvision_module(row: Row, layer: str) -> str:
    """Return what torchvision calls the module of a layer: it counts conv1, its ReLU, the poolings and the fires."""
    if not layer.startswith("fire"):
        return {"conv1": "features.0", "conv10": "classifier.1"}[layer]
    number, part = layer.removeprefix("fire").split("_")
    index = int(number) + sum(pooled < int(number) for pooled in row.pooled)
    return f"features.{index}.{part.replace('squeeze1x1', 'squeeze')}"


CARDS = {
    name: PAPER.card(
        name,
        f"SqueezeNet {name[-3:].replace('_', '.')}",
        params=row.params,
        macs=row.macs,
        deviations=row.deviations,
        smallest_size=row.smallest_size,
        torchvision=Counterpart(name, partial(_torchvision_module, row)),
    )
    for name, row in TABLE.items()
}
SUMMARY = "A {0} x {0} convolution, eight fire modules, which squeeze and expand the maps, and a 1 x 1 convolution"
SUMMARIES = {name: SUMMARY.format(row.kernel) for name, row in TABLE.items()}

squeezenet1_0 = variant(_squeezenet, CARDS["squeezenet1_0"], SUMMARIES["squeezenet1_0"])
squeezenet1_1 = variant(_squeezenet, CARDS["squeezenet1_1"], SUMMARIES["squeezenet1_1"])
