"""Metrics, from predicted probabilities and true labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import lazy_loader
import numpy as np

from cnnzoo._support.arguments import check_integer, check_number
from cnnzoo._support.tables import Column, Table
from cnnzoo._support.wording import printable
from cnnzoo.data.picture import read_picture

TOP = 5  # the customary k of top-k accuracy
MOST_SHOWN = 20  # classes of a confusion matrix in a notebook

scipy = lazy_loader.load("scipy")  # imported on first use: it takes a second, and training does not need it


def bootstrap_interval(right: int, images: int, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of an accuracy.

    When n images are resampled with replacement, the number of correct ones is binomial, so its percentiles are
    computed exactly, without sampling. If all images are correct, or none, resampling shows no spread, and the exact
    interval of Clopper and Pearson (1934) is returned.

    Args:
        right: Number of correctly classified images.
        images: Number of images, at least 1.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: ``level`` is out of range.

    >>> [round(bound, 3) for bound in bootstrap_interval(983, 1000)]
    [0.975, 0.991]
    """
    check_number("level", level, "(0, 1)")
    if right in (0, images):
        interval = scipy.stats.binomtest(right, images).proportion_ci(level)
        return float(interval.low), float(interval.high)
    low, high = scipy.stats.binom.interval(level, images, right / images)
    return float(low / images), float(high / images)


