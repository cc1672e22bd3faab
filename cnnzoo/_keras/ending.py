"""The output of a classifier: probabilities or logits, for several classes or binary."""

from __future__ import annotations

import functools
import math
import types
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from cnnzoo._keras.graph import call_on, functional, graph_inputs, is_graph, producers
from cnnzoo._keras.kinds import is_kind

Kind = Literal["softmax", "logits", "sigmoid", "logit"]
BINARY: tuple[Kind, ...] = ("sigmoid", "logit")  # for a single output
LOGITS: tuple[Kind, ...] = ("logits", "logit")
Form = Literal["identity", "softmax", "sigmoid", "log_softmax", "affine", "unit", "scores", "unknown"]

# Inputs to test an activation with; the forms differ by more than bfloat16's rounding
PROBE = np.array([-60.0, -2.5, -1.0, -0.3, 0.0, 0.4, 1.2, 3.0, 60.0], np.float32)
CLOSE = 0.02
ROW_TOLERANCE = 1e-2  # for the sum of a row of probabilities
LEAST = 1e-7  # probability before a logarithm

# Logits, or equivalent to logits
UNBOUNDED: tuple[Form, ...] = ("identity", "affine", "scores", "log_softmax")
PASSED: tuple[Form, ...] = ("identity", "affine", "scores")


class Ending(NamedTuple):
    """How a classifier ends.

    Attributes:
        kind: "softmax" for probabilities of several classes, "logits" for their logits; for a single output, "sigmoid"
            for the probability of the second of two classes, "logit" for its logit.
        operation: The layer or operation whose softmax or sigmoid can be removed; None if there is none.
        trail: The ids of the symbols from the output back to that operation's output, as for ``graph.run``.
        layers: The layers and operations from the output back to the one that computes the logits, which determine the
            precision of the result.
    """

    kind: Kind
    operation: Any = None
    trail: frozenset[int] = frozenset()
    layers: tuple[Any, ...] = ()

    @property
    def kind_without_activation(self) -> Kind:
        """The kind of output after ``without_activation`` on ``operation``."""
        if self.operation is None:
            return self.kind
        return "logits" if self.kind == "softmax" else "logit"


def count_classes(model: keras.Model) -> int:
    """Return the number of classes of ``model``; a single output means two."""
    return max(int(model.outputs[0].shape[-1]), 2)


def check_classifier(model: keras.Model) -> None:
    """Raise ``ValueError`` unless ``model`` is an image classifier that chooses one class per image."""
    graph_inputs(model)
    shapes = [len(each.shape) for each in (*model.inputs, *model.outputs)]
    if shapes != [4, 2]:
        several = ". Choose one output: `keras.Model(model.inputs, model.outputs[0])`" if len(model.outputs) > 1 else ""
        raise ValueError(
            "`model` must map images of shape (n, height, width, channels) to outputs of shape (n, classes). "
            f"Received: inputs {model.input_shape}, outputs {model.output_shape}{several}"
        )
    ending_by_graph(model)


def find_ending(model: keras.Model, outputs: Callable[[], Any]) -> Ending:
    """Find out how ``model`` ends: from its graph if possible, otherwise from output values.

    Args:
        model: A classifier that passes ``check_classifier``.
        outputs: A function that returns the outputs of ``model`` for some images; called only if the graph is not
            sufficient.

    Raises:
        ValueError: The outputs cannot choose one class.
    """
    return ending_by_graph(model) or Ending(_kind_of_values(keras.ops.convert_to_numpy(outputs())))


def ending_by_graph(model: keras.Model) -> Ending | None:
    """Find out how ``model`` ends from its graph; None if output values are needed.

    Operations that do not change values (dropout, casts) are skipped; an activation that is an arbitrary function is
    recognised by applying it to test values.

    Raises:
        ValueError: The outputs cannot choose one class: a softmax of a single output, a sigmoid of several.
    """
    function = functional(model)
    several = int(model.outputs[0].shape[-1]) > 1
    way = _way_back(function, function.outputs[0])
    node, form = way.decides, _form_at_the_end(way)
    if form == "unknown":
        return None
    named = f"{type(node.operation).__name__} '{node.operation.name}'"
    if form == "softmax" and not several:
        raise ValueError(
            "`model` has a single output, and the softmax of a single value is always 1. Use a sigmoid, or two "
            f"outputs. Received a model that ends in: {named}"
        )
    if form in ("sigmoid", "unit") and several:
        raise ValueError(
            "`model` must choose one class per image: end it with a softmax or with logits. Received a model whose "
            f"last operation scores each of its {model.outputs[0].shape[-1]} outputs independently, as for multi-label "
            f"classification: {named}"
        )
    trail, layers = frozenset(way.trail), tuple(way.layers)
    if form in UNBOUNDED:
        return Ending("logits" if several else "logit", None, trail, layers)
    separable = form != "unit" and not way.changes
    return Ending("softmax" if several else "sigmoid", node.operation if separable else None, trail, layers)


