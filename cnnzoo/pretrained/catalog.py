"""What Keras Applications offers: its cards, found and sorted. Imports no Keras."""

from __future__ import annotations

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.applications import PretrainedCard as PretrainedCard
from cnnzoo._support.lookup import look_up
from cnnzoo.models.catalog import MODEL_CARDS

# What networks are sorted by: the attribute of a card, and whether the largest comes first
ORDERS = {
    "name": ("name", False),
    "params": ("params", False),
    "top1": ("top1", True),
    "top5": ("top5", True),
    "depth": ("depth", False),
    "size": ("size_mb", False),
    "cpu": ("cpu_ms", False),
    "gpu": ("gpu_ms", False),
}


def list_pretrained() -> list[str]:
    """Return the names of all networks of Keras Applications, sorted.

    >>> list_pretrained()[:2]
    ['convnextbase', 'convnextlarge']
    """
    return sorted(PRETRAINED_CARDS)


def select_pretrained(*, sort: str = "name", max_params: int | None = None) -> list[PretrainedCard]:
    """Return the cards of some networks, in an order.

    Args:
        sort: What by: one of ``ORDERS``; accuracies begin with the best, the others with the least, and what is not
            published comes last.
        max_params: Only networks with at most so many parameters, with the head; None takes all.

    Raises:
        ValueError: There is no such order, or no network is that small.

    >>> [card.title for card in select_pretrained(sort="top1", max_params=5_000_000)]
    ['MobileNetV2', 'MobileNet', 'MobileNetV3Small']
    """
    attribute, best_first = look_up(ORDERS, sort, "order")
    cards = [card for card in PRETRAINED_CARDS.values() if max_params is None or card.params <= max_params]
    if not cards:
        least = min(card.params for card in PRETRAINED_CARDS.values())
        raise ValueError(f"`max_params` must be at least {least:,}. Received: {max_params:,}")
    published = [card for card in cards if getattr(card, attribute) is not None]
    unpublished = [card for card in cards if getattr(card, attribute) is None]
    return sorted(published, key=lambda card: getattr(card, attribute), reverse=best_first) + unpublished


def pretrained_card(name: str) -> PretrainedCard:
    """Return the card of the network called ``name``, in any case: "vgg19" or "VGG19".

    Raises:
        ValueError: There is no such network; the message suggests the nearest, also of ``cnnzoo.models``.

    >>> pretrained_card("ResNet50").params
    25583592
    """
    if (card := PRETRAINED_CARDS.get(found := str(name).lower())) is not None:
        return card
    if found in MODEL_CARDS:
        raise ValueError(
            f"'{name}' is in `cnnzoo.models`, not in `cnnzoo.pretrained`: build it with `cnnzoo.models.{found}`, or "
            f"train it with `cnnzoo train {found}`."
        )
    elsewhere = {other: "in `cnnzoo.models`" for other in MODEL_CARDS if other not in PRETRAINED_CARDS}
    return look_up(PRETRAINED_CARDS, name, "pretrained network", elsewhere)
