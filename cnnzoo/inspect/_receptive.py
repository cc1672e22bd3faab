"""Receptive fields: the region of the image that influences one output value of a layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import keras

from cnnzoo._keras.graph import Call, Tensor
from cnnzoo._keras.kinds import KINDS, channels_of, is_kind, is_named, per_axis, reordered, window

# Activations that combine all values along the last axis
MIXING_ACTIVATIONS = frozenset({"softmax", "log_softmax", "sparsemax", "glu"})
BACKENDS = ("keras", "tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Axis:
    """The pixels that the values of a layer depend on, along one axis of the image, as ranges from first to last.

    The axis is unbounded, because padding counts. The ranges are periodic: with ``p = len(first)``, the range of the
    value at position ``i + p`` is that of position ``i``, moved by ``shift`` pixels.

    Attributes:
        first: The first pixel for each value of a period.
        last: The last pixel for each value of a period.
        shift: Pixels from one period to the next; 0 if all periods depend on the same pixels.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    shift: int

    @property
    def size(self) -> int:
        """The largest number of pixels that a value depends on."""
        return max(last - first for first, last in zip(self.first, self.last, strict=True)) + 1

    def at(self, place: int) -> tuple[int, int]:
        """Return the first and the last pixel that the value at ``place`` depends on."""
        rows, place = divmod(place, len(self.first))
        return self.first[place] + rows * self.shift, self.last[place] + rows * self.shift

    def through(self, seen: Callable[[int], Iterable[int]], outputs: int = 1, inputs: int = 1) -> Axis:
        """Return the axis after a layer whose value at ``place`` depends on its input at the positions ``seen(place)``.

        The layer is periodic: ``outputs`` positions further, it depends on the input ``inputs`` positions further.
        """
        repeats = len(self.first) // math.gcd(len(self.first), inputs)
        ends = [[self.at(each) for each in seen(place)] for place in range(outputs * repeats)]
        return Axis(
            tuple(min(first for first, _ in each) for each in ends),
            tuple(max(last for _, last in each) for each in ends),
            inputs * repeats * self.shift // len(self.first),
        )


Field = tuple[Axis, ...]  # for each spatial axis of the image


def pixel(axes: int) -> Field:
    """Return the receptive field of a pixel of the image."""
    return (Axis((0,), (0,), 1),) * axes


def size_of(field: Field | None) -> tuple[int, ...] | None:
    """Return the number of pixels that a value depends on, along each axis, padding included."""
    return None if field is None else tuple(axis.size for axis in field)


def field_after(call: Call, fields: Sequence[Field | None], image_size: tuple[int, ...]) -> Field | None:
    """Return the receptive field of the output of ``call`` from those of its inputs; None if unknown.

    Layers count as in inference; augmentation layers may behave differently in training.
    """
    layer, whole = call.operation, tuple(_whole(side) for side in image_size)
    known = [each for each in fields if each is not None]
    if len(known) < len(fields) or not known or not is_kind(layer, *KINDS):
        return None
    if all(_sees_all(axis, side) for field in known for axis, side in zip(field, image_size, strict=True)):
        return _united(known, image_size)
    if len(known) > 1:
        return _merged(call, known, image_size) if is_kind(layer, "merge", "elementwise") else None
    if is_kind(layer, "global", "flatten"):
        return whole
    (seen,), source = known, call.inputs[0]
    order = channels_of(layer)
    if len(source.spatial) != len(seen) or (order is not None and order % len(source.shape) != source.channels):
        return None
    moved = _moved(call, seen)
    axes = _mixed_axes(call)
    if moved is None or axes is None:
        return None
    places = [axis for axis in range(len(source.shape)) if axis != source.channels]
    return tuple(all_ if axis in axes else own for axis, own, all_ in zip(places, moved, whole, strict=True))


def _whole(side: int) -> Axis:
    return Axis((0,), (side - 1,), 0)


def _sees_all(axis: Axis, side: int) -> bool:
    return axis.shift == 0 and axis.first[0] <= 0 and axis.last[0] >= side - 1


def _moved(call: Call, seen: Field) -> Field | None:
    """Return the field after ``call``, considering only the axes of the image."""
    layer, (source,), given = call.operation, call.inputs, call.outputs[0]
    if is_kind(layer, "convolution", "pooling"):
        return _after_window(layer, seen, source, given)
    if is_kind(layer, "adaptive"):
        return _after_adaptive(seen, source, given)
    if is_kind(layer, "transposed"):
        return _after_transposed(layer, seen, source, given)
    if is_kind(layer, "upsampling") or is_named(layer, {"Resizing"}):
        return _after_resampling(layer, seen, source, given)
    if is_named(layer, {f"{kind}{axes}D" for kind in ("ZeroPadding", "Cropping") for axes in (1, 2, 3)}):
        return _after_moving(layer, seen)
    if is_kind(layer, "reordering"):
        return _after_reordering(layer, seen, source)
    if is_named(layer, {"Flip", "Repeat", "GetItem"}):
        return seen if _leaves_places(call) else None
    if is_kind(layer, "reduction") or _is_average_operation(layer):
        return seen if len(given.shape) == len(source.shape) else _reduced(call, seen)
    if is_kind(layer, "elementwise", "merge"):
        return _broadcast(seen, source, given)
    return seen if is_kind(layer, "dense", "normalization") else None


