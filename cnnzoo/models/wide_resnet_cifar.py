"""S. Zagoruyko, N. Komodakis, 2016: Wide residual networks. The networks of CIFAR and SVHN.

The layers follow table 1 with blocks of two 3 x 3 convolutions (figure 1c): a network of depth d has (d - 4) / 6 of
them in each of three stages. Where the width or the stride changes, the shortcut is a 1 x 1 convolution of the maps
that the first batch normalisation and ReLU of the block give, as in the authors' code.
"""

from __future__ import annotations

import dataclasses
import os
from typing import NamedTuple

from cnnzoo._support.arguments import check_number
from cnnzoo.models import wide_resnet
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard

PAPER = dataclasses.replace(
    wide_resnet.PAPER,
    input_shape=(32, 32, 3),  # Table 1
    deviations=("images in [0, 1] enter as they are, where the paper normalises or whitens those of CIFAR",),
)

FILTERS = (16, 32, 64)  # Table 1: of conv2 to conv4, before widening


class Row(NamedTuple):
    """A network of tables 4 and 6: its depth, and how many times wider it is; counted for 10 classes."""

    depth: int
    widening: int
    params: int
    buffers: int
    macs: int


TABLE = {
    "wrn_16_4": Row(16, 4, 2_748_890, 3_616, 392_612_352),
    "wrn_16_8": Row(16, 8, 10_961_370, 7_200, 1_548_145_664),
    "wrn_22_8": Row(22, 8, 17_158_106, 10_784, 2_454_115_328),
    "wrn_28_10": Row(28, 10, 36_479_194, 17_952, 5_243_328_768),
    "wrn_28_12": Row(28, 12, 52_517_850, 21_536, 7_543_905_792),
    "wrn_40_1": Row(40, 1, 563_930, 2_720, 83_280_512),
    "wrn_40_2": Row(40, 2, 2_243_546, 5_408, 327_599_360),
    "wrn_40_4": Row(40, 4, 8_949_210, 10_784, 1_298_582_016),
    "wrn_40_8": Row(40, 8, 35_748_314, 21_536, 5_172_024_320),
}


def _wrn(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = 0.0,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "wrn",
) -> keras.Model:
    """Build a wide ResNet of table 1.

    Its own arguments:
        dropout_rate: Fraction of the values that the dropout between the two convolutions of each block drops, in
            [0, 1); 0 leaves it out. The paper's networks with dropout have 0.3 on CIFAR, 0.4 on SVHN.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row, make = TABLE[card.name], Blocks(layer, kernel)

    x = inputs = keras.Input(input_shape, name=layer("input"))
    x = make.convolution(x, 16, 3, name="conv1_conv", use_bias=False)  # (32, 32, 16)
    for stage, filters in enumerate(FILTERS, start=2):
        for block in range(1, (row.depth - 4) // 6 + 1):
            strides = 2 if stage > 2 and block == 1 else 1
            x = _block(x, make, filters * row.widening, strides, dropout_rate, f"conv{stage}_{block}")
        # (32 ... 8, 32 ... 8, 16 ... 64 times the widening)
    x = make.normalization(x, "conv4", "relu")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("avg_pool"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _block(
    x: keras.KerasTensor, make: Blocks, filters: int, strides: int, dropout_rate: float, name: str
) -> keras.KerasTensor:
    shortcut, x = x, make.normalization(x, f"{name}_1", "relu")
    if shortcut.shape[-1] != filters or strides > 1:
        shortcut = make.convolution(x, filters, 1, strides, name=f"{name}_shortcut_conv", use_bias=False)
    x = make.convolution(x, filters, 3, strides, name=f"{name}_1_conv", use_bias=False)
    x = make.normalization(x, f"{name}_2", "relu")
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name=make.layer(f"{name}_dropout"))(x)
    x = make.convolution(x, filters, 3, name=f"{name}_2_conv", use_bias=False)
    return keras.layers.Add(name=make.layer(f"{name}_add"))([shortcut, x])


CARDS = {
    name: PAPER.card(name, f"WRN-{row.depth}-{row.widening}", params=row.params, macs=row.macs, buffers=row.buffers)
    for name, row in TABLE.items()
}
SUMMARY = "{} blocks of two 3 x 3 convolutions with {} filters or more, after one convolution"
SUMMARIES = {name: SUMMARY.format((row.depth - 4) // 2, 16 * row.widening) for name, row in TABLE.items()}

wrn_16_4 = variant(_wrn, CARDS["wrn_16_4"], SUMMARIES["wrn_16_4"])
wrn_16_8 = variant(_wrn, CARDS["wrn_16_8"], SUMMARIES["wrn_16_8"])
wrn_22_8 = variant(_wrn, CARDS["wrn_22_8"], SUMMARIES["wrn_22_8"])
wrn_28_10 = variant(_wrn, CARDS["wrn_28_10"], SUMMARIES["wrn_28_10"])
wrn_28_12 = variant(_wrn, CARDS["wrn_28_12"], SUMMARIES["wrn_28_12"])
wrn_40_1 = variant(_wrn, CARDS["wrn_40_1"], SUMMARIES["wrn_40_1"])
wrn_40_2 = variant(_wrn, CARDS["wrn_40_2"], SUMMARIES["wrn_40_2"])
wrn_40_4 = variant(_wrn, CARDS["wrn_40_4"], SUMMARIES["wrn_40_4"])
wrn_40_8 = variant(_wrn, CARDS["wrn_40_8"], SUMMARIES["wrn_40_8"])
