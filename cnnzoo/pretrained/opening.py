"""A trained network that a user names or has at hand, to be taken elsewhere: onto a page, or into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias, cast

import keras
import numpy as np

from cnnzoo._keras.ending import check_classifier, count_classes
from cnnzoo._keras.origin import Origin, origin_of
from cnnzoo._keras.saved import read_model
from cnnzoo._keras.scale import scale_of
from cnnzoo.data.catalog import DATA_CARDS, local_copies
from cnnzoo.data.digits import load_digits
from cnnzoo.data.imagenet import imagenet_classes
from cnnzoo.data.mnist import PADDING
from cnnzoo.data.source import DataSource
from cnnzoo.data.split import Preparation, Split
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.pretrained.classifying import has_imagenet, open_classifier
from cnnzoo.runs.folder import RECORD
from cnnzoo.runs.run import Run, is_shipped, load_run

Trained: TypeAlias = str | os.PathLike[str] | Run | Classifier | keras.Model

SAVED = (".keras", ".h5")  # files of models
WHAT = "The network must be a run folder, the name of a network, a Run, a Classifier, a Keras model, or its file"
DIGITS = tuple(map(str, range(10)))


def open_trained(network: Trained) -> tuple[Classifier, Run | None]:
    """Return what predicts with ``network``, and the run that it is from, if it is from one.

    Args:
        network: A run folder, or a name, as ``open_classifier`` takes them; a ``Run``; a ``Classifier``; or a Keras
            model, or the file that Keras saved it in. Of one that this package trained or loaded, the classes are
            known; others have numbers as names.

    Raises:
        FileNotFoundError: ``network`` names nothing.
        ValueError: The run is damaged, the model is no classifier of images, or a classifier does not name all classes;
            or ``network`` is something else.
    """
    if isinstance(network, Classifier):
        check_classifier(network.model)
        if len(network.class_names) != count_classes(network.model):
            raise ValueError(
                f"The classifier must name the {count_classes(network.model)} classes of its network. Received: "
                f"{len(network.class_names)} names."
            )
        return network, None
    if isinstance(network, Run):
        return network.classifier, network
    if isinstance(network, keras.Model):
        return _of_model(network), None
    if not isinstance(network, str | os.PathLike):
        raise ValueError(f"{WHAT}. Received: {type(network).__name__}")
    path = Path(network)
    if path.suffix in SAVED and path.is_file() and not path.with_name(RECORD).is_file():  # the file of a run knows less
        return _of_model(read_model(path)), None
    if has_imagenet(network):
        return open_classifier(network), None
    run = load_run(network)
    return run.classifier, run


def _of_model(model: keras.Model) -> Classifier:
    """Return what predicts with a model, as far as its graph and its training by this package tell."""
    check_classifier(model)
    classes = count_classes(model)
    height, width = model.input_shape[1:3]
    size = None if None in (height, width) else (height, width)
    numbers, identifiers = tuple(map(str, range(classes))), ()
    origin = origin_of(model) or Origin(numbers, "resize")
    names = origin.class_names
    if names is None:
        identifiers, names = zip(*imagenet_classes(), strict=True)
    if len(names) != classes:  # a new head
        origin, names, identifiers = Origin(numbers, "resize"), numbers, ()
    preparation = cast("Preparation", origin.preparation)
    return Classifier(model, names, size, preparation, scale_of(model) or "unit", origin.shorter_side, identifiers)


def name_of(classifier: Classifier, run: Run | None, depth: int = 1) -> str:
    """Return what a network is called: a run by its folder, with so many parts of its path; others by the model."""
    if run is None or run.path is None or is_shipped(run.path):
        return str(classifier.model.name)
    return "/".join(run.path.resolve().parts[-depth:])


def images_at_hand(classifier: Classifier, run: Run | None) -> tuple[str, tuple[Split, Split] | None]:
    """Return images to train and to test on that need no download, of the network's classes, and where they are from.

    They are a run's own ("test") where they can be read; otherwise, for networks of digits, those that ship with the
    package: on which the networks that ship were not trained ("held out"), but others may be ("digits"). None where
    there are neither.
    """
    own = _own_images(run)
    if own is not None:
        return "test", own
    digits = None
    if classifier.class_names == DIGITS and classifier.preparation == "digit":
        digits = _digits(classifier.model.input_shape[1:])
    return "held out" if run and run.path and is_shipped(run.path) else "digits", digits


def _own_images(run: Run | None) -> tuple[Split, Split] | None:
    if run is None or not _is_at_hand(run.record.data.source):
        return None
    try:
        train, test = run.load_data()
    except (ValueError, OSError):  # they have changed since
        return None
    return train, test


def _is_at_hand(source: DataSource | None) -> bool:
    if source is None:
        return False
    if source.path is not None:
        return Path(source.path).exists()
    card = DATA_CARDS.get(source.name)
    return card is not None and (not card.files or any(copy.state == "verified" for copy in local_copies(source.name)))


def _digits(shape: tuple[int, ...]) -> tuple[Split, Split] | None:
    """Return the digits that ship, at the size of MNIST or padded; None where a network takes another."""
    for border in (0, PADDING):
        inner = slice(border, -border or None)
        train, test = (
            Split(np.round(images[:, inner, inner] * 255).astype(np.uint8), labels) for images, labels in load_digits()
        )
        if test.images.shape[1:] == shape:
            return train, test
    return None
