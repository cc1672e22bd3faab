"""Looking up cards by name. Imports no Keras."""

import difflib
from collections.abc import Collection, Mapping
from typing import TypeVar

Card = TypeVar("Card")

MOST_LISTED = 12  # names, beside a suggestion: a longer list would bury it


def look_up(cards: Mapping[str, Card], name: str, kind: str, elsewhere: Mapping[str, str] | None = None) -> Card:
    """Return ``cards[name]``.

    Args:
        cards: The known cards by name.
        name: The requested name.
        kind: What the names stand for, for the message: "model", "data set".
        elsewhere: Names that are found in another place, with that place for the message: "in `cnnzoo.models`".

    Raises:
        ValueError: The name is unknown; the message suggests the nearest, and lists all unless they are many.

    >>> look_up({"lenet5": 1998}, "lenet", "model")
    Traceback (most recent call last):
    ...
    ValueError: Unknown model 'lenet'. Did you mean 'lenet5'? Available: lenet5
    """
    if name not in cards:
        elsewhere = elsewhere or {}
        shown = {other: f"'{other}' {place}" for other, place in elsewhere.items()}
        suggestion = did_you_mean(name, [*cards, *elsewhere], shown)
        listed = "" if suggestion and len(cards) > MOST_LISTED else f" Available: {', '.join(cards)}"
        raise ValueError(f"Unknown {kind} '{name}'.{suggestion}{listed}")
    return cards[name]


def did_you_mean(
    name: str, names: Collection[str], shown: Mapping[str, str] | None = None, *, cutoff: float = 0.5
) -> str:
    """Return a question that suggests the nearest of ``names``, after a space; nothing where none is near.

    Args:
        name: What was given.
        names: What there is.
        shown: How the question is to write some of these.
        cutoff: How near a name must be, from 0 to 1, the same.

    >>> did_you_mean("lenet", ["lenet5", "alexnet"])
    " Did you mean 'lenet5'?"
    """
    nearest = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=cutoff)
    return f" Did you mean {(shown or {}).get(nearest[0], repr(nearest[0]))}?" if nearest else ""
