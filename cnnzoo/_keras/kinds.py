"""What kinds of layers there are, as far as their work and their receptive field go."""

from collections.abc import Collection, Sequence
from typing import Any

_SPATIAL = frozenset(f"{kind}{axes}D" for kind in ("SpatialDropout", "ZeroPadding", "Cropping") for axes in (1, 2, 3))

KINDS: dict[str, frozenset[str]] = {
    "convolution": frozenset(
        f"{kind}{axes}D" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for axes in (1, 2, 3)
    ),
    "transposed": frozenset(f"Conv{axes}DTranspose" for axes in (1, 2, 3)),
    "dense": frozenset({"Dense"}),
    "pooling": frozenset(f"{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3)),
    "global": frozenset(f"Global{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3)),
    "upsampling": frozenset(f"UpSampling{axes}D" for axes in (1, 2, 3)),
    "flatten": frozenset({"Flatten"}),
    "merge": frozenset({"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}),
    # A value of the output depends on values of one place of the input; cutting and padding move the places
    "elementwise": frozenset(
        {
            *("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Identity", "Dropout", "LayerScale"),
            *("AlphaDropout", "GaussianDropout", "GaussianNoise", "StochasticDepth", "ActivityRegularization"),
            *_SPATIAL,
            *("BatchNormalization", "Normalization", "Rescaling"),
            *("Divide", "TrueDivide", "Repeat", "Flip", "GetItem", "Cast", "Relu", "Sigmoid", "Tanh", "Clip"),
        }
    ),
    # Operations of keras.ops that make one value of all along some axes
    "reduction": frozenset({"Mean", "Sum", "Prod", "Max", "Min", "Var", "Std"}),
    "normalization": frozenset({"GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"}),
    "reordering": frozenset({"Permute", "Transpose"}),
    "reshaping": frozenset({"Reshape", "RepeatVector"}),
    # No multiply-accumulates, and a receptive field that depends on more than their kind
    "costless": frozenset(
        {
            *("Resizing", "CenterCrop", "RandomCrop", "RandomFlip"),
            *("RandomBrightness", "RandomContrast", "RandomRotation", "RandomTranslation", "RandomZoom"),
        }
    ),
}


def is_kind(layer: Any, *kinds: str) -> bool:
    """Tell whether ``layer`` is one of Keras' own of one of ``kinds``; others may bear the same name."""
    return any(is_named(layer, KINDS[kind]) for kind in kinds)


def is_named(layer: Any, names: Collection[str]) -> bool:
    """Tell whether ``layer`` is one of Keras' own of one of these class names."""
    return type(layer).__module__.startswith("keras.") and type(layer).__name__ in names


def window(layer: Any, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the size of the kernel, or of the pool, and the strides of ``layer``, along each spatial axis."""
    size = layer.pool_size if is_kind(layer, "pooling") else layer.kernel_size
    return per_axis(size, axes), per_axis(layer.strides, axes)


def per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return ``value``, one for all axes or one for each, as one for each."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def channels_of(layer: Any) -> int | None:
    """Return which axis, counted without the batch, ``layer`` takes for the channels: 0 or -1; None of most layers.

    A Flatten has an order, too, but does not tell channels from places.
    """
    order = getattr(layer, "data_format", None) if type(layer).__module__.startswith("keras.") else None
    if order is None or is_kind(layer, "flatten"):
        return None
    return 0 if order == "channels_first" else -1


def reordered(layer: Any, axes: int) -> tuple[int, ...] | None:
    """Return which axis of its input each axis of what a Permute or a Transpose gives is, both without the batch."""
    if is_named(layer, {"Permute"}):
        return tuple(axis - 1 for axis in layer.dims)
    if is_named(layer, {"Transpose"}):
        order = tuple(axis % (axes + 1) for axis in layer.axes or range(axes, -1, -1))
        return tuple(axis - 1 for axis in order[1:]) if order[0] == 0 else None
    return None
