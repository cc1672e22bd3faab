"""The calls of a network's layers, in the order in which data flows, those of models within it among them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from cnnzoo._keras.kinds import channels_of, is_kind, reordered

Shape = tuple[Any, ...]  # sides, in numbers; None where one is open


# By whether the model is a sequential one
_NO_GRAPH = {
    False: "`model` must be a functional or sequential Keras model: a subclassed one does not say how its layers are "
    "connected. Build it as `keras.Model(inputs, outputs)`.",
    True: "`model` must be built: its input shape is not known yet. Begin it with `keras.Input(shape)`.",
}


@dataclass
class Tensor:
    """What flows from one call to the next.

    Attributes:
        shape: Without the batch.
        dtype: As Keras names it.
        channels: Which axis of ``shape`` holds the channels.
        field: Its receptive field, where whoever walks the graph notes it.
    """

    shape: Shape
    dtype: str
    channels: int = -1
    field: Any = None

    def __post_init__(self) -> None:
        """Count the axis from the first."""
        self.channels = range(len(self.shape))[self.channels] if self.shape else 0

    @property
    def spatial(self) -> Shape:
        """The shape without the channels."""
        return self.shape[: self.channels] + self.shape[self.channels + 1 :]


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of one of Keras' operations.

    Attributes:
        name: The layer's name, after those of the models that it lies in, with slashes between.
        operation: The layer.
        inputs: What it takes.
        outputs: What it gives.
        arguments: What else it is called with, in order.
    """

    name: str
    operation: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    arguments: tuple[Any, ...] = ()


def graph_inputs(model: keras.Model) -> list[Tensor]:
    """Return what ``model`` takes, to begin a walk with.

    Raises:
        ValueError: ``model`` is no model, or subclassed or not built, and does not say how its layers are connected.
    """
    if isinstance(model, str):
        raise ValueError(
            f"`model` must be a Keras model. Received the string '{model}': `cnnzoo.create_model` builds one."
        )
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model. Received: {type(model).__name__}")
    if not is_graph(model):
        raise ValueError(
            f"{_NO_GRAPH[isinstance(model, keras.Sequential)]} Received: {type(model).__name__} '{model.name}'"
        )
    inputs = [Tensor(tuple(each.shape[1:]), each.dtype) for each in model.inputs]
    orders = _orders_of_inputs(model, inputs)
    return [Tensor(each.shape, each.dtype, channels) for each, channels in zip(inputs, orders, strict=True)]


def graph_outputs(model: keras.Model) -> list[Tensor]:
    """Return what ``model`` gives.

    Raises:
        ValueError: See ``graph_inputs``.
    """
    calls = walk(model, graph_inputs(model))
    while True:
        try:
            next(calls)
        except StopIteration as end:
            outputs: list[Tensor] = end.value
            return outputs


def _orders_of_inputs(model: keras.Model, inputs: Sequence[Tensor]) -> list[int]:
    """Return which axis of each input holds the channels: as the first layer takes it that works on places.

    Layers with a kernel or a pool are believed before all others. Where no layer tells, Keras' own setting does.
    """
    axes = {id(each): tuple(range(len(each.shape))) for each in inputs}  # of a tensor: those of its input
    origins = {id(each): number for number, each in enumerate(inputs)}
    surest: dict[int, int] = {}
    told: dict[int, int] = {}
    calls = list(walk(model, inputs))
    for call in calls:
        for each in call.inputs:
            channels = channels_of(call.operation)
            if id(each) not in axes or channels is None or not axes[id(each)]:
                continue
            has_window = is_kind(call.operation, "convolution", "transposed", "pooling", "global", "upsampling")
            (surest if has_window else told).setdefault(origins[id(each)], axes[id(each)][channels])
        taken = call.inputs[0] if len(call.inputs) == 1 else None
        if taken is None or id(taken) not in axes:
            continue
        order = reordered(call.operation, len(taken.shape)) or range(len(taken.shape))
        for each in call.outputs:
            if len(each.shape) == len(taken.shape) and not is_kind(call.operation, "reshaping"):
                axes[id(each)] = tuple(axes[id(taken)][axis] for axis in order)
                origins[id(each)] = origins[id(taken)]
    default = 0 if keras.config.image_data_format() == "channels_first" else -1
    return [surest.get(number, told.get(number, default)) for number in range(len(inputs))]


def walk(model: keras.Model, inputs: Sequence[Tensor], prefix: str = "") -> Generator[Call, None, list[Tensor]]:
    """Give the calls of ``model``, in the order in which data flows from ``inputs``; layers called twice come twice.

    Returns:
        What ``model`` gives, to a generator that yields from this one.
    """
    function = functional(model)
    tensors = dict(zip(map(id, function.inputs), inputs, strict=True))
    for node in _nodes(function):
        operation, name = node.operation, f"{prefix}{node.operation.name}"
        taken = [tensors[id(symbol)] for symbol in node.input_tensors]
        if is_graph(operation):
            given = yield from walk(operation, taken, f"{name}/")
        else:
            given = _outputs(node, taken)
            yield Call(name, operation, taken, given, node.arguments.args[1:])
        tensors.update(zip(map(id, node.outputs), given, strict=True))
    return [tensors[id(symbol)] for symbol in function.outputs]


def layer_names(model: keras.Model, prefix: str = "") -> Iterator[str]:
    """Give the names of the layers of ``model`` as ``walk`` does, and those of the models within it."""
    for node in _nodes(functional(model)):
        name = f"{prefix}{node.operation.name}"
        yield name
        if is_graph(node.operation):
            yield from layer_names(node.operation, f"{name}/")


