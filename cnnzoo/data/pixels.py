"""Checks of the pixels that go into a network: their type, their range, and that they are numbers."""

from __future__ import annotations

import math
import warnings

import numpy as np

from cnnzoo._keras.scale import LARGEST, Scale

CHUNK = 32 << 20  # values that are looked at in one go
BEYOND_UNIT = 2.0  # a pixel larger than this is none in [0, 1]


def check_pixels(images: np.ndarray, scale: Scale | None, name: str, *, stacklevel: int = 3) -> None:
    """Check that a network can take ``images``; warn where floats seem to be of another range than it takes.

    Args:
        images: An array, or ``ImageFiles``.
        scale: The range of pixels that the network takes; None where that is not known.
        name: What the images are, for the message.
        stacklevel: Of the warning.

    Raises:
        ValueError: The images are neither uint8 nor float, or hold a value that is not finite; or they are uint8, and
            the range that the network takes is not known, or is not one of pixels.
    """
    if images.dtype == np.uint8:
        _check_whole(scale, name)
        return
    if images.dtype.kind != "f":
        raise ValueError(f"`{name}` must be uint8, or float. Received: {images.dtype}")
    least, largest = value_range(images, name)
    if scale == "unit" and least >= 0 and largest > BEYOND_UNIT:
        warnings.warn(
            f"Pixels in [0, 1] are expected, and the largest in `{name}` is {largest:g}: these seem to lie in "
            "[0, 255]. Divide them by 255, or give uint8.",
            stacklevel=stacklevel,
        )
    if scale == "byte" and least >= 0 and 0 < largest <= 1:
        warnings.warn(
            f"The network takes pixels in [0, 255], and the largest in `{name}` is {largest:g}: these seem to lie in "
            "[0, 1]. Multiply them by 255, or give uint8.",
            stacklevel=stacklevel,
        )


def _check_whole(scale: Scale | None, name: str) -> None:
    if scale is None:
        raise ValueError(
            f"`{name}` are uint8, and nothing tells whether the network takes pixels in [0, 1] or in [0, 255]: it does "
            "not scale them itself. Pass `scale='unit'` or `scale='byte'`, or give floats in the range that it takes."
        )
    if scale == "raw":
        raise ValueError(
            f"`{name}` are uint8, and the network takes neither pixels in [0, 1] nor in [0, 255], but what its own "
            "preprocessing makes of them: give floats that passed it. `cnnzoo.pretrained.load(..., preprocess=True)` "
            "builds a network of Keras Applications that takes plain images."
        )


def value_range(images: np.ndarray, name: str) -> tuple[float, float]:
    """Return the least and the largest value of ``images``, an array of floats of shape (n, ...).

    Raises:
        ValueError: A value is not finite; the message says how many images have such, and which is the first.
    """
    least, largest, broken, first = math.inf, -math.inf, 0, 0
    step = max(CHUNK // max(math.prod(images.shape[1:]), 1), 1)
    for start in range(0, len(images), step):
        values = images[start : start + step].reshape(len(images[start : start + step]), -1)
        low, high = values.min(axis=1), values.max(axis=1)  # NaN where there is one
        is_finite = np.isfinite(low) & np.isfinite(high)
        if not is_finite.all():
            first = first if broken else start + int(np.argmin(is_finite))
            broken += int((~is_finite).sum())
            continue
        least, largest = min(least, float(low.min())), max(largest, float(high.max()))
    if broken:
        raise ValueError(
            f"`{name}` must be finite. Received NaN or infinity in {broken:,} of {len(images):,} images, the first at "
            f"position {first}"
        )
    return least, largest


def to_scale(images: np.ndarray, scale: Scale) -> np.ndarray:
    """Return images, uint8 or float in [0, 1], as float32 in the range ``scale``, "unit" or "byte"."""
    floats: np.ndarray = images.astype(np.float32)
    if images.dtype != np.uint8:
        floats *= np.float32(LARGEST[scale])
    elif scale == "unit":
        floats /= np.float32(LARGEST["byte"])
    return floats
