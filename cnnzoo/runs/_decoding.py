"""Dataclasses to what JSON holds, and back with every type checked."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Json = dict[str, Any]


def plain(value: Any) -> Any:
    """Return ``value``, of what ``asdict`` gives, as types that JSON has: lists, and None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decoded(value: Any, kind: Any, name: str = "") -> Any:
    """Return ``value``, as JSON gives it, as what the type ``kind`` says; fields that it does not name are ignored.

    Args:
        value: Of types that JSON has.
        kind: A dataclass, a number, a string, a tuple or a dictionary of these, a ``Literal``, or one of them or None.
        name: Where it stands within the whole, for the message.

    Raises:
        ValueError: It is of another type, or lacks a field; the message says which.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # None, or the other
        return None if value is None else decoded(value, next(each for each in inner if each is not NoneType), name)
    if origin is Literal and value in inner:
        return value
    if is_dataclass(kind) and isinstance(value, dict):
        return _decoded_fields(value, kind, name)
    if origin is dict and isinstance(value, dict):
        return {key: decoded(item, inner[1], f"{name}.{key}") for key, item in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        if len(value) == len(kinds):
            return tuple(decoded(item, each, name) for item, each in zip(value, kinds, strict=True))
    is_number = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
    if kind in (int, float) and is_number:
        return value
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise ValueError(f"`{name}` must be {_words(kind)}. Received: {value!r}")


def _words(kind: Any) -> str:
    """Say in words what JSON holds for the type ``kind``."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return "a list" if inner[-1] is Ellipsis else f"a list of {len(inner)}"
    return {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "an object")


def _decoded_fields(value: Json, kind: Any, name: str) -> Any:
    types, prefix = get_type_hints(kind), f"{name}." if name else ""
    for field in fields(kind):
        if field.name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"it lacks `{prefix}{field.name}`")
    known = [field.name for field in fields(kind) if field.name in value]
    return kind(**{each: decoded(value[each], types[each], f"{prefix}{each}") for each in known})
