"""C. Szegedy and others, 2015: Going deeper with convolutions.

The layers follow table 1 and figure 3, which give no constants of the response normalisation: those here are Caffe's.
The numbers of parameters that table 1 prints do not follow from its channels; those of the cards do.

``googlenet_bn`` is torchvision's network. Where its published weights are loaded, the images are rescaled first, as
with ``transform_input`` there.
"""

from __future__ import annotations

import os

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._inception import auxiliary_vectors, inception_maps, torchvision_module
from cnnzoo.models._late import building, keras
from cnnzoo.models._variants import variant
from cnnzoo.models.cards import Counterpart, InputShape, ModelCard, Normalization, Paper

PAPER = Paper(
    family="googlenet",
    title="Going deeper with convolutions",
    authors=(
        *("C. Szegedy", "W. Liu", "Y. Jia", "P. Sermanet", "S. Reed"),
        *("D. Anguelov", "D. Erhan", "V. Vanhoucke", "A. Rabinovich"),
    ),
    year=2015,
    reference="https://arxiv.org/abs/1409.4842",
    input_shape=(224, 224, 3),  # Section 5
    smallest_size=31,  # leaves one pixel after the fourth pooling
    deviations=(
        "the last pooling averages maps of any size: at 224 x 224 it is the paper's 7 x 7",
        "images in [0, 1], where the paper subtracts the mean",
        "He initialisation, which was published months after the network",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2014",),
)
AS_PUBLISHED = (
    "response normalisation with the constants of Caffe's GoogLeNet, as the paper gives none",
    "no auxiliary classifiers by default: see `auxiliary_classifiers`",
)
NORMALIZED = (
    "batch normalisation after every convolution, in place of biases and of the response normalisation",
    "3 x 3 convolutions, where the paper has 5 x 5",
    "a fourth pooling of 2 x 2, where the paper has 3 x 3",
    "dropout of 20 %, where the paper has 40 %",
    "no auxiliary classifiers",
)

NORMALIZATION = Normalization(epsilon=1e-3)  # torchvision's

AUXILIARY = {"aux1": "4a", "aux2": "4d"}  # Section 5: the modules that the auxiliary classifiers follow
SMALLEST_WITH_AUXILIARY = 79  # leaves the 5 x 5 pixels that their pooling covers


def _googlenet(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = 0.4,
    auxiliary_classifiers: bool = False,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "googlenet",
) -> keras.Model:
    """Build the network of table 1.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout before the output layer drops, in [0, 1).
        auxiliary_classifiers: Whether the model gives a list of three outputs, to be trained with losses of the weights
            1, 0.3 and 0.3: the classes, those of the classifier on module 4a and those of that on 4d. Images then have
            a fixed size of at least 79. The network alone is ``keras.Model(model.inputs[0], model.outputs[0])``.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    if auxiliary_classifiers and not include_top:
        raise ValueError("`auxiliary_classifiers=True` needs `include_top=True`. Received: include_top=False")
    smallest = SMALLEST_WITH_AUXILIARY if auxiliary_classifiers else card.smallest_size
    input_shape = building.check_input_shape(input_shape, smallest=smallest, is_fixed=auxiliary_classifiers)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    make = Blocks(layer, kernel)

    def classes(x: keras.KerasTensor, head: str) -> keras.KerasTensor:
        return building.predictions(x, num_classes, classifier_activation, kernel(), layer(head))

    inputs = keras.Input(input_shape, name=layer("input"))
    modules = inception_maps(inputs, make, is_normalized=False)
    x = modules["5b"]  # (7, 7, 1,024)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = classes(keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x), card.head)
    if auxiliary_classifiers:
        vectors = {aux: auxiliary_vectors(modules[module], make, aux) for aux, module in AUXILIARY.items()}
        x = [x, *(classes(each, f"{aux}_{card.head}") for aux, each in vectors.items())]
    return building.finish(inputs, x, card, name, weights)


def _googlenet_bn(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = 0.2,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    name: str = "googlenet_bn",
) -> keras.Model:
    """Build torchvision's network.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout before the output layer drops, in [0, 1).
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=False)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)

    inputs, x = building.images(input_shape, building.preprocessing_of(card, weights), layer)
    x = inception_maps(x, Blocks(layer, kernel, NORMALIZATION), is_normalized=True)["5b"]  # (7, 7, 1,024)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name=layer("pool5"))(x)
        x = keras.layers.Dropout(dropout_rate, name=layer("dropout"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    "googlenet": PAPER.card("googlenet", "GoogLeNet", params=5_983_802, macs=1_581_658_112, deviations=AS_PUBLISHED),
    "googlenet_bn": PAPER.card(
        "googlenet_bn",
        "GoogLeNet with batch normalisation",
        params=5_610_154,
        macs=1_497_362_432,
        buffers=14_560,
        normalization=NORMALIZATION,
        deviations=NORMALIZED,
        smallest_size=15,  # leaves one pixel after the third pooling; the fourth keeps it
        torchvision=Counterpart("googlenet", torchvision_module, auxiliary_prefixes=("aux1.", "aux2.")),
    ),
}
SUMMARY = "Three convolutions, then nine inception modules of {} side by side, and one dense layer"

googlenet = variant(_googlenet, CARDS["googlenet"], SUMMARY.format("1 x 1, 3 x 3 and 5 x 5 convolutions"))
googlenet_bn = variant(_googlenet_bn, CARDS["googlenet_bn"], SUMMARY.format("normalised 1 x 1 and 3 x 3 convolutions"))
