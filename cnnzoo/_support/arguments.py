"""Checks of plain arguments, with uniform messages. Imports no Keras."""

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

MAX_SEED = 2**32 - 1  # the limit of NumPy and Keras


def check_integer(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int of at least ``least`` and at most ``most``.

    Raises:
        ValueError: It is not an integer, or out of range.

    >>> check_integer("epochs", 0, least=1)
    Traceback (most recent call last):
    ...
    ValueError: `epochs` must be an integer of at least 1. Received: epochs=0
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(f"`{name}` must be an integer of at least {least}{upper}. Received: {name}={value!r}")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """Return ``value``, which is True or False, as a bool.

    Raises:
        ValueError: It is something else, even if Python would take it for one of them.

    >>> check_flag("include_top", "no")
    Traceback (most recent call last):
    ...
    ValueError: `include_top` must be True or False. Received: include_top='no'
    """
    if type(value).__name__ not in ("bool", "bool_"):  # NumPy's, too
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


def check_number(name: str, value: Any, interval: str) -> float:
    """Return ``value`` as a float within ``interval``, in mathematical notation: "(0, 1]", "[0, inf)".

    Raises:
        ValueError: It is not a number, or out of range.

    >>> check_number("fraction", 1.5, "(0, 1]")
    Traceback (most recent call last):
    ...
    ValueError: `fraction` must lie in (0, 1]. Received: fraction=1.5
    """
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    number = _as_float(value)
    above = number >= low if interval.startswith("[") else number > low
    below = number <= high if interval.endswith("]") else number < high
    if not (above and below):
        raise ValueError(f"`{name}` must lie in {interval}. Received: {name}={value!r}")
    return number


def check_seed(seed: int) -> int:
    """Return ``seed``, or raise ``ValueError`` if Python, NumPy or Keras does not accept it."""
    return check_integer("seed", seed, least=0, most=MAX_SEED)


def check_strings(name: str, value: Any) -> tuple[str, ...]:
    """Return several strings as a tuple; a single string is rejected.

    Raises:
        ValueError: ``value`` is a single string, or contains something other than strings.

    >>> check_strings("class_names", "cat")
    Traceback (most recent call last):
    ...
    ValueError: `class_names` must be a list of strings. Received: class_names='cat'
    """
    strings = None if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if strings is None or not all(isinstance(each, str) for each in strings):
        raise ValueError(f"`{name}` must be a list of strings. Received: {name}={value!r}")
    return strings


def _as_float(value: Any) -> float:
    """Return ``value`` as a float; NaN if it is not a number, infinity if it is too large."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shape_fits(expected: Sequence[int | None], shape: Sequence[int]) -> bool:
    """Tell whether ``shape`` matches ``expected``, where None matches any side.

    >>> shape_fits((None, 32, 32, 1), (5, 32, 32, 3))
    False
    """
    return len(expected) == len(shape) and all(a in (None, b) for a, b in zip(expected, shape, strict=True))
