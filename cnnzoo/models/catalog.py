"""What there is to build: a card for each network, as data. Imports no Keras."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._support.lookup import look_up

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ModelCard:
    """What a network is, without building it.

    Attributes:
        name: The builder's name in ``cnnzoo.models``.
        title: The name in print.
        paper: Title of the paper.
        authors: The paper's authors.
        year: Year of publication.
        reference: Address of the paper.
        input_shape: Height, width and channels by default.
        smallest_size: Least height and width that survive the strides and pools.
        num_classes: Classes by default.
        params: Parameters of the default network.
        macs: Multiply-accumulates of one default image.
        deviations: Where the network differs from the paper.
        datasets: The data sets that the paper reports on.
    """

    name: str
    title: str
    paper: str
    authors: tuple[str, ...]
    year: int
    reference: str
    input_shape: tuple[int, int, int]
    smallest_size: int
    num_classes: int
    params: int
    macs: int
    deviations: tuple[str, ...]
    datasets: tuple[str, ...]


_CARDS = (
    ModelCard(
        name="alexnet",
        title="AlexNet (compact)",
        paper="ImageNet classification with deep convolutional neural networks",
        authors=("A. Krizhevsky", "I. Sutskever", "G. E. Hinton"),
        year=2012,
        reference="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        input_shape=(224, 224, 3),
        smallest_size=163,
        num_classes=10,
        params=24_767_882,
        macs=2_203_626_624,
        deviations=(
            "one tower, where the paper splits the maps over two GPUs",
            "no local response normalisation",
            "no padding in any convolution",
            "no pooling after the first convolution, but one after the third",
            "1,024 values enter the first dense layer, where the paper has 9,216",
            "He initialisation and zero biases, where the paper has N(0, 0.01), and ones for some biases",
            "10 classes by default, where the paper has 1,000",
        ),
        datasets=("ILSVRC-2010", "ILSVRC-2012", "ImageNet Fall 2009"),
    ),
    ModelCard(
        name="lenet5",
        title="LeNet-5",
        paper="Gradient-based learning applied to document recognition",
        authors=("Y. LeCun", "L. Bottou", "Y. Bengio", "P. Haffner"),
        year=1998,
        reference="https://doi.org/10.1109/5.726791",
        input_shape=(32, 32, 1),
        smallest_size=32,
        num_classes=10,
        params=61_706,
        macs=416_520,
        deviations=(
            "ReLU where the paper has a scaled tanh",
            "C3 sees all six maps of S2, where the paper connects them by a table",
            "S2 and S4 average, without the trainable coefficient and bias of the paper",
            "a dense softmax output where the paper has Euclidean radial basis functions",
            "He initialisation, where the paper draws uniformly from 2.4 / fan-in on either side of zero",
        ),
        datasets=("MNIST",),
    ),
    ModelCard(
        name="vgg19",
        title="VGG19",
        paper="Very deep convolutional networks for large-scale image recognition",
        authors=("K. Simonyan", "A. Zisserman"),
        year=2015,
        reference="https://arxiv.org/abs/1409.1556",
        input_shape=(224, 224, 3),
        smallest_size=32,
        num_classes=10,
        params=139_611_210,
        macs=19_628_007_424,
        deviations=(
            "weight decay on the convolutions only, by default twice as strong as the paper's: see `weight_decay`",
            "He initialisation, where the paper starts from its network A",
            "10 classes by default, where the paper has 1,000",
        ),
        datasets=("ILSVRC-2012", "ILSVRC-2014", "PASCAL VOC 2007", "PASCAL VOC 2012", "Caltech-101", "Caltech-256"),
    ),
)

TRAINED = Path(__file__).with_name("trained")

MODEL_CARDS = {card.name: card for card in _CARDS}


def list_models() -> list[str]:
    """Return the names of all networks, sorted.

    >>> list_models()
    ['alexnet', 'lenet5', 'vgg19']
    """
    return sorted(MODEL_CARDS)


def model_card(name: str) -> ModelCard:
    """Return the card of the network called ``name``, in any case: "vgg19" or "VGG19".

    Raises:
        ValueError: There is no such network; the message suggests the nearest, also of ``cnnzoo.pretrained``.

    >>> model_card("LeNet5").params
    61706
    """
    card = MODEL_CARDS.get(str(name).lower())
    return _unknown(name) if card is None else card


def _unknown(name: str) -> ModelCard:
    """Raise what ``model_card`` raises."""
    if (found := str(name).lower()) in PRETRAINED_CARDS:
        raise ValueError(
            f"'{name}' is in `cnnzoo.pretrained`, not in `cnnzoo.models`: build it with "
            f"`cnnzoo.pretrained.load('{found}')`, or train it on your own classes with `cnnzoo finetune {found}`."
        )
    elsewhere = {other: "in `cnnzoo.pretrained`" for other in PRETRAINED_CARDS if other not in MODEL_CARDS}
    return look_up(MODEL_CARDS, name, "model", elsewhere)


def list_weights(name: str) -> list[str]:
    """Return the names of the trained weights of a network that ship with the package, for its builder's ``weights``.

    >>> list_weights("lenet5")
    ['mnist']
    """
    return sorted(_trained(name))


def _trained(name: str) -> dict[str, Path]:
    return {path.name.partition("_")[2]: path for path in TRAINED.glob(f"{model_card(name).name}_*")}


def trained_folder(name: str, weights: str) -> Path:
    """Return the run folder, which ships with the package, of a network that was trained.

    Raises:
        ValueError: There is no such network, or it has no such weights.

    >>> trained_folder("lenet5", "mnist").name
    'lenet5_mnist'
    """
    return look_up(_trained(name), weights, f"{name} weights")


def shipped_weights(name: str, weights: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Return the file of the weights that ship under that name for a network; anything else as it is.

    Raises:
        ValueError: It is a plain word, but neither such a name nor a file.
    """
    is_word = isinstance(weights, str) and weights.isidentifier() and not Path(weights).exists()
    return trained_folder(name, str(weights)) / "model.weights.h5" if is_word else weights


def create_model(name: str, **options: Any) -> keras.Model:
    """Build the network called ``name``.

    Args:
        name: One of ``list_models()``, in any case.
        **options: Arguments of the builder ``cnnzoo.models.<name>``.

    Returns:
        What the builder returns.

    Raises:
        ValueError: There is no such network, or an option is out of range.
        TypeError: The builder has no such option.

    >>> create_model("lenet5", num_classes=5).output_shape
    (None, 5)
    """
    builder = getattr(importlib.import_module("cnnzoo.models"), model_card(name).name)
    model: keras.Model = builder(**options)
    return model
