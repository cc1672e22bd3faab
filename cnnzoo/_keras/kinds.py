"""Kinds of layers, by their computation and their effect on the receptive field."""

import re
from collections.abc import Collection, Sequence
from typing import Any

OWN = ("keras.", "cnnzoo.")  # other packages' layers may do anything, whatever they are called

_SPATIAL = frozenset(f"{kind}{axes}D" for kind in ("SpatialDropout", "ZeroPadding", "Cropping") for axes in (1, 2, 3))

KINDS: dict[str, frozenset[str]] = {
    "convolution": frozenset(
        {
            "TableConv2D",
            *(f"{kind}{axes}D" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for axes in (1, 2, 3)),
        }
    ),
    "transposed": frozenset(f"Conv{axes}DTranspose" for axes in (1, 2, 3)),
    "dense": frozenset({"Dense", "RadialBasisFunctions"}),
    "pooling": frozenset(f"{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3))
    | {"CeilAveragePooling2D"},
    "global": frozenset(f"Global{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3)),
    "adaptive": frozenset(
        {
            "AdaptiveAveragePooling",
            *(f"Adaptive{kind}Pooling{axes}D" for kind in ("Max", "Average") for axes in (1, 2, 3)),
        }
    ),
    "upsampling": frozenset(f"UpSampling{axes}D" for axes in (1, 2, 3)),
    "flatten": frozenset({"Flatten"}),
    "merge": frozenset({"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}),
    # An output value depends on input values at one position; cropping and padding shift positions
    "elementwise": frozenset(
        {
            *("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Identity", "Dropout", "LayerScale"),
            *("AlphaDropout", "GaussianDropout", "GaussianNoise", "StochasticDepth", "ActivityRegularization"),
            *_SPATIAL,
            *("BatchNormalization", "Normalization", "Rescaling", "LocalResponseNormalization"),
            *("ChannelShuffle", "ChannelSlice", "ZeroChannels"),
            *("Divide", "TrueDivide", "Repeat", "Flip", "GetItem", "Cast", "Relu", "Sigmoid", "Tanh", "Clip"),
        }
    ),
    # Operations of keras.ops that reduce over some axes
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
    """Tell whether ``layer`` is a layer of Keras, or of this package, of one of ``kinds``."""
    return any(is_named(layer, KINDS[kind]) for kind in kinds)


def is_named(layer: Any, names: Collection[str]) -> bool:
    """Tell whether ``layer`` is of Keras, or of this package, with one of these class names."""
    return type(layer).__module__.startswith(OWN) and type(layer).__name__ in names


def kind_in_names(layer: Any) -> str:
    """Return what Keras calls layers of this class where nobody names them: "conv2d"."""
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    return re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()


def is_named_by_keras(layer: Any) -> bool:
    """Tell whether Keras may have named ``layer`` itself, with a number that depends on what was built before."""
    return re.fullmatch(rf"{kind_in_names(layer)}(_\d+)?", layer.name) is not None


def window(layer: Any, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the kernel or pool size and the strides of ``layer``, along each spatial axis."""
    size = layer.pool_size if is_kind(layer, "pooling") else layer.kernel_size
    return per_axis(size, axes), per_axis(layer.strides, axes)


def per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return ``value``, a single number or one per axis, as one per axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def channels_of(layer: Any) -> int | None:
    """Return the channel axis of ``layer`` (0 or -1, without the batch axis); None if it has no data format.

    Flatten has a data format, too, but does not distinguish channels from positions.
    """
    order = getattr(layer, "data_format", None) if type(layer).__module__.startswith("keras.") else None
    if order is None or is_kind(layer, "flatten"):
        return None
    return 0 if order == "channels_first" else -1


def reordered(layer: Any, axes: int) -> tuple[int, ...] | None:
    """Return the axis order of a Permute or a Transpose, without the batch axis; None for other layers."""
    if is_named(layer, {"Permute"}):
        return tuple(axis - 1 for axis in layer.dims)
    if is_named(layer, {"Transpose"}):
        order = tuple(axis % (axes + 1) for axis in layer.axes or range(axes, -1, -1))
        return tuple(axis - 1 for axis in order[1:]) if order[0] == 0 else None
    return None
