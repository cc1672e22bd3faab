"""Conversion of labels in all accepted forms to class numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def class_numbers(labels: np.ndarray) -> np.ndarray:
    """Return labels in any form that ``check_labels`` accepts as numbers of shape (n,), without checks."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    return labels.reshape(-1)


def check_labels(given: Any, num_classes: int, name: str) -> np.ndarray:
    """Return labels as class numbers.

    Args:
        given: Whole numbers of shape (n,) or (n, 1), as in ``keras.datasets``, or one-hot rows of shape
            (n, num_classes).
        num_classes: Number of classes.
        name: Name of the argument, for the message.

    Returns:
        Int64 of shape (n,).

    Raises:
        ValueError: They have another form; the message says what was received and what to do.

    >>> check_labels(np.array([[0, 0, 1], [1, 0, 0]]), 3, "labels")
    array([2, 0])
    >>> check_labels(["cat", "dog"], 2, "labels")
    Traceback (most recent call last):
    ...
    ValueError: `labels` must be class numbers from 0 to 1. Received strings such as 'cat'. Number them: \
`class_names, labels = np.unique(labels, return_inverse=True)`, and pass `class_names`, too
    """
    labels = np.asarray(given)
    expected = f"`{name}` must be class numbers from 0 to {num_classes - 1}"
    if labels.dtype.kind not in "iufb":
        raise ValueError(f"{expected}. Received {_described(labels)}")
    if labels.ndim == 2 and labels.shape[1] == num_classes > 1:
        return _from_rows(labels, name)
    if labels.ndim != 1 and not (labels.ndim == 2 and labels.shape[1] == 1):
        raise ValueError(
            f"{expected}, of shape (n,) or (n, 1), or one-hot rows of shape (n, {num_classes}). "
            f"Received labels of shape {labels.shape}"
        )
    flat = labels.reshape(-1)
    if flat.dtype.kind == "f" and not (np.isfinite(flat) & (flat == np.round(flat))).all():
        example = flat[~(np.isfinite(flat) & (flat == np.round(flat)))][0]
        raise ValueError(f"{expected}. Received fractional numbers, such as {example:g}")
    if len(flat) and (flat.min() < 0 or flat.max() >= num_classes):
        counted_from_1 = flat.min() == 1 and flat.max() == num_classes
        advice = ". Subtract 1: class numbers start at 0" if counted_from_1 else ""
        raise ValueError(f"{expected}. Received numbers from {flat.min():g} to {flat.max():g}{advice}")
    numbers: np.ndarray = flat.astype(np.int64)
    return numbers


def _from_rows(rows: np.ndarray, name: str) -> np.ndarray:
    is_one_hot = ((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)
    if not is_one_hot.all():
        first = int(np.argmin(is_one_hot))
        raise ValueError(
            f"`{name}` of shape {rows.shape} must be one-hot: one 1 in each row, and 0 elsewhere. Received "
            f"{int((~is_one_hot).sum()):,} other rows, the first at position {first}: {rows[first].tolist()}"
        )
    numbers: np.ndarray = rows.argmax(axis=1).astype(np.int64)
    return numbers


def _described(labels: np.ndarray) -> str:
    example = labels.flat[0] if labels.size else None
    if isinstance(example, str | bytes):
        return (
            f"strings such as {str(example)!r}. Number them: "
            "`class_names, labels = np.unique(labels, return_inverse=True)`, and pass `class_names`, too"
        )
    return f"an array of {labels.dtype}. Convert them: `labels.astype(int)`"
