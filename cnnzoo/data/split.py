"""What every loader returns two of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from cnnzoo.data._listing import passed_over_lines
from cnnzoo.wording import counted, printable


class Split(NamedTuple):
    """Images and their labels; unpacks like Keras' tuples.

    Attributes:
        images: Float32 in [0, 1], or uint8 from 0 to 255, of shape (n, height, width, channels). ``load_folder`` gives
            ``ImageFiles``, which stay on disk until they are indexed.
        labels: Class numbers, int64 of shape (n,); float32 of shape (n, classes) when one-hot.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Splits with what they need to be understood; unpacks into (train, test).

    Attributes:
        train: The images to train on.
        test: The images held out.
        class_names: The classes, in the order of their numbers.
        preparation: How a user's own picture is made like these images, see ``prepare_picture``.
        skipped: Files that were left out because they are no readable images.
        layout: Of a folder, how it is laid out and what of it is not used, in one line; else empty.
        passed_over: Of a folder, how many files and folders of each kind were not taken for images: by suffix
            (".heic"), or by a word ("hidden folder").
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    preparation: Literal["digit", "resize"] = "resize"
    skipped: tuple[str, ...] = ()
    layout: str = ""
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Split]:
        """Give the training and the test split."""
        return iter((self.train, self.test))

    def notes(self) -> list[str]:
        """Return what to know of how the images were found, a line each; nothing of a data set that is no folder."""
        lines = []
        if self.skipped:
            lines = [f"left out because not readable as images: {counted(len(self.skipped), 'file')}"]
            lines += map(printable, self.skipped)
        if self.layout:
            lines.append(self.layout)
        return [*lines, *passed_over_lines(self.passed_over)]


def take(split: Split, positions: np.ndarray) -> Split:
    """Return the images at ``positions`` with their labels; images on disk stay there."""
    images = split.images
    return Split(
        images[positions] if isinstance(images, np.ndarray) else images.select(positions), split.labels[positions]
    )


def as_float(images: np.ndarray) -> np.ndarray:
    """Return images of either type as float32 in [0, 1]."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images


def one_hot_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return class numbers of shape (n,) as float32 rows of shape (n, num_classes)."""
    rows: np.ndarray = np.eye(num_classes, dtype=np.float32)[labels]
    return rows


def class_numbers(labels: np.ndarray) -> np.ndarray:
    """Return labels of either form as class numbers of shape (n,)."""
    return labels if labels.ndim == 1 else labels.argmax(axis=1)
