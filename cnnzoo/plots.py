"""Matplotlib figures from arrays. Nothing is displayed, and no global state changes.

A notebook shows a figure that is the last line of a cell. Names are always drawn as plain text, in an installed
font that has their characters.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple, Protocol, overload

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnnzoo._support.arguments import check_strings
from cnnzoo._support.files import check_target, write_whole
from cnnzoo._support.fonts import Lettering, cut, letter, width_of
from cnnzoo._support.tables import BLUE
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.split import Dataset, as_float

if TYPE_CHECKING:
    from cnnzoo.evaluation.metrics import Calibration

# Colours of M. Okabe, K. Ito (2008), distinguishable with any colour vision
VERMILION = "#d55e00"
COLORS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v")

HEAT = "cividis"  # looks the same with any colour vision
HEAT_ALPHA = 0.6

DPI = 120
COLUMNS = 5
TOP = 3
MOST_CLASSES = 40  # in one figure
LARGEST_FIGURE = 24.0  # inches
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
LONGEST_NAME = 16  # columns of a class name that fit under an image
# Of ``samples``, in inches: width and height of a cell; left, top, width and height of what is in it
CELL = (2.2, 3.1)
IMAGE_BOX = (0.2, 0.55, 1.8, 1.8)
BARS_BOX = (0.1, 2.42, 2.0, 0.6)
NOTE_HEIGHT = 0.2
LONGEST_RUN = 48  # columns of a run's name that fit into a legend
NOTE_SIZE = 7


Curves = Mapping[str, Sequence[float]]


class _NotebookFigure(Figure):
    """A figure that shows itself as the last line of a notebook's cell, also without pyplot."""

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, Figure.__name__)

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content)
        return content.getvalue()


class HasHistory(Protocol):
    """A ``Run``, or the ``History`` that ``keras.Model.fit`` returns."""

    @property
    def history(self) -> dict[str, list[float]]:
        """Loss and accuracy by epoch, under Keras' names."""


@overload
def history(run: Curves | HasHistory, axes: None = None, *, validated_on: str | None = None) -> Figure: ...


@overload
def history(run: Curves | HasHistory, axes: Sequence[Axes], *, validated_on: str | None = None) -> None: ...


def history(
    run: Curves | HasHistory, axes: Sequence[Axes] | None = None, *, validated_on: str | None = None
) -> Figure | None:
    """Draw accuracy and loss by epoch, on training images and on validation or test images.

    Args:
        run: A ``Run``, the ``History`` that ``keras.Model.fit`` returns, or the curves as a dictionary: ``loss``,
            ``accuracy``, ``val_loss`` and ``val_accuracy``, with one number per epoch. Missing curves are not drawn.
        axes: Two axes of your own, for accuracy and loss; None creates a figure.
        validated_on: Name of the images behind ``val_loss`` and ``val_accuracy`` in the legend, for example "test".
            None: the name that a ``Run`` records, otherwise "validation".

    Returns:
        A figure with two panels. None where ``axes`` are given.

    Raises:
        ValueError: There is none of these curves, or there are not two axes.

    >>> len(history({name: [1.0] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}).axes)
    2
    """
    curves = run if isinstance(run, Mapping) else run.history
    _check_curves("", curves)
    name = str(validated_on or getattr(run, "validated_on", "validation"))
    return _returned(_draw_curves(_two_colours(curves, name), axes))


@overload
def histories(runs: Mapping[str, Curves | HasHistory], axes: None = None) -> Figure: ...


@overload
def histories(runs: Mapping[str, Curves | HasHistory], axes: Sequence[Axes]) -> None: ...


