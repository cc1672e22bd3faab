"""K. He, X. Zhang, S. Ren, J. Sun, 2016: Deep residual learning for image recognition.

The layers follow table 1 and figure 5. Where a stage halves the maps, it is the first convolution of its first block
that strides, and the shortcut is a projection (option B).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard, Paper

PAPER = Paper(
    family="resnet",
    title="Deep residual learning for image recognition",
    authors=("K. He", "X. Zhang", "S. Ren", "J. Sun"),
    year=2016,
    reference="https://arxiv.org/abs/1512.03385",
    input_shape=(224, 224, 3),  # Section 3.4
    smallest_size=1,  # all convolutions and the pooling are padded
    deviations=("10 classes by default, where the paper has 1,000",),
    datasets=("ILSVRC-2012", "CIFAR-10", "PASCAL VOC 2007", "PASCAL VOC 2012", "COCO"),
)

FILTERS = (64, 128, 256, 512)  # Table 1: conv2_x to conv5_x
EXPANSION = 4  # Table 1: the last convolution of a bottleneck has four times as many filters
EPSILON, MOMENTUM = 1e-5, 0.9  # of batch normalisation, as in the authors' models


class Row(NamedTuple):
    """A column of table 1: the kernels of a block, and how many blocks make each stage; counted for 10 classes."""

    kernels: tuple[int, ...]
    blocks: tuple[int, ...]
    params: int
    buffers: int
    macs: int


TABLE = {
    "resnet18": Row((3, 3), (2, 2, 2, 2), 11_181_642, 9_600, 1_813_566_464),
    "resnet34": Row((3, 3), (3, 4, 6, 3), 21_289_802, 17_024, 3_663_254_528),
    "resnet50": Row((1, 3, 1), (3, 4, 6, 3), 23_528_522, 53_120, 3_855_945_728),
    "resnet101": Row((1, 3, 1), (3, 4, 23, 3), 42_520_650, 105_344, 7_568_166_912),
    "resnet152": Row((1, 3, 1), (3, 8, 36, 3), 58_164_298, 151_424, 11_280_388_096),
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

    def normalized(x: keras.KerasTensor, filters: int, size: int, strides: int, name: str) -> keras.KerasTensor:
        """Convolve, padded by the same on all sides, and normalise."""
        if size > 1:
            x = keras.layers.ZeroPadding2D(size // 2, name=layer(f"{name}_pad"))(x)
        x = keras.layers.Conv2D(
            filters, size, strides, use_bias=False, kernel_initializer=kernel(), name=layer(f"{name}_conv")
        )(x)
        return keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=layer(f"{name}_bn"))(x)

    def relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return keras.layers.ReLU(name=layer(f"{name}_relu"))(x)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = relu(normalized(inputs, 64, 7, 2, "conv1"), "conv1")  # (112, 112, 64)
    x = keras.layers.ZeroPadding2D(1, name=layer("pool1_pad"))(x)  # zeros are no more than what a ReLU gives
    x = keras.layers.MaxPooling2D(3, 2, name=layer("pool1"))(x)  # (56, 56, 64)
    for stage, (blocks, filters) in enumerate(zip(row.blocks, FILTERS, strict=True), start=2):
        widths = [filters] * (len(row.kernels) - 1) + [filters * (EXPANSION if len(row.kernels) == 3 else 1)]
        for block in range(1, blocks + 1):
            strides, name_of_block = (2 if stage > 2 and block == 1 else 1), f"conv{stage}_{block}"
            shortcut = x
            for number, (width, size) in enumerate(zip(widths, row.kernels, strict=True), start=1):
                x = normalized(x, width, size, strides if number == 1 else 1, f"{name_of_block}_{number}")
                x = x if number == len(widths) else relu(x, f"{name_of_block}_{number}")
            if shortcut.shape[-1] != widths[-1] or strides > 1:
                shortcut = normalized(shortcut, widths[-1], 1, strides, f"{name_of_block}_shortcut")
            x = relu(keras.layers.Add(name=layer(f"{name_of_block}_add"))([shortcut, x]), name_of_block)
        # (56 ... 7, 56 ... 7, 64 ... 512, of bottlenecks 256 ... 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(name, f"ResNet-{name[6:]}", params=row.params, macs=row.macs, buffers=row.buffers)
    for name, row in TABLE.items()
}
SUMMARY = "{} blocks of {} convolutions with shortcuts around them, after one 7 x 7 convolution"
SUMMARIES = {name: SUMMARY.format(sum(row.blocks), len(row.kernels)) for name, row in TABLE.items()}

resnet18 = variant(_resnet, CARDS["resnet18"], SUMMARIES["resnet18"])
resnet34 = variant(_resnet, CARDS["resnet34"], SUMMARIES["resnet34"])
resnet50 = variant(_resnet, CARDS["resnet50"], SUMMARIES["resnet50"])
resnet101 = variant(_resnet, CARDS["resnet101"], SUMMARIES["resnet101"])
resnet152 = variant(_resnet, CARDS["resnet152"], SUMMARIES["resnet152"])
