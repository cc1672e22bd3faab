"""M. Sandler and others, 2018: MobileNetV2: inverted residuals and linear bottlenecks.

The layers follow table 2. Where a convolution strides, the padding is the same on all sides, as in torchvision; Keras
Applications pads more on the right and below.
"""

from __future__ import annotations

import os

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._inverted import Inverted, inverted_residual
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Paper

PAPER = Paper(
    family="mobilenet_v2",
    title="MobileNetV2: inverted residuals and linear bottlenecks",
    authors=("M. Sandler", "A. Howard", "M. Zhu", "A. Zhmoginov", "L.-C. Chen"),
    year=2018,
    reference="https://arxiv.org/abs/1801.04381",
    input_shape=(224, 224, 3),
    smallest_size=1,  # all convolutions that stride are padded
    deviations=(
        "no 1 x 1 convolution before the first depthwise one, where table 1 has one that expands by the factor 1",
        "dropout of 0.2 before the classes, as in torchvision: see `dropout_rate`",
        PLAIN_IMAGES,
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "COCO", "PASCAL VOC 2012"),
    normalization=AS_IN_TORCHVISION,
)

DROPOUT_RATE = 0.2
TABLE = (  # Table 2: expansion, filters, blocks, and strides of the first block
    (1, 16, 1, 1),  # (112, 112, 16)
    (6, 24, 2, 2),  # (56, 56, 24)
    (6, 32, 3, 2),  # (28, 28, 32)
    (6, 64, 4, 2),  # (14, 14, 64)
    (6, 96, 3, 1),  # (14, 14, 96)
    (6, 160, 3, 2),  # (7, 7, 160)
    (6, 320, 1, 1),  # (7, 7, 320)
)


def _mobilenet_v2(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "mobilenet_v2",
) -> keras.Model:
    """Build MobileNetV2.

    Its own arguments:
        dropout_rate: Fraction of the features that the dropout before the output layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.normalized(x, 32, 3, 2, name="first", activation="relu6")  # (112, 112, 32)
    number = 0
    for expansion, filters, blocks, strides in TABLE:
        for block in range(blocks):
            number += 1
            inverted = Inverted(filters, 3, 1 if block else strides, expansion * x.shape[-1], "relu6")
            x = inverted_residual(x, make, inverted, f"bottleneck{number}")
    x = make.normalized(x, 1280, 1, name="last", activation="relu6")  # (7, 7, 1,280)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer == "predictions":
        return "classifier.1"
    *place, kind = layer.split("_")
    if len(place) == 1:
        return f"features.{0 if place[0] == 'first' else 18}.{0 if kind == 'conv' else 1}"
    number, part = int(place[0].removeprefix("bottleneck")), place[1]
    parts = ("depthwise", "project") if number == 1 else ("expand", "depthwise", "project")
    if part == "project":  # without an activation, its layers stand beside the others' blocks
        return f"features.{number}.conv.{parts.index(part) + (kind == 'bn')}"
    return f"features.{number}.conv.{parts.index(part)}.{0 if kind == 'conv' else 1}"


COUNTERPART = Counterpart("mobilenet_v2", _torchvision_module)
CARDS = {
    "mobilenet_v2": PAPER.card(
        "mobilenet_v2", "MobileNetV2", params=2_236_682, buffers=34_112, macs=299_507_072, torchvision=COUNTERPART
    )
}
SUMMARY = "17 inverted residual blocks: a 1 x 1 expansion, a depthwise convolution and a linear 1 x 1 projection"

mobilenet_v2 = variant(_mobilenet_v2, CARDS["mobilenet_v2"], SUMMARY)
