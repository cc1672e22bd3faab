"""The network of a run, built as its record names it: for files that the installed Keras does not read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

import cnnzoo.models.layers  # noqa: F401  # so that Keras knows them
from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.heads import with_new_head
from cnnzoo._keras.preprocessing import with_channels
from cnnzoo._keras.saved import read_description, read_model
from cnnzoo.models.cards import InputShape
from cnnzoo.models.catalog import MODEL_CARDS, create_model
from cnnzoo.models.keras_applications import build_application
from cnnzoo.models.weights import load_exactly
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
            return _rebuilt(path, record, read_description(path).config)
        except (ValueError, KeyError, TypeError) as other:
            raise ValueError(f"{error} Nor can it be built from the record of the run: {other}") from error


def _rebuilt(path: Path, record: Record | None, written: dict[str, Any] | None = None) -> keras.Model:
    """Build the network that a record names, and load its weights; ``written`` is what the file says of its layers."""
    if record is None:
        raise ValueError("there is none.")
    failure = ValueError(f"'{record.model.name}' is none of the networks of cnnzoo.")
    for model in _networks_named(record):
        try:
            load_exactly(model, path)
            if written is not None:
                _check_same(model, written)
        except ValueError as error:
            failure = error
        else:
            return model
    raise failure


def _networks_named(record: Record) -> Iterator[keras.Model]:
    """Build what a record may mean by its names: both Keras Applications and this zoo have a VGG19."""
    named, finetuned = record.model, record.finetuned
    shape: Any = named.input_shape
    classes = named.num_classes
    if finetuned is None:
        if named.name in MODEL_CARDS:
            yield create_model(named.name, kernel_initializer="zeros", input_shape=shape, num_classes=classes)
        return
    for backbone in _backbones_named(finetuned.network or finetuned.backbone, shape):
        backbone.trainable = False  # as it was while the head was trained
        yield with_new_head(backbone, classes, finetuned.dropout_rate, dropout_seed=0)


def _backbones_named(name: str | None, shape: InputShape) -> Iterator[keras.Model]:
    if name in PRETRAINED_CARDS:
        yield build_application(PRETRAINED_CARDS[name], shape)
    if name in MODEL_CARDS:
        for channels in dict.fromkeys((shape[2], MODEL_CARDS[name].input_shape[2])):
            size = (*shape[:2], channels)
            backbone = create_model(name, include_top=False, kernel_initializer="zeros", input_shape=size)
            yield with_channels(backbone, shape[2])


def _check_same(model: keras.Model, written: dict[str, Any]) -> None:
    """Take over which layers of a file are trainable; raise ``ValueError`` unless they compute what ``model`` does."""
    own = json.loads(json.dumps(model.get_config(), default=str))["layers"]
    theirs = written["config"]["layers"]
    if [layer["class_name"] for layer in own] != [layer["class_name"] for layer in theirs]:
        raise ValueError("the file has other layers.")
    for ours, other in zip(own, theirs, strict=True):
        options, name = other["config"], ours["name"]
        if options.get("trainable") is not None:
            model.get_layer(name).trainable = options["trainable"]
        if "layers" in options:  # a model within the model
            _check_same(model.get_layer(name), other)
            continue
        for option, value in ours["config"].items():
            is_plain = option in options and option not in OF_TRAINING and not isinstance(value, dict)
            if is_plain and options[option] != value:
                raise ValueError(f"in the file, the layer '{name}' has {option}={options[option]!r}, not {value!r}.")
