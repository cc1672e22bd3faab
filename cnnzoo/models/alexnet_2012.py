"""A. Krizhevsky, I. Sutskever, G. E. Hinton, 2012: ImageNet classification with deep convolutional neural networks.

The network as published: section 3.5 and figure 2, with the normalisation of section 3.3 and the overlapping poolings
of section 3.4. Two groups of maps stand for the paper's two GPUs, on which only the third convolution sees all maps.
The paper gives no padding; here it is what leads to the sizes of figure 2. The normalisation reaches over both groups,
as the equation says; the paper leaves open whether one GPU's sees the other's maps.
"""

from __future__ import annotations

import os
from dataclasses import replace

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models.alexnet import DROPOUT_RATE, UNITS
from cnnzoo.models.alexnet import PAPER as COMPACT
from cnnzoo.models.cards import InputShape, ModelCard

PAPER = replace(
    COMPACT,
    input_shape=(227, 227, 3),  # Section 3.5 says 224: see the deviations
    smallest_size=67,  # leaves one pixel after the last pooling
    deviations=(
        "images of 227 x 227 pixels, where the paper says 224 x 224: without padding, 227 is the least that gives the "
        "27 x 27 maps of its second layer",
        "55 x 55 x 96 values after the first convolution, where the caption of figure 2 counts 253,440",
        "images in [0, 1], where the paper takes those of 0 to 255, less the mean image of the training set",
        "dropout scales up what it keeps in training, where the paper halves all outputs in testing",
        "He initialisation and zero biases, where the paper has a standard deviation of 0.01, and ones for some biases",
        "10 classes by default, where the paper has 1,000",
    ),
)

GROUPS = 2  # Section 3.2: of maps, one a GPU


def _alexnet_2012(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "alexnet_2012",
) -> keras.Model:
    """Build AlexNet as published.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = make.convolution(inputs, 96, 11, 4, name="conv1", padding=0, activation="relu")  # (55, 55, 96)
    x = layers.LocalResponseNormalization(name=layer("norm1"))(x)
    x = make.max_pool(x, 3, 2, name="pool1")  # (27, 27, 96)
    x = make.convolution(x, 256, 5, name="conv2", groups=GROUPS, activation="relu")  # (27, 27, 256)
    x = layers.LocalResponseNormalization(name=layer("norm2"))(x)
    x = make.max_pool(x, 3, 2, name="pool2")  # (13, 13, 256)
    x = make.convolution(x, 384, 3, name="conv3", activation="relu")  # (13, 13, 384)
    x = make.convolution(x, 384, 3, name="conv4", groups=GROUPS, activation="relu")  # (13, 13, 384)
    x = make.convolution(x, 256, 3, name="conv5", groups=GROUPS, activation="relu")  # (13, 13, 256)
    x = make.max_pool(x, 3, 2, name="pool5")  # (6, 6, 256)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)  # 9,216
        for number in (1, 2):
            x = keras.layers.Dense(UNITS, "relu", kernel_initializer=kernel(), name=layer(f"fc{number}"))(x)
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {"alexnet_2012": PAPER.card("alexnet_2012", "AlexNet (2012)", params=56_909_194, macs=720_351_776)}

alexnet_2012 = variant(
    _alexnet_2012,
    CARDS["alexnet_2012"],
    "AlexNet as published: five convolutions, of which three see the maps of one GPU only, response normalisation, "
    "three overlapping poolings and three dense layers",
)
