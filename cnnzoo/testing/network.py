"""The contract of every network of this zoo, for the networks of others."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from cnnzoo._keras.ending import BINARY, Ending, count_classes, ending_by_graph, find_ending
from cnnzoo._keras.gradients import Gradients, Loss, weight_gradients
from cnnzoo._keras.graph import Tensor, computes_in_half, graph_inputs, sized_inputs, walk
from cnnzoo._keras.heads import has_head
from cnnzoo._keras.ready import loss_for
from cnnzoo._keras.saved import end_of_message, unregistered
from cnnzoo._keras.scale import LARGEST, scale_of
from cnnzoo._keras.seeds import seeded
from cnnzoo._support.arguments import shape_fits
from cnnzoo._support.differences import relative_difference
from cnnzoo._support.lookup import look_up
from cnnzoo._support.wording import pluralize
from cnnzoo.testing._arrays import FLOAT32, HALF, dtype_policy, outputs_of
from cnnzoo.testing._backends import BackendError, backends_to_compare, outputs_on

Builder: TypeAlias = Callable[[], keras.Model]

BATCHES = (1, 2, 5)
BATCH = 4  # images, where one batch is enough
STEPS, LENGTHS = 3, (0.1, 0.01, 0.001)  # of all weights together, in steps along the gradient
MOST_NAMES = 4
REGISTER = "@keras.saving.register_keras_serializable()"
BYTES = 256
MOST_CHARACTERS = 300  # of an error of somebody else


class _FailureError(Exception):
    """What a check expected, and what came."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expected {expected}. Received: {received}")


