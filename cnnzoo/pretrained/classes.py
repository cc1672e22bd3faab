"""Class names of predictions."""

from collections.abc import Sequence

import numpy as np

from cnnzoo._support.arguments import check_integer, check_strings
from cnnzoo.data.imagenet import imagenet_classes


def decode(
    predictions: np.ndarray, top: int = 5, class_names: Sequence[str] | None = None
) -> list[list[tuple[str, float]]]:
    """Return the most probable classes of each prediction, by name.

    Args:
        predictions: What a classifier gives: of shape (n, classes).
        top: How many classes of each, at least 1; all where there are fewer.
        class_names: Names of the classes, in the order of their numbers. None takes ImageNet's 1,000.

    Returns:
        For each prediction, pairs of name and value, largest first.

    Raises:
        ValueError: The shapes do not fit, a prediction is not a number, or ``top`` is out of range.

    >>> decode(np.array([[0.1, 0.9]]), class_names=["cat", "dog"])
    [[('dog', 0.9), ('cat', 0.1)]]
    """
    predictions = np.asarray(predictions)
    top = check_integer("top", top, least=1)
    if predictions.ndim != 2:
        raise ValueError(f"`predictions` must be of shape (n, classes). Received: {predictions.shape}")
    if np.isnan(predictions).any():
        raise ValueError("`predictions` must be numbers. Received: NaN.")
    if class_names is None and predictions.shape[1] != 1000:
        raise ValueError(
            "`predictions` must be of shape (n, 1000) for ImageNet's classes; for others, give `class_names`. "
            f"Received: {predictions.shape}"
        )
    given = [each.name for each in imagenet_classes()] if class_names is None else class_names
    names = check_strings("class_names", given)
    if len(names) != predictions.shape[1]:
        raise ValueError(
            f"There must be a name for each of the {predictions.shape[1]} classes. Received: {len(names)} names"
        )
    best = np.argsort(-predictions, axis=1, kind="stable")[:, :top]
    return [
        [(names[column], float(row[column])) for column in columns]
        for row, columns in zip(predictions, best, strict=True)
    ]
