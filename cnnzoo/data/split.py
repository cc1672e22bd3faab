"""Splits of images and labels, and data sets of two splits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from cnnzoo._support.wording import pluralize, printable
from cnnzoo.data._listing import passed_over_lines
from cnnzoo.data.source import DataSource

Preparation: TypeAlias = Literal["digit", "resize", "crop"]


class Split(NamedTuple):
    """Images and their labels; unpacks like Keras' tuples.

    Attributes:
        images: Float32 in [0, 1], or uint8 from 0 to 255, of shape (n, height, width, channels). ``load_folder``
            returns ``ImageFiles``, which stay on disk until they are indexed.
        labels: Class numbers, int64 of shape (n,); or one-hot rows, float32 of shape (n, classes). Functions that
            accept a split also accept a pair of arrays, with labels in any form that ``check_labels`` accepts.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Training and test images with their class names; unpacks into (train, test).

    Attributes:
        train: The training images.
        test: The test images.
        class_names: The class names, in the order of their numbers; empty if they have none.
        preparation: How to convert a user's own image to match these images, see ``prepare_picture``.
        skipped: Files that were skipped because they are not readable images.
        layout: For a folder, its layout and what is not used, in one line; otherwise empty.
        passed_over: For a folder, the number of ignored files and folders of each kind: by suffix (".heic"), or by a
            word ("hidden folder").
        image_size: Height and width to which a network's images are resized; None keeps their own size.
        source: Where the images are from, so that they can be loaded again; None if unknown.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...] = ()
    preparation: Preparation = "resize"
    skipped: tuple[str, ...] = ()
    layout: str = ""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    image_size: tuple[int, int] | None = None
    source: DataSource | None = None

    def __iter__(self) -> Iterator[Split]:
        """Yield the training and the test split."""
        return iter((self.train, self.test))

    def notes(self) -> list[str]:
        """Return notes on how the images of a folder were found, one per line; otherwise an empty list."""
        lines = []
        if self.skipped:
            lines = [f"skipped, not readable as images: {pluralize(len(self.skipped), 'file')}"]
            lines += map(printable, self.skipped)
        if self.layout:
            lines.append(self.layout)
        return [*lines, *passed_over_lines(self.passed_over)]


def as_split(value: Any, name: str) -> Split:
    """Return a pair of images and labels as a split of arrays; images on disk stay there.

    Raises:
        ValueError: ``value`` is not a pair of arrays; the message says what to do.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair of arrays, (images, labels). Received: {_described(value)}")
    images, labels = value
    return Split(images if hasattr(images, "paths") else _as_array(images, name), _as_array(labels, name))


def _as_array(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be a pair of arrays, (images, labels). Received a {type(values).__name__} of arrays of "
            "different shapes"
        ) from error


def _described(value: Any) -> str:
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if isinstance(value, Dataset):
        return f"{kind}. Pass its parts, `.train` and `.test`"
    if hasattr(value, "as_numpy_iterator"):
        return (
            f"{kind}, a tf.data.Dataset. Collect it first: "
            "`images, labels = map(np.concatenate, zip(*dataset.as_numpy_iterator()))` (for a batched one)"
        )
    if isinstance(value, tuple | list):
        return f"{kind} of length {len(value)}"
    return kind


def take(split: Split, positions: np.ndarray) -> Split:
    """Return the images at ``positions`` with their labels; images on disk stay there."""
    images = split.images
    return Split(
        images[positions] if isinstance(images, np.ndarray) else images.select(positions), split.labels[positions]
    )


def as_float(images: np.ndarray) -> np.ndarray:
    """Return float32 images in [0, 1]; uint8 images are divided by 255."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images


def one_hot_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return class numbers of shape (n,) as float32 rows of shape (n, num_classes)."""
    rows: np.ndarray = np.eye(num_classes, dtype=np.float32)[labels]
    return rows
