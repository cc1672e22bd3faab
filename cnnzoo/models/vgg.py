"""K. Simonyan, A. Zisserman, 2015: Very deep convolutional networks for large-scale image recognition.

The layers follow table 1; they carry the names of ``keras.applications``, so weights move by name. The networks with
batch normalisation are torchvision's, which keeps the biases before it.
"""

from __future__ import annotations

import os
from functools import partial

from cnnzoo._support.arguments import check_number
from cnnzoo.models._blocks import Blocks
from cnnzoo.models._late import building, keras, layers
from cnnzoo.models._variants import variant
from cnnzoo.models._vgg_table import TABLE, as_in_torchvision, torchvision_module
from cnnzoo.models.cards import AS_IN_TORCHVISION, Counterpart, InputShape, ModelCard, Paper
from cnnzoo.models.published import IMAGENET_KERAS, KerasBackbone

PAPER = Paper(
    family="vgg",
    title="Very deep convolutional networks for large-scale image recognition",
    authors=("K. Simonyan", "A. Zisserman"),
    year=2015,
    reference="https://arxiv.org/abs/1409.1556",
    input_shape=(224, 224, 3),  # Section 2.1
    smallest_size=32,  # leaves one pixel after the five poolings
    deviations=(
        "He initialisation, where the paper draws network A with a variance of 0.01, and starts the first four "
        "convolutions and the dense layers of the others from it",
        "images in [0, 1], where the paper subtracts the mean colour: see `preprocess`",
        "10 classes by default, where the paper has 1,000",
    ),
    datasets=("ILSVRC-2012", "ILSVRC-2014", "PASCAL VOC 2007", "PASCAL VOC 2012", "Caltech-101", "Caltech-256"),
)

FILTERS = (64, 128, 256, 512, 512)  # Table 1: of the five blocks
UNITS = 4096  # Table 1
DROPOUT_RATE = 0.5  # Section 3.1
WEIGHT_DECAY = 5e-4  # Section 3.1


def _vgg(
    card: ModelCard,
    *,
    num_classes: int | None = None,
    input_shape: InputShape = PAPER.input_shape,
    dropout_rate: float = DROPOUT_RATE,
    weight_decay: float = 0.0,
    kernel_initializer: str | keras.initializers.Initializer = "he_normal",
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    preprocess: bool | None = None,
    name: str = "vgg",
) -> keras.Model:
    """Build a column of table 1.

    Its own arguments:
        dropout_rate: Fraction of the inputs that the dropout after each hidden dense layer drops, in [0, 1).
        weight_decay: Factor w of ``keras.regularizers.L2`` on the convolutions' kernels, at least 0; 0 leaves it out.
            Keras adds w times the sum of squares to the loss, a gradient of 2 w W, where Caffe, on which the authors
            build, has w W: so 5e-4 here equals 1e-3 in the paper's terms, and the paper's 5e-4 is
            ``weight_decay=2.5e-4``. It is not the decoupled ``weight_decay`` of an optimiser.
        preprocess: Whether the graph turns images in [0, 1] into what the convolutions of Keras Applications take, RGB
            or grey; False leaves them as they are; None does what ``weights`` expect. Pass True for a local copy of
            the backbone of Keras Applications.
    """
    num_classes = building.classes_for(card, num_classes, weights)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    weight_decay = check_number("weight_decay", weight_decay, "[0, inf)")
    input_shape = building.check_input_shape(input_shape, smallest=card.smallest_size, is_fixed=include_top)
    layer, kernel = building.layer_names(card, name), building.initializers(kernel_initializer)
    row, make = TABLE[card.name], Blocks(layer, kernel)

    of_weights = building.preprocessing_of(card, weights) if preprocess is None else None
    inputs, x = building.images(input_shape, "caffe" if preprocess else of_weights, layer)
    for block, (convolutions, filters) in enumerate(zip(row.convolutions, FILTERS, strict=True), start=1):
        for convolution in range(1, convolutions + 1):
            x = keras.layers.Conv2D(
                filters,
                row.third if convolution == 3 else 3,
                padding="same",
                activation=None if row.buffers else "relu",
                kernel_initializer=kernel(),
                kernel_regularizer=keras.regularizers.L2(weight_decay) if weight_decay else None,
                name=layer(f"block{block}_conv{convolution}"),
            )(x)
            if row.buffers:
                x = make.normalization(x, f"block{block}_conv{convolution}", "relu")
            if row.column == "A-LRN" and block == 1:
                x = layers.LocalResponseNormalization(name=layer("block1_lrn"))(x)
        x = keras.layers.MaxPooling2D(2, name=layer(f"block{block}_pool"))(x)  # (112 ... 7, 112 ... 7, filters)
    if include_top:
        x = keras.layers.Flatten(name=layer("flatten"))(x)  # 25,088
        for number in (1, 2):
            x = keras.layers.Dense(UNITS, "relu", kernel_initializer=kernel(), name=layer(f"fc{number}"))(x)
            x = keras.layers.Dropout(dropout_rate, name=layer(f"dropout{number}"))(x)
        x = building.predictions(x, num_classes, classifier_activation, kernel(), layer(card.head))
    return building.finish(inputs, x, card, name, weights)


CARDS = {
    name: PAPER.card(
        name,
        name.upper().replace("_", "-"),
        params=row.params,
        macs=row.macs,
        buffers=row.buffers,
        normalization=AS_IN_TORCHVISION if row.buffers else None,
        deviations=row.deviations,
        weights={IMAGENET_KERAS: KerasBackbone(row.keras_name)} if row.keras_name else None,
        torchvision=Counterpart(name, partial(torchvision_module, row), (224, 255), as_in_torchvision)
        if row.is_in_torchvision
        else None,
    )
    for name, row in TABLE.items()
}
SUMMARY = "Column {} of table 1{}, {} convolutions of 3 x 3 in five blocks, then three dense layers"
SUMMARIES = {
    name: SUMMARY.format(row.column, " with batch normalisation" if row.buffers else "", sum(row.convolutions))
    for name, row in TABLE.items()
}
SUMMARIES["vgg16_c"] = SUMMARIES["vgg16_c"].replace("3 x 3", "3 x 3 or 1 x 1")

vgg11 = variant(_vgg, CARDS["vgg11"], SUMMARIES["vgg11"])
vgg11_lrn = variant(_vgg, CARDS["vgg11_lrn"], SUMMARIES["vgg11_lrn"])
vgg13 = variant(_vgg, CARDS["vgg13"], SUMMARIES["vgg13"])
vgg16 = variant(_vgg, CARDS["vgg16"], SUMMARIES["vgg16"])
vgg16_c = variant(_vgg, CARDS["vgg16_c"], SUMMARIES["vgg16_c"])
vgg19 = variant(_vgg, CARDS["vgg19"], SUMMARIES["vgg19"], weight_decay=WEIGHT_DECAY)
vgg11_bn = variant(_vgg, CARDS["vgg11_bn"], SUMMARIES["vgg11_bn"])
vgg13_bn = variant(_vgg, CARDS["vgg13_bn"], SUMMARIES["vgg13_bn"])
vgg16_bn = variant(_vgg, CARDS["vgg16_bn"], SUMMARIES["vgg16_bn"])
vgg19_bn = variant(_vgg, CARDS["vgg19_bn"], SUMMARIES["vgg19_bn"])
