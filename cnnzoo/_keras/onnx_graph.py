"""A network as an ONNX graph, written call by call: from any backend, in float32, and without running the network.

Maps lie with their channels first in it, as ONNX has them, whatever they do in Keras; images come and vectors leave as
in Keras. Needs the package ``onnx``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import onnx
from onnx import helper

from cnnzoo._keras._onnx_layers import write_call
from cnnzoo._keras._onnx_nodes import OPSET as OPSET
from cnnzoo._keras._onnx_nodes import OPSETS as OPSETS
from cnnzoo._keras._onnx_nodes import Form as Form
from cnnzoo._keras._onnx_nodes import Graph, Value
from cnnzoo._keras._onnx_nodes import Layout as Layout
from cnnzoo._keras.graph import graph_inputs, run
from cnnzoo._keras.reading import IMAGES, ONNX_EXPORT, OUTPUT, UnsupportedError

LARGEST_FILE = 2**31  # bytes, the limit of protocol buffers


def write_onnx(model: keras.Model, form: Form | None = None) -> onnx.ModelProto:
    """Return ``model`` as ONNX: one input, one output, any number of images.

    Args:
        model: A functional or sequential model of images with their channels last.
        form: In which form; None: as in Keras, in float32.

    Raises:
        UnsupportedError: The model has several inputs or outputs, or a layer that is not supported; the message says
            which.
        ValueError: The model is subclassed or not built.
    """
    graph = _written(model, form or Form())
    for tensor in graph.tensors:
        written = graph.model.graph.initializer.add()  # in place: no copy
        written.CopyFrom(tensor.header())
        written.raw_data = tensor.values().tobytes()
    return graph.model


def save_onnx(model: keras.Model, path: Path, form: Form | None = None) -> None:
    """Write ``model`` as ONNX into a file, weight by weight: in the memory of the largest of them.

    Arguments and errors are those of ``write_onnx``.
    """
    graph = _written(model, form or Form())
    if sum(tensor.size for tensor in graph.tensors) >= LARGEST_FILE:
        raise UnsupportedError(f"An ONNX file can hold 2 GB, and the weights of {model.name} are more.")
    with path.open("wb") as file:
        file.write(graph.model.SerializeToString())
        for tensor in graph.tensors:
            tensor.append_to(file)


def add_metadata(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata to an ONNX file, by appending them: messages that follow each other are read as one."""
    added = onnx.ModelProto()
    helper.set_model_props(added, metadata)
    with path.open("ab") as file:
        file.write(added.SerializeToString())


def _written(model: keras.Model, form: Form) -> Graph:
    inputs = graph_inputs(model)
    if (len(inputs), len(model.outputs)) != (1, 1):
        raise UnsupportedError(
            f"{ONNX_EXPORT} supports one input and one output. "
            f"Received a model with {len(inputs)} and {len(model.outputs)}."
        )
    graph = Graph(model.name, form)
    shape = inputs[0].shape
    images = Value(IMAGES, shape)

    def call(name: str, operation: Any, _: bool, *arguments: Any, **options: Any) -> Value:
        return write_call(graph, name, operation, *arguments, **options)

    (end,) = run(model, [graph.from_keras(images) if form.layout == "nhwc" else images], call)
    graph.layer = ""
    end = graph.to_keras(end)
    graph.add("Identity", end.name, name=OUTPUT)
    sides = [side or f"side_{axis}" for axis, side in enumerate(shape)]
    graph.declare([sides[-1], *sides[:-1]] if form.layout == "nchw" else sides, end.shape)
    return graph
