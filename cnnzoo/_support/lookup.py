"""Looking up cards by name. Imports no Keras."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TypeVar

Card = TypeVar("Card")


def look_up(cards: Mapping[str, Card], name: str, kind: str, elsewhere: Mapping[str, str] | None = None) -> Card:
    """Return ``cards[name]``.

    Args:
        cards: The known cards by name.
        name: The requested name.
        kind: What the names stand for, for the message: "model", "data set".
        elsewhere: Names that are found in another place, with that place for the message: "in `cnnzoo.models`".

    Raises:
        ValueError: The name is unknown; the message suggests the nearest.

    >>> look_up({"lenet5": 1998}, "lenet", "model")
    Traceback (most recent call last):
    ...
    ValueError: Unknown model 'lenet'. Did you mean 'lenet5'? Available: lenet5
    """
    if name not in cards:
        elsewhere = elsewhere or {}
        suggestion = did_you_mean(name, [*cards, *elsewhere], elsewhere)
        raise ValueError(f"Unknown {kind} '{name}'.{suggestion} Available: {', '.join(cards)}")
    return cards[name]


def did_you_mean(name: str, names: Sequence[str], places: Mapping[str, str] | None = None) -> str:
    """Return a question that suggests the nearest of ``names``, after a space; nothing where none is near.

    >>> did_you_mean("lenet", ["lenet5", "alexnet"])
    " Did you mean 'lenet5'?"
    """
    nearest = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.4)
    if not nearest:
        return ""
    place = (places or {}).get(nearest[0])
    return f" Did you mean '{nearest[0]}'{f' {place}' if place else ''}?"
