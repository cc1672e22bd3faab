"""Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998: Gradient-based learning applied to document recognition.

The layers follow section II.B and figure 2.
"""

from __future__ import annotations

import os

from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard, Paper
from cnnzoo.models.published import ShippedRun

PAPER = Paper(
    family="lenet",
    title="Gradient-based learning applied to document recognition",
    authors=("Y. LeCun", "L. Bottou", "Y. Bengio", "P. Haffner"),
    year=1998,
    reference="https://doi.org/10.1109/5.726791",
    input_shape=(32, 32, 1),  # Figure 2; digits of at most 20 x 20 pixels lie in its middle (section II.B)
    smallest_size=32,  # leaves the 5 x 5 pixels that C5 covers
    deviations=(
        "ReLU where the paper has a scaled tanh",
        "C3 sees all six maps of S2, where the paper connects them by a table",
        "S2 and S4 average, without the trainable coefficient, the bias and the squashing of the paper",
        "a dense softmax output where the paper has Euclidean radial basis functions",
        "images in [0, 1], where the paper has -0.1 for the background and 1.175 for ink",
        "He initialisation, where the paper draws uniformly from 2.4 / fan-in on either side of zero",
    ),
    datasets=("MNIST",),
    head="output",
)


def _lenet5(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "lenet5",
) -> keras.Model:
    """Build LeNet-5, as it is taught today."""
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)

    def convolution(filters: int, name: str) -> keras.Layer:
        return keras.layers.Conv2D(filters, 5, activation="relu", kernel_initializer=kernel(), name=layer(name))

    inputs = keras.Input(input_shape, name=layer("input"))
    x = convolution(6, "c1")(inputs)  # (28, 28, 6)
    x = keras.layers.AveragePooling2D(2, name=layer("s2"))(x)  # (14, 14, 6)
    x = convolution(16, "c3")(x)  # (10, 10, 16)
    x = keras.layers.AveragePooling2D(2, name=layer("s4"))(x)  # (5, 5, 16)
    x = convolution(120, "c5")(x)  # (1, 1, 120)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)
        x = keras.layers.Dense(84, "relu", kernel_initializer=kernel(), name=layer("f6"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    "lenet5": PAPER.card(
        "lenet5", "LeNet-5", params=61_706, macs=416_520, weights={"mnist": ShippedRun("lenet5_mnist")}
    )
}

lenet5 = variant(
    _lenet5,
    CARDS["lenet5"],
    "LeNet-5 as it is taught today, three 5 x 5 convolutions with average pooling between them, then two dense layers",
)
