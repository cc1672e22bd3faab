"""The network of a run, built as its record names it: for files that the installed Keras does not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from cnnzoo._keras.saved import read_description, read_model
from cnnzoo.models.catalog import MODEL_CARDS, create_model
from cnnzoo.models.weights import load_local_weights
from cnnzoo.pretrained.transfer import classifier
from cnnzoo.runs.record import Record

OF_TRAINING = ("name", "trainable", "seed")  # options of a layer that are without effect on what it computes


def read_network(path: Path, record: Record | None) -> keras.Model:
    """Read the network of a run: as Keras reads it, else built as the record of the run names it.

    Releases of Keras write options into a ``.keras`` file that others do not know.

    Args:
        path: A ``.keras`` file, or a ``.weights.h5`` file of its weights alone.
        record: Of the run; None where it cannot be read.

    Raises:
        ValueError: The file is damaged; or neither way leads to the network.
    """
    if path.suffix != ".keras":
        return _rebuilt(path, record)
    try:
        return read_model(path)
    except ValueError as error:
        try:
            written = read_description(path).config
            model = _rebuilt(path, record)
            _check_same(model, written)
        except (ValueError, KeyError, TypeError) as other:
            raise ValueError(f"{error} Nor can it be built from the record of the run: {other}") from error
        return model


def _rebuilt(path: Path, record: Record | None) -> keras.Model:
    if record is None:
        raise ValueError("there is none.")
    named, finetuned = record.model, record.finetuned
    options: dict[str, Any] = {"input_shape": named.input_shape, "num_classes": named.num_classes}
    if finetuned is not None and finetuned.backbone is not None:
        model = classifier(finetuned.backbone, weights=None, dropout_rate=finetuned.dropout_rate, **options)
    elif finetuned is None and named.name in MODEL_CARDS:
        model = create_model(named.name, kernel_initializer="zeros", **options)
    else:
        raise ValueError(f"'{named.name}' is none of the networks of cnnzoo.")
    load_local_weights(model, path)
    return model


def _check_same(model: keras.Model, written: dict[str, Any]) -> None:
    """Take over which layers of a file are trainable; raise ``ValueError`` unless they compute what ``model`` does."""
    own = json.loads(json.dumps(model.get_config(), default=str))["layers"]
    theirs = written["config"]["layers"]
    if [layer["class_name"] for layer in own] != [layer["class_name"] for layer in theirs]:
        raise ValueError("the file has other layers.")
    for ours, other in zip(own, theirs, strict=True):
        options, name = other["config"], ours["name"]
        for option, value in ours["config"].items():
            is_plain = option in options and option not in OF_TRAINING and not isinstance(value, dict)
            if is_plain and options[option] != value:
                raise ValueError(f"in the file, the layer '{name}' has {option}={options[option]!r}, not {value!r}.")
        if options.get("trainable") is not None:
            model.get_layer(name).trainable = options["trainable"]
