"""What there is to build: a card for each network, as data. Imports no Keras."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._support.arguments import check_integer
from cnnzoo._support.lookup import look_up
from cnnzoo.models.alexnet import CARDS as ALEXNET
from cnnzoo.models.alexnet_2012 import CARDS as ALEXNET_2012
from cnnzoo.models.alexnet_2014 import CARDS as ALEXNET_2014
from cnnzoo.models.cards import ModelCard as ModelCard
from cnnzoo.models.densenet import CARDS as DENSENET
from cnnzoo.models.googlenet import CARDS as GOOGLENET
from cnnzoo.models.inception_v3 import CARDS as INCEPTION_V3
from cnnzoo.models.lenet import CARDS as LENET
from cnnzoo.models.lenet_1989 import CARDS as LENET_1989
from cnnzoo.models.lenet_1998 import CARDS as LENET_1998
from cnnzoo.models.mnasnet import CARDS as MNASNET
from cnnzoo.models.mobilenet_v1 import CARDS as MOBILENET_V1
from cnnzoo.models.mobilenet_v2 import CARDS as MOBILENET_V2
from cnnzoo.models.mobilenet_v3 import CARDS as MOBILENET_V3
from cnnzoo.models.nin import CARDS as NIN
from cnnzoo.models.published import RECORD, ShippedRun
from cnnzoo.models.resnet import CARDS as RESNET
from cnnzoo.models.resnet_cifar import CARDS as RESNET_CIFAR
from cnnzoo.models.resnext import CARDS as RESNEXT
from cnnzoo.models.shufflenet_v2 import CARDS as SHUFFLENET_V2
from cnnzoo.models.squeezenet import CARDS as SQUEEZENET
from cnnzoo.models.vgg import CARDS as VGG
from cnnzoo.models.wide_resnet import CARDS as WIDE_RESNET
from cnnzoo.models.wide_resnet_cifar import CARDS as WIDE_RESNET_CIFAR
from cnnzoo.models.zfnet import CARDS as ZFNET

if TYPE_CHECKING:
    import keras


CARDS_OF_PAPERS = (
    ALEXNET,
    ALEXNET_2012,
    ALEXNET_2014,
    DENSENET,
    GOOGLENET,
    INCEPTION_V3,
    LENET,
    LENET_1989,
    LENET_1998,
    MNASNET,
    MOBILENET_V1,
    MOBILENET_V2,
    MOBILENET_V3,
    NIN,
    RESNET,
    RESNET_CIFAR,
    RESNEXT,
    SHUFFLENET_V2,
    SQUEEZENET,
    VGG,
    WIDE_RESNET,
    WIDE_RESNET_CIFAR,
    ZFNET,
)

MODEL_CARDS = {name: cards[name] for cards in CARDS_OF_PAPERS for name in cards}


# What networks are sorted by, and whether the largest comes first
ORDERS: dict[str, tuple[Callable[[ModelCard, str | None], Any], bool]] = {
    "name": (lambda card, _: _by_number(card.name), False),
    "family": (lambda card, _: (card.family, _by_number(card.name)), False),
    "year": (lambda card, _: card.year, False),
    "params": (lambda card, _: card.params, False),
    "macs": (lambda card, _: card.macs, False),
    "top1": (lambda card, weights: card.top1(weights) or 0, True),
}


def list_models(
    *, family: str | None = None, weights: str | None = None, max_params: int | None = None, sort: str = "name"
) -> list[str]:
    """Return the names of the networks.

    Args:
        family: Only those of this family: "vgg"; None lists all.
        weights: Only those with trained weights of this name: "imagenet"; None lists all.
        max_params: Only those with at most so many parameters; None lists all.
        sort: One of ``ORDERS``: "name", "family", "year", "params", "macs", or "top1", the best on ImageNet first: with
            ``weights``, or with torchvision's default.

    Raises:
        ValueError: There is no such family or order, no network has such weights or is that small; the message
            suggests the nearest name.

    >>> list_models(family="alexnet", sort="params", max_params=60_000_000)
    ['alexnet', 'alexnet_2012', 'alexnet_2014']
    """
    order, best_first = look_up(ORDERS, sort, "order")
    cards = list(MODEL_CARDS.values())
    if family is not None:
        look_up(dict.fromkeys(card.family for card in cards), family, "family")
        cards = [card for card in cards if card.family == family]
    if weights is not None:
        look_up(dict.fromkeys(name for card in MODEL_CARDS.values() for name in card.weights), weights, "weights")
        cards = [card for card in cards if weights in card.weights]
        if not cards:
            raise ValueError(f"No network of the family '{family}' has weights called '{weights}'.")
    if max_params is not None:
        least = min((card.params for card in cards), default=0)
        if check_integer("max_params", max_params, least=1) < least:
            raise ValueError(f"The smallest of these networks has {least:,} parameters. Received: {max_params=:,}")
        cards = [card for card in cards if card.params <= max_params]
    cards.sort(key=lambda card: _by_number(card.name))
    return [card.name for card in sorted(cards, key=lambda card: order(card, weights), reverse=best_first)]


def _by_number(name: str) -> tuple[str | int, ...]:
    """Return what sorts "resnet18" before "resnet101"."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))


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
        own = next((each for each in MODEL_CARDS if in_keras_applications(each) == found), None)
        here = "" if own is None else f" The zoo's own is '{own}'."
        raise ValueError(
            f"'{name}' is in `cnnzoo.pretrained`, not in `cnnzoo.models`: build it with "
            f"`cnnzoo.pretrained.load('{found}')`, or train it on your own classes with `cnnzoo finetune {found}`."
            f"{here}"
        )
    elsewhere = {other: "in `cnnzoo.pretrained`" for other in PRETRAINED_CARDS if other not in MODEL_CARDS}
    return look_up(MODEL_CARDS, name, "model", elsewhere)


def in_keras_applications(name: str) -> str | None:
    """Return what ``cnnzoo.pretrained`` calls the network of Keras Applications after the same paper, if there is one.

    >>> in_keras_applications("mobilenet_v2")
    'mobilenetv2'
    """
    found = name.replace("_", "").removesuffix("v1")
    return found if found in PRETRAINED_CARDS else None


def named_network(name: str | os.PathLike[str], names: Collection[str] = MODEL_CARDS) -> str | None:
    """Return which of ``names`` a user means by ``name``, in any case; None if it is none, or a path.

    A run folder of that name in the working directory comes first.
    """
    found = name.lower() if isinstance(name, str) else None
    return found if found in names and not Path(name, RECORD).is_file() else None


def list_weights(name: str) -> list[str]:
    """Return the names of the trained weights of a network that ship with the package, for its builder's ``weights``.

    >>> list_weights("lenet5")
    ['mnist']
    """
    return sorted(_trained(name))


def _trained(name: str) -> dict[str, Path]:
    weights = model_card(name).weights.items()
    return {word: source.path for word, source in weights if isinstance(source, ShippedRun)}


def trained_folder(name: str, weights: str) -> Path:
    """Return the run folder, which ships with the package, of a network that was trained.

    Raises:
        ValueError: There is no such network, or it has no such weights.

    >>> trained_folder("lenet5", "mnist").name
    'lenet5_mnist'
    """
    return look_up(_trained(name), weights, f"{name} weights")


def create_model(name: str, /, **options: Any) -> keras.Model:
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
