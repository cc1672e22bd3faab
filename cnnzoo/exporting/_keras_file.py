"""Networks as files of Keras, with metadata in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import numpy as np

from cnnzoo._keras.engine import Predictor, predict_on_batch
from cnnzoo._keras.parameters import flat_layers
from cnnzoo._keras.reading import UnsupportedError
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting.formats import METADATA, Options


def write(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the network into the file ``path``.

    Raises:
        UnsupportedError: A layer's class is not registered, so that Keras could not open the file.
    """
    for layer in flat_layers(subject.model):
        kind = type(layer)
        if (
            not kind.__module__.startswith("keras.")
            and keras.saving.get_registered_object(keras.saving.get_registered_name(kind)) is not kind
        ):
            raise UnsupportedError(
                f"Keras could not open a file with layer '{layer.name}' ({kind.__name__}): its class is not "
                "registered. Decorate it with `keras.saving.register_keras_serializable()`."
            )
    subject.model.save(path)
    return {}


def describe(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata as a file of the zip archive that ``path`` is."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA, json.dumps(metadata, indent=1))


def open_file(path: Path, options: Options) -> Predictor:
    """Return a function from images, with their channels last, to the outputs of the file."""
    model = keras.saving.load_model(path, compile=False)
    return lambda images: predict_on_batch(model, images)


WRITER = Writer(write, describe, open_file)
