"""How a classifier ends: in probabilities or in logits, of several classes or of one of two."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from cnnzoo._keras.graph import call_on, functional, graph_inputs, is_graph, producers
from cnnzoo._keras.kinds import is_kind

Kind = Literal["softmax", "logits", "sigmoid", "logit"]
BINARY: tuple[Kind, ...] = ("sigmoid", "logit")  # of a single output
LOGITS: tuple[Kind, ...] = ("logits", "logit")
Form = Literal["identity", "softmax", "sigmoid", "log_softmax", "affine", "unit", "scores", "unknown"]

# What an activation is tried on: bfloat16 rounds less away than tells the forms apart
PROBE = np.array([-60.0, -2.5, -1.0, -0.3, 0.0, 0.4, 1.2, 3.0, 60.0], np.float32)
CLOSE = 0.02
ROW_TOLERANCE = 1e-2  # of a row of probabilities, whose sum is 1
LEAST = 1e-7  # probability of which a logarithm is taken

# Logits, or what a softmax takes for them
UNBOUNDED: tuple[Form, ...] = ("identity", "affine", "scores", "log_softmax")
PASSED: tuple[Form, ...] = ("identity", "affine", "scores")


class Ending(NamedTuple):
    """How a classifier ends.

    Attributes:
        kind: "softmax" for probabilities of several classes, "logits" for what a softmax makes them of; "sigmoid" for
            the probability of the second of two classes in a single output, "logit" for what a sigmoid makes it of.
        operation: The layer or operation whose softmax or sigmoid can be taken off; None where there is none.
        trail: The ids of the symbols from the output back to that operation's, as ``graph.run`` takes them.
        layers: The layers and operations from the output back to the one that gives the logits, whose precision is
            that of the result.
    """

    kind: Kind
    operation: Any = None
    trail: frozenset[int] = frozenset()
    layers: tuple[Any, ...] = ()

    @property
    def kind_without_activation(self) -> Kind:
        """What the outputs are where ``operation`` is called ``without_activation``."""
        if self.operation is None:
            return self.kind
        return "logits" if self.kind == "softmax" else "logit"


def count_classes(model: keras.Model) -> int:
    """Return how many classes ``model`` tells apart: a single output tells two."""
    return max(int(model.outputs[0].shape[-1]), 2)


def check_classifier(model: keras.Model) -> None:
    """Raise ``ValueError`` unless ``model`` takes images and gives each a row that chooses one class."""
    graph_inputs(model)
    shapes = [len(each.shape) for each in (*model.inputs, *model.outputs)]
    if shapes != [4, 2]:
        raise ValueError(
            "`model` must take images of shape (n, height, width, channels) and give outputs of shape (n, classes). "
            f"Received: inputs {model.input_shape}, outputs {model.output_shape}"
        )
    ending_by_graph(model)


def find_ending(model: keras.Model, outputs: Callable[[], Any]) -> Ending:
    """Tell how ``model`` ends: by the last operation of its graph that decides, else by values.

    Args:
        model: A classifier, as ``check_classifier`` takes.
        outputs: Is called where the graph does not tell, and returns what ``model`` gives for some images.

    Raises:
        ValueError: The outputs cannot choose one class.
    """
    return ending_by_graph(model) or Ending(_kind_of_values(keras.ops.convert_to_numpy(outputs())))


def ending_by_graph(model: keras.Model) -> Ending | None:
    """Tell how ``model`` ends as far as its graph tells; None where values must.

    What leaves values as they are (dropout, casts) is passed over; an activation that is any function is known by what
    it makes of numbers.

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
            f"outputs. Received one that ends in: {named}"
        )
    if form in ("sigmoid", "unit") and several:
        raise ValueError(
            "`model` must choose one class for each image: end it in a softmax, or in logits. Received a model whose "
            f"last operation scores each of its {model.outputs[0].shape[-1]} outputs independently, as for several "
            f"labels: {named}"
        )
    trail, layers = frozenset(way.trail), tuple(way.layers)
    if form in UNBOUNDED:
        return Ending("logits" if several else "logit", None, trail, layers)
    separable = form != "unit" and not way.changes
    return Ending("softmax" if several else "sigmoid", node.operation if separable else None, trail, layers)