def _after_window(layer: Any, seen: Field, source: Tensor, given: Tensor) -> Field:
    kernel, strides = window(layer, len(seen))
    dilation = per_axis(getattr(layer, "dilation_rate", 1), len(seen))
    axes = []
    for number, (axis, extent, stride, rate) in enumerate(zip(seen, kernel, strides, dilation, strict=True)):
        reach = (extent - 1) * rate
        padding = {"valid": 0, "causal": reach}.get(layer.padding)
        if padding is None:
            padding = max((given.spatial[number] - 1) * stride + reach + 1 - source.spatial[number], 0) // 2
        places = partial(_of_window, stride=stride, begin=-padding, end=reach - padding)
        axes.append(axis.through(places, inputs=stride))
    return tuple(axes)


def _after_adaptive(seen: Field, source: Tensor, given: Tensor) -> Field:
    """Return the field after pooling to a given size, over windows that overlap where the sizes are no multiples."""
    axes = []
    for axis, old, new in zip(seen, source.spatial, given.spatial, strict=True):
        outputs, inputs = new // math.gcd(old, new), old // math.gcd(old, new)
        axes.append(axis.through(partial(_of_adaptive, old=old, new=new), outputs, inputs))
    return tuple(axes)


def _after_transposed(layer: Any, seen: Field, source: Tensor, given: Tensor) -> Field:
    kernel, strides = window(layer, len(seen))
    dilation = per_axis(layer.dilation_rate, len(seen))
    axes = []
    for number, (axis, extent, stride, rate) in enumerate(zip(seen, kernel, strides, dilation, strict=True)):
        cut = 0
        if layer.padding == "same":
            cut = max((source.spatial[number] - 1) * stride + (extent - 1) * rate + 1 - given.spatial[number], 0) // 2
        places = partial(_of_transposed, extent=extent, stride=stride, rate=rate, cut=cut)
        axes.append(axis.through(places, outputs=stride))
    return tuple(axes)


def _after_resampling(layer: Any, seen: Field, source: Tensor, given: Tensor) -> Field | None:
    mode = getattr(layer, "interpolation", "nearest")
    is_plain = not any(
        getattr(layer, name, False) for name in ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
    )
    if mode not in ("nearest", "bilinear") or not is_plain:
        return None
    axes = []
    for axis, old, new in zip(seen, source.spatial, given.spatial, strict=True):
        outputs, inputs = new // math.gcd(old, new), old // math.gcd(old, new)
        places = partial(_of_resampling, step=Fraction(inputs, outputs), blends=mode == "bilinear")
        axes.append(axis.through(places, outputs, inputs))
    return tuple(axes)


def _after_moving(layer: Any, seen: Field) -> Field:
    """Return the field after a layer that pads or crops."""
    pads = getattr(layer, "padding", None)
    pairs = layer.cropping if pads is None else pads
    begins = [pairs[0]] if isinstance(pairs[0], int) else [begin for begin, _ in pairs]
    sign = 1 if pads is None else -1
    return tuple(
        axis.through(partial(_of_window, stride=1, begin=sign * begin, end=sign * begin))
        for axis, begin in zip(seen, begins, strict=True)
    )


def _of_window(place: int, *, stride: int, begin: int, end: int) -> tuple[int, ...]:
    """Return the outermost input positions of an output value of a convolution or pooling layer."""
    return place * stride + begin, place * stride + end


def _of_adaptive(place: int, *, old: int, new: int) -> tuple[int, int]:
    """Return the outermost input positions of an output value of an adaptive pooling from ``old`` to ``new`` values."""
    return place * old // new, -(-(place + 1) * old // new) - 1


