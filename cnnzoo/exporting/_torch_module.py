"""A network as the text of a module of PyTorch, and its weights, from its ONNX graph."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import onnx
from onnx import helper, numpy_helper

from cnnzoo._keras.onnx_graph import Form, write_onnx
from cnnzoo._keras.reading import OUTPUT, UnsupportedError

SMALL = 1024  # bytes: of constants that the graph computes shapes with
PREVIOUS = "x"  # what the next line alone takes
BODY = " " * 8


@dataclass
class Module:
    """A module of PyTorch.

    Attributes:
        init: Its layers, as lines of ``__init__``.
        forward: Its computation, as lines of ``forward``.
        state: What ``load_state_dict`` takes.
    """

    init: list[str] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    state: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The class as Python code."""
        return "\n".join(
            [
                "class Network(nn.Module):",
                "    def __init__(self):",
                f"{BODY}super().__init__()",
                *(BODY + line for line in self.init),
                "",
                "    def forward(self, images):",
                *(BODY + line for line in self.forward),
            ]
        )


def torch_module(model: keras.Model) -> Module:
    """Return ``model`` as a module of PyTorch that takes images with their channels first.

    Raises:
        ValueError: It has a layer that cannot be written; the message says which.
    """
    graph = write_onnx(model, Form("nchw"))
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.graph.initializer}
    for each in graph.graph.initializer:
        if len(each.raw_data) > SMALL:
            each.ClearField("raw_data")  # shapes are known without it
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    known = {each.name: each for each in (*inferred.value_info, *inferred.input, *inferred.output)}
    shapes = {
        name: [side.dim_value or None for side in each.type.tensor_type.shape.dim] for name, each in known.items()
    }
    return _Writer(arrays, shapes).written(list(inferred.node))


class _Writer:
    """The module so far."""

    def __init__(self, arrays: dict[str, np.ndarray], shapes: dict[str, list[int | None]]) -> None:
        from torch import nn  # here: tests import this module where PyTorch, which is optional, is missing

        self.arrays = arrays
        self.shapes = shapes
        self.module = Module()
        self._names: set[str] = {PREVIOUS, "images", "self", "torch", "nn", "F", *dir(nn.Module())}
        self._values: dict[str, str] = {"images": "images"}
        self._buffers: dict[str, str] = {}

    def written(self, nodes: list[Any]) -> Module:
        uses = Counter(name for node in nodes for name in node.input)
        for node, following in zip(nodes, [*nodes[1:], None], strict=True):
            rule = RULES.get(node.op_type)
            if rule is None:
                raise UnsupportedError(f"The export to PyTorch does not support '{node.name}' ({node.op_type}).")
            expression = rule(self, node, _attributes(node))
            (name,) = node.output
            if name == OUTPUT:
                self.module.forward.append(f"return {expression}")
                break
            if expression in self._names:  # what only hands its input on
                self._values[name] = expression
                continue
            is_passed_on = following is not None and uses[name] == 1 and name in following.input
            self._values[name] = PREVIOUS if is_passed_on else self.unused(name)
            self.module.forward.append(f"{self._values[name]} = {expression}")
        return self.module

    def unused(self, name: str) -> str:
        """Return an identifier like ``name`` that nothing else has."""
        plain = re.sub(r"\W+", "_", name).strip("_").lower() or "value"
        plain = f"_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
        unique, count = plain, 2
        while unique in self._names:
            unique, count = f"{plain}_{count}", count + 1
        self._names.add(unique)
        return unique

    def value(self, name: str) -> str:
        """Return the expression of a tensor: a variable, a number, or a buffer."""
        if name in self._values:
            return self._values[name]
        number, array = self.number(name), self.arrays[name]
        if number is not None:
            return number
        if name not in self._buffers:
            buffer = self._buffers[name] = self.unused(name)
            self.module.init.append(f'self.register_buffer("{buffer}", torch.zeros({array.shape}))')
            self.module.state[buffer] = array
        return f"self.{self._buffers[name]}"

    def number(self, name: str) -> str | None:
        """Return a constant that is a single number; None if it is none."""
        array = self.arrays.get(name)
        if array is None or array.size != 1 or array.ndim > 1:
            return None
        return str(array.reshape(()))  # the shortest that is the same in float32

    def ints(self, name: str) -> list[int]:
        """Return a constant of whole numbers."""
        return [int(each) for each in self.arrays[name]]

    def layer(self, node: Any, constructor: str, **state: np.ndarray) -> str:
        """Add a layer with weights; return its call."""
        name = self.unused(node.name.rpartition("/")[0] or node.name)
        self.module.init.append(f"self.{name} = {constructor}")
        self.module.state.update({f"{name}.{key}": values for key, values in state.items()})
        return f"self.{name}"

    def sides(self, node: Any) -> list[int]:
        """Return height and width of the maps that a node takes."""
        sides = self.shapes[node.input[0]][2:]
        if None in sides:
            raise UnsupportedError(f"The export to PyTorch needs images of one size, for '{node.name}'.")
        return [side for side in sides if side is not None]


