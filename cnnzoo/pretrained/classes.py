"""Class names of predictions."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from cnnzoo._keras.cache import MODELS, explain_download_failure, keras_home
from cnnzoo._support.arguments import check_integer, check_strings

CLASS_INDEX = "imagenet_class_index.json"
CLASS_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"


def decode(
    predictions: np.ndarray, top: int = 5, class_names: Sequence[str] | None = None
) -> list[list[tuple[str, float]]]:
    """Return the most probable classes of each prediction, by name.

    Args:
        predictions: What a classifier gives: of shape (n, classes).
        top: How many classes of each, at least 1; all where there are fewer.
        class_names: Names of the classes, in the order of their numbers. None takes ImageNet's 1,000, from Keras' index
            file, which is downloaded where it is not in Keras' cache.

    Returns:
        For each prediction, pairs of name and value, largest first.

    Raises:
        ValueError: The shapes do not fit, a prediction is not a number, or ``top`` is out of range.
        ConnectionError: ImageNet's names are not in the cache and cannot be downloaded; the message says which file to
            place where.

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
    names = imagenet_classes() if class_names is None else check_strings("class_names", class_names)
    if len(names) != predictions.shape[1]:
        raise ValueError(
            f"There must be a name for each of the {predictions.shape[1]} classes. Received: {len(names)} names"
        )
    best = np.argsort(-predictions, axis=1, kind="stable")[:, :top]
    return [
        [(names[column], float(row[column])) for column in columns]
        for row, columns in zip(predictions, best, strict=True)
    ]


def imagenet_classes() -> list[str]:
    """Return the names of ImageNet's 1,000 classes, in the order of their numbers, as Keras' index file has them.

    Raises:
        ConnectionError: The file is not in Keras' cache and cannot be downloaded.
    """
    with explain_download_failure("The names of ImageNet's classes", "`class_names`"):
        path = keras.utils.get_file(
            CLASS_INDEX, CLASS_INDEX_URL, cache_subdir=MODELS, file_hash=CLASS_INDEX_MD5, cache_dir=str(keras_home())
        )
    index = json.loads(Path(path).read_text(encoding="utf-8"))
    return [index[str(number)][1] for number in range(len(index))]
