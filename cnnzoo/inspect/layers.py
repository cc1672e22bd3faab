"""The table of a network's layers: shapes, parameters and multiply-accumulates."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import keras


class LayerRow(NamedTuple):
    """One layer: its name, its type, the shape of its output without the batch, parameters and MACs of one image."""

    name: str
    type: str
    output_shape: tuple[int | None, ...]
    params: int
    macs: int


@dataclass(frozen=True)
class LayerTable:
    """The rows in the order in which data flows."""

    rows: tuple[LayerRow, ...]

    @property
    def params(self) -> int:
        """All parameters of the network."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image through the network."""
        return sum(row.macs for row in self.rows)


def layer_table(model: keras.Model) -> LayerTable:
    """List the layers of ``model`` with their shapes, parameters and multiply-accumulates (MACs).

    MACs count the multiplications of `Conv2D` and `Dense` layers; biases, activations, pools and all others count zero.

    Args:
        model: A built Keras model with a fixed input size.

    Returns:
        A row for each layer but the input.

    Raises:
        ValueError: The input size of ``model`` is open, so its MACs are, too.

    >>> import cnnzoo
    >>> layer_table(cnnzoo.models.lenet5()).macs
    416520
    """
    if None in model.input_shape[1:]:
        raise ValueError(
            f"`model` must have a fixed input size. Received: input_shape={model.input_shape[1:]}. Build it with one."
        )
    rows = [_row(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return LayerTable(tuple(rows))


def _row(layer: keras.Layer) -> LayerRow:
    output_shape = tuple(layer.output.shape[1:])
    return LayerRow(layer.name, type(layer).__name__, output_shape, layer.count_params(), _macs(layer, output_shape))


def _macs(layer: keras.Layer, output_shape: tuple[int, ...]) -> int:
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        macs: int = math.prod(output_shape[:-1]) * math.prod(layer.kernel.shape)
        return macs
    return 0
