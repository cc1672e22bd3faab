"""Pinned layers: a network compared with the table that an earlier run of the test wrote."""

from __future__ import annotations

import difflib
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from cnnzoo._keras.ending import ending_by_graph
from cnnzoo._keras.graph import Tensor, graph_inputs, graph_outputs, walk
from cnnzoo._keras.heads import has_head
from cnnzoo._support.wording import pluralize
from cnnzoo.inspect.layers import LayerRow, layer_table
from cnnzoo.testing._names import plain_names
from cnnzoo.testing.pins import Pin, Row, Rows, as_pin

MOST_LINES = 12  # of a difference; the rest is counted


def assert_layers(
    model: keras.Model, pin: Pin | str | os.PathLike[str], *, input_shape: tuple[int, ...] | None = None
) -> None:
    """Compare the layers of ``model`` with those that are pinned in a CSV file; write the file if there is none.

    Pinned are the name, class, output shape, parameters, trainable parameters, buffers, multiply-accumulates, kernel
    size, strides and dtype of each layer, the inputs, and how the network ends: with probabilities, logits, features
    or maps. Weights are not. Names that Keras numbered itself ("conv2d_7") are numbered anew, in the order of the
    network, so that they do not depend on what was built before.

    Args:
        model: A functional or sequential Keras model; it may branch, and contain other models.
        pin: The fixture ``pin``, for ``pins/FILE.TEST.csv`` beside the test, which ``pytest --update-pins`` writes
            anew; or the path of a ``.csv`` file. A file that is not there is written, except on CI, where the
            environment variable ``CI`` is set.
        input_shape: Height, width and channels of an image, in the model's order, for a model with an open input size.

    Raises:
        AssertionError: ``model`` differs; the message lists the layers and columns.
        FileNotFoundError: There is no such file, on CI.
        OSError: The file cannot be written.
        ValueError: The pin is damaged, or the fixture was used for another network; ``model`` is subclassed or not
            built; or its input size is open and ``input_shape`` is missing.

    >>> import cnnzoo
    >>> path = getfixture("tmp_path") / "lenet5.csv"
    >>> assert_layers(cnnzoo.models.lenet5(), Pin(path, update=True))  # writes the file
    >>> assert_layers(cnnzoo.models.lenet5(), path)  # compares
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    pin = as_pin(pin)
    found = _rows(model, input_shape)
    pin.use()
    pinned = pin.read()
    if pinned is None:
        pin.write(found)
    elif list(pinned) != list(found):
        raise AssertionError(_difference(pinned, found, pin))


def _rows(model: keras.Model, input_shape: tuple[int, ...] | None) -> Rows:
    """Return the inputs, the layers and the outputs of ``model`` as rows of text."""
    table, inputs = layer_table(model, input_shape=input_shape), graph_inputs(model)
    calls = list(walk(model, inputs))
    names = plain_names(calls)
    layers, seen = [], set()
    for name, row, call in zip(names, table.rows, calls, strict=True):
        trainable = 0 if id(call.operation) in seen else _trainable(call.operation)
        seen.add(id(call.operation))
        layers.append(_row(name, row, trainable, _dtype(call.operation, call.outputs[0])))
    outputs = graph_outputs(model)
    kinds = [_ending(model)] if len(outputs) == 1 else ["output"] * len(outputs)
    return [*_ends("(input{})", ["input"] * len(inputs), inputs), *layers, *_ends("(output{})", kinds, outputs)]


def _row(name: str, row: LayerRow, trainable: int, dtype: str) -> Row:
    counts = map(str, (row.params, trainable, row.buffers, row.macs))
    windows = map(_shape, (row.kernel_size or (), row.strides or ()))
    return Row._make([name, row.type, _shape(row.output_shape), *counts, *windows, dtype])


def _ends(name: str, kinds: Sequence[str], tensors: Sequence[Tensor]) -> Iterator[Row]:
    """Yield a row for each input, or output; they have numbers where they are several."""
    for number, (kind, tensor) in enumerate(zip(kinds, tensors, strict=True), start=1):
        numbered = name.format(f" {number}" if len(tensors) > 1 else "")
        yield Row(numbered, kind, _shape(tensor.shape), dtype=tensor.dtype)


def _shape(shape: Sequence[int | None]) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)


def _dtype(operation: Any, output: Tensor) -> str:
    return str(operation.dtype_policy.name) if isinstance(operation, keras.Layer) else output.dtype


def _trainable(operation: Any) -> int:
    weights = operation.trainable_weights if isinstance(operation, keras.Layer) else []
    return sum(math.prod(weight.shape) for weight in weights)


def _ending(model: keras.Model) -> str:
    """Return how a network with one output ends, in a word, as far as its graph tells."""
    axes = len(model.outputs[0].shape)
    if axes != 2:
        return "maps" if axes == 4 else "output"
    try:
        ending = ending_by_graph(model)
    except ValueError:  # a sigmoid for each of several outputs, or a softmax of one value
        return "scores"
    if ending is None:
        return "unknown"
    return ending.kind if has_head(model) else "features"


def _difference(pinned: Rows, found: Rows, pin: Pin) -> str:
    """Say which layers differ, and how; the first ones in full."""
    lines = list(_lines(pinned, found))
    kinds = Counter(kind for kind, _ in lines)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    shown = [f"  {text}" for _, text in lines[:MOST_LINES]]
    more = [f"  and {pluralize(len(lines) - MOST_LINES, 'more layer')}"] if len(lines) > MOST_LINES else []
    return "\n".join(
        [
            f"The network differs from its pin '{pin.shown}': {counted}.",
            *([_OTHER_NETWORK] if not _names(pinned) & _names(found) else []),
            *shown,
            *more,
            f"If the network is right, {pin.remedy}.",
        ]
    )


_OTHER_NETWORK = "The pin is of another network: no layer's name is in both."


def _names(rows: Rows) -> set[str]:
    return {row.layer for row in rows if not row.layer.startswith("(")}


def _lines(pinned: Rows, found: Rows) -> Iterator[tuple[str, str]]:
    """Yield what became of each layer that is not as pinned, in a word, and in a line."""
    names, others = [row.layer for row in pinned], [row.layer for row in found]
    matcher = difflib.SequenceMatcher(None, names, others, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        before, after = pinned[start:end], found[other_start:other_end]
        if kind == "equal" or _is_renamed(before, after):
            for row, other in zip(before, after, strict=True):
                if row != other:
                    yield ("renamed" if row.layer != other.layer else "changed"), _changes(row, other)
            continue
        yield from (("missing", f"{row.layer}: pinned, but missing ({_summary(row)})") for row in before)
        for number, row in enumerate(after, start=other_start):
            place = f"after '{found[number - 1].layer}'" if number else "at the beginning"
            yield "added", f"{row.layer}: added {place} ({_summary(row)})"


def _is_renamed(before: Rows, after: Rows) -> bool:
    """Tell whether these layers have other names but are of the same classes."""
    return len(before) == len(after) and all(row.type == other.type for row, other in zip(before, after, strict=True))


def _changes(row: Row, other: Row) -> str:
    pairs = list(zip(Row._fields, row, other, strict=True))[1:]
    renamed = [f"now called '{other.layer}'"] if row.layer != other.layer else []
    changes = (f"{name} {_cell(old)} pinned, {_cell(new)} found" for name, old, new in pairs if old != new)
    return f"{row.layer}: {'; '.join([*renamed, *changes])}"


def _cell(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() else value or "none"


def _summary(row: Row) -> str:
    counted = f", {pluralize(int(row.params), 'parameter')}" if row.params.isdecimal() else ""
    return f"{row.type}, {row.output_shape}{counted}"