class ClassMetrics(NamedTuple):
    """The metrics of one class.

    Attributes:
        name: The class name.
        images: Number of images of the class.
        precision: Fraction of the images predicted as the class that belong to it, in [0, 1]; None if there are none.
        recall: Fraction of the class' images that are predicted as it, in [0, 1]; None if there are none.
        f1: Harmonic mean of the two; None if no image belongs to the class or is predicted as it.
    """

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Calibration:
    """Accuracy by confidence: the numbers behind a reliability diagram.

    The images are sorted into bins of equal width by confidence, the probability of the predicted class.

    Attributes:
        edges: Edges of the bins, from 0 to 1, of shape (bins + 1,); an edge belongs to the bin below it.
        counts: Number of images per bin, of shape (bins,).
        confidence: Mean confidence per bin; NaN for an empty bin.
        accuracy: Accuracy per bin; NaN for an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), in [0, 1]: the mean absolute gap of accuracy and confidence."""
        gaps = np.abs(np.nan_to_num(self.accuracy) - np.nan_to_num(self.confidence))
        return float((self.counts * gaps).sum() / self.counts.sum())


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The predictions of a network for labelled images, and their metrics.

    Attributes:
        class_names: The class names, in the order of their numbers.
        labels: True class numbers, of shape (n,).
        probabilities: Float32 in [0, 1], of shape (n, classes).
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray

    def __repr__(self) -> str:
        """Show the accuracy instead of the arrays."""
        return f"<Evaluation: accuracy {self._accuracy_text}>"

    @property
    def _accuracy_text(self) -> str:
        return f"{self.accuracy:.2%} ({self.is_right.sum():,}/{len(self.labels):,})"

    def _repr_html_(self) -> str:
        """Return accuracy, the metrics of each class and the confusion matrix for a notebook."""
        from cnnzoo._support.notebook import block, facts

        low, high = self.accuracy_interval()
        known = {
            "accuracy": self._accuracy_text,
            "95 % interval": f"{low:.2%} to {high:.2%}",
            "loss": f"{self.loss:.4f}",
        }
        return block(facts(known, "Evaluation"), self._classes().to_html("Classes"), self._confusion_html())

    def _classes(self) -> Table:
        numbers = (Column(title, is_number=True) for title in ("images", "precision", "recall", "F1"))
        rows: list[tuple[str | float, ...]] = [
            (row.name, f"{row.images:,}", *map(_percent, (row.precision, row.recall, row.f1)), row.recall or 0.0)
            for row in self.by_class()
            if row.images
        ]
        return Table((Column("class"), *numbers, Column("")), rows)

    def _confusion_html(self) -> str:
        if len(self.class_names) > MOST_SHOWN:
            return ""
        columns = (Column("true \\ predicted"), *(Column(name, is_number=True) for name in self.class_names))
        rows = [
            (name, *(f"{count:,}" if count else "" for count in counts))
            for name, counts in zip(self.class_names, self.confusion, strict=True)
        ]
        return Table(columns, rows).to_html("Confusion")

    @property
    def predictions(self) -> np.ndarray:
        """Predicted class numbers, of shape (n,)."""
        predictions: np.ndarray = self.probabilities.argmax(axis=1)
        return predictions

    @property
    def is_right(self) -> np.ndarray:
        """Whether each prediction is correct, of shape (n,)."""
        is_right: np.ndarray = self.predictions == self.labels
        return is_right

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the predicted class, in [0, 1], of shape (n,)."""
        confidence: np.ndarray = self.probabilities.max(axis=1)
        return confidence

    @property
    def accuracy(self) -> float:
        """Fraction of correct predictions, in [0, 1]."""
        return float(np.mean(self.is_right))

    def accuracy_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the bootstrap interval of the accuracy, see ``bootstrap_interval``.

        Args:
            level: Confidence level, in (0, 1).

        Raises:
            ValueError: ``level`` is out of range.
        """
        return bootstrap_interval(int(self.is_right.sum()), len(self.labels), level)

    def top_k_accuracy(self, k: int = TOP) -> float:
        """Return the fraction of images whose true class is among the ``k`` most probable, in [0, 1].

        Ties count in the order of the classes, as in ``predictions``.

        Args:
            k: From 1 to the number of classes.

        Raises:
            ValueError: ``k`` is out of range.
        """
        check_integer("k", k, least=1, most=len(self.class_names))
        best_first = np.argsort(-self.probabilities, axis=1, kind="stable")
        return float((best_first[:, :k] == self.labels[:, np.newaxis]).any(axis=1).mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats; probabilities are clipped to at least 1e-7, as in Keras."""
        of_true_class = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.clip(of_true_class, 1e-7, 1)).mean())

    @property
    def confusion(self) -> np.ndarray:
        """Counts of shape (classes, classes): rows are true classes, columns predicted ones."""
        classes = len(self.class_names)
        pairs = self.labels * classes + self.predictions
        return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    def by_class(self) -> list[ClassMetrics]:
        """Return the metrics of each class, in the order of their numbers."""
        counts = self.confusion
        columns = zip(self.class_names, counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0), strict=True)
        return [
            ClassMetrics(
                name=name,
                images=int(images),
                precision=_fraction(right, predicted),
                recall=_fraction(right, images),
                f1=_fraction(2 * right, images + predicted),
            )
            for name, right, images, predicted in columns
        ]

    def calibration(self, bins: int = 15) -> Calibration:
        """Return accuracy by confidence.

        Args:
            bins: Number of bins, at least 1; 15 is customary (Guo, Pleiss, Sun, Weinberger 2017, section 5).

        Raises:
            ValueError: ``bins`` is out of range.
        """
        check_integer("bins", bins, least=1)
        edges = np.linspace(0, 1, bins + 1)
        confidence = self.confidence.astype(np.float64)
        places = np.searchsorted(edges[1:-1], confidence)
        counts, sums, right = (np.bincount(places, weights, bins) for weights in (None, confidence, self.is_right))
        with np.errstate(invalid="ignore"):
            return Calibration(edges, counts, sums / counts, right / counts)

    def most_confused(self, pairs: int = 3) -> list[tuple[str, str, int]]:
        """Return the ``pairs`` (at least 1) of classes most often confused: true class, predicted class, count."""
        check_integer("pairs", pairs, least=1)
        counts = self.confusion
        np.fill_diagonal(counts, 0)
        worst = np.argsort(-counts, axis=None, kind="stable")[:pairs]
        cells = [np.unravel_index(cell, counts.shape) for cell in worst]
        return [
            (self.class_names[row], self.class_names[column], int(counts[row, column]))
            for row, column in cells
            if counts[row, column]
        ]

    def surest_mistakes(self, count: int = 5) -> np.ndarray:
        """Return the positions of at most ``count`` misclassified images, the most confident first."""
        check_integer("count", count, least=0)
        wrong = np.flatnonzero(~self.is_right)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:count]

    def showcase(self, mistakes: int = 5) -> np.ndarray:
        """Return positions of images to show: one per class, at most ten, then the most confident mistakes."""
        _, firsts = np.unique(self.labels, return_index=True)
        return np.concatenate([firsts[:10], self.surest_mistakes(mistakes)])


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction:.2%}"


def _fraction(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


@dataclass(frozen=True, repr=False)
class Prediction:
    """The prediction for one image.

    Attributes:
        image: The path of the file; for an image that is not a file, "image 0", "image 1" and so on.
        probabilities: The probability of every class, in [0, 1], most probable first.
    """

    image: str
    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        """The most probable class."""
        return next(iter(self.probabilities))

    def __repr__(self) -> str:
        """Show the most probable class instead of all."""
        return f"<Prediction: {self.label} ({self.probabilities[self.label]:.2%}), {printable(self.image)}>"

    def _repr_html_(self) -> str:
        """Return the picture, if it is a file, and the most probable classes for a notebook."""
        from cnnzoo._support.notebook import block, gallery, heading

        rows = [(name, f"{chance:.2%}", chance) for name, chance in list(self.probabilities.items())[:TOP]]
        table = Table((Column("class"), Column("probability", is_number=True), Column("")), rows)
        return block(heading(printable(self.image)), gallery(self._picture()), table.to_html())

    def _picture(self) -> list[tuple[np.ndarray, str]]:
        if not Path(self.image).is_file():
            return []
        try:
            return [(np.asarray(read_picture(self.image)), self.label)]
        except (OSError, ValueError):  # it has changed since
            return []


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read.

    Attributes:
        image: As in ``Prediction``.
        error: The reason; a ``ValueError`` or an ``OSError`` whose message names the image.
    """

    image: str
    error: ValueError | OSError
