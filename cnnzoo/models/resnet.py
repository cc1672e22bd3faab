"""K. He, X. Zhang, S. Ren, J. Sun, 2016: Deep residual learning for image recognition.

The layers follow table 1 and figure 5. Where a stage halves the maps, the first convolution of its first block strides,
as in the authors' code; where the number of maps changes, the shortcut is a projection (option B). The paper gives no
constants of batch normalisation. The networks "v1.5" are torchvision's: the same weights fit both, but give other
outputs.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._residual import Trunk, residual_maps, torchvision_module
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="resnet",
    title="Deep residual learning for image recognition",
    authors=("K. He", "X. Zhang", "S. Ren", "J. Sun"),
    year=2016,
    reference="https://arxiv.org/abs/1512.03385",
    input_shape=(224, 224, 3),  # Section 3.4
    smallest_size=1,  # all convolutions and the pooling are padded
    deviations=(
        "images in [0, 1], where the paper subtracts the mean of each pixel",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "CIFAR-10", "PASCAL VOC 2007", "PASCAL VOC 2012", "COCO"),
    normalization=AS_IN_TORCHVISION,
)


class Row(NamedTuple):
    """A column of table 1: the kernels of a block, and how many blocks make each stage; counted for 10 classes."""

    kernels: tuple[int, ...]
    blocks: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...] = ()
    strided: int = 0
    torchvision: str | None = None


OPTION_B = (
    "projections where the number of maps grows (option B), where the paper's table 2 pads with zeros (option A)",
)
V1_5 = ("the 3 x 3 convolution of a bottleneck strides, where the authors' first 1 x 1 does: torchvision's \"v1.5\"",)
TABLE = {
    "resnet18": Row((3, 3), (2, 2, 2, 2), 11_181_642, 9_600, 1_813_566_464, OPTION_B, torchvision="resnet18"),
    "resnet34": Row((3, 3), (3, 4, 6, 3), 21_289_802, 17_024, 3_663_254_528, OPTION_B, torchvision="resnet34"),
    "resnet50": Row((1, 3, 1), (3, 4, 6, 3), 23_528_522, 53_120, 3_855_945_728),
    "resnet101": Row((1, 3, 1), (3, 4, 23, 3), 42_520_650, 105_344, 7_568_166_912),
    "resnet152": Row((1, 3, 1), (3, 8, 36, 3), 58_164_298, 151_424, 11_280_388_096),
    "resnet50_v1_5": Row((1, 3, 1), (3, 4, 6, 3), 23_528_522, 53_120, 4_087_156_736, V1_5, 1, "resnet50"),
    "resnet101_v1_5": Row((1, 3, 1), (3, 4, 23, 3), 42_520_650, 105_344, 7_799_377_920, V1_5, 1, "resnet101"),
    "resnet152_v1_5": Row((1, 3, 1), (3, 8, 36, 3), 58_164_298, 151_424, 11_511_599_104, V1_5, 1, "resnet152"),
}


def _resnet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "resnet",
) -> keras.Model:
    """Build a column of table 1."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row = TABLE[card.name]

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = residual_maps(x, Blocks(layer, kernel), Trunk(row.kernels, row.blocks, row.strided))  # (7, 7, 512 or 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(
        name,
        f"ResNet-{name[6:].replace('_v1_5', ' v1.5')}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=Counterpart(row.torchvision, torchvision_module) if row.torchvision else None,
    )
    for name, row in TABLE.items()
}
SUMMARY = "{} blocks of {} convolutions with shortcuts around them, after one 7 x 7 convolution"
SUMMARIES = {name: SUMMARY.format(sum(row.blocks), len(row.kernels)) for name, row in TABLE.items()}

resnet18 = variant(_resnet, CARDS["resnet18"], SUMMARIES["resnet18"])
resnet34 = variant(_resnet, CARDS["resnet34"], SUMMARIES["resnet34"])
resnet50 = variant(_resnet, CARDS["resnet50"], SUMMARIES["resnet50"])
resnet101 = variant(_resnet, CARDS["resnet101"], SUMMARIES["resnet101"])
resnet152 = variant(_resnet, CARDS["resnet152"], SUMMARIES["resnet152"])
resnet50_v1_5 = variant(_resnet, CARDS["resnet50_v1_5"], SUMMARIES["resnet50_v1_5"])
resnet101_v1_5 = variant(_resnet, CARDS["resnet101_v1_5"], SUMMARIES["resnet101_v1_5"])
resnet152_v1_5 = variant(_resnet, CARDS["resnet152_v1_5"], SUMMARIES["resnet152_v1_5"])