def class_probabilities(outputs: np.ndarray, kind: Kind) -> np.ndarray:
    """Return what a classifier gives as probabilities: float32 of shape (n, classes), of at least two classes."""
    outputs = outputs.astype(np.float32, copy=False)  # bfloat16 would round a probability of 0.998 up to 1
    if kind == "softmax":
        return outputs
    if kind == "logits":
        probabilities: np.ndarray = keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
        return probabilities
    if kind == "sigmoid":
        return np.concatenate([1 - outputs, outputs], axis=1)
    both = np.concatenate([-outputs, outputs], axis=1)  # from 1 - sigmoid(20), float32 would leave 0
    sigmoids: np.ndarray = keras.ops.convert_to_numpy(keras.ops.sigmoid(both))
    return sigmoids


def class_scores(outputs: Any, kind: Kind) -> Any:
    """Return a score for each class, the largest the predicted one's: its logit, of a softmax the logarithm.

    A single logit is the score of the second class, and its negative that of the first.
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
    """Tell whether ``operation`` is a layer of Keras that multiplies by a kernel, and then takes its activation."""
    is_einsum = isinstance(operation, keras.layers.EinsumDense) and type(operation).__module__.startswith("keras.")
    return is_einsum or is_kind(operation, "convolution", "transposed", "dense")


def activation_form(layer: Any) -> Form:
    """Tell which function the activation of ``layer``, which has a kernel, is."""
    return _form(layer.activation, PROBE.size)


def without_activation(layer: Any) -> Callable[..., Any]:
    """Return what gives the logits where ``layer``, which an ``Ending`` names, makes probabilities of them."""
    if not has_kernel(layer):
        return lambda values, *arguments, **options: values

    def linear(*arguments: Any, **options: Any) -> Any:
        activation = layer.activation
        vars(layer)["activation"] = keras.activations.linear  # past Keras, which would take note of it
        try:
            return layer(*arguments, **options)
        finally:
            vars(layer)["activation"] = activation

    return linear


class _Way(NamedTuple):
    """The way from an output back to the call that decides; ``decides`` is None where there is none.

    ``passed`` are the calls on the way that were passed, the last first; ``changes`` tells whether one of them changes
    values, as a scale or a mean does.
    """

    trail: list[int]
    layers: list[Any]
    decides: Any
    passed: list[Any]
    changes: bool


def _way_back(function: Any, symbol: Any) -> _Way:
    """Go back from ``symbol``, through models within the graph."""
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
    """Tell what the call that decides, and the calls after it that change values, make of numbers together."""
    if way.decides is None:
        return "unknown"
    form = _form_of(way.decides)
    if not way.changes:
        return form
    if any(_is_averaging(node.operation) for node in way.passed):  # means are bounded where what they are of is
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
    """Return the calls, the last of which stands first, as one function of rows."""

    def call(rows: Any) -> Any:
        for node in reversed(nodes):
            shape = node.input_tensors[0].shape[1:]
            rows = keras.ops.reshape(call_on(node, keras.ops.reshape(rows, (-1, *shape))), (len(rows), -1))
        return rows

    return call


def _is_averaging(layer: Any) -> bool:
    return is_kind(layer, "global", "pooling") or (_has_weights(layer) and is_kind(layer, "elementwise", "costless"))


def _form_of(node: Any) -> Form:
    """Tell what a call makes of numbers; of a layer with a kernel, what its activation makes of them."""
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


def _form(function: Callable[[Any], Any], width: int) -> Form:
    """Tell which function of rows of ``width`` numbers ``function`` is."""
    rows = np.stack([np.resize(values, width) for values in (PROBE, np.roll(PROBE, 4), PROBE[::-1] / 40)])
    rows += np.linspace(0, 0.1, width, dtype=np.float32)  # no two are equal
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about numbers that are not the user's
            given = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(rows))).astype(np.float32)
    except Exception:  # whatever a function of the user's makes of rows that it was not meant for
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
    """Tell whether ``function`` scales and shifts what it is given."""
    zero, twice = (
        keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(each))).astype(np.float32)
        for each in (0 * rows, 2 * rows)
    )
    largest = np.abs(given).max()
    return bool(np.ptp(given) > 0 and np.allclose(twice - given, given - zero, rtol=CLOSE, atol=CLOSE * largest))


def _kind_of_values(outputs: np.ndarray) -> Kind:
    if outputs.shape[1] == 1:
        raise ValueError(
            "The graph of `model` does not show whether its single output is a probability or a logit. End it in "
            "`keras.layers.Dense(1, activation='sigmoid')`, or in `keras.layers.Dense(1)` for a logit."
        )
    return "softmax" if _are_probabilities(outputs) else "logits"


def _are_probabilities(rows: np.ndarray) -> bool:
    return bool(rows.min() >= 0) and bool(np.allclose(rows.sum(axis=1), 1, atol=ROW_TOLERANCE))
