"""What every loader returns two of."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Images and their labels; unpacks like Keras' tuples.

    Attributes:
        images: Float32 in [0, 1], of shape (n, height, width, channels).
        labels: Class numbers, int64 of shape (n,); float32 of shape (n, classes) when one-hot.
    """

    images: np.ndarray
    labels: np.ndarray


def one_hot_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return class numbers of shape (n,) as float32 rows of shape (n, num_classes)."""
    rows: np.ndarray = np.eye(num_classes, dtype=np.float32)[labels]
    return rows


def class_numbers(labels: np.ndarray) -> np.ndarray:
    """Return labels of either form as class numbers of shape (n,)."""
    return labels if labels.ndim == 1 else labels.argmax(axis=1)