def outputs_of(model: keras.Model, names: Collection[str]) -> dict[str, Any]:
    """Return what layers give, as symbols on the inputs of ``model``: of one called twice, the first time.

    Args:
        model: A functional or sequential model, as ``graph_inputs`` takes.
        names: Of ``layer_names``; of a layer that gives several outputs, the first is meant.
    """
    outputs: dict[str, Any] = {}
    for node in _nodes(functional(model)):
        operation, prefix = node.operation, f"{node.operation.name}/"
        if operation.name in names:
            outputs.setdefault(operation.name, node.outputs[0])
        within = [name.removeprefix(prefix) for name in names if name.startswith(prefix) and name not in outputs]
        if within and is_graph(operation):
            # Beside the model itself, whose name it may not have
            part = keras.Model(operation.inputs, outputs_of(operation, within), name=f"{operation.name}_features")
            outputs |= {f"{prefix}{name}": symbol for name, symbol in part(node.input_tensors).items()}
    return outputs


def run(
    model: keras.Model,
    inputs: Sequence[Any],
    call: Callable[..., Any],
    prefix: str = "",
    *,
    trail: Collection[int] = (),
) -> list[Any]:
    """Compute what ``model`` makes of ``inputs``, with a hand in each call.

    Args:
        model: A functional or sequential model, as ``graph_inputs`` takes.
        inputs: Tensors.
        call: Is called with a layer's name, as ``walk`` gives it, the layer, whether its output is on the trail, and
            then what the layer takes; returns what is to be taken as the layer's output.
        prefix: Of the names.
        trail: The ids of symbols that matter to ``call``; those within a model only where its own output is among them.
    """
    function = functional(model)
    tensors = dict(zip(map(id, function.inputs), inputs, strict=True))
    for node in _nodes(function):
        operation, name = node.operation, f"{prefix}{node.operation.name}"
        is_on_trail = any(id(symbol) in trail for symbol in node.outputs)
        if is_graph(operation):
            taken = [tensors[id(symbol)] for symbol in node.input_tensors]
            given = run(operation, taken, call, f"{name}/", trail=trail if is_on_trail else ())
        else:
            arguments, options = _arguments(node, tensors)
            given = keras.tree.flatten(call(name, operation, is_on_trail, *arguments, **options))
        tensors.update(zip(map(id, node.outputs), given, strict=True))
    return [tensors[id(symbol)] for symbol in function.outputs]


def _nodes(function: Any) -> Iterator[Any]:
    """Give the calls in a graph, as Keras keeps them, in the order in which data flows."""
    for depth in sorted(function._nodes_by_depth, reverse=True):
        yield from (node for node in function._nodes_by_depth[depth] if not node.is_input)


def call_on(node: Any, values: Any) -> Any:
    """Return what a call in a graph, which takes one tensor alone, makes of ``values`` when nothing is trained."""
    arguments, options = _arguments(node, {id(node.input_tensors[0]): values})
    return node.operation(*arguments, **options)


def _arguments(node: Any, tensors: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a call takes when nothing is trained, as in ``keras.Model.predict``."""
    arguments, options = node.arguments.fill_in(tensors)
    if getattr(node.operation, "_call_has_training_arg", False):
        options["training"] = False
    return arguments, options


def producers(function: Any) -> dict[int, Any]:
    """Return the calls of a graph, as Keras keeps them, by the ids of the symbols that they give."""
    return {id(symbol): node for node in _nodes(function) for symbol in node.outputs}


def consumers(function: Any, symbol: Any) -> list[Any]:
    """Return the calls of a graph that take ``symbol``."""
    return [node for node in _nodes(function) if any(each is symbol for each in node.input_tensors)]


def functional(model: keras.Model) -> Any:
    """Return the graph of ``model``: Keras keeps that of a sequential one inside it."""
    return model._functional if isinstance(model, keras.Sequential) else model


def is_graph(operation: Any) -> bool:
    """Tell whether ``operation`` is a model whose graph is known."""
    return isinstance(operation, keras.Model) and hasattr(functional(operation), "_nodes_by_depth")


def _outputs(node: Any, taken: Sequence[Tensor]) -> list[Tensor]:
    """Return what a call gives: of the shape that Keras noted, or one for the size of what it takes here."""
    shapes = [tuple(symbol.shape) for symbol in node.outputs]
    if any(None in shape[1:] for shape in shapes):
        sized = [keras.KerasTensor((None, *tensor.shape), tensor.dtype) for tensor in taken]
        arguments, options = node.arguments.fill_in(dict(zip(map(id, node.input_tensors), sized, strict=True)))
        spec = node.operation.compute_output_spec(*arguments, **options)
        shapes = [tuple(each.shape) for each in keras.tree.flatten(spec)]
    return [
        Tensor(shape[1:], symbol.dtype, _channels_after(node.operation, taken, shape[1:]))
        for shape, symbol in zip(shapes, node.outputs, strict=True)
    ]


def _channels_after(operation: Any, taken: Sequence[Tensor], shape: Shape) -> int:
    """Return which axis of what ``operation`` gives, of ``shape``, holds the channels."""
    channels = channels_of(operation)
    if channels is not None and len(shape) > 1:
        return channels
    alike = [each for each in taken if len(each.shape) == len(shape)]
    if not alike or is_kind(operation, "reshaping"):
        return -1
    source = next((each for each in alike if each.shape == shape), alike[0])
    order = reordered(operation, len(shape))
    return source.channels if order is None else order.index(source.channels)