def class_probabilities(outputs: np.ndarray, kind: Kind) -> np.ndarray:
    """Convert the outputs of a classifier to probabilities: float32 of shape (n, classes), at least two classes."""
    outputs = outputs.astype(np.float32, copy=False)  # bfloat16 would round a probability of 0.998 up to 1
    if kind == "softmax":
        return outputs
    if kind == "logits":
        probabilities: np.ndarray = keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
        return probabilities
    if kind == "sigmoid":
        return np.concatenate([1 - outputs, outputs], axis=1)
    both = np.concatenate([-outputs, outputs], axis=1)  # 1 - sigmoid(20) is 0 in float32
    sigmoids: np.ndarray = keras.ops.convert_to_numpy(keras.ops.sigmoid(both))
    return sigmoids


def class_scores(outputs: Any, kind: Kind) -> Any:
    """Return a score per class, the largest for the predicted class: the logit, or the log-probability.

    For a single output, the scores are the negative logit and the logit.
    """
    outputs = keras.ops.cast(outputs, "float32")
    if kind == "logits":
        return outputs
    if kind == "softmax":
        return keras.ops.log(keras.ops.maximum(outputs, 1e-30))
    if kind == "sigmoid":
        second = keras.ops.clip(outputs, LEAST, 1 - LEAST)
        outputs = keras.ops.log(second) - keras.ops.log(1 - second)
    return keras.ops.concatenate([-outputs, outputs], axis=-1)


def has_kernel(operation: Any) -> bool:
    """Tell whether ``operation`` is a Keras layer that multiplies by a kernel and then applies its activation."""
    is_einsum = isinstance(operation, keras.layers.EinsumDense) and type(operation).__module__.startswith("keras.")
    return is_einsum or is_kind(operation, "convolution", "transposed", "dense")


def activation_form(layer: Any) -> Form:
    """Tell which function the activation of ``layer``, which has a kernel, is."""
    activation = layer.activation
    if isinstance(activation, types.FunctionType) and activation.__module__.startswith("keras."):
        return _form_of_keras(activation)
    return _form(activation, PROBE.size)  # which may change


def without_activation(layer: Any) -> Callable[..., Any]:
    """Return a function like ``layer``, the operation of an ``Ending``, but without its softmax or sigmoid."""
    if not has_kernel(layer):
        return lambda values, *arguments, **options: values

    def linear(*arguments: Any, **options: Any) -> Any:
        activation = layer.activation
        vars(layer)["activation"] = keras.activations.linear  # bypasses Keras' attribute tracking
        try:
            return layer(*arguments, **options)
        finally:
            vars(layer)["activation"] = activation

    return linear


class _Way(NamedTuple):
    """The path from an output back to the call that determines its kind; ``decides`` is None if there is none.

    ``passed`` are the calls skipped on the path, the last one first; ``changes`` tells whether one of them changes
    values, like a scale or a mean.
    """

    trail: list[int]
    layers: list[Any]
    decides: Any
    passed: list[Any]
    changes: bool


def _way_back(function: Any, symbol: Any) -> _Way:
    """Follow the graph back from ``symbol``, through nested models."""
    made_by = producers(function)
    trail: list[int] = []
    layers: list[Any] = []
    passed: list[Any] = []
    changes = False
    while (node := made_by.get(id(symbol))) is not None:
        trail.append(id(symbol))
        layers.append(node.operation)
        if is_graph(node.operation):
            inner = functional(node.operation)
            within = _way_back(inner, inner.outputs[[each is symbol for each in node.outputs].index(True)])
            trail += within.trail
            layers += within.layers
            passed += within.passed
            changes = changes or within.changes
            if within.decides is not None:
                return _Way(trail, layers, within.decides, passed, changes)
        else:
            form = _form_of(node)
            if has_kernel(node.operation) or _has_weights(node.operation) or form not in PASSED:
                before = made_by.get(id(node.input_tensors[0]))
                if not has_kernel(node.operation) and before is not None:
                    layers.append(before.operation)
                return _Way(trail, layers, node, passed, changes)
            passed.append(node)
            changes = changes or form != "identity"
        if len(node.input_tensors) != 1:
            break
        (symbol,) = node.input_tensors
    return _Way(trail, layers, None, passed, changes)