def _attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node."""
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _windows(
    writer: _Writer, node: Any, given: dict[str, Any]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, int, int, int]]:
    """Return kernel size and strides, and the padding on the left and right, at the top and bottom."""
    size = tuple(given.get("kernel_shape") or writer.arrays[node.input[1]].shape[2:])
    strides = tuple(given.get("strides", (1, 1)))
    if given.get("auto_pad") == b"SAME_UPPER":
        whole = [
            max((-(-side // stride) - 1) * stride + window - side, 0)
            for side, stride, window in zip(writer.sides(node), strides, size, strict=True)
        ]
        (top, bottom), (left, right) = ((each // 2, each - each // 2) for each in whole)
    else:
        top, left, bottom, right = given.get("pads", (0, 0, 0, 0))
    return size, strides, (left, right, top, bottom)


def _is_even(pads: tuple[int, int, int, int]) -> bool:
    return pads[0] == pads[1] and pads[2] == pads[3]


def _convolution(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
    size, strides, pads = _windows(writer, node, given)
    kernel = writer.arrays[node.input[1]]
    groups, dilations = given.get("group", 1), tuple(given.get("dilations", (1, 1)))
    state = {"weight": kernel}
    parts = [f"{kernel.shape[1] * groups}, {kernel.shape[0]}, {size}"]
    if len(node.input) > 2:
        state["bias"] = writer.arrays[node.input[2]]
    options = {
        "stride": (strides, (1, 1)),
        "padding": ((pads[2], pads[0]) if _is_even(pads) else (0, 0), (0, 0)),
        "dilation": (dilations, (1, 1)),
        "groups": (groups, 1),
        "bias": ("bias" in state, True),
    }
    parts += [f"{name}={value}" for name, (value, default) in options.items() if value != default]
    x = writer.value(node.input[0])
    if not _is_even(pads):
        x = f"F.pad({x}, {pads})"
    layer = writer.layer(node, f"nn.Conv2d({', '.join(parts)})", **state)
    return f"{layer}({x})"


def _linear(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
    kernel = writer.arrays[node.input[1]]
    state = {"weight": kernel.T}
    if len(node.input) > 2:
        state["bias"] = writer.arrays[node.input[2]]
    without = "" if "bias" in state else ", bias=False"
    layer = writer.layer(node, f"nn.Linear({kernel.shape[0]}, {kernel.shape[1]}{without})", **state)
    return f"{layer}({writer.value(node.input[0])})"


def _normalization(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
    names = ("weight", "bias", "running_mean", "running_var")
    state: dict[str, np.ndarray] = {
        name: writer.arrays[each] for name, each in zip(names, node.input[1:], strict=True)
    } | {"num_batches_tracked": np.zeros((), np.int64)}
    kind = "BatchNorm2d" if len(writer.shapes[node.input[0]]) == 4 else "BatchNorm1d"
    constructor = f"nn.{kind}({len(state['weight'])}, eps={given['epsilon']:.7g})"
    return f"{writer.layer(node, constructor, **state)}({writer.value(node.input[0])})"


def _layer_normalization(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
    x, weight, bias = map(writer.value, node.input)
    return f"F.layer_norm({x}, {writer.arrays[node.input[1]].shape}, {weight}, {bias}, {given['epsilon']:.7g})"


def _max_pool(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
    size, strides, pads = _windows(writer, node, given)
    x = writer.value(node.input[0])
    if any(pads):
        x = f'F.pad({x}, {pads}, value=float("-inf"))'
    return f"F.max_pool2d({x}, {size}, {strides})"


def _average_pool(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
    size, strides, pads = _windows(writer, node, given)
    x = writer.value(node.input[0])
    if not any(pads):
        return f"F.avg_pool2d({x}, {size}, {strides})"
    window = f"{size}, {strides}"
    ones = f"F.avg_pool2d(F.pad(torch.ones_like({x}), {pads}), {window})"  # the fraction of each window in the maps
    return f"F.avg_pool2d(F.pad({x}, {pads}), {window}) / {ones}"


def _padded(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
    pads = writer.ints(node.input[1])
    axes = len(pads) // 2
    pairs = [side for axis in reversed(range(axes)) for side in (pads[axis], pads[axes + axis])]
    while len(pairs) > 2 and not any(pairs[-2:]):
        del pairs[-2:]
    return f"F.pad({writer.value(node.input[0])}, {tuple(pairs)})"


def _sliced(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
    begins, ends, axes = (writer.ints(each) for each in node.input[1:4])
    parts = [":"] * len(writer.shapes[node.input[0]])
    for begin, end, axis in zip(begins, ends, axes, strict=True):
        parts[axis] = f"{begin or ''}:{'' if end == np.iinfo(np.int64).max else end}"
    return f"{writer.value(node.input[0])}[{', '.join(parts)}]"


def _reshaped(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
    shape = writer.ints(node.input[1])
    x = writer.value(node.input[0])
    if len(shape) == 2:
        return f"{x}.flatten(1)"
    return f"{x}.reshape({x}.shape[0], {', '.join(map(str, shape[1:]))})"


def _clipped(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
    low, high = (writer.value(each) if each else "None" for each in [*node.input[1:], ""][:2])
    return f"torch.clamp({writer.value(node.input[0])}, {low}, {high})"


def _called(form: str) -> Callable[[_Writer, Any, dict[str, Any]], str]:
    """Return a rule: ``form`` with the inputs and the attributes of the node."""

    def rule(writer: _Writer, node: Any, given: dict[str, Any]) -> str:
        return form.format(*map(writer.value, node.input), **given)

    return rule


def _limited(function: str, limit: str) -> Callable[[_Writer, Any, dict[str, Any]], str]:
    """Return a rule for the larger or the smaller of two tensors, or of a tensor and a number."""

    def rule(writer: _Writer, node: Any, _: dict[str, Any]) -> str:
        tensors = [writer.value(name) for name in node.input if writer.number(name) is None]
        numbers = [number for name in node.input if (number := writer.number(name)) is not None]
        if numbers:
            return f"torch.clamp({tensors[0]}, {limit}={numbers[0]})"
        return f"torch.{function}({', '.join(tensors)})"

    return rule


RULES: dict[str, Callable[[_Writer, Any, dict[str, Any]], str]] = {
    "Conv": _convolution,
    "Gemm": _linear,
    "BatchNormalization": _normalization,
    "LayerNormalization": _layer_normalization,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _called("{}.mean((2, 3), keepdim=True)"),
    "GlobalMaxPool": _called("{}.amax((2, 3), keepdim=True)"),
    "Flatten": _called("{}.flatten(1)"),
    "Reshape": _reshaped,
    "Transpose": _called("{}.permute({perm})"),
    "Pad": _padded,
    "Slice": _sliced,
    "Concat": lambda writer, node, given: f"torch.cat([{', '.join(map(writer.value, node.input))}], {given['axis']})",
    "LRN": _called("F.local_response_norm({}, {size}, {alpha:.7g}, {beta:.7g}, {bias:.7g})"),
    "MatMul": _called("{} @ {}"),
    "Add": _called("{} + {}"),
    "Sub": _called("{} - {}"),
    "Mul": _called("{} * {}"),
    "Div": _called("{} / {}"),
    "Max": _limited("maximum", "min"),
    "Min": _limited("minimum", "max"),
    "Neg": _called("-{}"),
    "Unsqueeze": lambda writer, node, _: f"{writer.value(node.input[0])}.unsqueeze({writer.ints(node.input[1])[0]})",
    "ReduceSum": lambda writer, node, _: f"{writer.value(node.input[0])}.sum({writer.ints(node.input[1])[0]})",
    "Clip": _clipped,
    "Relu": _called("F.relu({})"),
    "LeakyRelu": _called("F.leaky_relu({}, {alpha:.7g})"),
    "Elu": lambda writer, node, given: f"F.elu({writer.value(node.input[0])}, {given.get('alpha', 1.0):.7g})",
    "Selu": _called("F.selu({})"),
    "Sigmoid": _called("torch.sigmoid({})"),
    "HardSigmoid": _called("F.hardsigmoid({})"),
    "HardSwish": _called("F.hardswish({})"),
    "Tanh": _called("torch.tanh({})"),
    "Softmax": _called("F.softmax({}, {axis})"),
    "LogSoftmax": _called("F.log_softmax({}, {axis})"),
    "Softplus": _called("F.softplus({})"),
    "Softsign": _called("F.softsign({})"),
    "Mish": _called("F.mish({})"),
    "Exp": _called("torch.exp({})"),
    "Erf": _called("torch.erf({})"),
    "Cast": _called("{}"),
    "Identity": _called("{}"),
}
