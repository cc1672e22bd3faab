"""The 1,000 classes of ImageNet's classification task (O. Russakovsky and others, 2015), by number and name."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import NamedTuple

CLASSES_FILE = Path(__file__).with_name("imagenet_classes.csv")


class ImageNetClass(NamedTuple):
    """A class: its identifier in WordNet, "n02123045", and its name, "tabby"."""

    wordnet_id: str
    name: str


@functools.cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """Return ImageNet's 1,000 classes, in the order in which networks number them: that of their identifiers.

    >>> imagenet_classes()[281]
    ImageNetClass(wordnet_id='n02123045', name='tabby')
    """
    with CLASSES_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(ImageNetClass(**row) for row in csv.DictReader(file))
