"""K. He, X. Zhang, S. Ren, J. Sun, 2016: Deep residual learning for image recognition. The networks of CIFAR-10.

The layers follow section 4.2: 2 n convolutions in each of three stages, after one more. Where a stage halves the maps
and doubles their number, the shortcut takes every second pixel and adds maps of zeros (option A). The paper does not
say where among the maps; here they come last.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Literal, NamedTuple

from cnnzoo.models import resnet
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard
from cnnzoo.models.published import ShippedRun

PAPER = dataclasses.replace(
    resnet.PAPER,
    input_shape=(32, 32, 3),  # Section 4.2
    deviations=("images in [0, 1] enter as they are, where the paper subtracts the mean of each pixel",),
)

FILTERS = (16, 32, 64)  # Section 4.2: of the three stages


class Row(NamedTuple):
    """A network of table 6: n, the blocks of a stage; counted for 10 classes and option A."""

    blocks: int
    params: int
    buffers: int
    macs: int


TABLE = {
    "resnet20": Row(3, 269_722, 1_376, 40_551_040),
    "resnet32": Row(5, 464_154, 2_272, 68_862_592),
    "resnet44": Row(7, 658_586, 3_168, 97_174_144),
    "resnet56": Row(9, 853_018, 4_064, 125_485_696),
    "resnet110": Row(18, 1_727_962, 8_096, 252_887_680),
}


def _resnet_cifar(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    shortcut: Literal["A", "B"] = "A",
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "resnet_cifar",
) -> keras.Model:
    """Build a network of section 4.2.

    Its own arguments:
        shortcut: What the shortcut is where a stage begins, by the letters of section 4.1: "A" takes every second pixel
            and adds maps of zeros, without parameters; "B" is a 1 x 1 convolution with batch normalisation.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    if shortcut not in ("A", "B"):
        raise ValueError(f"`shortcut` must be 'A' or 'B'. Received: shortcut={shortcut!r}")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = make.normalized(inputs, 16, 3, name="conv1")  # (32, 32, 16)
    for stage, filters in enumerate(FILTERS, start=2):
        for block in range(1, TABLE[card.name].blocks + 1):
            x = _block(x, make, filters, shortcut, f"conv{stage}_{block}")
        # (32 ... 8, 32 ... 8, 16 ... 64)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _block(x: keras.KerasTensor, make: Blocks, filters: int, shortcut: str, name: str) -> keras.KerasTensor:
    before, more = x, filters - x.shape[-1]
    strides = 2 if more else 1
    x = make.normalized(x, filters, 3, strides, name=f"{name}_1")
    x = make.normalized(x, filters, 3, name=f"{name}_2", activation=None)
    if more and shortcut == "A":
        before = keras.layers.AveragePooling2D(1, strides, name=make.layer(f"{name}_shortcut_pool"))(before)
        before = layers.ZeroChannels(more, name=make.layer(f"{name}_shortcut_zeros"))(before)
    elif more:
        before = make.normalized(before, filters, 1, strides, name=f"{name}_shortcut", activation=None)
    return make.activation(keras.layers.Add(name=make.layer(f"{name}_add"))([before, x]), name)


CARDS = {
    name: PAPER.card(
        name,
        f"ResNet-{name.removeprefix('resnet')} (CIFAR)",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        weights={"cifar10": ShippedRun("resnet20_cifar10")} if name == "resnet20" else None,
    )
    for name, row in TABLE.items()
}
SUMMARY = "{} blocks of two 3 x 3 convolutions with shortcuts around them, after one more"
SUMMARIES = {name: SUMMARY.format(3 * row.blocks) for name, row in TABLE.items()}

resnet20 = variant(_resnet_cifar, CARDS["resnet20"], SUMMARIES["resnet20"])
resnet32 = variant(_resnet_cifar, CARDS["resnet32"], SUMMARIES["resnet32"])
resnet44 = variant(_resnet_cifar, CARDS["resnet44"], SUMMARIES["resnet44"])
resnet56 = variant(_resnet_cifar, CARDS["resnet56"], SUMMARIES["resnet56"])
resnet110 = variant(_resnet_cifar, CARDS["resnet110"], SUMMARIES["resnet110"])
