"""G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, 2017: Densely connected convolutional networks.

The networks of ImageNet follow table 1, those of CIFAR section 3 and table 2. Batch normalisation and ReLU precede
every convolution but the first, and follow the last block, as in the authors' code and in torchvision.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="densenet",
    title="Densely connected convolutional networks",
    authors=("G. Huang", "Z. Liu", "L. van der Maaten", "K. Q. Weinberger"),
    year=2017,
    reference="https://arxiv.org/abs/1608.06993",
    input_shape=(224, 224, 3),
    smallest_size=29,  # leaves two pixels for the last pooling
    deviations=(),
    datasets=("CIFAR-10", "CIFAR-100", "SVHN", "ILSVRC-2012"),
    normalization=AS_IN_TORCHVISION,
)

BOTTLENECK = 4  # Section 3: a 1 x 1 convolution gives four times the growth rate
COMPRESSION = 0.5  # Section 3: the fraction of the maps that a transition of DenseNet-BC keeps
CIFAR_SHAPE = (32, 32, 3)


class Row(NamedTuple):
    """A network: its growth rate, and the layers of each block; counted for 10 classes."""

    growth_rate: int
    layers: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...]
    is_bc: bool = True
    is_cifar: bool = False


IMAGENET = (
    PLAIN_IMAGES,
    "the first convolution precedes its batch normalisation, where the note to table 1 has it follow",
    "10 classes by default, where the paper has 1,000",
)
WIDE = ("a network of the authors' code, which the published table 1 does not have", *IMAGENET)
CIFAR = (
    "no dropout by default, where the paper drops 0.2 without data augmentation: see `dropout_rate`",
    "images in [0, 1], where the paper normalises those of CIFAR by the means and deviations of the channels",
)
TABLE = {
    "densenet121": Row(32, (6, 12, 24, 16), 6_964_106, 83_648, 2_833_147_904, IMAGENET),
    "densenet161": Row(48, (6, 12, 36, 24), 26_494_090, 219_936, 7_725_721_152, WIDE),
    "densenet169": Row(32, (6, 12, 32, 32), 12_501_130, 158_400, 3_358_195_968, IMAGENET),
    "densenet201": Row(32, (6, 12, 48, 32), 18_112_138, 229_056, 4_289_465_088, IMAGENET),
    "densenet_40_12": Row(12, (12, 12, 12), 1_019_722, 18_096, 264_812_928, CIFAR, is_bc=False, is_cifar=True),
    "densenet_bc_100_12": Row(12, (16, 16, 16), 769_162, 23_988, 287_929_692, CIFAR, is_cifar=True),
    "densenet_bc_250_24": Row(24, (41, 41, 41), 15_324_406, 257_976, 5_418_785_724, CIFAR, is_cifar=True),
    "densenet_bc_190_40": Row(40, (31, 31, 31), 25_624_430, 256_960, 9_301_945_740, CIFAR, is_cifar=True),
}


def _densenet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = 0.0,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "densenet",
) -> keras.Model:
    """Build a DenseNet.

    Its own arguments:
        dropout_rate: Fraction of the values that the dropout after each convolution but the first drops, in [0, 1); 0
            leaves it out.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make, row = Blocks(layer, kernel), TABLE[card.name]

    def convolution(x: keras.KerasTensor, filters: int, size: int, name: str) -> keras.KerasTensor:
        x = make.normalization(x, name, "relu")
        x = make.convolution(x, filters, size, name=f"{name}_conv", use_bias=False)
        return keras.layers.Dropout(dropout_rate, name=layer(f"{name}_dropout"))(x) if dropout_rate else x

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    filters = 2 * row.growth_rate if row.is_bc else 16
    if row.is_cifar:
        x = make.convolution(x, filters, 3, name="conv1_conv", use_bias=False)  # (32, 32, filters)
    else:
        x = make.normalized(x, filters, 7, 2, name="conv1")  # (112, 112, filters)
        x = make.max_pool(x, 3, 2, name="pool1", padding=1)  # (56, 56, filters)
    for block, layers in enumerate(row.layers, start=1):
        for number in range(1, layers + 1):
            place, new = f"dense{block}_{number}", x
            if row.is_bc:
                new = convolution(new, BOTTLENECK * row.growth_rate, 1, f"{place}_1")
            new = convolution(new, row.growth_rate, 3, f"{place}_2" if row.is_bc else place)
            x = make.joined([x, new], place)
        if block < len(row.layers):
            filters = int(x.shape[-1] * COMPRESSION) if row.is_bc else x.shape[-1]
            x = convolution(x, filters, 1, f"transition{block}")
            x = keras.layers.AveragePooling2D(2, name=layer(f"transition{block}_pool"))(x)  # (28 ... 7, 28 ... 7)
    x = make.normalization(x, "last", "relu")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer == "predictions":
        return "classifier"
    place, *numbers, kind = layer.replace("_bn", "_norm").split("_")
    if place in ("conv1", "last"):
        return f"features.{kind}{0 if place == 'conv1' else 5}"
    if not numbers:
        return f"features.{place}.{kind}"
    return f"features.{place.replace('dense', 'denseblock')}.denselayer{numbers[0]}.{kind}{numbers[1]}"


def _renamed(tensor: str) -> str:
    """Return torchvision's name of a tensor, also of its published files, which are older: "norm.1" is "norm1" now."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", tensor)


CARDS = {
    name: PAPER.card(
        name,
        f"DenseNet-{name[8:].strip('_').replace('_', '-').upper()}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=None if row.is_cifar else Counterpart(name, _torchvision_module, renamed=_renamed),
        input_shape=CIFAR_SHAPE if row.is_cifar else None,
        smallest_size=4 if row.is_cifar else None,  # leaves one pixel after both transitions
    )
    for name, row in TABLE.items()
}
SUMMARY = (
    "{} blocks with {} layers in all, each of which takes the maps of all before it in its block, and adds {} maps"
)
SUMMARIES = {name: SUMMARY.format(len(row.layers), sum(row.layers), row.growth_rate) for name, row in TABLE.items()}

densenet121 = variant(_densenet, CARDS["densenet121"], SUMMARIES["densenet121"])
densenet161 = variant(_densenet, CARDS["densenet161"], SUMMARIES["densenet161"])
densenet169 = variant(_densenet, CARDS["densenet169"], SUMMARIES["densenet169"])
densenet201 = variant(_densenet, CARDS["densenet201"], SUMMARIES["densenet201"])
densenet_40_12 = variant(_densenet, CARDS["densenet_40_12"], SUMMARIES["densenet_40_12"], input_shape=CIFAR_SHAPE)
densenet_bc_100_12 = variant(
    _densenet, CARDS["densenet_bc_100_12"], SUMMARIES["densenet_bc_100_12"], input_shape=CIFAR_SHAPE
)
densenet_bc_250_24 = variant(
    _densenet, CARDS["densenet_bc_250_24"], SUMMARIES["densenet_bc_250_24"], input_shape=CIFAR_SHAPE
)
densenet_bc_190_40 = variant(
    _densenet, CARDS["densenet_bc_190_40"], SUMMARIES["densenet_bc_190_40"], input_shape=CIFAR_SHAPE
)