def _form_at_the_end(way: _Way) -> Form:
    """Return the form of the deciding call combined with the value-changing calls after it."""
    if way.decides is None:
        return "unknown"
    form = _form_of(way.decides)
    if not way.changes:
        return form
    if any(_is_averaging(node.operation) for node in way.passed):  # a mean is bounded if its inputs are
        others = (node for node in way.passed if not _is_averaging(node.operation))
        is_linear = all(_form_of(node) in ("identity", "affine") for node in others)
        return form if form in UNBOUNDED and is_linear else "unknown"
    start = way.decides.operation
    if not has_kernel(start) and form != "scores":
        return "unknown" if form == "unknown" else _form(_chain([*way.passed, way.decides]), PROBE.size)
    activation = start.activation if has_kernel(start) else keras.activations.linear
    chain = _chain(way.passed)
    return _form(lambda rows: chain(activation(rows)), int(way.passed[0].outputs[0].shape[-1]))


def _chain(nodes: list[Any]) -> Callable[[Any], Any]:
    """Return the calls (in reverse order) as one function of rows."""

    def call(rows: Any) -> Any:
        for node in reversed(nodes):
            shape = node.input_tensors[0].shape[1:]
            rows = keras.ops.reshape(call_on(node, keras.ops.reshape(rows, (-1, *shape))), (len(rows), -1))
        return rows

    return call


def _is_averaging(layer: Any) -> bool:
    return is_kind(layer, "global", "pooling") or (_has_weights(layer) and is_kind(layer, "elementwise", "costless"))


def _form_of(node: Any) -> Form:
    """Return the form of a call; for a layer with a kernel, that of its activation."""
    layer = node.operation
    if has_kernel(layer):
        return activation_form(layer)
    if _is_averaging(layer):
        return "scores"
    if _has_weights(layer) or len(node.input_tensors) != 1 or len(node.outputs) != 1:
        return "unknown"
    (taken,), (given,) = node.input_tensors, node.outputs
    if None in (*taken.shape[1:], *given.shape[1:]):
        return "unknown"

    def call(rows: Any) -> Any:
        values = keras.ops.cast(keras.ops.reshape(rows, (-1, *taken.shape[1:])), taken.dtype)
        return keras.ops.reshape(call_on(node, values), (len(rows), -1))

    return _form(call, math.prod(taken.shape[1:]))


def _has_weights(operation: Any) -> bool:
    return isinstance(operation, keras.Layer) and bool(operation.weights)


@functools.cache
def _form_of_keras(activation: Callable[[Any], Any]) -> Form:
    return _form(activation, PROBE.size)


def _form(function: Callable[[Any], Any], width: int) -> Form:
    """Return the form of ``function``, a function of rows of ``width`` numbers."""
    rows = np.stack([np.resize(values, width) for values in (PROBE, np.roll(PROBE, 4), PROBE[::-1] / 40)])
    rows += np.linspace(0, 0.1, width, dtype=np.float32)  # make all rows different
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the test values are not the user's
            given = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(rows))).astype(np.float32)
    except Exception:  # a user's function can raise anything for test values
        return "unknown"
    if given.shape != rows.shape:
        return "unknown"
    shifted = rows - rows.max(axis=1, keepdims=True)
    sums = np.exp(shifted).sum(axis=1, keepdims=True)
    forms: dict[Form, np.ndarray] = {
        "identity": rows,
        "softmax": np.exp(shifted) / sums,
        "sigmoid": 1 / (1 + np.exp(-rows)),
        "log_softmax": shifted - np.log(sums),
    }
    for form, expected in forms.items():
        if np.allclose(given, expected, rtol=CLOSE, atol=CLOSE):
            return form
    if _is_affine(function, rows, given):
        return "affine"
    if given.min() < 0 or given.max() > 1:
        return "scores"
    return "unknown" if width > 1 and _are_probabilities(given) else "unit"


def _is_affine(function: Callable[[Any], Any], rows: np.ndarray, given: np.ndarray) -> bool:
    """Tell whether ``function`` scales and shifts its input."""
    zero, twice = (
        keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(each))).astype(np.float32)
        for each in (0 * rows, 2 * rows)
    )
    largest = np.abs(given).max()
    return bool(np.ptp(given) > 0 and np.allclose(twice - given, given - zero, rtol=CLOSE, atol=CLOSE * largest))


def _kind_of_values(outputs: np.ndarray) -> Kind:
    if outputs.shape[1] == 1:
        raise ValueError(
            "The graph of `model` does not show whether its single output is a probability or a logit. End it with "
            "`keras.layers.Dense(1, activation='sigmoid')`, or with `keras.layers.Dense(1)` for a logit."
        )
    return "softmax" if _are_probabilities(outputs) else "logits"


def _are_probabilities(rows: np.ndarray) -> bool:
    return bool(rows.min() >= 0) and bool(np.allclose(rows.sum(axis=1), 1, atol=ROW_TOLERANCE))
