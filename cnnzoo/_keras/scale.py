"""The input range of a network, as far as it is known from its graph or its builder."""

from __future__ import annotations

import weakref
from typing import Any, Literal

import keras
import numpy as np

from cnnzoo._keras.graph import call_on, consumers, functional, graph_inputs, is_graph
from cnnzoo._support.lookup import look_up

Scale = Literal["unit", "byte", "raw"]

# The largest pixel value of each range; "raw" is any other range
LARGEST: dict[Scale, float] = {"unit": 1.0, "byte": 255.0}

LARGEST_BYTE_FACTOR = 0.1  # for pixels in [0, 255], scaled by 1 / 255 or 1 / deviation
SMALLEST_UNIT_FACTOR = 0.5  # for pixels in [0, 1]
LARGEST_UNIT_CENTRE = 2.0  # the pixel value that becomes 0
PROBE = 128.0  # a pixel value that is exact in bfloat16, too
CLOSE = 0.02
OPEN_SIDE = 32  # pixels, for inputs of any size

# By first layer, which models built from another's layers share
_KNOWN: weakref.WeakKeyDictionary[Any, Scale] = weakref.WeakKeyDictionary()


def check_scale(scale: str) -> Scale:
    """Return ``scale``, or raise ``ValueError`` if it is unknown."""
    scales: dict[str, Scale] = {"unit": "unit", "byte": "byte", "raw": "raw"}
    return look_up(scales, scale, "scale")


def note_scale(model: keras.Model, scale: Scale) -> None:
    """Record the input range of ``model`` and of other models with the same first layers, unless the graph shows it."""
    for layer, values in _first_layers(model):
        if _scale_of(None, values) is None:
            _KNOWN[layer] = scale


def scale_of(model: keras.Model) -> Scale | None:
    """Return the input range of ``model``: "unit" for [0, 1], "byte" for [0, 255], "raw" for another; None if unknown.

    The range is derived from the scaling layers at the start of the graph, and from the range recorded for the layer
    after them when this package built or trained a network with it. It is unknown if branches differ.

    Raises:
        ValueError: ``model`` is not a Keras model, or it is subclassed or not built.
    """
    if graph_inputs(model)[0].dtype.startswith(("int", "uint")):
        return "byte"
    scales = {_scale_of(_KNOWN.get(layer), values) for layer, values in _first_layers(model)}
    return scales.pop() if len(scales) == 1 else None


def _first_layers(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return the first layers after those that scale and shift, each with its input for constant images."""
    sides = (side or OPEN_SIDE for side in graph_inputs(model)[0].shape)
    shape = (3, *sides)
    flat = np.broadcast_to(np.array([0, PROBE, 2 * PROBE], np.float32).reshape(3, *[1] * (len(shape) - 1)), shape)
    function = functional(model)
    return _follow(function, function.inputs[0], keras.ops.convert_to_tensor(flat))


def _scale_of(known: Scale | None, values: Any) -> Scale | None:
    """Return the input range from ``values`` (scaled images of 0, 128, 256) and the range ``known`` after scaling."""
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
    """Return the range whose largest pixel value, multiplied by ``factor``, is ``wanted``."""
    for scale, largest in LARGEST.items():
        if np.isclose(largest * factor, wanted, rtol=0.1):
            return scale
    return None


def _follow(function: Any, symbol: Any, values: Any) -> list[tuple[Any, Any]]:
    """Pass constant images through a graph, along all paths, up to layers that do more than scale and shift."""
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
    """Apply a call to constant images of 0, 128 and 256; None if it has weights or is not an affine scaling."""
    layer, passes = node.operation, (keras.layers.Normalization, keras.Model)
    if isinstance(layer, keras.Layer) and layer.weights and not isinstance(layer, passes):
        return None
    try:
        given = call_on(node, values)
        zero, probe, twice = keras.ops.convert_to_numpy(keras.ops.cast(given, "float32"))
    except Exception:  # a user's layer can raise anything for test images
        return None
    step, next_step = probe - zero, twice - probe
    is_even = bool(np.allclose(step, next_step, rtol=CLOSE, atol=CLOSE * np.abs(step).max()))
    return given if zero.ndim == 3 and step.any() and is_even else None
