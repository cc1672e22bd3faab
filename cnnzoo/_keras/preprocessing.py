"""The preprocessing of Keras Applications as layers, so that it is saved with the network."""

from collections.abc import Callable
from typing import TypeAlias

import keras
import numpy as np

from cnnzoo._keras.saved import Rescaling
from cnnzoo._keras.scale import Scale
from cnnzoo._support.lookup import look_up

# The factor that converts an input range to [0, 255], and the name of the layer that does so
FROM_UNIT = "from_unit"
SCALES = {"byte": (1.0, "from_bytes"), "unit": (255.0, FROM_UNIT)}

RAW = "preprocessed_images"  # name of the input of a network that expects images from ``preprocess_input``

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1]
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
MeanStd: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]  # of each channel of images in [0, 1]
# The modes of Keras Applications that subtract a mean and divide by a standard deviation
NORMALIZATIONS: dict[str, MeanStd] = {
    "torch": (IMAGENET_MEAN, IMAGENET_DEVIATION),
    "tf": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
NOT_NORMALIZED: MeanStd = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of BGR in [0, 255]


def preprocessed(
    images: keras.KerasTensor, mode: str | MeanStd, scale: Scale = "byte", layer: Callable[[str], str] = str
) -> keras.KerasTensor:
    """Preprocess ``images`` by layers without weights.

    For a network of Keras Applications, the result equals that of its ``preprocess_input`` up to 1e-5, but the
    caller's array is not modified.

    Args:
        images: RGB of shape (n, height, width, 3), or grey with one channel, which is repeated.
        mode: One of ``cnnzoo._keras.applications.PREPROCESSING``, or means and standard deviations of the channels, or
            of grey, which is then not repeated.
        scale: "byte" for values in [0, 255], "unit" for [0, 1].
        layer: What turns the name of the layer into that in the model.
    """
    to_bytes, name = look_up(SCALES, scale, "scale")
    if images.shape[-1] == 1 and (isinstance(mode, str) or len(mode[0]) > 1):
        images = keras.ops.repeat(images, 3, axis=-1)
    if mode == "caffe":
        images = keras.ops.flip(images, axis=-1)
    factor, offset = _constants(mode, to_bytes)
    return keras.layers.Rescaling(factor, offset=offset, dtype="float32", name=layer(name))(images)


def _constants(mode: str | MeanStd, to_bytes: float) -> tuple[list[float], list[float]]:
    """Return the factor and the offset of each channel, in the order that the network takes."""
    if mode == "caffe":
        return [to_bytes] * 3, [-mean for mean in CAFFE_MEAN]
    normalization = NORMALIZATIONS.get(mode) if isinstance(mode, str) else mode
    if normalization is None:
        return [to_bytes] * 3, [0.0] * 3
    pairs = list(zip(*normalization, strict=True))
    return [to_bytes / 255 / std for _, std in pairs], [-mean / std for mean, std in pairs]


def mode_of(rescaling: Rescaling) -> str | MeanStd | None:
    """Return the mode in which ``preprocessed`` makes a layer that scales images in [0, 1] so; None if in none.

    Args:
        rescaling: Factors and offsets of the channels.
    """
    factors, offsets = rescaling
    for constants in (_constants("caffe", SCALES["unit"][0]), _grey_constants()):
        if all(len(a) == len(b) and np.allclose(a, b) for a, b in zip(rescaling, constants, strict=True)):
            return "caffe"
    if len(factors) not in (1, 3) or len(offsets) != len(factors) or min(factors) <= 0:
        return None
    std = tuple(round(1 / factor, 6) for factor in factors)
    return tuple(round(-offset * each, 6) for offset, each in zip(offsets, std, strict=True)), std


def normalization_of_mode(mode: str | MeanStd | None) -> MeanStd | None:
    """Return the mean and standard deviation of the channels in a mode; None of one that does something else."""
    if mode is None:
        return NOT_NORMALIZED
    return NORMALIZATIONS.get(mode) if isinstance(mode, str) else mode


def _grey_constants() -> tuple[list[float], list[float]]:
    return [SCALES["unit"][0]], [-sum(CAFFE_MEAN) / len(CAFFE_MEAN)]


def preprocessed_grey(images: keras.KerasTensor, layer: Callable[[str], str] = str) -> keras.KerasTensor:
    """Preprocess grey images in [0, 1] for a "caffe" network whose first kernels are summed over the channels.

    The mean of the three channel means is subtracted; these differ by 20 (of 255).
    """
    factor, offset = _grey_constants()
    return keras.layers.Rescaling(factor, offset=offset, dtype="float32", name=layer(FROM_UNIT))(images)


def with_channels(model: keras.Model, channels: int) -> keras.Model:
    """Return ``model`` for images of so many channels: grey ones are repeated, colours become grey.

    Raises:
        ValueError: Other numbers of channels than 1 and 3 differ.
    """
    *size, own = model.inputs[0].shape[1:]
    if own == channels:
        return model
    if {own, channels} != {1, 3}:
        raise ValueError(f"'{model.name}' takes images of {own} channels. Received images of {channels}.")
    images = keras.Input((*size, channels), name="input")
    if channels == 1:
        outputs = model(keras.ops.repeat(images, 3, axis=-1))
    else:
        outputs = model(keras.ops.image.rgb_to_grayscale(images, data_format="channels_last"))
    return keras.Model(images, outputs, name=model.name)
