"""The calls of a network's layers, from input to output, including those of nested models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from cnnzoo._keras.kinds import channels_of, is_kind, reordered
from cnnzoo._support.arguments import shape_fits

Shape = tuple[Any, ...]  # integers; None for an open side

HALF = ("float16", "bfloat16")


# The key tells whether the model is sequential
_NO_GRAPH = {
    False: "`model` must be a functional or sequential Keras model; the layer graph of a subclassed model is unknown. "
    "Build it as `keras.Model(inputs, outputs)`.",
    True: "`model` must be built: its input shape is unknown. Start it with `keras.Input(shape)`.",
}


@dataclass
class Tensor:
    """A tensor passed from one call to the next.

    Attributes:
        shape: Without the batch axis.
        dtype: The dtype, as a Keras name.
        channels: The axis of ``shape`` with the channels.
        field: Its receptive field, if the caller of ``walk`` sets it.
    """

    shape: Shape
    dtype: str
    channels: int = -1
    field: Any = None

    def __post_init__(self) -> None:
        """Make the channel axis non-negative."""
        self.channels = range(len(self.shape))[self.channels] if self.shape else 0

    @property
    def spatial(self) -> Shape:
        """The shape without the channels."""
        return self.shape[: self.channels] + self.shape[self.channels + 1 :]


@dataclass(frozen=True)
class Call:
    """One call of a layer or of a Keras operation.

    Attributes:
        name: The layer's name; for a layer of a nested model, its path, such as "backbone/conv1".
        operation: The layer or operation.
        inputs: Its input tensors.
        outputs: Its output tensors.
        arguments: Further positional arguments.
    """

    name: str
    operation: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    arguments: tuple[Any, ...] = ()


def graph_inputs(model: keras.Model) -> list[Tensor]:
    """Return the inputs of ``model``, to start a walk with.

    Raises:
        ValueError: ``model`` is not a Keras model, or it is subclassed or not built, so its graph is unknown.
    """
    if isinstance(model, str):
        raise ValueError(
            f"`model` must be a Keras model. Received the string '{model}'. Build it with `cnnzoo.create_model`."
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


def sized_inputs(inputs: list[Tensor], input_shape: tuple[int, ...] | None) -> list[Tensor]:
    """Return ``inputs`` with known sizes, from ``input_shape`` if that is given.

    Raises:
        ValueError: A size is open, or ``input_shape`` does not fit.
    """
    if input_shape is not None:
        (own, *more) = (each.shape for each in inputs)
        if more or not shape_fits(own, input_shape):
            raise ValueError(f"`input_shape` must fit the model's, {own}. Received: input_shape={input_shape}")
        inputs[0].shape = tuple(input_shape)
    for each in inputs:
        if None in each.shape:
            raise ValueError(
                f"`model` must have a fixed input size; otherwise pass `input_shape`. Received: {each.shape}"
            )
    return inputs


def computes_in_half(model: keras.Model) -> bool:
    """Tell whether a layer of ``model`` computes in 16 bits."""
    return any(getattr(call.operation, "compute_dtype", "") in HALF for call in walk(model, graph_inputs(model)))


def graph_outputs(model: keras.Model) -> list[Tensor]:
    """Return the outputs of ``model``.

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
    """Return the channel axis of each input, as expected by the first layer with a data format.

    Layers with a kernel or a pool have priority. If there is no such layer, Keras' default applies.
    """
    axes = {id(each): tuple(range(len(each.shape))) for each in inputs}  # for each tensor: the axes of the input
    origins = {id(each): number for number, each in enumerate(inputs)}
    surest: dict[int, int] = {}
    others: dict[int, int] = {}
    calls = list(walk(model, inputs))
    for call in calls:
        for each in call.inputs:
            channels = channels_of(call.operation)
            if id(each) not in axes or channels is None or not axes[id(each)]:
                continue
            has_window = is_kind(call.operation, "convolution", "transposed", "pooling", "global", "upsampling")
            (surest if has_window else others).setdefault(origins[id(each)], axes[id(each)][channels])
        taken = call.inputs[0] if len(call.inputs) == 1 else None
        if taken is None or id(taken) not in axes:
            continue
        order = reordered(call.operation, len(taken.shape)) or range(len(taken.shape))
        for each in call.outputs:
            if len(each.shape) == len(taken.shape) and not is_kind(call.operation, "reshaping"):
                axes[id(each)] = tuple(axes[id(taken)][axis] for axis in order)
                origins[id(each)] = origins[id(taken)]
    default = 0 if keras.config.image_data_format() == "channels_first" else -1
    return [surest.get(number, others.get(number, default)) for number in range(len(inputs))]


