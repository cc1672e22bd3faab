"""M. Tan and others, 2019: MnasNet: platform-aware neural architecture search for mobile.

The networks are torchvision's: the variant B1, which has no squeeze and excitation, in four widths. Padding is the same
on all sides, also where a convolution strides.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._inverted import Inverted, inverted_residual, make_divisible
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import Counterpart, InputShape, ModelCard, Normalization, Paper

NORMALIZATION = Normalization(momentum=0.9997)  # torchvision's

PAPER = Paper(
    family="mnasnet",
    title="MnasNet: platform-aware neural architecture search for mobile",
    authors=("M. Tan", "B. Chen", "R. Pang", "V. Vasudevan", "M. Sandler", "A. Howard", "Q. V. Le"),
    year=2019,
    reference="https://arxiv.org/abs/1807.11626",
    input_shape=(224, 224, 3),
    smallest_size=1,  # all convolutions that stride are padded
    deviations=(
        "the variant B1, without squeeze and excitation, where the published figure 7 draws A1, which has it",
        "batch normalisation with torchvision's momentum of 0.9997, where the paper has 0.99",
        "images in [0, 1], where the paper prepares them as for Inception",
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "COCO"),
    normalization=NORMALIZATION,
)

DROPOUT_RATE = 0.2
STEM = (32, 16)  # filters of the first convolution, and of the separable one after it
STACKS = (  # kernel, expansion, filters, blocks, and strides of the first block
    (3, 3, 24, 3, 2),  # (56, 56, 24)
    (5, 3, 40, 3, 2),  # (28, 28, 40)
    (5, 6, 80, 3, 2),  # (14, 14, 80)
    (3, 6, 96, 2, 1),  # (14, 14, 96)
    (5, 6, 192, 4, 2),  # (7, 7, 192)
    (3, 6, 320, 1, 1),  # (7, 7, 320)
)


class Row(NamedTuple):
    """A width, by which all filters but the last are multiplied; counted for 10 classes."""

    width: float
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...] = ()


SCALED = ("filters multiplied by the width and rounded to multiples of 8, except the last 1,280",)
TABLE = {
    "mnasnet0_5": Row(0.5, 950_322, 20_624, 103_188_768, SCALED),
    "mnasnet0_75": Row(0.75, 1_902_018, 29_808, 214_225_904, SCALED),
    "mnasnet1_0": Row(1.0, 3_115_122, 37_920, 313_148_672),
    "mnasnet1_3": Row(1.3, 5_014_066, 48_816, 525_095_232, (*SCALED, "a width of torchvision's own")),
}


def _mnasnet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "mnasnet",
) -> keras.Model:
    """Build MnasNet-B1 of some width.

    Its own arguments:
        dropout_rate: Fraction of the features that the dropout before the output layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make, width = Blocks(layer, kernel, NORMALIZATION), TABLE[card.name].width

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.normalized(x, make_divisible(STEM[0] * width), 3, 2, name="first")  # (112, 112, 32)
    x = make.depthwise(x, 3, name="separable_depthwise_conv")
    x = make.normalization(x, "separable_depthwise", "relu")
    filters = make_divisible(STEM[1] * width)
    x = make.normalized(x, filters, 1, name="separable_project", activation=None)  # (112, 112, 16)
    for stack, (size, expansion, filters, blocks, strides) in enumerate(STACKS, start=1):
        for number in range(1, blocks + 1):
            first = strides if number == 1 else 1
            block = Inverted(make_divisible(filters * width), size, first, expansion * x.shape[-1], "relu")
            x = inverted_residual(x, make, block, f"stack{stack}_{number}")
    x = make.normalized(x, 1280, 1, name="last")  # (7, 7, 1,280)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer == "predictions":
        return "classifier.1"
    place, kind = layer.rsplit("_", 1)
    begins = {"first": 0, "separable_depthwise": 3, "separable_project": 6, "last": 14}
    end = 0 if kind == "conv" else 1
    if place in begins:
        return f"layers.{begins[place] + end}"
    stack, number, part = place.split("_")
    begin = {"expand": 0, "depthwise": 3, "project": 6}[part]
    return f"layers.{7 + int(stack.removeprefix('stack'))}.{int(number) - 1}.layers.{begin + end}"


CARDS = {
    name: PAPER.card(
        name,
        f"MnasNet-B1 {row.width}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=Counterpart(name, _torchvision_module),
    )
    for name, row in TABLE.items()
}
SUMMARY = (
    "16 inverted residual blocks: a 1 x 1 expansion, a depthwise convolution and a linear 1 x 1 projection; width "
    "multiplier {}"
)
SUMMARIES = {name: SUMMARY.format(row.width) for name, row in TABLE.items()}

mnasnet0_5 = variant(_mnasnet, CARDS["mnasnet0_5"], SUMMARIES["mnasnet0_5"])
mnasnet0_75 = variant(_mnasnet, CARDS["mnasnet0_75"], SUMMARIES["mnasnet0_75"])
mnasnet1_0 = variant(_mnasnet, CARDS["mnasnet1_0"], SUMMARIES["mnasnet1_0"])
mnasnet1_3 = variant(_mnasnet, CARDS["mnasnet1_3"], SUMMARIES["mnasnet1_3"])
