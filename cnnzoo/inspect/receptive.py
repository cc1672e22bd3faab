"""Receptive fields: how much of the image one value of a layer sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from cnnzoo._keras.graph import Call
from cnnzoo._keras.kinds import is_kind, per_axis, spatial, window


@dataclass(frozen=True)
class Field:
    """A receptive field.

    Attributes:
        size: Pixels of the image that one value depends on, a number for each spatial axis, the padding included.
        jump: Pixels of the image between two neighbours; 0 where each value sees the whole image.
    """

    size: tuple[int, ...]
    jump: tuple[Fraction, ...]


def pixel(axes: int) -> Field:
    """Return the receptive field of a pixel of the image."""
    return Field((1,) * axes, (Fraction(1),) * axes)


def field_after(call: Call, fields: Sequence[Field | None], image_size: tuple[int, ...]) -> Field | None:
    """Return the receptive field of what ``call`` gives, from those of what it takes; None where it is not known."""
    known = [each for each in fields if each is not None]
    if len(known) < len(fields) or not known:
        return None
    if len(known) > 1:
        return _merged(known) if is_kind(call.operation, "merge", "elementwise") else None
    (seen,) = known
    layer = call.operation
    if is_kind(layer, "convolution", "pooling"):
        return _after_window(layer, seen)
    if is_kind(layer, "transposed"):
        return _after_transposed(layer, seen)
    if is_kind(layer, "upsampling"):
        return _after_upsampling(layer, seen)
    if is_kind(layer, "global", "flatten") or (is_kind(layer, "dense") and not spatial(call.inputs[0].shape, layer)):
        return Field(image_size, (Fraction(0),) * len(image_size))
    sees_whole = not all(seen.jump)
    is_local = is_kind(layer, "dense", "merge", "elementwise") or _normalises_channels(layer)
    return seen if is_local or (sees_whole and is_kind(layer, "costless")) else None


def _normalises_channels(layer: Any) -> bool:
    """Tell whether ``layer`` normalises the values of each place on its own."""
    return is_kind(layer, "costless") and getattr(layer, "axis", None) in (-1, [-1], (-1,))


def _merged(fields: Sequence[Field]) -> Field | None:
    """Return what several together see; None where their values lie differently far apart."""
    size = tuple(max(sizes) for sizes in zip(*(each.size for each in fields), strict=True))
    if any(not all(each.jump) for each in fields):
        whole = [each for each in fields if not all(each.jump)]
        return replace(whole[0], size=size)
    return Field(size, fields[0].jump) if len({each.jump for each in fields}) == 1 else None


def _after_window(layer: Any, seen: Field) -> Field:
    axes = len(seen.size)
    kernel, strides = window(layer, axes)
    dilation = per_axis(getattr(layer, "dilation_rate", 1), axes)
    size = tuple(
        int(old + (extent - 1) * rate * jump)
        for old, extent, rate, jump in zip(seen.size, kernel, dilation, seen.jump, strict=True)
    )
    return Field(size, tuple(jump * stride for jump, stride in zip(seen.jump, strides, strict=True)))


def _after_transposed(layer: Any, seen: Field) -> Field:
    axes = len(seen.size)
    kernel, strides = window(layer, axes)
    dilation = per_axis(layer.dilation_rate, axes)
    size = tuple(
        int(old + (math.ceil(((extent - 1) * rate + 1) / stride) - 1) * jump)
        for old, extent, rate, stride, jump in zip(seen.size, kernel, dilation, strides, seen.jump, strict=True)
    )
    return Field(size, tuple(jump / stride for jump, stride in zip(seen.jump, strides, strict=True)))


def _after_upsampling(layer: Any, seen: Field) -> Field | None:
    mode = getattr(layer, "interpolation", "nearest")
    if mode not in ("nearest", "bilinear"):
        return None
    times = per_axis(layer.size, len(seen.size))
    neighbours = 1 if mode == "bilinear" else 0
    size = tuple(math.ceil(old + neighbours * jump) for old, jump in zip(seen.size, seen.jump, strict=True))
    return Field(size, tuple(jump / factor for jump, factor in zip(seen.jump, times, strict=True)))
