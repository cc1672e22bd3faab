"""A. Howard and others, 2019: Searching for MobileNetV3.

The layers follow tables 1 and 2, and torchvision where it differs from them. Where a convolution strides, the padding
is the same on all sides, as in torchvision; Keras Applications pads more on the right and below.
"""

from __future__ import annotations

import os
from functools import partial
from typing import NamedTuple, TypeAlias

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._inverted import Inverted, inverted_residual, make_divisible
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import Counterpart, InputShape, ModelCard, Normalization, Paper

AUTHORS = "A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, W. Wang, Y. Zhu, R. Pang, V. Vasudevan, Q. V. Le"
NORMALIZATION = Normalization(epsilon=1e-3, momentum=0.99)  # torchvision's; the momentum is the paper's, too

PAPER = Paper(
    family="mobilenet_v3",
    title="Searching for MobileNetV3",
    authors=(*AUTHORS.split(", "), "H. Adam"),
    year=2019,
    reference="https://arxiv.org/abs/1905.02244",
    input_shape=(224, 224, 3),
    smallest_size=1,  # all convolutions that stride are padded
    deviations=(
        "multiples of 8 filters between squeeze and excitation, where the paper has a quarter of those expanded",
        "dropout of 0.2 before the classes, as in torchvision, where the paper writes 0.8: see `dropout_rate`",
        "no 1 x 1 convolution that expands in the first block, where the tables list the expansion size 16",
        "images in [0, 1], where the paper prepares them as for Inception",
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "COCO", "Cityscapes"),
    normalization=NORMALIZATION,
)

DROPOUT_RATE = 0.2
Bneck: TypeAlias = tuple[int, int, int, bool, str, int]


class Row(NamedTuple):
    """A table: its blocks, and the units of the hidden dense layer; counted for 10 classes."""

    blocks: tuple[Bneck, ...]
    units: int
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...] = ()


NOT_EXCITED = ("no squeeze and excitation at the last convolution, where table 2 has it",)
RE, HS = "relu", "hard_swish"
LARGE = (  # Table 1: kernel, expansion, filters, squeeze and excitation, activation, strides
    (3, 16, 16, False, RE, 1),  # (112, 112, 16)
    (3, 64, 24, False, RE, 2),  # (56, 56, 24)
    (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2),  # (28, 28, 40)
    *[(5, 120, 40, True, RE, 1)] * 2,
    (3, 240, 80, False, HS, 2),  # (14, 14, 80)
    (3, 200, 80, False, HS, 1),
    *[(3, 184, 80, False, HS, 1)] * 2,
    (3, 480, 112, True, HS, 1),  # (14, 14, 112)
    (3, 672, 112, True, HS, 1),
    (5, 672, 160, True, HS, 2),  # (7, 7, 160)
    *[(5, 960, 160, True, HS, 1)] * 2,
)
SMALL = (  # Table 2, likewise
    (3, 16, 16, True, RE, 2),  # (56, 56, 16)
    (3, 72, 24, False, RE, 2),  # (28, 28, 24)
    (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2),  # (14, 14, 40)
    *[(5, 240, 40, True, HS, 1)] * 2,
    (5, 120, 48, True, HS, 1),  # (14, 14, 48)
    (5, 144, 48, True, HS, 1),
    (5, 288, 96, True, HS, 2),  # (7, 7, 96)
    *[(5, 576, 96, True, HS, 1)] * 2,
)
TABLE = {
    "mobilenet_v3_large": Row(LARGE, 1280, 4_214_842, 24_400, 215_322_560),
    "mobilenet_v3_small": Row(SMALL, 1024, 1_528_106, 12_112, 55_496_640, NOT_EXCITED),
}


def _mobilenet_v3(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "mobilenet_v3",
) -> keras.Model:
    """Build table 1 or 2.

    Its own arguments:
        dropout_rate: Fraction of the features that the dropout before the output layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make, row = Blocks(layer, kernel, NORMALIZATION), TABLE[card.name]

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.normalized(x, 16, 3, 2, name="first", activation=HS)  # (112, 112, 16)
    for number, (size, expanded, filters, is_squeezed, activation, strides) in enumerate(row.blocks, start=1):
        squeezed = make_divisible(expanded // 4) if is_squeezed else None
        block = Inverted(filters, size, strides, expanded, activation, squeezed)
        x = inverted_residual(x, make, block, f"bneck{number}")
    x = make.normalized(x, 6 * x.shape[-1], 1, name="last", activation=HS)  # (7, 7, 960 or 576)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = keras.layers.Dense(row.units, kernel_initializer=kernel(), name=layer("hidden"))(x)
        x = make.activation(x, "hidden", HS)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(blocks: tuple[Bneck, ...], layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer in ("hidden", "predictions"):
        return f"classifier.{0 if layer == 'hidden' else 3}"
    place, *part, kind = layer.split("_")
    end = 0 if kind == "conv" else 1
    if not part:
        return f"features.{0 if place == 'first' else len(blocks) + 1}.{end}"
    number = int(place.removeprefix("bneck"))
    parts = ["expand"] * (number > 1) + ["depthwise"] + ["squeeze"] * blocks[number - 1][3] + ["project"]
    if part[0] in ("squeeze", "excite"):
        return f"features.{number}.block.{parts.index('squeeze')}.fc{1 if part[0] == 'squeeze' else 2}"
    return f"features.{number}.block.{parts.index(part[0])}.{end}"


CARDS = {
    name: PAPER.card(
        name,
        f"MobileNetV3-{name[13:].capitalize()}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=Counterpart(name, partial(_torchvision_module, row.blocks)),
    )
    for name, row in TABLE.items()
}
SUMMARY = (
    "{} inverted residual blocks: a 1 x 1 expansion, a depthwise convolution, in some of them squeeze-and-excitation, "
    "and a linear 1 x 1 projection"
)
SUMMARIES = {name: SUMMARY.format(len(row.blocks)) for name, row in TABLE.items()}

mobilenet_v3_large = variant(_mobilenet_v3, CARDS["mobilenet_v3_large"], SUMMARIES["mobilenet_v3_large"])
mobilenet_v3_small = variant(_mobilenet_v3, CARDS["mobilenet_v3_small"], SUMMARIES["mobilenet_v3_small"])
