"""Finding a card by its name. Imports no Keras."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

Card = TypeVar("Card")


def look_up(cards: Mapping[str, Card], name: str, kind: str, elsewhere: Mapping[str, str] | None = None) -> Card:
    """Return ``cards[name]``.

    Args:
        cards: What there is, by name.
        name: What was asked for.
        kind: What a card describes, for the message: "model", "data set".
        elsewhere: Names that are found in another place, and where that is, for the message: "in `cnnzoo.models`".

    Raises:
        ValueError: There is no such card; the message suggests the nearest name.

    >>> look_up({"lenet5": 1998}, "lenet", "model")
    Traceback (most recent call last):
    ...
    ValueError: There is no model 'lenet'. Did you mean 'lenet5'? Available: lenet5
    """
    if name not in cards:
        elsewhere = elsewhere or {}
        nearest = difflib.get_close_matches(str(name).lower(), [*cards, *elsewhere], n=1, cutoff=0.4)
        place = f" {elsewhere[nearest[0]]}" if nearest and nearest[0] in elsewhere else ""
        suggestion = f" Did you mean '{nearest[0]}'{place}?" if nearest else ""
        raise ValueError(f"There is no {kind} '{name}'.{suggestion} Available: {', '.join(cards)}")
    return cards[name]
