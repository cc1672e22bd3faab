"""A. G. Howard and others, 2017: MobileNets: efficient convolutional neural networks for mobile vision applications.

The layers follow table 1. Where a convolution strides, the padding is the same on all sides; Keras Applications pads
more on the right and below, and has a ReLU that ends at 6.
"""

from __future__ import annotations

import os

from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import AS_IN_TORCHVISION, PLAIN_IMAGES, InputShape, ModelCard, Paper

PAPER = Paper(
    family="mobilenet_v1",
    title="MobileNets: efficient convolutional neural networks for mobile vision applications",
    authors=(
        *("A. G. Howard", "M. Zhu", "B. Chen", "D. Kalenichenko", "W. Wang", "T. Weyand", "M. Andreetto"),
        "H. Adam",
    ),
    year=2017,
    reference="https://arxiv.org/abs/1704.04861",
    input_shape=(224, 224, 3),  # Table 1
    smallest_size=1,  # all convolutions that stride are padded
    deviations=(
        "the last depthwise convolution does not stride, where table 1 has strides of 2 between maps of equal size",
        PLAIN_IMAGES,
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "Stanford Dogs", "COCO"),
    normalization=AS_IN_TORCHVISION,
)

TABLE = (  # Table 1: filters and strides of the depthwise separable convolutions
    (64, 1),  # (112, 112, 64)
    (128, 2),
    (128, 1),  # (56, 56, 128)
    (256, 2),
    (256, 1),  # (28, 28, 256)
    (512, 2),
    *[(512, 1)] * 5,  # (14, 14, 512)
    (1024, 2),
    (1024, 1),  # (7, 7, 1,024)
)


def _mobilenet_v1(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "mobilenet_v1",
) -> keras.Model:
    """Build MobileNet with the width multiplier 1."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = make.normalized(inputs, 32, 3, 2, name="first")  # (112, 112, 32)
    for number, (filters, strides) in enumerate(TABLE, start=1):
        x = make.depthwise(x, 3, strides, name=f"separable{number}_depthwise_conv")
        x = make.normalization(x, f"separable{number}_depthwise", "relu")
        x = make.normalized(x, filters, 1, name=f"separable{number}_pointwise")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {"mobilenet_v1": PAPER.card("mobilenet_v1", "MobileNet", params=3_217_226, buffers=21_888, macs=567_726_592)}

mobilenet_v1 = variant(
    _mobilenet_v1,
    CARDS["mobilenet_v1"],
    "13 depthwise separable convolutions (depthwise 3 x 3, then 1 x 1) after one 3 x 3 convolution",
)
