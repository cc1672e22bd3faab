"""Figures of evaluations: confusion, calibration, and images with what a network answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cnnzoo._support.arguments import check_strings
from cnnzoo._support.fonts import Lettering, letter, width_of
from cnnzoo._support.tables import BLUE
from cnnzoo.data.labels import class_numbers
from cnnzoo.plots._drawing import (
    DPI,
    NOTE_SIZE,
    ROUNDING,
    VERMILION,
    NotebookFigure,
    as_array,
    as_images,
    both_of,
    figure_of,
    returned,
    short,
    show,
    with_note,
)

if TYPE_CHECKING:
    from cnnzoo.evaluation.metrics import Calibration

MOST_CLASSES = 40  # in one figure
LARGEST_FIGURE = 24.0  # inches
COLUMNS = 5
TOP = 3
# Of ``samples``, in inches: width and height of a cell; left, top, width and height of what is in it
CELL = (2.2, 3.1)
IMAGE_BOX = (0.2, 0.55, 1.8, 1.8)
BARS_BOX = (0.1, 2.42, 2.0, 0.6)
NOTE_HEIGHT = 0.2


@overload
def confusion(counts: np.ndarray, class_names: Sequence[str], axes: None = None) -> Figure: ...


@overload
def confusion(counts: np.ndarray, class_names: Sequence[str], axes: Axes) -> None: ...


def confusion(counts: np.ndarray, class_names: Sequence[str], axes: Axes | None = None) -> Figure | None:
    """Draw a confusion matrix.

    Args:
        counts: Integers of shape (classes, classes): rows are true classes, columns predicted ones.
        class_names: The class names.
        axes: Your own axes to draw on; None creates a figure.

    Returns:
        A figure with one panel; the shade is the fraction of the true class. None where ``axes`` are given.

    Raises:
        ValueError: ``counts`` has the wrong shape.

    >>> len(confusion(np.eye(2, dtype=int), ["cat", "dog"]).axes)
    1
    """
    counts, classes = as_array(counts), len(class_names := check_strings("class_names", class_names))
    if classes < 1 or np.shape(counts) != (classes, classes):
        raise ValueError(
            f"`counts` must be of shape (classes, classes), at least (1, 1). Received: {np.shape(counts)}, "
            f"{classes} class names"
        )
    if counts.dtype.kind not in "iu":
        raise ValueError(f"`counts` must be integers: how many images, not fractions. Received: {counts.dtype}")
    if axes is None:
        side = min(max(4.0, 0.52 * classes + 1.6), LARGEST_FIGURE)
        axes = NotebookFigure(figsize=(side, side), dpi=DPI, layout="constrained").subplots()
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0) if classes <= MOST_CLASSES else ():
        color = "white" if fractions[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=9)
    lettered = letter(class_names)
    names = [short(name) for name in lettered.names]
    long_names = max(map(width_of, names)) > 2
    axes.set_xticks(
        range(classes),
        names,
        rotation=45 if long_names else 0,
        ha="right" if long_names else "center",
        fontfamily=lettered.families,
    )
    axes.set_yticks(range(classes), names, fontfamily=lettered.families)
    axes.set(xlabel="predicted class", ylabel="true class", title=_accuracy_title(counts))
    if lettered.note:
        axes.set_xlabel(f"predicted class\n{lettered.note}", fontsize=NOTE_SIZE)
    return returned(figure_of(axes))


@overload
def calibration(bins: Calibration, axes: None = None) -> Figure: ...


@overload
def calibration(bins: Calibration, axes: Axes) -> None: ...


def calibration(bins: Calibration, axes: Axes | None = None) -> Figure | None:
    """Draw a reliability diagram: accuracy by confidence, the probability of the predicted class.

    Args:
        bins: The result of ``Evaluation.calibration``.
        axes: Your own axes to draw on; None creates a figure.

    Returns:
        A figure with one panel; in a perfectly calibrated network, all bars end at the dashed diagonal. None where
            ``axes`` are given.

    >>> from cnnzoo.evaluation import Evaluation
    >>> bins = Evaluation(("cat", "dog"), np.array([0, 0]), np.array([[0.9, 0.1], [0.4, 0.6]])).calibration()
    >>> calibration(bins).axes[0].get_xlabel()
    'probability of the predicted class'
    """
    if not hasattr(bins, "edges"):
        raise ValueError(f"`bins` must be what `Evaluation.calibration` returns. Received: {type(bins).__name__}")
    if axes is None:
        axes = NotebookFigure(figsize=(4.4, 4.4), dpi=DPI, layout="constrained").subplots()
    widths = np.diff(bins.edges)
    axes.bar(bins.edges[:-1], np.nan_to_num(bins.accuracy), widths, align="edge", color=BLUE, edgecolor="white")
    axes.plot([0, 1], [0, 1], "--", color=VERMILION)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="probability of the predicted class",
        ylabel="accuracy",
        title=f"expected calibration error {bins.error:.1%}\n(dashed: perfect calibration)",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1))
    axes.spines[["top", "right"]].set_visible(False)
    return returned(figure_of(axes))


@overload
def samples(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    axes: None = None,
) -> Figure: ...


@overload
def samples(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    axes: Sequence[Sequence[Axes]],
) -> None: ...


def samples(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    axes: Sequence[Sequence[Axes]] | None = None,
) -> Figure | None:
    """Draw images, each with its true class, its predicted class and the three largest probabilities.

    Args:
        images: Floats in [0, 1] or uint8, of shape (n, height, width, channels), or (n, height, width) for grey ones.
            Of other than 3 channels, the first is shown.
        labels: True class numbers of shape (n,), or one-hot rows.
        probabilities: In [0, 1], of shape (n, classes).
        class_names: The class names.
        axes: Two axes of your own per image, for the image and for its probabilities: ``pyplot.subplots(2, n)[1].T``;
            None creates a figure with at most five columns.

    Returns:
        A figure; wrong predictions are marked by colour and by the word "wrong". None where ``axes`` are given.

    Raises:
        ValueError: There are no images, or not two axes per image; shapes do not fit, or values lie outside [0, 1].

    >>> len(samples(np.zeros((2, 8, 8, 1)), np.array([0, 1]), np.eye(2), ["cat", "dog"]).axes)
    4
    """
    class_names = check_strings("class_names", class_names)
    images, labels, probabilities = (
        as_images("images", images),
        class_numbers(as_array(labels)),
        as_array(probabilities),
    )
    if not len(images):
        raise ValueError("`images` must hold at least one image. Received: none")
    _check_probabilities(probabilities, (len(labels), len(class_names)))
    lettered = letter(class_names)
    space_below = NOTE_HEIGHT if lettered.note else 0
    pairs = _cells(len(images), space_below) if axes is None else [both_of(pair) for pair in axes]
    if len(pairs) != len(images):
        raise ValueError(
            f"`axes` must hold two axes for each of the {len(images)} images. Received: {len(pairs)} pairs"
        )
    for (picture, bars), image, label, chances in zip(pairs, images, labels, probabilities, strict=True):
        _draw_image(picture, image, int(label), int(chances.argmax()), lettered)
        _draw_probabilities(bars, label, chances, lettered)
    return returned(with_note(figure_of(pairs[0][0]), lettered))


def _check_probabilities(probabilities: np.ndarray, shape: tuple[int, int]) -> None:
    if probabilities.shape != shape:
        raise ValueError(
            f"`probabilities` must be of shape (images, classes), {shape}. Received: {probabilities.shape}"
        )
    if probabilities.size and not (probabilities.min() >= 0 and probabilities.max() <= 1 + ROUNDING):
        raise ValueError(
            "`probabilities` must lie in [0, 1]: of logits, take the softmax. Received: values from "
            f"{probabilities.min():g} to {probabilities.max():g}"
        )


def _cells(count: int, space_below: float) -> list[tuple[Axes, Axes]]:
    """Return two axes for each of ``count`` images, of a new figure of at most five columns.

    All sizes are fixed, in inches: a layout engine would take longer than the training of a small network.
    """
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    width, height = columns * CELL[0], rows * CELL[1] + space_below
    figure = NotebookFigure(figsize=(width, height), dpi=DPI)

    def axes_at(number: int, left: float, top: float, wide: float, high: float) -> Axes:
        row, column = divmod(number, columns)
        x, y = column * CELL[0] + left, height - row * CELL[1] - top - high
        return figure.add_axes((x / width, y / height, wide / width, high / height))

    return [(axes_at(number, *IMAGE_BOX), axes_at(number, *BARS_BOX)) for number in range(count)]


def _draw_image(axes: Axes, image: np.ndarray, label: int, predicted: int, lettered: Lettering) -> None:
    is_right = label == predicted
    show(axes, image)
    verdict = "correct" if is_right else "wrong"
    axes.set_title(
        f"true {short(lettered.names[label])}\npredicted {short(lettered.names[predicted])}\n{verdict}",
        fontsize=9,
        fontfamily=lettered.families,
        color=BLUE if is_right else VERMILION,
    )


def _draw_probabilities(axes: Axes, label: int, chances: np.ndarray, lettered: Lettering) -> None:
    best = np.argsort(-chances, kind="stable")[:TOP]
    colors = [BLUE if index == label else VERMILION for index in best]
    axes.barh(range(len(best)), chances[best], color=colors)
    names = [short(name) for name in lettered.names]
    longest = max(map(width_of, names))
    for position, index in enumerate(best):
        name = axes.text(-0.05, position, names[index], ha="right", va="center", fontsize=8)
        name.set_fontfamily(lettered.families)
        percentage = axes.text(1.04, position, f"{chances[index]:.1%}", va="center", fontsize=7)
        for text in (name, percentage):
            text.set_in_layout(False)  # otherwise long names would shrink the images above them
    axes.set_xlim(-0.15 - 0.11 * longest, 1.5)
    axes.invert_yaxis()
    axes.set_axis_off()


def _accuracy_title(counts: np.ndarray) -> str:
    right, total = int(counts.diagonal().sum()), int(counts.sum())
    return f"accuracy {100 * right / max(total, 1):.2f} % ({right:,}/{total:,})"
