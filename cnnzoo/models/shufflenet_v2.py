"""N. Ma and others, 2018: ShuffleNet V2: practical guidelines for efficient CNN architecture design.

The layers follow table 5 and figure 3. The first half of the maps passes a unit unchanged, as in torchvision.
Padding is the same on all sides.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="shufflenet_v2",
    title="ShuffleNet V2: practical guidelines for efficient CNN architecture design",
    authors=("N. Ma", "X. Zhang", "H.-T. Zheng", "J. Sun"),
    year=2018,
    reference="https://arxiv.org/abs/1807.11164",
    input_shape=(224, 224, 3),
    smallest_size=1,  # all convolutions that stride, and the pooling, are padded
    deviations=(
        PLAIN_IMAGES,
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "COCO"),
    normalization=AS_IN_TORCHVISION,
)

UNITS = (4, 8, 4)  # Table 5: of stages 2, 3 and 4


class Row(NamedTuple):
    """A column of table 5: the maps that stages 2 to 4 and the last convolution give; counted for 10 classes."""

    filters: tuple[int, int, int]
    last: int
    params: int
    buffers: int
    macs: int


TABLE = {
    "shufflenet_v2_x0_5": Row((48, 96, 192), 1024, 352_042, 7_952, 39_462_688),
    "shufflenet_v2_x1_0": Row((116, 232, 464), 1024, 1_263_854, 16_180, 143_894_232),
    "shufflenet_v2_x1_5": Row((176, 352, 704), 1024, 2_488_874, 23_440, 294_745_632),
    "shufflenet_v2_x2_0": Row((244, 488, 976), 2048, 5_365_486, 33_716, 581_225_944),
}


def _shufflenet_v2(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "shufflenet_v2",
) -> keras.Model:
    """Build a column of table 5."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make, row = Blocks(layer, kernel), TABLE[card.name]

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.normalized(x, 24, 3, 2, name="conv1")  # (112, 112, 24)
    x = make.max_pool(x, 3, 2, name="pool1", padding=1)  # (56, 56, 24)
    for stage, (units, filters) in enumerate(zip(UNITS, row.filters, strict=True), start=2):
        for unit in range(1, units + 1):
            x = _unit(x, make, filters, 2 if unit == 1 else 1, f"stage{stage}_{unit}")
        # (28 ... 7, 28 ... 7, filters)
    x = make.normalized(x, row.last, 1, name="conv5")  # (7, 7, 1,024 or 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _unit(x: keras.KerasTensor, make: Blocks, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Return the maps of a unit of figure 3: (c), or (d) where it strides."""
    half = filters // 2
    if strides == 1:
        left = layers.ChannelSlice(0, half, name=make.layer(f"{name}_left"))(x)
        right = layers.ChannelSlice(half, filters, name=make.layer(f"{name}_right"))(x)
    else:
        left = make.depthwise(x, 3, strides, name=f"{name}_left_1_conv")
        left = make.normalization(left, f"{name}_left_1")
        left = make.normalized(left, half, 1, name=f"{name}_left_2")
        right = x
    right = make.normalized(right, half, 1, name=f"{name}_right_1")
    right = make.depthwise(right, 3, strides, name=f"{name}_right_2_conv")
    right = make.normalization(right, f"{name}_right_2")
    right = make.normalized(right, half, 1, name=f"{name}_right_3")
    return layers.ChannelShuffle(2, name=make.layer(f"{name}_shuffle"))(make.joined([left, right], name))


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer == "predictions":
        return "fc"
    place, *rest, kind = layer.split("_")
    end = 0 if kind == "conv" else 1
    if not rest:
        return f"{place}.{end}"
    unit, side, part = rest
    begins = (0, 2) if side == "left" else (0, 3, 5)
    return f"{place}.{int(unit) - 1}.branch{1 if side == 'left' else 2}.{begins[int(part) - 1] + end}"


CARDS = {
    name: PAPER.card(
        name,
        f"ShuffleNet V2 {name[14:].replace('_', '.')}",
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        torchvision=Counterpart(name, _torchvision_module),
    )
    for name, row in TABLE.items()
}
SUMMARY = (
    "16 units that leave half of the maps unchanged or halve their size, then shuffle them; the first gives {} maps"
)
SUMMARIES = {name: SUMMARY.format(row.filters[0]) for name, row in TABLE.items()}

shufflenet_v2_x0_5 = variant(_shufflenet_v2, CARDS["shufflenet_v2_x0_5"], SUMMARIES["shufflenet_v2_x0_5"])
shufflenet_v2_x1_0 = variant(_shufflenet_v2, CARDS["shufflenet_v2_x1_0"], SUMMARIES["shufflenet_v2_x1_0"])
shufflenet_v2_x1_5 = variant(_shufflenet_v2, CARDS["shufflenet_v2_x1_5"], SUMMARIES["shufflenet_v2_x1_5"])
shufflenet_v2_x2_0 = variant(_shufflenet_v2, CARDS["shufflenet_v2_x2_0"], SUMMARIES["shufflenet_v2_x2_0"])
