"""What all figures share: their class, a colour, and how names and images are drawn.

Names are always drawn as plain text, in an installed font that has their characters.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnzoo._support.fonts import Lettering, cut
from cnnzoo.data.split import shown_as_pictures

VERMILION = "#d55e00"  # of M. Okabe, K. Ito (2008), whose colours can be told apart with any colour vision
DPI = 120
NOTE_SIZE = 7
ROUNDING = 1e-3  # of floats in [0, 1]
LONGEST_NAME = 16  # columns of a class name that fit under an image


class NotebookFigure(Figure):
    """A figure that shows itself as the last line of a notebook's cell, also without pyplot."""

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, Figure.__name__)

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content)
        return content.getvalue()


def as_array(values: Any) -> np.ndarray:
    """Return an array, or a tensor of any backend, as an array."""
    if hasattr(values, "detach"):  # PyTorch: on any device, with a gradient, in bfloat16
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    return np.asarray(values)


def as_images(name: str, values: Any) -> np.ndarray:
    """Return several images as floats in [0, 1], of shape (n, height, width, channels); grey ones may lack the last.

    Raises:
        ValueError: They have another shape, or floats lie elsewhere.
    """
    images = as_array(values)
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if images.ndim != 4:
        raise ValueError(f"`{name}` must be of shape (n, height, width, channels). Received: {images.shape}")
    if images.dtype != np.uint8 and images.size and not (images.min() >= -ROUNDING and images.max() <= 1 + ROUNDING):
        raise ValueError(
            f"`{name}` must be uint8, or floats in [0, 1]. Received: {images.dtype} from {images.min():g} to "
            f"{images.max():g}"
        )
    return shown_as_pictures(images)


def both_of(axes: Sequence[Axes]) -> tuple[Axes, Axes]:
    if isinstance(axes, Axes) or len(axes) != 2:
        raise ValueError(f"There must be two axes. Received: {1 if isinstance(axes, Axes) else len(axes)}")
    return axes[0], axes[1]


def figure_of(axes: Axes) -> Figure:
    """Return the figure that contains ``axes``, even if they are in a subfigure."""
    return axes.figure.figure


def returned(figure: Figure) -> Figure | None:
    """Return a figure that was created here; a user's own would be shown twice in a notebook, as pyplot shows it."""
    return figure if isinstance(figure, NotebookFigure) else None


def show(axes: Axes, image: np.ndarray) -> None:
    paint(axes, image)
    axes.set_axis_off()


def paint(axes: Axes, image: np.ndarray) -> None:
    """Draw an image in [0, 1]; of other than 3 channels, the first, in grey."""
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)


def stretched(image: np.ndarray) -> np.ndarray:
    """Return ``image`` scaled linearly to [0, 1]."""
    least, largest = image.min(), image.max()
    stretched: np.ndarray = (image - least) / (largest - least or 1)
    return stretched


def with_note(figure: Figure, lettered: Lettering) -> Figure:
    """Explain below ``figure`` the numbers that replace names, if there are any."""
    if lettered.note:
        above_edge = 0.03 / figure.get_size_inches()[1]  # of 0.03 inches; a layout engine places it itself
        figure.supxlabel(lettered.note, y=None if figure.get_layout_engine() else above_edge, fontsize=NOTE_SIZE)
    return figure


def short(name: str) -> str:
    """Shorten a long name."""
    return literal(cut(name, LONGEST_NAME))


def literal(name: str) -> str:
    """Keep Matplotlib from interpreting dollar signs as mathematics."""
    return name.replace("$", r"\$")
