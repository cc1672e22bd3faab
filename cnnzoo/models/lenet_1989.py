"""Y. Le Cun et al., 1989: Handwritten digit recognition with a back-propagation network.

The network that the paper of 1998 calls LeNet-1: its layers follow the text and table 1. The network of another paper
of 1989 (Neural Computation 1, 541-551), for 16 x 16 pixels, is not this one.
"""

from __future__ import annotations

import os

from cnnzoo.models._late import building, keras
from cnnzoo.models._lenet import LeNetLayers
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import InputShape, ModelCard, Paper
from cnnzoo.models.published import ShippedRun

PAPER = Paper(
    family="lenet",
    title="Handwritten digit recognition with a back-propagation network",
    authors=(
        *("Y. Le Cun", "B. Boser", "J. S. Denker", "D. Henderson"),
        *("R. E. Howard", "W. Hubbard", "L. D. Jackel"),
    ),
    year=1989,
    reference="https://papers.nips.cc/paper/293-handwritten-digit-recognition-with-a-back-propagation-network",
    input_shape=(28, 28, 1),  # digits of 16 x 16 pixels in a field of 28 x 28
    smallest_size=16,  # leaves one pixel in H4
    deviations=(
        "images in [0, 1], light on dark, are scaled within the network to [-1, 1]",
        "the squashing is 1.7159 tanh(2/3 x), as in the paper of 1998",
        "a softmax output, where the paper squashes its ten outputs",
        "H2 and H4 are squashed, which the paper leaves open",
        "the first weights are drawn as in the paper of 1998, and biases begin at zero",
    ),
    datasets=("US zip codes",),
    head="output",
)

# Table 1: the maps of H2 that feed each map of H3, counted from 0
H3 = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3))


def _lenet1(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    kernel_initializer: str | keras.initializers.Initializer | None = None,
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "lenet1",
) -> keras.Model:
    """Build LeNet-1.

    Its own arguments:
        kernel_initializer: Keras initializer of all kernels and coefficients; each layer gets a copy of its own. None
            draws uniformly between -2.4 / fan-in and 2.4 / fan-in.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer = building.layer_names(card, name)
    squashed = LeNetLayers(layer, kernel_initializer)

    inputs = keras.Input(input_shape, name=layer("input"))
    x = keras.layers.Rescaling(2, -1, name=layer("grey_levels"))(inputs)
    x = squashed.convolution(x, 4, "h1")  # (24, 24, 4)
    x = squashed.subsampling(x, "h2")  # (12, 12, 4)
    x = squashed.by_table(x, H3, "h3")  # (8, 8, 12)
    x = squashed.subsampling(x, "h4")  # (4, 4, 12)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)
        x = building.predictions(x, num_classes, classifier_activation, squashed.kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    "lenet1": PAPER.card("lenet1", "LeNet-1", params=2_578, macs=92_288, weights={"mnist": ShippedRun("lenet1_mnist")})
}

lenet1 = variant(
    _lenet1,
    CARDS["lenet1"],
    "LeNet-1: two 5 x 5 convolutions, the second connected by a table, each with a subsampling that has a coefficient "
    "and a bias for each map, then the ten outputs",
)
