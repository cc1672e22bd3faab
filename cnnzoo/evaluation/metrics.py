"""Figures of merit, from the probabilities that a network gives and the classes that are true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import lazy_loader
import numpy as np

from cnnzoo._support.arguments import check_integer, check_number
from cnnzoo._support.wording import pluralize

TOP = 5  # most probable classes among which the true one is customarily looked for

scipy = lazy_loader.load("scipy")  # on first use: it takes a second, and training does not need it


def bootstrap_interval(right: int, images: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of an accuracy that resampling the images gives: the bootstrap's percentiles.

    Drawn with replacement, n images have a binomial number of right ones, whose percentiles are taken as they are,
    without drawing. Where all images are right, or none, resampling shows no spread, and the exact interval of Clopper
    and Pearson (1934) stands in.

    Args:
        right: How many images are right.
        images: How many there are, at least 1.
        level: Share of the resampled accuracies that lie within, in (0, 1).

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
    """How one class fares.

    Attributes:
        name: The class.
        images: How many images are of it.
        precision: Share of the images taken for it that are of it, in [0, 1]; None where none is taken for it.
        recall: Share of its images that are recognised, in [0, 1]; None where there are none.
        f1: Harmonic mean of the two; None where there are neither images of the class nor any taken for it.
    """

    name: str
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Calibration:
    """Whether predictions are right as often as their probabilities say: a reliability diagram in numbers.

    The images are sorted into bins of equal width by the probability of the predicted class.

    Attributes:
        edges: Borders of the bins, from 0 to 1, of shape (bins + 1,); a border belongs to the bin below it.
        counts: Images in each bin, of shape (bins,).
        confidence: Mean probability of the predicted class in each bin; NaN where there is no image.
        accuracy: Share of each bin's images that are right; NaN where there is none.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), in [0, 1]: the mean distance of accuracy and confidence over the images."""
        gaps = np.abs(np.nan_to_num(self.accuracy) - np.nan_to_num(self.confidence))
        return float((self.counts * gaps).sum() / self.counts.sum())


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What a network makes of labelled images.

    Attributes:
        class_names: The classes, in the order of their numbers.
        labels: True class numbers, of shape (n,).
        probabilities: Float32 in [0, 1], of shape (n, classes).
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray

    def __repr__(self) -> str:
        """Say how good the network is; the arrays would fill pages."""
        return f"<Evaluation: {self.is_right.sum():,} of {pluralize(len(self.labels), 'image')} right>"

    @property
    def predictions(self) -> np.ndarray:
        """Predicted class numbers, of shape (n,)."""
        predictions: np.ndarray = self.probabilities.argmax(axis=1)
        return predictions

    @property
    def is_right(self) -> np.ndarray:
        """Whether each image's class is predicted, of shape (n,)."""
        is_right: np.ndarray = self.predictions == self.labels
        return is_right

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the predicted class, in [0, 1], of shape (n,)."""
        confidence: np.ndarray = self.probabilities.max(axis=1)
        return confidence

    @property
    def accuracy(self) -> float:
        """Share of the images whose class is predicted, in [0, 1]."""
        return float(np.mean(self.is_right))

    def accuracy_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the accuracy that resampling the images gives, see ``bootstrap_interval``.

        Args:
            level: Share of the resampled accuracies that lie within, in (0, 1).

        Raises:
            ValueError: ``level`` is out of range.
        """
        return bootstrap_interval(int(self.is_right.sum()), len(self.labels), level)

    def top_k_accuracy(self, k: int = TOP) -> float:
        """Return the share of the images whose class is among the ``k`` most probable, in [0, 1].

        Of classes that are equally probable the first counts as the more probable, as in ``predictions``.

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
        """Mean cross-entropy, in nats; probabilities are kept at least 1e-7, as Keras does."""
        of_true_class = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.clip(of_true_class, 1e-7, 1)).mean())

    @property
    def confusion(self) -> np.ndarray:
        """Counts of shape (classes, classes): rows are true classes, columns predicted ones."""
        classes = len(self.class_names)
        pairs = self.labels * classes + self.predictions
        return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    def by_class(self) -> list[ClassMetrics]:
        """Return how each class fares, in the order of their numbers."""
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
        """Return how often predictions are right beside how probable they are said to be.

        Args:
            bins: How many, at least 1; 15 is customary (Guo, Pleiss, Sun, Weinberger 2017, section 5).

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
        """Return the ``pairs`` of classes most often confused, at least 1: true class, predicted class, how often."""
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
        """Return the positions of at most ``count`` images that are not recognised, the most confident first."""
        check_integer("count", count, least=0)
        wrong = np.flatnonzero(~self.is_right)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")][:count]

    def showcase(self, mistakes: int = 5) -> np.ndarray:
        """Return positions worth a look: the first image of each class, at most ten, then the surest mistakes."""
        _, firsts = np.unique(self.labels, return_index=True)
        return np.concatenate([firsts[:10], self.surest_mistakes(mistakes)])


def _fraction(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


@dataclass(frozen=True)
class Prediction:
    """What a network makes of one picture.

    Attributes:
        image: The path of the file; of an image that is none, "image 0", "image 1" ... by its place.
        probabilities: The probability of every class, in [0, 1], most probable first.
    """

    image: str
    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        """The most probable class."""
        return next(iter(self.probabilities))


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be predicted.

    Attributes:
        image: As that of a ``Prediction``.
        error: Why; a ``ValueError`` or an ``OSError`` whose message names the image.
    """

    image: str
    error: ValueError | OSError