def histories(runs: Mapping[str, Curves | HasHistory], axes: Sequence[Axes] | None = None) -> Figure | None:
    """Draw accuracy and loss by epoch of several runs: dotted for training images, solid for validation or test images.

    Args:
        runs: Runs by name, in any form that ``history`` accepts.
        axes: Two axes of your own, for accuracy and loss; None creates a figure.

    Returns:
        A figure with two panels; each run has its own colour and marker. None where ``axes`` are given.

    Raises:
        ValueError: A run has none of the curves, or there are not two axes.

    >>> len(histories({"one": {"loss": [2.0, 1.0]}, "two": {"loss": [2.0, 1.5]}}).axes)
    2
    """
    if not isinstance(runs, Mapping):
        raise ValueError(
            f"`runs` must be a dictionary of runs by name, {{'mine': run}}. Received: {type(runs).__name__}"
        )
    all_curves = {name: run if isinstance(run, Mapping) else run.history for name, run in runs.items()}
    for name, curves in all_curves.items():
        _check_curves(f" in '{name}'", curves)
    lettered = letter([*all_curves], "run")
    lines = _a_colour_each(lettered.names, [*all_curves.values()])
    return _returned(_with_note(_draw_curves(lines, axes, lettered.families), lettered))


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
    classes = len(class_names := check_strings("class_names", class_names))
    if classes < 1 or np.shape(counts) != (classes, classes):
        raise ValueError(
            f"`counts` must be of shape (classes, classes), at least (1, 1). Received: {np.shape(counts)}, "
            f"{classes} class names"
        )
    if axes is None:
        side = min(max(4.0, 0.52 * classes + 1.6), LARGEST_FIGURE)
        axes = _NotebookFigure(figsize=(side, side), dpi=DPI, layout="constrained").subplots()
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0) if classes <= MOST_CLASSES else ():
        color = "white" if fractions[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=9)
    lettered = letter(class_names)
    names = [_short(name) for name in lettered.names]
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
    return _returned(_figure_of(axes))


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
    if axes is None:
        axes = _NotebookFigure(figsize=(4.4, 4.4), dpi=DPI, layout="constrained").subplots()
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
    return _returned(_figure_of(axes))


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
        images: Float32 in [0, 1] of shape (n, height, width, channels); of other than 3 channels, the first is shown.
        labels: True class numbers of shape (n,).
        probabilities: In [0, 1], of shape (n, classes).
        class_names: The class names.
        axes: Two axes of your own per image, for the image and for its probabilities: ``pyplot.subplots(2, n)[1].T``;
            None creates a figure with at most five columns.

    Returns:
        A figure; wrong predictions are marked by colour and by the word "wrong". None where ``axes`` are given.

    Raises:
        ValueError: There are no images, or not two axes per image.

    >>> len(samples(np.zeros((2, 8, 8, 1)), np.array([0, 1]), np.eye(2), ["cat", "dog"]).axes)
    4
    """
    class_names = check_strings("class_names", class_names)
    if not len(images):
        raise ValueError("`images` must hold at least one image. Received: none")
    lettered = letter(class_names)
    space_below = NOTE_HEIGHT if lettered.note else 0
    pairs = _cells(len(images), space_below) if axes is None else [_both(pair) for pair in axes]
    if len(pairs) != len(images):
        raise ValueError(
            f"`axes` must hold two axes for each of the {len(images)} images. Received: {len(pairs)} pairs"
        )
    for (picture, bars), image, label, chances in zip(pairs, images, labels, probabilities, strict=True):
        _draw_image(picture, image, int(label), int(chances.argmax()), lettered)
        _draw_probabilities(bars, label, chances, lettered)
    return _returned(_with_note(_figure_of(pairs[0][0]), lettered))


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
    figure = _NotebookFigure(figsize=(columns + 1.5, rows), dpi=DPI, layout="constrained")
    for number, row in enumerate(figure.subplots(rows, columns, squeeze=False)):
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        name = _short(lettered.names[number])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontfamily=lettered.families)
        for axes, position in zip(row, np.flatnonzero(labels == number)[:columns], strict=False):
            _paint(axes, as_float(dataset.train.images[position]))
    return _with_note(figure, lettered)


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
    titles = check_strings("titles", titles)
    if len(titles) not in (0, len(images)):
        raise ValueError(
            f"`titles` must hold a title for each of {len(images)} images, or none. Received: {len(titles)}"
        )
    lettered = letter(titles, "title")
    figure = _NotebookFigure(figsize=(2.0 * len(images), 4.4), dpi=DPI, layout="constrained")
    rows = figure.subplots(2, len(images), squeeze=False)
    for column, (image, heated) in enumerate(zip(as_float(images), blend(images, heat), strict=True)):
        above, below = rows[:, column]
        _show(above, image)
        _show(below, heated)
        if titles:
            above.set_title(_short(lettered.names[column]), fontsize=9, fontfamily=lettered.families)
    return _with_note(figure, lettered)


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
    if images.ndim != 4 or heat.shape != images.shape[:3]:
        raise ValueError(
            "`heat` must hold a map for each image, and `images` must have channels last. "
            f"Received: images of shape {images.shape}, heat of shape {heat.shape}"
        )
    floats = as_float(images)
    grey = floats.mean(axis=-1, keepdims=True) if floats.shape[-1] == 3 else floats[..., :1]
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
    kernel = np.asarray(kernel)
    if kernel.ndim != 4:
        raise ValueError(f"`kernel` must be of shape (height, width, channels, filters). Received: {kernel.shape}")
    images = np.moveaxis(kernel, -1, 0)
    if images.shape[-1] != 3:
        images = images.mean(axis=-1, keepdims=True)
    rows = -(-len(images) // columns)
    figure = _NotebookFigure(figsize=(columns, rows), dpi=DPI, layout="constrained")
    for number, image in enumerate(images):
        _show(figure.add_subplot(rows, columns, number + 1), _stretched(image))
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
    for name, values in maps.items():
        if np.ndim(values) != 4 or len(values) != 1:
            raise ValueError(
                f"The maps of '{name}' must be of shape (1, height, width, channels). Received: {np.shape(values)}"
            )
    rows = len(maps) + (image is not None)
    figure = _NotebookFigure(figsize=(columns * 1.1 + 1.2, rows * 1.35), dpi=DPI, layout="constrained")
    strips = figure.subfigures(rows, 1, squeeze=False).ravel()
    if image is not None:
        _show(strips[0].add_subplot(1, columns, 1), as_float(image))
        strips[0].suptitle("image", x=0.0, ha="left", fontsize=9)
    lettered = letter([*maps], "layer")
    for strip, name, values in zip(strips[-len(maps) :], lettered.names, maps.values(), strict=True):
        of_image = np.asarray(values)[0]
        strongest = np.sort(np.argsort(-of_image.mean(axis=(0, 1)), kind="stable")[:columns])
        height, width, channels = of_image.shape
        title = strip.suptitle(f"{_literal(name)}: {channels} maps of {height} x {width}", x=0.0, ha="left", fontsize=9)
        title.set_fontfamily(lettered.families)
        for place, number in enumerate(strongest):
            axes = strip.add_subplot(1, columns, place + 1)
            _show(axes, _stretched(of_image[..., number, np.newaxis]))
            axes.set_title(str(number), fontsize=7)
    return figure


def save(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write ``figure`` as a PNG file, completely or not at all.

    Args:
        figure: The figure to write.
        path: The file.
        force: Whether to overwrite an existing file.

    Raises:
        FileExistsError: ``path`` exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    path = check_target(path, force=force)
    try:
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror}). Choose another path.") from error


class _Line(NamedTuple):
    curves: Curves
    prefix: str  # of the curve's name
    label: str
    color: str
    style: str
    marker: str


def _check_curves(where: str, curves: Curves) -> None:
    if not any(key in curves for key in CURVES):
        raise ValueError(f"There must be one of {', '.join(CURVES)}{where}. Received: {[*curves]}")


def _draw_curves(lines: Sequence[_Line], axes: Sequence[Axes] | None, families: Sequence[str] = ()) -> Figure:
    if axes is None:
        axes = _NotebookFigure(figsize=(9, 3.6), dpi=DPI, layout="constrained").subplots(1, 2)
    both = _both(axes)
    for panel, measure in zip(both, ("accuracy", "loss"), strict=True):
        for line in lines:
            values = line.curves.get(line.prefix + measure, ())
            epochs = range(1, len(values) + 1)
            panel.plot(epochs, values, line.style, color=line.color, marker=line.marker, markersize=4, label=line.label)
        panel.set(title=measure.capitalize(), xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.grid(alpha=0.3)
        legend = panel.legend(frameon=False)
        for text in legend.get_texts() if families else ():
            text.set_fontfamily(families)
        panel.spines[["top", "right"]].set_visible(False)
    accuracy, loss = both
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    loss.set_ylim(bottom=0)
    return _figure_of(accuracy)


def _two_colours(curves: Curves, validated_on: str) -> list[_Line]:
    both = [_Line(curves, "", "training", BLUE, "-", "o"), _Line(curves, "val_", validated_on, VERMILION, "--", "s")]
    return [line for line in both if any(line.prefix + measure in curves for measure in ("accuracy", "loss"))]


def _a_colour_each(names: Sequence[str], runs: Sequence[Curves]) -> list[_Line]:
    lines = []
    for name, curves, color, marker in zip(names, runs, cycle(COLORS), cycle(MARKERS), strict=False):
        validated = "val_loss" in curves or "val_accuracy" in curves
        name = cut(name, LONGEST_RUN)
        label = _literal(name if not name.startswith("_") else f" {name}")  # otherwise Matplotlib's legend omits it
        lines.append(_Line(curves, "", "" if validated else label, color, ":", marker))
        lines.append(_Line(curves, "val_", label if validated else "", color, "-", marker))
    return lines


def _cells(count: int, space_below: float) -> list[tuple[Axes, Axes]]:
    """Return two axes for each of ``count`` images, of a new figure of at most five columns.

    All sizes are fixed, in inches: a layout engine would take longer than the training of a small network.
    """
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    width, height = columns * CELL[0], rows * CELL[1] + space_below
    figure = _NotebookFigure(figsize=(width, height), dpi=DPI)

    def axes_at(number: int, left: float, top: float, wide: float, high: float) -> Axes:
        row, column = divmod(number, columns)
        x, y = column * CELL[0] + left, height - row * CELL[1] - top - high
        return figure.add_axes((x / width, y / height, wide / width, high / height))

    return [(axes_at(number, *IMAGE_BOX), axes_at(number, *BARS_BOX)) for number in range(count)]


def _both(axes: Sequence[Axes]) -> tuple[Axes, Axes]:
    if isinstance(axes, Axes) or len(axes) != 2:
        raise ValueError(f"There must be two axes. Received: {1 if isinstance(axes, Axes) else len(axes)}")
    return axes[0], axes[1]


def _figure_of(axes: Axes) -> Figure:
    """Return the figure that contains ``axes``, even if they are in a subfigure."""
    return axes.figure.figure


def _returned(figure: Figure) -> Figure | None:
    """Return a figure that was created here; a user's own would be shown twice in a notebook, as pyplot shows it."""
    return figure if isinstance(figure, _NotebookFigure) else None