def _of_transposed(place: int, *, extent: int, stride: int, rate: int, cut: int) -> list[int]:
    """Return the input positions of an output value of a transposed convolution; the nearest one if there are none."""
    reached = [place + cut - tap * rate for tap in range(extent)]
    return [each // stride for each in reached if each % stride == 0] or [(place + cut) // stride]


def _of_resampling(place: int, *, step: Fraction, blends: bool) -> list[int]:
    """Return the input positions of an output value of a resized map; values are at pixel centres."""
    middle = (place + Fraction(1, 2)) * step
    if not blends:
        return [math.floor(middle)]
    return [math.floor(middle - Fraction(1, 2)), math.ceil(middle - Fraction(1, 2))]


def _after_reordering(layer: Any, seen: Field, source: Tensor) -> Field | None:
    order = reordered(layer, len(source.shape))
    if order is None:
        return None
    places = [axis for axis in order if axis != source.channels]
    return seen if places == sorted(places) else None


def _leaves_places(call: Call) -> bool:
    """Tell whether an operation that flips, repeats or indexes does so along the channels only."""
    source = call.inputs[0]
    if is_named(call.operation, {"GetItem"}):
        key = call.arguments[0] if call.arguments else None
        key = tuple(key) if isinstance(key, tuple | list) else (key,)
        missing = len(source.shape) + 1 - (len(key) - (Ellipsis in key))
        place = key.index(Ellipsis) if Ellipsis in key else len(key)
        whole = [slice(None)] * missing
        key = (*key[:place], *whole, *key[place + 1 :])
        return all(each == slice(None) for axis, each in enumerate(key) if axis != source.channels + 1)
    return _axes(call.operation.axis, source) == {source.channels}


def _is_average_operation(layer: Any) -> bool:
    """Tell whether ``layer`` is the operation ``keras.ops.average``, not the layer ``Average``."""
    return is_named(layer, {"Average"}) and not isinstance(layer, keras.Layer)


def _reduced(call: Call, seen: Field) -> Field | None:
    """Return the field after a reduction that drops axes."""
    source = call.inputs[0]
    axes = _axes(call.operation.axis, source) or set()
    return seen if axes | {source.channels} == set(range(len(source.shape))) else None


def _broadcast(seen: Field, source: Tensor, given: Tensor) -> Field | None:
    """Return the field of ``source`` broadcast to the shape of ``given``."""
    axes = []
    for axis, own, wanted in zip(seen, source.spatial, given.spatial, strict=True):
        if own not in (1, wanted):
            return None
        axes.append(axis if own == wanted else axis.through(partial(_of_window, stride=0, begin=0, end=0), inputs=0))
    return tuple(axes)


def _merged(call: Call, fields: Sequence[Field], image_size: tuple[int, ...]) -> Field | None:
    """Return the field of a layer that merges several inputs at the same position."""
    given = call.outputs[0]
    if is_named(call.operation, {"Concatenate"}) and _axes(call.operation.axis, given) != {given.channels}:
        return None
    at_places: list[Field] = []
    for field, source in zip(fields, call.inputs, strict=True):
        if all(_sees_all(axis, side) for axis, side in zip(field, image_size, strict=True)):
            at_places.append(field)
            continue
        is_alike = len(source.shape) == len(given.shape) and source.channels == given.channels
        there = _broadcast(field, source, given) if is_alike else None
        if there is None:
            return None
        at_places.append(there)
    return _united(at_places, image_size)


def _united(fields: Sequence[Field], image_size: tuple[int, ...]) -> Field | None:
    """Return the union of several fields; None if their strides differ."""
    united = []
    for axes, side in zip(zip(*fields, strict=True), image_size, strict=True):
        if any(_sees_all(axis, side) for axis in axes):
            united.append(Axis((0,), (max(axis.size for axis in axes) - 1,), 0))
            continue
        if len({Fraction(axis.shift, len(axis.first)) for axis in axes}) > 1:
            return None
        ends = [[axis.at(place) for axis in axes] for place in range(math.lcm(*(len(axis.first) for axis in axes)))]
        firsts = tuple(min(first for first, _ in each) for each in ends)
        lasts = tuple(max(last for _, last in each) for each in ends)
        united.append(Axis(firsts, lasts, axes[0].shift * len(ends) // len(axes[0].first)))
    return tuple(united)


def _mixed_axes(call: Call) -> set[int] | None:
    """Return the axes along which ``call`` combines all values, not counting the batch axis; None if unknown."""
    layer, source, given = call.operation, call.inputs[0], call.outputs[0]
    everywhere = set(range(len(source.shape)))
    if is_named(layer, {"GroupNormalization"}):
        return everywhere
    if is_kind(layer, "normalization", "reduction") or is_named(layer, {"Softmax"}) or _is_average_operation(layer):
        return _axes(layer.axis, source)
    last = {len(given.shape) - 1}
    mixed = _mixes(getattr(layer, "activation", None))
    if mixed is None:
        return None
    return last if mixed or is_kind(layer, "dense") else set()


def _mixes(activation: Any) -> bool | None:
    """Tell whether ``activation`` combines all values along the last axis; None if it is not a known activation."""
    if activation is None or is_kind(activation, "elementwise"):
        return is_named(activation, {"Softmax"})
    name, module = getattr(activation, "__name__", ""), getattr(activation, "__module__", None) or ""
    if module.split(".")[0] not in BACKENDS or not hasattr(keras.activations, name):
        return None
    return name in MIXING_ACTIVATIONS


def _axes(axis: Any, source: Tensor) -> set[int] | None:
    """Return the axes in ``axis``, not counting the batch axis; None if that is among them."""
    rank = len(source.shape) + 1
    axes = {each % rank - 1 for each in (range(rank) if axis is None else [axis] if isinstance(axis, int) else axis)}
    return None if -1 in axes else axes