@dataclass
class _Subject:
    """A network that is checked.

    Attributes:
        build: What builds it anew.
        model: The network.
        shapes: The shape of an image for each of its inputs.
    """

    build: Builder
    model: keras.Model
    shapes: list[tuple[int, ...]]

    @functools.cached_property
    def batch(self) -> list[np.ndarray]:
        """A batch for each input."""
        return self.draw(self.batches[-1] if self.fixed_batch else BATCH, self.shapes)

    @property
    def fixed_batch(self) -> int | None:
        """The only number of images that the network takes; None for any."""
        size: int | None = self.model.inputs[0].shape[0]
        return size

    @property
    def batches(self) -> Sequence[int]:
        """The numbers of images to try."""
        return (self.fixed_batch,) if self.fixed_batch else BATCHES

    @functools.cached_property
    def outputs(self) -> list[np.ndarray]:
        """What the network gives for the batch."""
        return outputs_of(self.model, self.batch)

    @functools.cached_property
    def ending(self) -> Ending | None:
        """How the network ends; None if it does not choose one class per image."""
        if [len(each.shape) for each in self.model.outputs] != [2]:
            return None
        try:
            return find_ending(self.model, lambda: self.outputs[0])
        except ValueError:
            return None

    @property
    def tolerance(self) -> float:
        """How far two ways to compute the outputs may differ, relative to the largest."""
        return HALF if computes_in_half(self.model) else FLOAT32

    def draw(self, size: int, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """Draw images in the range that the network takes."""
        rng = np.random.default_rng(0)
        dtypes = [each.dtype for each in graph_inputs(self.model)]
        largest = LARGEST.get(scale_of(self.model) or "unit", 1.0)
        return [
            rng.integers(0, BYTES, (size, *shape)).astype(dtype)
            if "int" in dtype
            else rng.random((size, *shape), dtype="float32") * np.float32(largest)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]

    @functools.cached_property
    def gradients(self) -> Gradients:
        """What computes the loss on the batch, and its gradients."""
        return weight_gradients(self.model, self.batch, self._loss())

    def _loss(self) -> Loss:
        """Return the cross-entropy of a classifier for labels; of other networks, the mean square to random numbers."""
        rng = np.random.default_rng(1)
        if self.ending:
            labels = np.arange(len(self.outputs[0])) % count_classes(self.model)
            of_classes = loss_for(self.ending.kind, self.outputs[0].shape[1])
            rows = labels[:, None].astype("float32") if self.ending.kind in BINARY else labels
            return lambda outputs: keras.ops.mean(of_classes(rows, outputs))
        wanted = [keras.ops.convert_to_tensor(rng.random(each.shape, dtype="float32")) for each in self.outputs]
        return lambda outputs: sum(
            keras.ops.mean(keras.ops.square(keras.ops.cast(each, "float32") - values))
            for each, values in zip(keras.tree.flatten(outputs), wanted, strict=True)
        )


def _check_shapes(subject: _Subject) -> None:
    """Run several batch sizes, and another image size where it is open; compare with the shapes of the graph."""
    model = subject.model
    wanted = [tuple(each.shape[1:]) for each in model.outputs]
    for shapes in _sizes(subject):
        for size in subject.batches:
            given = [each.shape for each in outputs_of(model, subject.draw(size, shapes))]
            if len(given) != len(wanted) or not all(map(shape_fits, [(size, *each) for each in wanted], given)):
                images = ", ".join(str((size, *shape)) for shape in shapes)
                raise _FailureError(
                    f"outputs of the shapes {_listed((size, *each) for each in wanted)} for images {images}",
                    _listed(given),
                )


def _sizes(subject: _Subject) -> Iterator[list[tuple[int, ...]]]:
    """Yield the shapes of images, and then others that the graph allows: twice as long along an open side."""
    yield subject.shapes
    own = graph_inputs(subject.model)
    if any(None in each.shape for each in own):
        yield [_enlarged(each, shape) for each, shape in zip(own, subject.shapes, strict=True)]


def _enlarged(own: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    axis = own.shape.index(None) if None in own.shape else None
    return tuple(2 * side if number == axis else side for number, side in enumerate(shape))


def _check_outputs(subject: _Subject) -> None:
    """Check that outputs are finite, also in training mode, and probabilities where the graph ends with those."""
    model = subject.model
    if [len(each.shape) for each in model.outputs] == [2]:
        ending_by_graph(model)  # raises an error if it cannot choose one class
    with _kept(model.non_trainable_variables):  # batch normalisation learns in training mode
        in_training = outputs_of(model, subject.batch, training=True)
    for mode, outputs in (("inference", subject.outputs), ("training", in_training)):
        wrong = sum(int((~np.isfinite(each)).sum()) for each in outputs)
        if wrong:
            raise _FailureError(f"finite outputs in {mode} mode", f"{pluralize(wrong, 'value')} of NaN or infinity")
    kind = subject.ending.kind if subject.ending else "other"
    rows, tolerance = subject.outputs[0], max(10 * subject.tolerance, 1e-3)
    if kind in ("softmax", "sigmoid") and (rows.min() < 0 or rows.max() > 1 + tolerance):
        raise _FailureError("probabilities in [0, 1]", f"values from {rows.min():.4g} to {rows.max():.4g}")
    if kind == "softmax" and np.abs(rows.sum(axis=1) - 1).max() > tolerance:
        sums = rows.sum(axis=1)
        raise _FailureError(
            "probabilities that sum to 1 for each image", f"sums from {sums.min():.4g} to {sums.max():.4g}"
        )


def _check_gradients(subject: _Subject) -> None:
    """Check that a gradient reaches every trainable weight, at the initial weights or after a few steps.

    A weight behind another that starts at zero, such as the scale of a residual branch, gets none at first.
    """
    variables = _trainable(subject.model)
    with _kept(variables):
        _, first = subject.gradients()
        _descend(variables, first, LENGTHS[0])
        _, second = subject.gradients()
    both = list(zip(variables, first, second, strict=True))
    if wrong := [variable.path for variable, *gradients in both if not np.isfinite(gradients).all()]:
        raise _FailureError("finite gradients", f"NaN or infinity for {_names(wrong)}")
    if missing := [variable.path for variable, *gradients in both if not np.any(gradients)]:
        number = pluralize(len(variables), "trainable weight")
        raise _FailureError(f"a gradient for each of the {number}", f"none, or zeros, for {_names(missing)}")


def _check_learning(subject: _Subject) -> None:
    """Check that a few steps along the gradient lower the loss on one batch, in inference mode."""
    variables, losses = _trainable(subject.model), []
    for length in LENGTHS:
        with _kept(variables):
            start, gradients = subject.gradients()
            for _ in range(STEPS):
                _descend(variables, gradients, length)
                end, gradients = subject.gradients()
        if end < start:
            return
        losses.append(end)
    raise _FailureError(
        f"{STEPS} steps along the gradient to lower the loss, {start:.6g}",
        f"{', '.join(f'{each:.6g}' for each in losses)} after steps of the lengths {', '.join(map(str, LENGTHS))}",
    )


def _check_saving(subject: _Subject) -> None:
    """Save the network as a ``.keras`` file, load it, and compare the outputs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        subject.model.save(file)
        loaded = keras.saving.load_model(file, compile=False)
    _compare(outputs_of(loaded, subject.batch), subject, subject.tolerance, "the loaded network")


def _check_mixed_precision(subject: _Subject) -> None:
    """Build the network under ``mixed_bfloat16``, give it the same weights, and compare."""
    with dtype_policy("mixed_bfloat16"):
        model = _built(subject.build)
    if model is subject.model:
        raise _FailureError("a builder that builds another network each time", "the same one again")
    layers = [call.operation for call in walk(model, graph_inputs(model)) if isinstance(call.operation, keras.Layer)]
    if not any(layer.compute_dtype == "bfloat16" for layer in layers):
        raise _FailureError("layers that compute in bfloat16 under the policy", "none: the builder sets their dtypes")
    if subject.ending and has_head(model) and model.outputs[0].dtype != "float32":
        raise _FailureError(
            "outputs of float32, or probabilities and losses are imprecise (give the last layer `dtype='float32'`)",
            str(model.outputs[0].dtype),
        )
    for variable, own in zip(model.weights, subject.model.weights, strict=True):
        variable.assign(own.value)
    _compare(outputs_of(model, subject.batch), subject, HALF, "mixed_bfloat16")


def _check_backends(subject: _Subject) -> None:
    """Load the network on every other backend that is installed, in a new process each, and compare."""
    try:
        given = outputs_on(backends_to_compare(), subject.model, subject.batch)
    except BackendError as error:
        raise _FailureError("outputs on each backend that is installed", str(error)) from error
    for backend, outputs in given:
        _compare(outputs, subject, subject.tolerance, backend)


_FUNCTIONS: dict[str, Callable[[_Subject], None]] = {
    "shapes": _check_shapes,
    "outputs": _check_outputs,
    "gradients": _check_gradients,
    "learning": _check_learning,
    "saving": _check_saving,
    "mixed_precision": _check_mixed_precision,
    "backends": _check_backends,
}

CHECKS = tuple(_FUNCTIONS)


def check_network(
    builder: Builder,
    *,
    skip: Mapping[str, str] | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> None:
    """Check what every network of this zoo promises, for a network of your own.

    - ``shapes``: Batches of 1, 2 and 5 images give outputs of the shapes that the graph has. Where the image size is
      open, so do images that are twice as long along one side.
    - ``outputs``: They are finite in inference and in training mode. Where the graph ends with probabilities, they are
      in [0, 1], and those of a softmax sum to 1.
    - ``gradients``: Every trainable weight gets a gradient, at the initial weights or a step later.
    - ``learning``: A few steps along the gradient lower the loss on one batch: the cross-entropy of a classifier, else
      the mean squared difference from random numbers.
    - ``saving``: The network, saved as ``.keras`` and loaded, gives the same.
    - ``mixed_precision``: Built under the policy ``mixed_bfloat16`` with the same weights, it gives nearly the same,
      and the outputs of a classifier stay float32.
    - ``backends``: It gives the same on the other backends of Keras that are installed, in a process for each.

    Images are random, in the range that is known of the network, as in ``cnnzoo.evaluation.evaluate``, or in [0, 1].
    The weights are drawn from a fixed seed. The global seeds and the dtype policy are as before afterwards.

    Args:
        builder: A function without arguments that builds the network, another one each time it is called.
        skip: The checks to leave out, with the reason for each: ``{"backends": "a layer uses TensorFlow"}``.
        input_shape: Height, width and channels of an image, in the model's order, for a model with an open input size.

    Raises:
        AssertionError: A check failed; the message names each that did, what was expected, and what came. Or
            ``builder`` raised an error.
        ValueError: An argument is wrong: ``skip`` names an unknown check, gives no reason or leaves nothing to check;
            ``builder`` does not build a functional or sequential model, or its input size is open and ``input_shape``
            is missing.

    >>> import cnnzoo
    >>> check_network(cnnzoo.models.lenet5, skip={"backends": "takes long"})
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    chosen = _chosen(builder, skip or {})
    with seeded(0), warnings.catch_warnings():
        # Keras' variables still have the __array__ of NumPy 1; where warnings are errors, no network could be saved
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        model = _built(builder)
        subject = _Subject(builder, model, [each.shape for each in sized_inputs(graph_inputs(model), input_shape)])
        failures = {name: failure for name in chosen if (failure := _failure(_FUNCTIONS[name], subject))}
    if failures:
        lines = [
            f"The network '{model.name}' fails {len(failures)} of {pluralize(len(chosen), 'check')}:",
            *(f"  {name}: {_said(failure)}" for name, failure in failures.items()),
            f'Leave out what does not apply, with the reason: `skip={{"{next(iter(failures))}": "..."}}`.',
        ]
        raise AssertionError("\n".join(lines)) from next(filter(_is_unexpected, failures.values()), None)


def _chosen(builder: Builder, skip: Mapping[str, str]) -> list[str]:
    """Return the checks to make."""
    if isinstance(builder, keras.Model) or not callable(builder):
        raise ValueError(
            "`builder` must be a function that builds the network, such as `cnnzoo.models.lenet5`. Received: "
            f"{type(builder).__name__}"
        )
    if not isinstance(skip, Mapping):
        raise ValueError(f"`skip` must be a dictionary of reasons by check. Received: {skip!r}")
    for name, reason in skip.items():
        look_up(_FUNCTIONS, name, "check")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"`skip` must give the reason for leaving out '{name}'. Received: {reason!r}")
    chosen = [name for name in CHECKS if name not in skip]
    if not chosen:
        raise ValueError("`skip` must leave something to check. Received: all checks")
    return chosen


def _built(builder: Builder) -> keras.Model:
    __tracebackhide__ = True
    try:
        model = builder()
    except Exception as error:  # a user's function can raise anything
        name = getattr(builder, "__name__", type(builder).__name__)
        raise AssertionError(f"The builder '{name}' raised an error. {_said(error)}") from error
    graph_inputs(model)  # raises an error if it has no graph
    return model


def _failure(check: Callable[[_Subject], None], subject: _Subject) -> Exception | None:
    try:
        check(subject)
    except Exception as error:  # a user's layer can raise anything
        return error
    return None


def _is_unexpected(error: Exception) -> bool:
    """Tell whether where an error was raised says more than its message."""
    return not isinstance(error, _FailureError) and unregistered(error) is None


def _said(error: Exception) -> str:
    """Return what an error says, in one line, with its class unless a check raised it."""
    if name := unregistered(error):
        return f"Keras cannot read '{name}' from a file. Decorate it with `{REGISTER}`."
    text = textwrap.shorten(end_of_message(error), MOST_CHARACTERS, placeholder=" ...")
    return text if isinstance(error, _FailureError) else f"{type(error).__name__}: {text}"


def _compare(outputs: list[np.ndarray], subject: _Subject, tolerance: float, place: str) -> None:
    """Raise an error if ``outputs`` are not those of the network."""
    for values, wanted in zip(outputs, subject.outputs, strict=True):
        if values.shape != wanted.shape:
            raise _FailureError(f"the same outputs from {place}", f"the shape {values.shape}, not {wanted.shape}")
        if (difference := relative_difference(values, wanted)) > tolerance:
            raise _FailureError(
                f"the same outputs from {place}, within {tolerance:g} of the largest",
                f"a difference of {difference:.2g}",
            )


def _trainable(model: keras.Model) -> list[Any]:
    variables: list[Any] = model.trainable_variables
    if not variables:
        raise _FailureError("weights that train", "a network without any: all are frozen, or there are none")
    return variables


@contextlib.contextmanager
def _kept(variables: Sequence[Any]) -> Iterator[None]:
    """Restore the values of ``variables`` afterwards."""
    values = [keras.ops.convert_to_numpy(each.value).copy() for each in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _descend(variables: Sequence[Any], gradients: Sequence[np.ndarray], length: float) -> None:
    """Take a step of this length, that of all weights together, along the gradient."""
    norm = np.sqrt(sum(float(np.square(each, dtype=np.float64).sum()) for each in gradients))
    for variable, gradient in zip(variables, gradients, strict=True):
        if norm and np.isfinite(norm):
            variable.assign_sub(gradient * np.float32(length / norm))


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
    return ", ".join(f"'{path}'" for path in paths[:MOST_NAMES]) + more


def _listed(shapes: Iterable[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes))