def _show(axes: Axes, image: np.ndarray) -> None:
    _paint(axes, image)
    axes.set_axis_off()


def _paint(axes: Axes, image: np.ndarray) -> None:
    """Draw an image in [0, 1]; of other than 3 channels, the first, in grey."""
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)


def _stretched(image: np.ndarray) -> np.ndarray:
    """Return ``image`` scaled linearly to [0, 1]."""
    least, largest = image.min(), image.max()
    stretched: np.ndarray = (image - least) / (largest - least or 1)
    return stretched


def _draw_image(axes: Axes, image: np.ndarray, label: int, predicted: int, lettered: Lettering) -> None:
    is_right = label == predicted
    _show(axes, image)
    verdict = "correct" if is_right else "wrong"
    axes.set_title(
        f"true {_short(lettered.names[label])}\npredicted {_short(lettered.names[predicted])}\n{verdict}",
        fontsize=9,
        fontfamily=lettered.families,
        color=BLUE if is_right else VERMILION,
    )


def _draw_probabilities(axes: Axes, label: int, chances: np.ndarray, lettered: Lettering) -> None:
    best = np.argsort(-chances, kind="stable")[:TOP]
    colors = [BLUE if index == label else VERMILION for index in best]
    axes.barh(range(len(best)), chances[best], color=colors)
    names = [_short(name) for name in lettered.names]
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


def _with_note(figure: Figure, lettered: Lettering) -> Figure:
    """Explain below ``figure`` the numbers that replace names, if there are any."""
    if lettered.note:
        above_edge = 0.03 / figure.get_size_inches()[1]  # of 0.03 inches; a layout engine places it itself
        figure.supxlabel(lettered.note, y=None if figure.get_layout_engine() else above_edge, fontsize=NOTE_SIZE)
    return figure


def _short(name: str) -> str:
    """Shorten a long name."""
    return _literal(cut(name, LONGEST_NAME))


def _literal(name: str) -> str:
    """Keep Matplotlib from interpreting dollar signs as mathematics."""
    return name.replace("$", r"\$")
