"""Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998: Gradient-based learning applied to document recognition.

LeNet-5 as published: section II.B, figure 2, table I and appendix A. As it is taught today, it stands in ``lenet.py``.
"""

from __future__ import annotations

import os

from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._lenet import LeNetLayers
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
        "images in [0, 1], light on dark, are scaled within the network to the paper's -0.1 and 1.175",
        "the output is the softmax of the negative distances, where the paper's is the distances (without activation, "
        "the negative distances)",
        "the bitmaps are as transcribed in public code, not checked against the figure of the paper",
        "of fewer classes than ten, the first bitmaps are taken; more are refused",
        "biases begin at zero",
    ),
    datasets=("MNIST",),
    head="output",
)

BACKGROUND, INK = -0.1, 1.175  # Section II.B

# Table I: the maps of S2 that feed each map of C3
C3 = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)

# Figure 3, as transcribed in public code: the digits 0 to 9 in 7 x 12 pixels, rows from the top
BITMAPS = (
    ".#####. ....... ..###.. .##.##. ##...## ##...## ##...## ##...## .##.##. ..###.. ....... .......",
    "...##.. ..###.. .####.. ...##.. ...##.. ...##.. ...##.. ...##.. ...##.. .###### ....... .......",
    ".#####. ....... .#####. ##...## #....## ....##. ..###.. .##.... ##..... ####### ....... .......",
    "####### .....## ....##. ...##.. ..####. .....## .....## .....## ##...## .#####. ....... .......",
    ".#####. ....... ....... .##..## .##..## ###..## ##...## ##...## ##..### .###### .....## .....##",
    ".#####. ....... ####### ##..... ##..... .####.. ..####. .....## ##...## .#####. ....... .......",
    "..####. .##.... ##..... ##..... ######. ###..## ##...## ##...## ###..## .#####. ....... .......",
    "####### .....## .....## ....##. ...##.. ...##.. ..##... ..##... ..##... ..##... ....... .......",
    ".#####. ##...## ##...## ##...## .#####. ##...## ##...## ##...## ##...## .#####. ....... .......",
    ".#####. ##..### ##...## ##...## ##..### .###### .....## .....## ....##. .####.. ....... .......",
)
CENTRES = [[1.0 if pixel == "#" else -1.0 for pixel in rows.replace(" ", "")] for rows in BITMAPS]


def _lenet5_1998(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer | None = None,
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "lenet5_1998",
) -> keras.Model:
    """Build LeNet-5 as published.

    Its own arguments:
        num_classes: Number of classes, from 1 to 10: as many of the bitmaps are taken; None takes as many as
            ``weights`` have, else 10. Unused when ``include_top=False``.
        kernel_initializer: Keras initializer of all kernels and coefficients; each layer gets a copy of its own. None
            draws as the paper does: uniformly between -2.4 / fan-in and 2.4 / fan-in.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    if include_top and num_classes > len(CENTRES):
        raise ValueError(
            f"The outputs of {card.title} are {len(CENTRES)} bitmaps of digits: `num_classes` must be at most "
            f"{len(CENTRES)}. `cnnzoo.models.lenet5` takes any number. Received: num_classes={num_classes}"
        )
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer = building.layer_names(card, name)
    squashed = LeNetLayers(layer, kernel_initializer)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = keras.layers.Rescaling(INK - BACKGROUND, BACKGROUND, name=layer("ink"))(inputs)
    x = squashed.convolution(x, 6, "c1")  # (28, 28, 6)
    x = squashed.subsampling(x, "s2")  # (14, 14, 6)
    x = squashed.by_table(x, C3, "c3")  # (10, 10, 16)
    x = squashed.subsampling(x, "s4")  # (5, 5, 16)
    x = squashed.convolution(x, 120, "c5")  # (1, 1, 120)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)
        x = squashed.dense(x, 84, "f6")
        centres, activation = CENTRES[:num_classes], classifier_activation
        x = layers.RadialBasisFunctions(centres, activation, dtype="float32", name=layer(card.head))(x)
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    "lenet5_1998": PAPER.card(
        "lenet5_1998",
        "LeNet-5 (as published)",
        params=60_000,
        buffers=840,
        macs=328_096,
        weights={"mnist": ShippedRun("lenet5_1998_mnist")},
    )
}

lenet5_1998 = variant(
    _lenet5_1998,
    CARDS["lenet5_1998"],
    "LeNet-5 as published: C3 connected by the table, subsampling with a coefficient and a bias for each map, a scaled "
    "tanh, and distances to fixed bitmaps of the digits",
)
