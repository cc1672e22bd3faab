"""What range of pixels a network takes, as far as its graph or whoever built it tells."""

from __future__ import annotations

import weakref
from typing import Any, Literal

import keras
import numpy as np

from cnnzoo._keras.graph import call_on, consumers, functional, graph_inputs, is_graph
from cnnzoo._support.lookup import look_up

Scale = Literal["unit", "byte", "raw"]

LARGEST: dict[Scale, float] = {"unit": 1.0, "byte": 255.0}  # the largest pixel of each range; "raw" is any other

LARGEST_BYTE_FACTOR = 0.1  # of what begins with a scale: 1 / 255 and 1 / deviation, of pixels in [0, 255]
SMALLEST_UNIT_FACTOR = 0.5  # of pixels in [0, 1]
LARGEST_UNIT_CENTRE = 2.0  # the pixel that becomes 0
PROBE = 128.0  # a pixel whose place after a scale is known, also in bfloat16
CLOSE = 0.02
OPEN_SIDE = 32  # pixels, where the input has any

# By the layer that images meet first, which models that are made of another's layers share
_KNOWN: weakref.WeakKeyDictionary[Any, Scale] = weakref.WeakKeyDictionary()


def check_scale(scale: str) -> Scale:
    """Return ``scale``, or raise ``ValueError`` when there is none of that name."""
    scales: dict[str, Scale] = {"unit": "unit", "byte": "byte", "raw": "raw"}
    return look_up(scales, scale, "scale")


def note_scale(model: keras.Model, scale: Scale) -> None:
    """Note what range of pixels ``model``, and whatever else begins with its layers, takes, unless the graph tells."""
    for layer, values in _first_layers(model):
        if _scale_of(None, values) is None:
            _KNOWN[layer] = scale


def scale_of(model: keras.Model) -> Scale | None:
    """Tell what range of pixels ``model`` takes: "unit" for [0, 1], "byte" for [0, 255], "raw" for another.

    It is that which the layers that images meet first bring to values about 1, or to what was noted of the layer that
    then follows when this package built or trained a network with it. None where neither tells, or branches differ.

    Raises:
        ValueError: ``model`` is no model, subclassed or not built.
    """
    if graph_inputs(model)[0].dtype.startswith(("int", "uint")):
        return "byte"
    scales = {_scale_of(_KNOWN.get(layer), values) for layer, values in _first_layers(model)}
    return scales.pop() if len(scales) == 1 else None


def _first_layers(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return the layers that images meet behind what scales and shifts them, with what reaches each of flat images."""
    sides = (side or OPEN_SIDE for side in graph_inputs(model)[0].shape)
    shape = (3, *sides)
    flat = np.broadcast_to(np.array([0, PROBE, 2 * PROBE], np.float32).reshape(3, *[1] * (len(shape) - 1)), shape)
    function = functional(model)
    return _follow(function, function.inputs[0], keras.ops.convert_to_tensor(flat))


def _scale_of(known: Scale | None, values: Any) -> Scale | None:
    """Return the range of pixels that becomes ``values`` of flat images of 0, 128 and 256 where ``known`` is wanted."""
    zero, probe, _ = keras.ops.convert_to_numpy(keras.ops.cast(values, "float32")).reshape(3, -1)
    inside = probe != zero  # padding is neither scaled nor shifted
    factor, offset = (float(np.median(np.abs(each[inside]))) for each in ((probe - zero) / PROBE, zero))
    if np.isclose(factor, 1, rtol=CLOSE) and np.isclose(offset, 0, atol=CLOSE):
        return known
    if known in LARGEST:
        return _scale_before(LARGEST[known], factor)
    if offset / factor > LARGEST_UNIT_CENTRE or factor <= LARGEST_BYTE_FACTOR:
        return "byte"
    return "unit" if factor >= SMALLEST_UNIT_FACTOR else None


def _scale_before(wanted: float, factor: float) -> Scale | None:
    """Return the range whose largest pixel becomes ``wanted`` when it is multiplied by ``factor``."""
    for scale, largest in LARGEST.items():
        if np.isclose(largest * factor, wanted, rtol=0.1):
            return scale
    return None


def _follow(function: Any, symbol: Any, values: Any) -> list[tuple[Any, Any]]:
    """Send flat images into a graph, on all ways, up to the layers that learn or do more than scale and shift them."""
    reached: list[tuple[Any, Any]] = []
    for node in consumers(function, symbol):
        takes_nothing_else = all(each is symbol for each in node.input_tensors) and len(node.outputs) == 1
        within: list[tuple[Any, Any]] = []
        if takes_nothing_else and is_graph(node.operation):
            inner = functional(node.operation)
            within = _follow(inner, inner.inputs[0], values)
        changed = None if within or not takes_nothing_else else _changed(node, values)
        if changed is not None:
            reached += _follow(function, node.outputs[0], changed)
        else:
            reached += within or [(node.operation, values)]
    return reached


def _changed(node: Any, values: Any) -> Any:
    """Return what a call makes of flat images of 0, 128 and 256; None where it learns, or is no scale."""
    layer, passes = node.operation, (keras.layers.Normalization, keras.Model)
    if isinstance(layer, keras.Layer) and layer.weights and not isinstance(layer, passes):
        return None
    try:
        given = call_on(node, values)
        zero, probe, twice = keras.ops.convert_to_numpy(keras.ops.cast(given, "float32"))
    except Exception:  # whatever a user's layer makes of images that are none
        return None
    step, next_step = probe - zero, twice - probe
    is_even = bool(np.allclose(step, next_step, rtol=CLOSE, atol=CLOSE * np.abs(step).max()))
    return given if zero.ndim == 3 and step.any() and is_even else None
