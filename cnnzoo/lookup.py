"""Finding a card by its name. Imports no Keras."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

Card = TypeVar("Card")


def look_up(cards: Mapping[str, Card], name: str, kind: str) -> Card:
    """Return ``cards[name]``.

    Args:
        cards: What there is, by name.
        name: What was asked for.
        kind: What a card describes, for the message: "model", "data set".

    Raises:
        ValueError: There is no such card; the message suggests the nearest name.

    >>> look_up({"lenet5": 1998}, "lenet", "model")
    Traceback (most recent call last):
    ...
    ValueError: There is no model 'lenet'. Did you mean 'lenet5'? Available: lenet5
    """
    if name not in cards:
        nearest = difflib.get_close_matches(str(name).lower(), cards, n=1, cutoff=0.4)
        suggestion = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise ValueError(f"There is no {kind} '{name}'.{suggestion} Available: {', '.join(cards)}")
    return cards[name]
