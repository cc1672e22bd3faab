"""Images to predict: files, folders, Pillow images or arrays; one or several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from cnnzoo.data.folder import ImageFiles, image_paths
from cnnzoo.data.picture import read_picture, upright_picture
from cnnzoo.data.split import as_float

One: TypeAlias = str | os.PathLike[str] | Image.Image | np.ndarray | ImageFiles
Images: TypeAlias = One | Iterable[One]

ROUNDING = 1e-3  # of floats in [0, 1]
WANTED = "a path, a folder, a Pillow image, an array, or several of these"


def each_given(images: Images) -> Iterator[tuple[str, Path | Image.Image | np.ndarray]]:
    """Yield the images one by one, unread, each with its name: the path, or "image 0", "image 1" and so on.

    Raises:
        ValueError: An element is not an image.
    """
    is_one = isinstance(images, str | os.PathLike | Image.Image) or getattr(images, "ndim", 1) != 1
    number = 0
    for one in (images,) if is_one or not isinstance(images, Iterable) else images:
        for content in _split_up(one):
            yield (os.fspath(content) if isinstance(content, Path) else f"image {number}"), content
            number += 1


def _split_up(one: Any) -> Iterator[Path | Image.Image | np.ndarray]:
    """Yield the images of a folder or of a batch, or a single image."""
    if isinstance(one, ImageFiles):
        yield from map(Path, one.paths)
    elif isinstance(one, Image.Image):
        yield one
    elif isinstance(one, str | os.PathLike):
        path = Path(one)
        files = image_paths(path) if path.is_dir() else []
        yield from files or [path]
    elif hasattr(one, "dtype"):
        array = np.asarray(one)
        yield from array if array.ndim == 4 else [array]
    else:
        raise ValueError(f"`images` must be {WANTED}. Received: {type(one).__name__}")


def read_given(
    content: Path | Image.Image | np.ndarray, size: tuple[int, int] | None = None
) -> Image.Image | np.ndarray:
    """Return a file or a Pillow image as an upright RGB image, and an array as floats in [0, 1].

    Args:
        content: An image from ``each_given``.
        size: Height and width to read a file at, see ``read_picture``; None: its own size.

    Returns:
        An image of mode "RGB", or float32 of shape (height, width, channels).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is a folder without images, the file is not a readable image, or the array is neither uint8 nor
            floats in [0, 1].
    """
    if isinstance(content, Path):
        if content.is_dir():
            raise ValueError(f"The folder '{content}' contains no images.")
        return read_picture(content, size)
    return upright_picture(content) if isinstance(content, Image.Image) else _pixels(content)


def _pixels(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ValueError(
            "An array must be of shape (height, width), (height, width, channels) or (n, height, width, channels). "
            f"Received: {array.shape}"
        )
    pixels = array[..., np.newaxis] if array.ndim == 2 else array
    if pixels.dtype != np.uint8 and pixels.dtype.kind != "f":
        raise ValueError(f"An array must be uint8, or float in [0, 1]. Received: {array.dtype}")
    least, largest = float(pixels.min()), float(pixels.max())
    if pixels.dtype.kind == "f" and not (least >= -ROUNDING and largest <= 1 + ROUNDING):
        raise ValueError(
            f"An array of floats must lie in [0, 1]. Received: values from {least:g} to {largest:g}. "
            "Scale them, or pass uint8."
        )
    floats: np.ndarray = as_float(pixels).astype(np.float32, copy=False)
    return floats if least >= 0 and largest <= 1 else floats.clip(0, 1)


def as_picture(pixels: np.ndarray) -> Image.Image:
    """Return float32 in [0, 1] of shape (height, width, 1 or 3) as an image of mode "RGB".

    Raises:
        ValueError: There are not 1 or 3 channels.
    """
    if pixels.shape[2] not in (1, 3):
        raise ValueError(
            f"An array whose size differs from the network's must have 1 or 3 channels. For several grey images, add "
            f"the axis with `images[..., None]`. Received: {pixels.shape}"
        )
    levels = np.round(pixels * 255).astype(np.uint8)
    return Image.fromarray(levels if pixels.shape[2] == 3 else levels[..., 0]).convert("RGB")