def walk(model: keras.Model, inputs: Sequence[Tensor], prefix: str = "") -> Generator[Call, None, list[Tensor]]:
    """Yield the calls of ``model`` on ``inputs``, from input to output; a layer called twice is yielded twice.

    Returns:
        The outputs of ``model``, to a generator that uses ``yield from``.
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
    """Yield the names of the layers of ``model``, as in ``walk``, and of its nested models."""
    for node in _nodes(functional(model)):
        name = f"{prefix}{node.operation.name}"
        yield name
        if is_graph(node.operation):
            yield from layer_names(node.operation, f"{name}/")


def outputs_of(model: keras.Model, names: Collection[str]) -> dict[str, Any]:
    """Return the outputs of layers as symbols on the inputs of ``model``; for a layer called twice, of the first call.

    Args:
        model: A functional or sequential model that ``graph_inputs`` accepts.
        names: Names from ``layer_names``; for a layer with several outputs, the first is returned.
    """
    outputs: dict[str, Any] = {}
    for node in _nodes(functional(model)):
        operation, prefix = node.operation, f"{node.operation.name}/"
        if operation.name in names:
            outputs.setdefault(operation.name, node.outputs[0])
        within = [name.removeprefix(prefix) for name in names if name.startswith(prefix) and name not in outputs]
        if within and is_graph(operation):
            # A separate model, so its name must differ from the original's
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
    """Compute the outputs of ``model`` for ``inputs``, with a hook for each layer call.

    Args:
        model: A functional or sequential model that ``graph_inputs`` accepts.
        inputs: Tensors.
        call: Called with the layer's name (as in ``walk``), the layer, whether its output is on the trail, and the
            layer's arguments; returns the value to use as the layer's output.
        prefix: Prefix of the names.
        trail: The ids of symbols that matter to ``call``; inside a nested model only if its output is among them.
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
    """Yield the nodes of a Keras graph, from input to output."""
    for depth in sorted(function._nodes_by_depth, reverse=True):
        yield from (node for node in function._nodes_by_depth[depth] if not node.is_input)


def call_on(node: Any, values: Any) -> Any:
    """Apply a graph node with a single input tensor to ``values``, in inference mode."""
    arguments, options = _arguments(node, {id(node.input_tensors[0]): values})
    return node.operation(*arguments, **options)


def _arguments(node: Any, tensors: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call in inference mode, as in ``keras.Model.predict``."""
    arguments, options = node.arguments.fill_in(tensors)
    if getattr(node.operation, "_call_has_training_arg", False):
        options["training"] = False
    return arguments, options


def producers(function: Any) -> dict[int, Any]:
    """Return the nodes of a graph by the ids of their output symbols."""
    return {id(symbol): node for node in _nodes(function) for symbol in node.outputs}


def consumers(function: Any, symbol: Any) -> list[Any]:
    """Return the nodes of a graph with ``symbol`` as an input."""
    return [node for node in _nodes(function) if any(each is symbol for each in node.input_tensors)]


def functional(model: keras.Model) -> Any:
    """Return the functional graph of ``model``; a sequential model contains one."""
    return model._functional if isinstance(model, keras.Sequential) else model


def is_graph(operation: Any) -> bool:
    """Tell whether ``operation`` is a model with a known graph."""
    return isinstance(operation, keras.Model) and hasattr(functional(operation), "_nodes_by_depth")


def _outputs(node: Any, taken: Sequence[Tensor]) -> list[Tensor]:
    """Return the outputs of a call, with Keras' shapes, or with shapes inferred from the sizes of its inputs."""
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
    """Return the channel axis of an output of ``operation`` of shape ``shape``."""
    channels = channels_of(operation)
    if channels is not None and len(shape) > 1:
        return channels
    alike = [each for each in taken if len(each.shape) == len(shape)]
    if not alike or is_kind(operation, "reshaping"):
        return -1
    source = next((each for each in alike if each.shape == shape), alike[0])
    order = reordered(operation, len(shape))
    return source.channels if order is None else order.index(source.channels)
