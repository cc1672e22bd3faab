"""Bilinear resizing of arrays of images, with NumPy alone."""

import operator
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from cnnzoo.data.split import as_float

# Images resized at a time: fits the processor's cache and bounds the extra memory
CHUNK_BYTES = 4 << 20

Weights: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def check_image_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``image_size`` as (height, width), each at least 1 pixel, or raise ``ValueError``."""
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    try:
        height, width = (operator.index(side) for side in sides if not isinstance(side, bool))
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ValueError(
            f"`image_size` must be a side or (height, width), at least 1 pixel. Received: image_size={image_size!r}"
        )
    return height, width


def resize_into(resized: np.ndarray, images: np.ndarray) -> None:
    """Scale ``images`` to [0, 1] and resize them, see ``resize_bilinear``.

    Args:
        resized: Result, float32 of shape (n, height, width, channels); filled in place.
        images: uint8 of shape (n, any height, any width, channels).
    """
    size = resized.shape[1:3]
    chunk = max(1, CHUNK_BYTES // max(1, resized[:1].nbytes))

    def fill(start: int) -> None:
        resized[start : start + chunk] = resize_bilinear(as_float(images[start : start + chunk]), size)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # one resizes while another copies
        list(pool.map(fill, range(0, len(images), chunk)))


def resize_bilinear(images: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resize float32 images, bilinear with half-pixel centres: bit for bit what ``tf.image.resize`` returns.

    Args:
        images: Of shape (n, any height, any width, channels).
        size: Height and width of the result; ``images`` themselves are returned if they have it.
    """
    if images.shape[1:3] == size:
        return images
    down, across = _between(images.shape[1], size[0], (-1, 1, 1)), _between(images.shape[2], size[1], (-1, 1))
    resized = np.empty((len(images), *size, images.shape[3]), np.float32)
    for number, image in enumerate(images):  # one by one, which stays in the processor's cache
        resized[number] = _resized(image, down, across)
    return resized


def _between(length: int, wanted: int, shape: tuple[int, ...]) -> Weights:
    """Return, for each new position along an axis, the two old ones beside it and the weight of the second."""
    at = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * (np.float32(length) / np.float32(wanted))
    at -= np.float32(0.5)
    lower = np.floor(at)
    before = np.maximum(lower, 0).astype(np.intp)
    after = np.minimum(np.ceil(at), length - 1).astype(np.intp)
    return before, after, (at - lower).reshape(shape)


def _resized(image: np.ndarray, down: Weights, across: Weights) -> np.ndarray:
    """Interpolate along rows first, as TensorFlow does, of as few rows as possible."""
    above, below, weight = down
    if len(above) >= len(image):
        wide = _interpolated(image, across)
        return _mixed(wide.take(above, 0), wide.take(below, 0), weight)
    return _mixed(_interpolated(image.take(above, 0), across), _interpolated(image.take(below, 0), across), weight)


def _interpolated(rows: np.ndarray, across: Weights) -> np.ndarray:
    left, right, weight = across
    return _mixed(rows.take(left, 1), rows.take(right, 1), weight)


def _mixed(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return ``first + (second - first) * weight``, computed in place of ``second``."""
    second -= first
    second *= weight
    second += first
    return second
