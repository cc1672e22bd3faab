"""Figures of what goes into a network and what is in it: images, heat maps, kernels, feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from cnnzoo._support.arguments import check_strings
from cnnzoo._support.fonts import letter
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.split import Dataset, as_float
from cnnzoo.plots._drawing import (
    DPI,
    NotebookFigure,
    as_array,
    as_images,
    literal,
    paint,
    short,
    show,
    stretched,
    with_note,
)
from cnnzoo.plots.answers import MOST_CLASSES

HEAT = "cividis"  # looks the same with any colour vision
HEAT_ALPHA = 0.6


def class_grid(dataset: Dataset, columns: int = 8) -> Figure:
    """Draw the first training images of each class, one row per class.

    Args:
        dataset: Images (float or uint8), with class numbers or one-hot rows as labels.
        columns: Images per class, at least 1.

    Returns:
        A figure with one row per class and the class name at its left; at most 40 classes.

    >>> from cnnzoo.data import load_dataset
    >>> len(class_grid(load_dataset("digits"), columns=2).axes)
    20
    """
    labels = class_numbers(dataset.train.labels)
    rows = min(len(dataset.class_names), MOST_CLASSES)
    lettered = letter(dataset.class_names)
    figure = NotebookFigure(figsize=(columns + 1.5, rows), dpi=DPI, layout="constrained")
    for number, row in enumerate(figure.subplots(rows, columns, squeeze=False)):
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        name = short(lettered.names[number])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontfamily=lettered.families)
        for axes, position in zip(row, np.flatnonzero(labels == number)[:columns], strict=False):
            paint(axes, as_float(dataset.train.images[position]))
    return with_note(figure, lettered)


def overlay(images: np.ndarray, heat: np.ndarray, titles: Sequence[str] = ()) -> Figure:
    """Draw images, and below each the same image with its heat map, as ``cnnzoo.inspect.gradcam`` returns it.

    Args:
        images: Float in [0, 1] or uint8, of shape (n, height, width, channels); of other than 3 channels, the first
            is shown.
        heat: In [0, 1], of shape (n, height, width).
        titles: One title per image, or none at all.

    Returns:
        A figure with one column per image; heat 0 is dark grey, heat 1 is yellow.

    Raises:
        ValueError: ``heat`` or ``titles`` does not match ``images``.

    >>> len(overlay(np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8))).axes)
    6
    """
    images, titles = as_images("images", images), check_strings("titles", titles)
    if len(titles) not in (0, len(images)):
        raise ValueError(
            f"`titles` must hold a title for each of {len(images)} images, or none. Received: {len(titles)}"
        )
    lettered = letter(titles, "title")
    figure = NotebookFigure(figsize=(2.0 * len(images), 4.4), dpi=DPI, layout="constrained")
    rows = figure.subplots(2, len(images), squeeze=False)
    for column, (image, heated) in enumerate(zip(images, blend(images, heat), strict=True)):
        above, below = rows[:, column]
        show(above, image)
        show(below, heated)
        if titles:
            above.set_title(short(lettered.names[column]), fontsize=9, fontfamily=lettered.families)
    return with_note(figure, lettered)


def blend(images: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Blend images with heat maps: what ``overlay`` draws, as pixels.

    Args:
        images: Float in [0, 1] or uint8, of shape (n, height, width, channels); of other than 3 channels, the first
            is used.
        heat: In [0, 1], of shape (n, height, width).

    Returns:
        Float in [0, 1] of shape (n, height, width, 3): heat 0 is dark grey, heat 1 is yellow.

    Raises:
        ValueError: ``heat`` does not match ``images``.

    >>> blend(np.zeros((2, 8, 8, 1)), np.ones((2, 8, 8))).shape
    (2, 8, 8, 3)
    """
    images, heat = as_images("images", images), as_array(heat)
    heat = heat[..., 0] if heat.shape[3:] == (1,) else heat
    if heat.shape != images.shape[:3]:
        raise ValueError(
            "`heat` must hold a map for each image, and `images` must have channels last. "
            f"Received: images of shape {images.shape}, heat of shape {heat.shape}"
        )
    grey = images.mean(axis=-1, keepdims=True) if images.shape[-1] == 3 else images[..., :1]
    blended: np.ndarray = HEAT_ALPHA * colormaps[HEAT](heat)[..., :3] + (1 - HEAT_ALPHA) * grey
    return blended


