"""Numbers in, Matplotlib figures out. Nothing is shown, and no global state is touched."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnnzoo.data.split import Dataset, as_float, class_numbers
from cnnzoo.files import check_new, write_whole

# Two colours of M. Okabe, K. Ito (2008), told apart with any colour vision
BLUE = "#0072b2"
VERMILION = "#d55e00"

DPI = 120
COLUMNS = 5
TOP = 3
MOST_CLASSES = 40  # that a figure shows one by one
LARGEST_FIGURE = 24.0  # inches
LONGEST_NAME = 16  # characters of a class' name that fit under an image


def history(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw accuracy and loss by epoch, on training and validation images.

    Args:
        curves: ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``, a number an epoch each.

    Returns:
        A figure of two panels.

    >>> len(history({name: [1.0] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}).axes)
    2
    """
    figure = Figure(figsize=(9, 3.6), dpi=DPI, layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for key, label, style in ((name, "training", "o-"), (f"val_{name}", "validation", "s--")):
            values = curves[key]
            color = BLUE if style == "o-" else VERMILION
            axes.plot(range(1, len(values) + 1), values, style, color=color, markersize=4, label=label)
        axes.set(title=name.capitalize(), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figure.axes[1].set_ylim(bottom=0)
    return figure


def confusion(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draw a confusion matrix.

    Args:
        counts: Integers of shape (classes, classes): rows are true classes, columns predicted ones.
        class_names: The classes.

    Returns:
        A figure of one panel; the shade is the share of the true class.

    >>> len(confusion(np.eye(2, dtype=int), ["cat", "dog"]).axes)
    1
    """
    classes = len(class_names)
    side = min(max(4.0, 0.52 * classes + 1.6), LARGEST_FIGURE)
    figure = Figure(figsize=(side, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0) if classes <= MOST_CLASSES else ():
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=9)
    class_names = [_short(name) for name in class_names]
    long_names = max(map(len, class_names)) > 2
    axes.set_xticks(
        range(classes), class_names, rotation=45 if long_names else 0, ha="right" if long_names else "center"
    )
    axes.set_yticks(range(classes), class_names)
    right = int(counts.diagonal().sum())
    axes.set(xlabel="predicted class", ylabel="true class", title=f"{right:,} of {counts.sum():,} images are right")
    return figure


def samples(images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draw images, each with its true class, its predicted class and the three largest probabilities.

    Args:
        images: Float32 in [0, 1] of shape (n, height, width, channels); unless there are 3, the first is shown.
        labels: True class numbers of shape (n,).
        probabilities: In [0, 1], of shape (n, classes).
        class_names: The classes.

    Returns:
        A figure of at most five columns; a wrong prediction is marked by colour and by the word.

    >>> len(samples(np.zeros((2, 8, 8, 1)), np.array([0, 1]), np.eye(2), ["cat", "dog"]).axes)
    4
    """
    columns = min(len(images), COLUMNS)
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(columns * 2.2, rows * 3.1), dpi=DPI, layout="constrained")
    cells = figure.subfigures(rows, columns, squeeze=False).ravel()
    for cell, image, label, chances in zip(cells, images, labels, probabilities, strict=False):
        picture, bars = cell.subplots(2, 1, height_ratios=(3, 1))
        _draw_image(picture, image, class_names[label], class_names[chances.argmax()])
        _draw_probabilities(bars, label, chances, class_names)
    return figure


def class_grid(dataset: Dataset, columns: int = 8) -> Figure:
    """Draw the first training images of each class, a row a class.

    Args:
        dataset: Images of either type, with labels of either form.
        columns: Images a class, at least 1.

    Returns:
        A figure of a row a class, named at its left; of the first 40 classes where there are more.

    >>> from cnnzoo.data import load_dataset
    >>> len(class_grid(load_dataset("digits"), columns=2).axes)
    20
    """
    labels = class_numbers(dataset.train.labels)
    rows = min(len(dataset.class_names), MOST_CLASSES)
    figure = Figure(figsize=(columns + 1.5, rows), dpi=DPI, layout="constrained")
    for number, row in enumerate(figure.subplots(rows, columns, squeeze=False)):
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(_short(dataset.class_names[number]), rotation=0, ha="right", va="center")
        for axes, position in zip(row, np.flatnonzero(labels == number)[:columns], strict=False):
            image = as_float(dataset.train.images[position])
            axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write ``figure`` as a PNG, under a temporary name first.

    Raises:
        FileExistsError: There is something of that name; it is left as it is.
        OSError: The file cannot be written.
    """
    path = Path(path)
    check_new(path)
    try:
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror}). Give another.") from error


def _draw_image(axes: Axes, image: np.ndarray, true_name: str, predicted_name: str) -> None:
    is_right = true_name == predicted_name
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
    verdict = "right" if is_right else "wrong"
    axes.set_title(
        f"true {_short(true_name)}\npredicted {_short(predicted_name)}\n{verdict}",
        fontsize=9,
        color=BLUE if is_right else VERMILION,
    )


def _draw_probabilities(axes: Axes, label: int, chances: np.ndarray, class_names: Sequence[str]) -> None:
    best = np.argsort(-chances, kind="stable")[:TOP]
    colors = [BLUE if index == label else VERMILION for index in best]
    axes.barh(range(len(best)), chances[best], color=colors)
    longest = max(len(_short(name)) for name in class_names)
    for position, index in enumerate(best):
        name = axes.text(-0.05, position, _short(class_names[index]), ha="right", va="center", fontsize=8)
        share = axes.text(1.04, position, f"{chances[index]:.1%}", va="center", fontsize=7)
        for text in (name, share):
            text.set_in_layout(False)  # else the images of a row would differ in size with the names below them
    axes.set(xlim=(-0.15 - 0.11 * longest, 1.5), xticks=[], yticks=[])
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)


def _short(name: str) -> str:
    """Cut a long name, and keep Matplotlib from reading dollars as mathematics."""
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return short.replace("$", r"\$")
