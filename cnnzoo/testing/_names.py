"""The names of layers, whatever was built before in the same process."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cnnzoo._keras.graph import Call
from cnnzoo._keras.kinds import is_named_by_keras

MODELS = ("functional", "sequential")  # what Keras calls models that nobody names


def plain_names(calls: Sequence[Call]) -> list[str]:
    """Return the names of calls, those that Keras numbered numbered in this order: "conv2d", "conv2d_1"."""
    renamed: dict[tuple[str, ...], str] = {}  # by path, as the same name may stand in several models
    numbers: dict[tuple[str, ...], int] = {}
    return [_plain(call, renamed, numbers) for call in calls]


def _plain(call: Call, renamed: dict[tuple[str, ...], str], numbers: dict[tuple[str, ...], int]) -> str:
    parts = call.name.split("/")
    of_keras = [_unnumbered(part) in MODELS for part in parts[:-1]] + [is_named_by_keras(call.operation)]
    for depth, part in enumerate(parts):
        path, scope = tuple(parts[: depth + 1]), tuple(parts[:depth])
        if of_keras[depth] and path not in renamed:
            kind = (*scope, _unnumbered(part))
            number = numbers[kind] = numbers.get(kind, -1) + 1
            renamed[path] = f"{kind[-1]}_{number}" if number else kind[-1]
    return "/".join(renamed.get(tuple(parts[: depth + 1]), part) for depth, part in enumerate(parts))


def _unnumbered(name: str) -> str:
    """Return a name without the number that Keras may have given it."""
    return re.sub(r"_\d+$", "", name)
