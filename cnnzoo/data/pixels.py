"""Checks of the pixels that go into a network: type, range, and finite values."""

from __future__ import annotations

import math
import warnings

import numpy as np

from cnnzoo._keras.scale import LARGEST, Scale

CHUNK = 32 << 20  # values checked at a time
BELOW_UNIT, BEYOND_UNIT = 0.1, 2.0  # tolerance below 0, and limit above 1, for pixels in [0, 1]


def check_pixels(images: np.ndarray, scale: Scale | None, name: str, *, stacklevel: int = 3) -> None:
    """Check ``images`` for a network; warn if floats do not seem to be in its input range.

    Args:
        images: An array, or ``ImageFiles``.
        scale: The network's input range; None if unknown.
        name: Name of the argument, for the message.
        stacklevel: Stack level of the warning.

    Raises:
        ValueError: The images are neither uint8 nor float, or contain a value that is not finite; or they are uint8 and
            the network's input range is unknown or "raw".
    """
    if images.dtype == np.uint8:
        _check_whole(scale, name)
        return
    if images.dtype.kind != "f":
        raise ValueError(f"`{name}` must be uint8, or float. Received: {images.dtype}")
    least, largest = value_range(images, name)
    seen = f"`{name}` has pixels in [{least:g}, {largest:g}]"
    if scale == "unit" and not lies_in_unit(least, largest):
        warnings.warn(
            f"The network expects pixels in [0, 1], but {seen}. Divide pixels in [0, 255] by 255, or pass uint8.",
            stacklevel=stacklevel,
        )
    if scale == "byte" and (least < -BEYOND_UNIT or 0 < largest <= 1):
        warnings.warn(
            f"The network expects pixels in [0, 255], but {seen}. Multiply pixels in [0, 1] by 255, or pass uint8.",
            stacklevel=stacklevel,
        )


def lies_in_unit(least: float, largest: float) -> bool:
    """Tell whether these are plausible extremes of pixels in [0, 1]; resizing may overshoot a little."""
    return least >= -BELOW_UNIT and largest <= BEYOND_UNIT


def _check_whole(scale: Scale | None, name: str) -> None:
    if scale is None:
        raise ValueError(
            f"`{name}` are uint8, and the network's input range is unknown: its graph does not rescale its input. Pass "
            "`scale='unit'` for [0, 1] or `scale='byte'` for [0, 255], or pass floats in that range."
        )
    if scale == "raw":
        raise ValueError(
            f"`{name}` are uint8, but the network expects neither pixels in [0, 1] nor in [0, 255]. Pass floats, "
            "preprocessed for this network. (Networks of Keras Applications accept plain images if they are loaded "
            "with `cnnzoo.pretrained.load(..., preprocess=True)`.)"
        )


def value_range(images: np.ndarray, name: str) -> tuple[float, float]:
    """Return the minimum and maximum of ``images``, an array of floats of shape (n, ...).

    Raises:
        ValueError: A value is not finite; the message gives the number of affected images and the first.
    """
    least, largest, broken, first = math.inf, -math.inf, 0, 0
    step = max(CHUNK // max(math.prod(images.shape[1:]), 1), 1)
    for start in range(0, len(images), step):
        values = images[start : start + step].reshape(len(images[start : start + step]), -1)
        low, high = values.min(axis=1), values.max(axis=1)  # NaN if there is one
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
    """Return images, uint8 or float in [0, 1], as float32 in the range ``scale``; those that are in it, uncopied."""
    floats: np.ndarray = images.astype(np.float32, copy=False)
    if images.dtype == np.uint8:
        return floats / np.float32(LARGEST["byte"]) if scale == "unit" else floats
    return floats if scale == "unit" else floats * np.float32(LARGEST[scale])
