"""Splits of images and labels, and data sets of two splits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from cnnzoo._support.wording import format_shape, pluralize, printable
from cnnzoo.data._listing import passed_over_lines
from cnnzoo.data.source import DataSource

SHOWN = 12  # images in a notebook

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

    def __repr__(self) -> str:
        """Show sizes instead of pixels."""
        if isinstance(self.images, np.ndarray) or hasattr(self.images, "paths"):
            return f"<Split: {self._size()}>"
        return f"Split(images={self.images!r}, labels={self.labels!r})"

    def _size(self) -> str:
        return f"{pluralize(len(self.images), 'image')}, {format_shape(self.images.shape[1:])}, {self.images.dtype}"

    def _repr_html_(self) -> str:
        """Return some of the images with their labels for a notebook."""
        from cnnzoo._support.notebook import block, heading

        return block(heading(f"Split: {self._size()}"), _gallery(self, ()))


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """Show sizes instead of pixels."""
        sizes = f"{len(self.train.labels):,} images to train on, {len(self.test.labels):,} to test on"
        return f"<Dataset: {sizes}, {len(self.class_names)} classes>"

    def _repr_html_(self) -> str:
        """Return some of the training images with their labels for a notebook."""
        from cnnzoo._support.notebook import block, facts

        known = {"train": self.train._size(), "test": self.test._size(), "classes": ", ".join(self.class_names)}
        return block(facts(known, "Data set"), _gallery(self.train, self.class_names))

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


def _gallery(split: Split, class_names: tuple[str, ...]) -> str:
    """Return images from all over ``split`` with their labels, as HTML; nothing where they cannot be shown."""
    from cnnzoo._support.notebook import gallery

    images, labels = split.images, np.asarray(split.labels)
    if getattr(images, "ndim", 0) != 4 or images.shape[-1] not in (1, 3) or not len(images):
        return ""
    chosen = np.unique(np.linspace(0, len(images) - 1, SHOWN).astype(int))
    try:
        pixels = images[chosen]
    except (ValueError, OSError):  # a file that cannot be read
        return ""
    numbers = labels[chosen].argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels[chosen].ravel()
    named = dict(enumerate(class_names))
    names = [named.get(number, str(number)) for number in map(int, numbers)]
    return gallery(zip(pixels, names, strict=True))


def as_split(value: Any, name: str) -> Split:
    """Return a pair of images and labels as a split of arrays; images on disk stay there.

    Raises:
        ValueError: ``value`` is not a pair of arrays; the message says what to do.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair of arrays, (images, labels). Received: {_described(value)}")
    images, labels = value
    return Split(*(as_array(each, name, "a pair of arrays, (images, labels)") for each in (images, labels)))


def as_array(values: Any, name: str, expected: str = "an array of images, all of one shape") -> np.ndarray:
    """Return ``values`` as an array; images on disk stay there.

    Raises:
        ValueError: ``values`` are arrays of different shapes.
    """
    if hasattr(values, "paths"):
        return values  # type: ignore[no-any-return]
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be {expected}. Received a {type(values).__name__} of arrays of different shapes"
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


def spread(split: Split, count: int) -> Split:
    """Return up to ``count`` images from all over ``split``, as folders are in the order of their classes."""
    return take(split, evenly(len(split.labels), count))


def evenly(total: int, count: int) -> np.ndarray:
    """Return up to ``count`` of the positions 0 to ``total`` - 1, evenly spread."""
    positions: np.ndarray = np.linspace(0, total - 1, min(total, count)).round().astype(int)
    return positions


def as_float(images: np.ndarray) -> np.ndarray:
    """Return float32 images in [0, 1]; uint8 images are divided by 255."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images


def shown_as_pictures(images: np.ndarray) -> np.ndarray:
    """Return images as floats in [0, 1], to be looked at: what a run's own range has beyond is cut off."""
    return as_float(images).clip(0, 1)


def one_hot_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return class numbers of shape (n,) as float32 rows of shape (n, num_classes)."""
    rows: np.ndarray = np.eye(num_classes, dtype=np.float32)[labels]
    return rows
