"""S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He, 2017: Aggregated residual transformations for deep neural networks.

The layers follow table 1, right column, in the form of figure 3c: the 3 x 3 convolutions of the bottlenecks are
grouped. They also stride where a stage halves the maps (section 4), as in torchvision.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._residual import Trunk, residual_maps, torchvision_module
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="resnext",
    title="Aggregated residual transformations for deep neural networks",
    authors=("S. Xie", "R. Girshick", "P. Dollár", "Z. Tu", "K. He"),
    year=2017,
    reference="https://arxiv.org/abs/1611.05431",
    input_shape=(224, 224, 3),  # Section 4
    smallest_size=1,  # all convolutions and the pooling are padded
    deviations=(PLAIN_IMAGES, "10 classes by default, where the paper has 1,000"),
    datasets=("ILSVRC-2012", "ImageNet-5K", "CIFAR-10", "CIFAR-100", "COCO"),
    normalization=AS_IN_TORCHVISION,
)


class Row(NamedTuple):
    """How many blocks make each stage, the groups, and the filters in each of the first; counted for 10 classes."""

    title: str
    blocks: tuple[int, ...]
    cardinality: int
    width: int
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...] = ()


WIDER = ("32 groups of 8 filters, which no ResNeXt-101 of the paper has",)
TABLE = {
    "resnext50_32x4d": Row("ResNeXt-50 (32x4d)", (3, 4, 6, 3), 32, 4, 23_000_394, 68_224, 4_228_452_352),
    "resnext101_32x8d": Row("ResNeXt-101 (32x8d)", (3, 4, 23, 3), 32, 8, 86_762_826, 202_880, 16_411_987_968, WIDER),
    "resnext101_64x4d": Row("ResNeXt-101 (64x4d)", (3, 4, 23, 3), 64, 4, 81_426_762, 202_880, 15_458_242_560),
}


def _resnext(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "resnext",
) -> keras.Model:
    """Build a ResNeXt of table 1, or one that is deeper or wider."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row = TABLE[card.name]

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    trunk = Trunk((1, 3, 1), row.blocks, strided=1, width=row.width, groups=row.cardinality)
    x = residual_maps(x, Blocks(layer, kernel), trunk)  # (7, 7, 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(
        name,
        row.title,
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=Counterpart(name, torchvision_module),
    )
    for name, row in TABLE.items()
}
SUMMARY = "{} bottlenecks with shortcuts around them, their 3 x 3 convolutions in {} groups of {} filters or more"
SUMMARIES = {name: SUMMARY.format(sum(row.blocks), row.cardinality, row.width) for name, row in TABLE.items()}

resnext50_32x4d = variant(_resnext, CARDS["resnext50_32x4d"], SUMMARIES["resnext50_32x4d"])
resnext101_32x8d = variant(_resnext, CARDS["resnext101_32x8d"], SUMMARIES["resnext101_32x8d"])
resnext101_64x4d = variant(_resnext, CARDS["resnext101_64x4d"], SUMMARIES["resnext101_64x4d"])
