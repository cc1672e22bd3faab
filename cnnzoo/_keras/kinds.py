"""What kinds of layers there are, as far as their work and their receptive field go."""

from collections.abc import Sequence
from typing import Any

import keras

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
            *(f"{kind}{axes}D" for kind in ("SpatialDropout", "ZeroPadding", "Cropping") for axes in (1, 2, 3)),
            *("BatchNormalization", "Normalization", "Rescaling"),
            *("Divide", "TrueDivide", "Repeat", "Flip", "GetItem", "Cast", "Relu", "Sigmoid", "Tanh", "Clip"),
        }
    ),
    # No multiply-accumulates, and a receptive field that depends on more than their kind
    "costless": frozenset(
        {
            *("GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"),
            *("Reshape", "Permute", "RepeatVector", "Transpose", "Resizing", "CenterCrop", "RandomCrop", "RandomFlip"),
            *("RandomBrightness", "RandomContrast", "RandomRotation", "RandomTranslation", "RandomZoom"),
        }
    ),
}


def is_kind(layer: Any, *kinds: str) -> bool:
    """Tell whether ``layer`` is one of Keras' own of one of ``kinds``; others may bear the same name."""
    is_keras_own = type(layer).__module__.startswith("keras.")
    return is_keras_own and any(type(layer).__name__ in KINDS[kind] for kind in kinds)


def window(layer: Any, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the size of the kernel, or of the pool, and the strides of ``layer``, along each spatial axis."""
    size = layer.pool_size if is_kind(layer, "pooling") else layer.kernel_size
    return per_axis(size, axes), per_axis(layer.strides, axes)


def per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return ``value``, one for all axes or one for each, as one for each."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def spatial(shape: tuple[Any, ...], layer: Any = None) -> tuple[Any, ...]:
    """Return the spatial part of ``shape``, without the batch and the channels, as ``layer`` orders them."""
    order = getattr(layer, "data_format", None) or keras.config.image_data_format()
    return shape[1:] if order == "channels_first" else shape[:-1]
