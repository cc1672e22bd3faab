"""C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, 2016: Rethinking the inception architecture.

The layers follow table 1 and figures 5 to 7 and 10 as far as torchvision's network does, a port of the one that the
authors released; they carry its names. Where its published weights are loaded, the images are rescaled first, as with
``transform_input`` there.
"""

from __future__ import annotations

import os

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._inception import Branches, factorized_module
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import PLAIN_IMAGES, Counterpart, InputShape, ModelCard, Normalization, Paper

NORMALIZATION = Normalization(epsilon=1e-3)  # torchvision's

PAPER = Paper(
    family="inception_v3",
    title="Rethinking the inception architecture for computer vision",
    authors=("C. Szegedy", "V. Vanhoucke", "S. Ioffe", "J. Shlens", "Z. Wojna"),
    year=2016,
    reference="https://arxiv.org/abs/1512.00567",
    input_shape=(299, 299, 3),  # Table 1
    smallest_size=75,  # leaves one pixel after the last strides
    deviations=(
        "two convolutions and a pooling before the first module, where table 1 has three 3 x 3 convolutions",
        "the first module takes 192 maps and gives 256, where table 1 has 288",
        "four modules of figure 6, where table 1 has five",
        "a branch of the modules of figure 5 has a 5 x 5 convolution, where the figure has a 3 x 3",
        "the longest branch of the modules of figure 6 begins with 7 x 1, where the figure begins with 1 x 7",
        "the modules that halve the maps are those of the released network, which vary figure 10",
        "the poolings within the other modules average and count the zeros around the maps, as in torchvision: the "
        "figures name no kind, and the released network leaves the zeros out",
        "dropout of 50 % before the classes, as in torchvision, which table 1 does not have",
        "no auxiliary classifier, which other zoos build and count",
        PLAIN_IMAGES,
        "He initialisation, where the paper names none",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012",),
    normalization=NORMALIZATION,
)

WIDE, HIGH = (1, 7), (7, 1)
FIGURE_5: Branches = {"1x1": [(64, 1)], "5x5": [(48, 1), (64, 5)], "3x3dbl": [(64, 1), (96, 3), (96, 3)]}
TO_17: Branches = {"3x3": [(384, 3)], "3x3dbl": [(64, 1), (96, 3), (96, 3)]}
TO_8: Branches = {"3x3": [(192, 1), (320, 3)], "7x7x3": [(192, 1), (192, WIDE), (192, HIGH), (192, 3)]}
FIGURE_7: Branches = {
    "1x1": [(320, 1)],
    "3x3": [(384, 1), (384, (1, 3), (3, 1))],
    "3x3dbl": [(448, 1), (384, 3), (384, (1, 3), (3, 1))],
}


def _figure_6(c: int) -> Branches:
    return {
        "1x1": [(192, 1)],
        "7x7": [(c, 1), (c, WIDE), (192, HIGH)],
        "7x7dbl": [(c, 1), (c, HIGH), (c, WIDE), (c, HIGH), (192, WIDE)],
    }


# Of each module: its branches, and the filters that follow its average pooling; those without one halve the maps
MODULES: dict[str, tuple[Branches, int | None]] = {
    "mixed_5b": (FIGURE_5, 32),  # (35, 35, 256)
    "mixed_5c": (FIGURE_5, 64),  # (35, 35, 288)
    "mixed_5d": (FIGURE_5, 64),
    "mixed_6a": (TO_17, None),  # (17, 17, 768)
    "mixed_6b": (_figure_6(128), 192),
    "mixed_6c": (_figure_6(160), 192),
    "mixed_6d": (_figure_6(160), 192),
    "mixed_6e": (_figure_6(192), 192),
    "mixed_7a": (TO_8, None),  # (8, 8, 1,280)
    "mixed_7b": (FIGURE_7, 192),  # (8, 8, 2,048)
    "mixed_7c": (FIGURE_7, 192),
}


def _inception_v3(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = 0.5,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "inception_v3",
) -> keras.Model:
    """Build the released network.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout before the output layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel, NORMALIZATION)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = make.normalized(x, 32, 3, 2, name="conv2d_1a_3x3", padding=0)  # (149, 149, 32)
    x = make.normalized(x, 32, 3, name="conv2d_2a_3x3", padding=0)  # (147, 147, 32)
    x = make.normalized(x, 64, 3, name="conv2d_2b_3x3")  # (147, 147, 64)
    x = make.max_pool(x, 3, 2, name="maxpool_3a_3x3")  # (73, 73, 64)
    x = make.normalized(x, 80, 1, name="conv2d_3b_1x1")  # (73, 73, 80)
    x = make.normalized(x, 192, 3, name="conv2d_4a_3x3", padding=0)  # (71, 71, 192)
    x = make.max_pool(x, 3, 2, name="maxpool_5a_3x3")  # (35, 35, 192)
    for module, (branches, of_pool) in MODULES.items():
        x = factorized_module(x, make, module, branches, of_pool)
    # (8, 8, 2,048)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool"))(x)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


def _torchvision_module(layer: str) -> str:
    """Return what torchvision calls the module of a layer."""
    if layer == "predictions":
        return "fc"
    place, _, kind = layer.capitalize().rpartition("_")
    if place.startswith("Conv2d"):
        return f"{place}.{kind}"
    module, branch = place[: len("Mixed_5b")], place[len("Mixed_5b_") :]
    return f"{module}.branch{'_' if branch == 'pool' else ''}{branch}.{kind}"


CARDS = {
    "inception_v3": PAPER.card(
        "inception_v3",
        "Inception v3",
        params=21_806_058,
        macs=5_711_188_576,
        buffers=34_432,
        torchvision=Counterpart("inception_v3", _torchvision_module, auxiliary_prefixes=("AuxLogits.",)),
    )
}

inception_v3 = variant(
    _inception_v3,
    CARDS["inception_v3"],
    "Five convolutions, then eleven inception modules of factorised convolutions side by side, and one dense layer",
)
