"""What the builders share: the check of the input's shape, the chain of layers."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras

from cnnzoo._keras.ready import make_exportable
from cnnzoo._keras.scale import note_scale
from cnnzoo._support.arguments import check_integer

InputShape = tuple[int | None, int | None, int]


def check_input_shape(input_shape: InputShape, *, smallest: int, include_top: bool) -> InputShape:
    """Return ``input_shape`` as (height, width, channels) that survive all strides and pools, or raise ``ValueError``.

    Args:
        input_shape: What the user gave. Height and width may be None without the dense layers, which need a fixed size.
        smallest: Least height and width, in pixels, that leave at least one pixel after the last layer.
        include_top: Whether the dense layers follow.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "The networks are specified with images of shape (height, width, channels), but Keras is set to "
            "'channels_first'. Call `keras.config.set_image_data_format('channels_last')` first."
        )
    if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
        raise ValueError(
            f"`input_shape` must be (height, width, channels), without the batch. Received: input_shape={input_shape!r}"
        )
    *size, channels = (None if side is None else check_integer("input_shape", side, least=1) for side in input_shape)
    if channels is None:
        raise ValueError(f"`input_shape` must end with a number of channels. Received: input_shape={input_shape!r}")
    if include_top and None in size:
        raise ValueError(
            "`input_shape` must have a fixed height and width when `include_top=True`: the dense layers need one. "
            f"Received: input_shape={input_shape!r}"
        )
    if any(side is not None and side < smallest for side in size):
        raise ValueError(
            f"`input_shape` is too small for the strides and pools of this network: the smallest that works is "
            f"({smallest}, {smallest}, {channels}). Received: input_shape={input_shape!r}"
        )
    return size[0], size[1], channels


def chain(input_shape: InputShape, layers: Iterable[Callable[[Any], Any]], name: str) -> keras.Model:
    """Return the functional model in which images, their pixels in [0, 1], go through ``layers`` in turn."""
    inputs = outputs = keras.Input(input_shape, name="input")
    for layer in layers:
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs, name=name)
    note_scale(model, "unit")
    make_exportable(model)
    return model


def flat_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Give the layers of ``model``, those of models within it among them, in order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat_layers(layer)
        else:
            yield layer


def initializer_for_one_layer(kernel_initializer: Any) -> Any:
    """Return ``kernel_initializer`` ready for one layer only.

    A Keras initializer object draws the same numbers at every call with the same shape, so layers of equal shape that
    shared one would start with equal kernels.
    """
    initializer = keras.initializers.get(kernel_initializer)
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer


def dense(
    units: int, name: str, activation: str | None, kernel_initializer: Any, dtype: str | None = None
) -> keras.layers.Dense:
    """Return a dense layer with an initializer of its own."""
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializer_for_one_layer(kernel_initializer),
        dtype=dtype,
        name=name,
    )