def filters(kernel: np.ndarray, columns: int = 8) -> Figure:
    """Draw the kernels of a convolution as small images, each scaled to its own range.

    Args:
        kernel: Of shape (height, width, channels, filters), like ``layer.kernel``. Three channels are shown in colour;
            otherwise the mean over the channels is shown in grey.
        columns: Kernels per row, at least 1.

    Returns:
        A figure with one panel per kernel.

    Raises:
        ValueError: ``kernel`` has the wrong shape.

    >>> len(filters(np.ones((5, 5, 1, 6))).axes)
    6
    """
    kernel = as_array(kernel)
    if kernel.ndim != 4:
        raise ValueError(f"`kernel` must be of shape (height, width, channels, filters). Received: {kernel.shape}")
    images = np.moveaxis(kernel, -1, 0)
    if images.shape[-1] != 3:
        images = images.mean(axis=-1, keepdims=True)
    rows = -(-len(images) // columns)
    figure = NotebookFigure(figsize=(columns, rows), dpi=DPI, layout="constrained")
    for number, image in enumerate(images):
        show(figure.add_subplot(rows, columns, number + 1), stretched(image))
    return figure


def feature_maps(maps: Mapping[str, np.ndarray], image: np.ndarray | None = None, columns: int = 8) -> Figure:
    """Draw the feature maps of one image, one row per layer.

    Args:
        maps: Arrays of shape (1, height, width, channels) by layer name, as ``cnnzoo.inspect.features`` returns them
            for one image. Convert channels-first maps with ``np.moveaxis(values, 1, -1)``.
        image: The image itself, in [0, 1] of shape (height, width, channels), to draw above the maps.
        columns: Maps per row, at least 1: those with the largest mean.

    Returns:
        A figure; each map is scaled to its own range and has its channel number above it.

    Raises:
        ValueError: An array has the wrong shape.

    >>> len(feature_maps({"c1": np.ones((1, 8, 8, 6)), "c3": np.ones((1, 4, 4, 16))}).axes)
    14
    """
    if not isinstance(maps, Mapping):
        raise ValueError(
            "`maps` must be a dictionary of arrays by layer name, as `cnnzoo.inspect.features` gives it. Received: "
            f"{type(maps).__name__}"
        )
    for name, values in maps.items():
        if np.ndim(values) != 4 or len(values) != 1:
            raise ValueError(
                f"The maps of '{name}' must be of shape (1, height, width, channels). Received: {np.shape(values)}"
            )
    rows = len(maps) + (image is not None)
    figure = NotebookFigure(figsize=(columns * 1.1 + 1.2, rows * 1.35), dpi=DPI, layout="constrained")
    strips = figure.subfigures(rows, 1, squeeze=False).ravel()
    if image is not None:
        show(strips[0].add_subplot(1, columns, 1), as_images("image", as_array(image)[np.newaxis])[0])
        strips[0].suptitle("image", x=0.0, ha="left", fontsize=9)
    lettered = letter([*maps], "layer")
    for strip, name, values in zip(strips[-len(maps) :], lettered.names, maps.values(), strict=True):
        of_image = as_array(values)[0]
        strongest = np.sort(np.argsort(-of_image.mean(axis=(0, 1)), kind="stable")[:columns])
        height, width, channels = of_image.shape
        title = strip.suptitle(f"{literal(name)}: {channels} maps of {height} x {width}", x=0.0, ha="left", fontsize=9)
        title.set_fontfamily(lettered.families)
        for place, number in enumerate(strongest):
            axes = strip.add_subplot(1, columns, place + 1)
            show(axes, stretched(of_image[..., number, np.newaxis]))
            axes.set_title(str(number), fontsize=7)
    return figure
