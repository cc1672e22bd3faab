"""Figures of trainings: loss and accuracy by epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple, Protocol, TypeAlias, overload

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnnzoo._support.fonts import cut, letter
from cnnzoo._support.tables import BLUE
from cnnzoo.plots._drawing import DPI, VERMILION, NotebookFigure, both_of, figure_of, literal, returned, with_note

COLORS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # of Okabe and Ito
MARKERS = ("o", "s", "^", "D", "v")
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
ACCURACY = re.compile(r"^(val_)?(?:acc|(?:binary|categorical|sparse_categorical)_accuracy)$")  # Keras' other names
LONGEST_RUN = 48  # columns of a run's name that fit into a legend

Curves: TypeAlias = Mapping[str, Sequence[float]]


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
    curves = _curves_of(run)
    _check_curves("", curves)
    name = str(validated_on or getattr(run, "validated_on", "validation"))
    return returned(_draw_curves(_two_colours(curves, name), axes))


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
    all_curves = {name: _curves_of(run) for name, run in runs.items()}
    for name, curves in all_curves.items():
        _check_curves(f" in '{name}'", curves)
    lettered = letter([*all_curves], "run")
    lines = _a_colour_each(lettered.names, [*all_curves.values()])
    return returned(with_note(_draw_curves(lines, axes, lettered.families), lettered))


class _Line(NamedTuple):
    curves: Curves
    prefix: str  # of the curve's name
    label: str
    color: str
    style: str
    marker: str


def _curves_of(run: Curves | HasHistory) -> Curves:
    """Return the curves of a run, under the name "accuracy" for whichever accuracy Keras was asked for."""
    curves = run if isinstance(run, Mapping) else run.history
    return {ACCURACY.sub(r"\1accuracy", name): values for name, values in curves.items()}


def _check_curves(where: str, curves: Curves) -> None:
    if not any(key in curves for key in CURVES):
        raise ValueError(f"There must be one of {', '.join(CURVES)}{where}. Received: {[*curves]}")


def _draw_curves(lines: Sequence[_Line], axes: Sequence[Axes] | None, families: Sequence[str] = ()) -> Figure:
    if axes is None:
        axes = NotebookFigure(figsize=(9, 3.6), dpi=DPI, layout="constrained").subplots(1, 2)
    both = both_of(axes)
    for panel, measure in zip(both, ("accuracy", "loss"), strict=True):
        for line in lines:
            values = line.curves.get(line.prefix + measure, ())
            epochs = range(1, len(values) + 1)
            panel.plot(epochs, values, line.style, color=line.color, marker=line.marker, markersize=4, label=line.label)
        panel.set(title=measure.capitalize(), xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        if not any(line.curves.get(line.prefix + measure) for line in lines):
            panel.text(0.5, 0.5, f"no {measure} recorded", ha="center", va="center", transform=panel.transAxes)
            continue
        legend = panel.legend(frameon=False)
        for text in legend.get_texts() if families else ():
            text.set_fontfamily(families)
    accuracy, loss = both
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    loss.set_ylim(bottom=0)
    return figure_of(accuracy)


def _two_colours(curves: Curves, validated_on: str) -> list[_Line]:
    both = [_Line(curves, "", "training", BLUE, "-", "o"), _Line(curves, "val_", validated_on, VERMILION, "--", "s")]
    return [line for line in both if any(line.prefix + measure in curves for measure in ("accuracy", "loss"))]


def _a_colour_each(names: Sequence[str], runs: Sequence[Curves]) -> list[_Line]:
    lines = []
    for name, curves, color, marker in zip(names, runs, cycle(COLORS), cycle(MARKERS), strict=False):
        validated = "val_loss" in curves or "val_accuracy" in curves
        name = cut(name, LONGEST_RUN)
        label = literal(name if not name.startswith("_") else f" {name}")  # otherwise Matplotlib's legend omits it
        lines.append(_Line(curves, "", "" if validated else label, color, ":", marker))
        lines.append(_Line(curves, "val_", label if validated else "", color, "-", marker))
    return lines
