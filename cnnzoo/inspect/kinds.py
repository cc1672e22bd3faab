"""What kinds of layers there are, as far as their work and their receptive field go."""

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


def spatial(shape: tuple[Any, ...], layer: Any = None) -> tuple[Any, ...]:
    """Return the spatial part of ``shape``, without the batch and the channels, as ``layer`` orders them."""
    order = getattr(layer, "data_format", None) or keras.config.image_data_format()
    return shape[1:] if order == "channels_first" else shape[:-1]
