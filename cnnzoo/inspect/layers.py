"""The table of a network's layers: kernels, shapes, parameters, multiply-accumulates, memory, receptive fields."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import keras

from cnnzoo._keras.graph import Call, Shape, graph_inputs, sized_inputs, walk
from cnnzoo._keras.kinds import KINDS, channels_of, is_kind, window
from cnnzoo._keras.parameters import Counts, count_of_layer
from cnnzoo._support.notebook import block
from cnnzoo._support.tables import Column, Table
from cnnzoo._support.wording import format_shape, memory
from cnnzoo.inspect._receptive import field_after, pixel, size_of

TOTALS = ("params", "macs", "activation_bytes", "buffers")  # columns whose values add up


class LayerRow(NamedTuple):
    """One call of a layer, for one image.

    Attributes:
        name: The layer's name; for a layer of a nested model, its path, such as "backbone/conv1".
        type: Its class.
        output_shape: Without the batch axis.
        params: Trainable parameters, so without the means and variances of batch normalisation; 0 if an earlier row
            already counts the layer.
        macs: Multiply-accumulates.
        kernel_size: Kernel size of a convolution or pooling layer; None for other layers.
        strides: Strides of a convolution or pooling layer; None for other layers.
        activation_bytes: Memory of the output.
        receptive_field: Pixels of the image that an output value depends on, along each spatial axis, padding
            included; None if unknown.
        buffers: Values that are stored but not trained: means and variances of batch normalisation.
    """

    name: str
    type: str
    output_shape: tuple[int, ...]
    params: int
    macs: int
    kernel_size: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    activation_bytes: int = 0
    receptive_field: tuple[int, ...] | None = None
    buffers: int = 0

    @property
    def window(self) -> str:
        """Kernel size, and stride unless it is 1, as text."""
        if self.kernel_size is None or self.strides is None:
            return ""
        largest = max(self.strides)
        return format_shape(self.kernel_size) + (f" / {largest}" if largest > 1 else "")


@dataclass(frozen=True, repr=False)
class LayerTable:
    """The layers of a network, from input to output; printed, and as the last line of a notebook's cell, the table.

    Attributes:
        rows: One row per call of a layer.
        not_counted: Names of layers with unknown multiply-accumulates; they count zero.
    """

    rows: tuple[LayerRow, ...]
    not_counted: tuple[str, ...] = ()

    @property
    def params(self) -> int:
        """All parameters of the network."""
        return sum(row.params for row in self.rows)

    @property
    def buffers(self) -> int:
        """All values that the network keeps beside its parameters."""
        return sum(row.buffers for row in self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: the fields of ``LayerRow``; ``buffers`` only where the network has any."""
        return tuple(name for name in LayerRow._fields if name != "buffers" or self.buffers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(row.macs for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """Memory of all layer outputs for one image, as kept during training."""
        return sum(row.activation_bytes for row in self.rows)

    def __repr__(self) -> str:
        """Show the totals instead of the rows."""
        return f"<LayerTable: {len(self.rows)} layers, {self.params:,} parameters, {self.macs:,} MACs>"

    def __str__(self) -> str:
        """Return the table as text, as `cnnzoo show` prints it."""
        return self._shown().to_text() + self._note()

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return block(self._shown().to_html(), escape(self._note()))

    def _note(self) -> str:
        return f"\n\nMACs not counted: {', '.join(self.not_counted)}" if self.not_counted else ""

    def _shown(self) -> Table:
        """Return what people read of the table: no exact sizes of memory, and bars for the shares of the totals."""
        buffers = [Column("buffers", True, f"{self.buffers:,}")] if self.buffers else []
        columns = (
            *(Column("layer", total="total"), Column("type"), Column("kernel"), Column("output")),
            *(Column("parameters", True, f"{self.params:,}"), Column(""), *buffers),
            *(Column("MACs", True, f"{self.macs:,}"), Column("")),
            *(Column("memory", True, memory(self.activation_bytes)), Column("receptive field", True)),
        )
        rows: list[tuple[str | float, ...]] = [
            (
                *(row.name, row.type, row.window, format_shape(row.output_shape)),
                *(f"{row.params:,}", row.params / max(self.params, 1)),
                *([f"{row.buffers:,}"] if self.buffers else []),
                *(f"{row.macs:,}", row.macs / max(self.macs, 1)),
                *(memory(row.activation_bytes), format_shape(row.receptive_field)),
            )
            for row in self.rows
        ]
        return Table(columns, rows)

    def to_json(self) -> str:
        """Return the table as JSON: ``layers`` (a list of objects), ``total`` and ``not_counted``."""
        total = {name: getattr(self, name) for name in self.columns if name in TOTALS}
        layers = [{name: getattr(row, name) for name in self.columns} for row in self.rows]
        return json.dumps({"layers": layers, "total": total, "not_counted": self.not_counted}, indent=2)

    def to_csv(self) -> str:
        """Return the rows as CSV with a header line; shapes as ``28x28x6``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(getattr(row, name)) for name in self.columns] for row in self.rows)
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return the table as Markdown, with a row of totals."""
        total = ["total", *(getattr(self, name) if name in TOTALS else "" for name in self.columns[1:])]
        lines = [
            self.columns,
            ["---:" if name in TOTALS else "---" for name in self.columns],
            *([getattr(row, name) for name in self.columns] for row in self.rows),
            total,
        ]
        return "".join(f"| {' | '.join(_markdown_cell(value) for value in line)} |\n" for line in lines)


def layer_table(model: keras.Model, *, input_shape: tuple[int, ...] | None = None) -> LayerTable:
    """List the layers of ``model``, including those of nested models, with shapes and costs.

    Multiply-accumulates (MACs) are counted for all kinds of convolutions (grouped, dilated, depthwise, separable,
    transposed) and for dense layers, including products with padding, as papers count them. Biases, activations,
    pooling, normalisation, sums and products of maps count zero. Layers of unknown kinds also count zero and are
    listed in ``not_counted``.

    Args:
        model: A built functional or sequential Keras model; it may branch.
        input_shape: Height, width and channels of an image, in the model's order, for a model with an open input size.

    Returns:
        One row per call of a layer, without the input layer.

    Raises:
        ValueError: The input size of ``model`` is open and ``input_shape`` is missing or does not fit, or ``model`` is
            subclassed.

    >>> import cnnzoo
    >>> layer_table(cnnzoo.models.lenet5()).macs
    416520
    """
    inputs = sized_inputs(graph_inputs(model), input_shape)
    image_size = inputs[0].spatial
    for each in inputs:
        each.field = pixel(len(image_size)) if len(each.spatial) == len(image_size) else None
    rows, seen, not_counted = [], set(), []
    for call in walk(model, inputs):
        field = field_after(call, [each.field for each in call.inputs], image_size)
        for each in call.outputs:
            each.field = field
        counts = Counts(0, 0) if id(call.operation) in seen else _counts(call.operation)
        seen.add(id(call.operation))
        macs = _macs(call)
        if macs is None:
            not_counted.append(call.name)
        rows.append(_row(call, counts, macs or 0, size_of(field)))
    return LayerTable(tuple(rows), tuple(dict.fromkeys(not_counted)))


def _row(call: Call, counts: Counts, macs: int, receptive_field: tuple[int, ...] | None) -> LayerRow:
    layer = call.operation
    has_window = is_kind(layer, "convolution", "transposed", "pooling")
    axes = len(call.inputs[0].spatial)
    kernel_size, strides = window(layer, axes) if has_window else (None, None)
    return LayerRow(
        call.name,
        type(layer).__name__,
        tuple(call.outputs[0].shape),
        counts.params,
        macs,
        kernel_size,
        strides,
        sum(math.prod(each.shape) * _bytes(each.dtype) for each in call.outputs),
        receptive_field,
        counts.buffers,
    )


def _counts(operation: Any) -> Counts:
    """Count the parameters and the buffers; Keras' operations have none."""
    return count_of_layer(operation) if isinstance(operation, keras.Layer) else Counts(0, 0)


def _macs(call: Call) -> int | None:
    """Count the multiply-accumulates for one image; None if unknown."""
    layer, given = call.operation, call.outputs[0].shape
    if is_kind(layer, "transposed"):
        return _positions(call.inputs[0].shape, layer) * _size(layer.kernel)
    if is_kind(layer, "convolution"):
        kernels = [getattr(layer, name, None) for name in ("kernel", "depthwise_kernel", "pointwise_kernel")]
        return _positions(given, layer) * sum(_size(kernel) for kernel in kernels if kernel is not None)
    if is_kind(layer, "dense"):
        return math.prod(given[:-1]) * _size(layer.kernel)
    return 0 if is_kind(layer, *KINDS) else None


def _size(kernel: Any) -> int:
    return int(math.prod(kernel.shape))


def _positions(shape: Shape, layer: Any) -> int:
    return math.prod(shape[1:] if channels_of(layer) == 0 else shape[:-1])


def _bytes(dtype: str) -> int:
    """Return the size of one value of ``dtype``, as Keras names it."""
    digits = "".join(character for character in dtype if character.isdigit())
    return -(-int(digits or 8) // 8)


def _cell(value: Any) -> Any:
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def _markdown_cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) else str(_cell(value))
    return text.replace("|", r"\|").replace("_", r"\_")
