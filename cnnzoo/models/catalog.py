"""What there is to build: a card for each network, as data. Imports no Keras."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._support.lookup import look_up
from cnnzoo.models.alexnet import CARDS as ALEXNET
from cnnzoo.models.cards import ModelCard as ModelCard
from cnnzoo.models.lenet import CARDS as LENET
from cnnzoo.models.lenet_1989 import CARDS as LENET_1989
from cnnzoo.models.lenet_1998 import CARDS as LENET_1998
from cnnzoo.models.published import ShippedRun
from cnnzoo.models.resnet import CARDS as RESNET
from cnnzoo.models.vgg import CARDS as VGG

if TYPE_CHECKING:
    import keras


CARDS_OF_PAPERS = (ALEXNET, LENET, LENET_1989, LENET_1998, RESNET, VGG)

MODEL_CARDS = {name: cards[name] for cards in CARDS_OF_PAPERS for name in cards}


def list_models(*, family: str | None = None, weights: str | None = None) -> list[str]:
    """Return the names of the networks, sorted.

    Args:
        family: Only those of this paper: "vgg"; None lists all.
        weights: Only those with trained weights of this name: "imagenet"; None lists all.

    Raises:
        ValueError: There is no such family, or no network has such weights; the message suggests the nearest name.

    >>> list_models(family="resnet")
    ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152']
    """
    cards = list(MODEL_CARDS.values())
    if family is not None:
        look_up(dict.fromkeys(card.family for card in cards), family, "family")
        cards = [card for card in cards if card.family == family]
    if weights is not None:
        look_up(dict.fromkeys(name for card in cards for name in card.weights), weights, "weights")
        cards = [card for card in cards if weights in card.weights]
    return sorted((card.name for card in cards), key=_by_number)


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
