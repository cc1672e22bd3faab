"""S. Zagoruyko, N. Komodakis, 2016: Wide residual networks. The networks of ImageNet.

The layers are those of the ResNets of He et al. with bottlenecks, the inner convolutions twice as wide. Where a stage
halves the maps, the 3 x 3 convolution strides and the shortcut is a projection, as in torchvision. The networks of
CIFAR are in ``wide_resnet_cifar``.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._residual import FILTERS, Trunk, residual_maps, torchvision_module
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="wide_resnet",
    title="Wide residual networks",
    authors=("S. Zagoruyko", "N. Komodakis"),
    year=2016,
    reference="https://arxiv.org/abs/1605.07146",
    input_shape=(224, 224, 3),
    smallest_size=1,  # all convolutions and the pooling are padded
    deviations=(PLAIN_IMAGES, "10 classes by default, where the paper has 1,000"),
    datasets=("CIFAR-10", "CIFAR-100", "SVHN", "ILSVRC-2012", "COCO"),
    normalization=AS_IN_TORCHVISION,
)

WIDENING = 2  # of the inner convolutions


class Row(NamedTuple):
    """How many blocks make each stage; counted for 10 classes."""

    blocks: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    deviations: tuple[str, ...] = ()


DEEPER = ("101 layers, where the paper's wide network of bottlenecks has 50",)
TABLE = {
    "wide_resnet50_2": Row((3, 4, 6, 3), 66_854_730, 68_224, 11_395_993_600),
    "wide_resnet101_2": Row((3, 4, 23, 3), 124_858_186, 137_856, 22_751_023_104, DEEPER),
}


def _wide_resnet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "wide_resnet",
) -> keras.Model:
    """Build a ResNet of bottlenecks that are wider inside."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    trunk = Trunk((1, 3, 1), TABLE[card.name].blocks, strided=1, width=FILTERS[0] * WIDENING)
    x = residual_maps(x, Blocks(layer, kernel), trunk)  # (7, 7, 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(
        name,
        f"Wide ResNet-{name.removeprefix('wide_resnet').replace('_', '-')}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        deviations=row.deviations,
        torchvision=Counterpart(name, torchvision_module),
    )
    for name, row in TABLE.items()
}
SUMMARY = "{} bottlenecks with shortcuts around them, twice as wide inside as those of He et al."
SUMMARIES = {name: SUMMARY.format(sum(row.blocks)) for name, row in TABLE.items()}

wide_resnet50_2 = variant(_wide_resnet, CARDS["wide_resnet50_2"], SUMMARIES["wide_resnet50_2"])
wide_resnet101_2 = variant(_wide_resnet, CARDS["wide_resnet101_2"], SUMMARIES["wide_resnet101_2"])
