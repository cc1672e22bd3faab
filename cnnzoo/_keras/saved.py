"""Whole models in files that Keras wrote; and where one cannot be read, why."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

PARTS = ("metadata.json", "config.json", "model.weights.h5")  # of a .keras file
MOST_WORDS = 40  # of what Keras says
OLD_FUNCTION = r"identifier: \{[^}]*'class_name': 'function', 'config':"  # before the name, in Keras 3.8


@dataclass(frozen=True)
class Description:
    """What a file says about the model in it.

    Attributes:
        config: The model's configuration, as Keras writes it.
        version: The release of Keras that wrote it; None where the file does not say.
    """

    config: dict[str, Any]
    version: str | None


def read_model(path: Path) -> keras.Model:
    """Read a model that Keras saved, without its optimiser. Code that lies in the file is not run.

    Args:
        path: A ``.keras`` file, or an ``.h5`` file of a whole model.

    Raises:
        ValueError: It is no such file, it is damaged, it holds code, or it needs a class that is not known here.
    """
    description = read_description(path)
    if layers := list(dict.fromkeys(_layers_of_code(description.config))):
        raise ValueError(
            f"'{path}' cannot be read as a Keras model: it holds Python code ({', '.join(layers)}), which is not run: "
            "it could do anything. If you trust the file, read it in Python with "
            "`keras.saving.load_model(path, safe_mode=False)`, and give that model to `cnnzoo.inspect.layer_table`."
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damage happens to cause
        raise ValueError(
            f"'{path}' cannot be read as a Keras model: {_cause(error)}{_versions(description.version)}"
        ) from error


def read_description(path: Path) -> Description:
    """Read what a file says about the model in it, without building it.

    Raises:
        ValueError: It holds no whole model, or is damaged.
    """
    if zipfile.is_zipfile(path):
        _check_suffix(path, ".keras")
        return _described_in_zip(path)
    if h5py.is_hdf5(path):
        _check_suffix(path, ".h5", ".hdf5")
        return _described_in_hdf5(path)
    raise ValueError(
        f"'{path}' is not a Keras model file (expected a .keras or .h5 file that Keras saved), or it is cut short."
    )


def _check_suffix(path: Path, *suffixes: str) -> None:
    if path.suffix not in suffixes:
        raise ValueError(f"Keras reads '{path}' only under a name that ends in {suffixes[0]}. Rename it.")


def _described_in_zip(path: Path) -> Description:
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in PARTS if part not in archive.namelist()]
            if not missing:
                metadata, config = (json.loads(archive.read(part)) for part in PARTS[:2])
                return Description(dict(config), metadata.get("keras_version"))
    except Exception as error:  # zipfile raises whatever the damage happens to cause
        raise ValueError(f"'{path}' cannot be read as a Keras model: it is damaged ({error}).") from error
    raise ValueError(f"'{path}' is not a Keras model file: it lacks {', '.join(missing)}.")


def _described_in_hdf5(path: Path) -> Description:
    try:
        with h5py.File(path) as file:
            config, version = (file.attrs.get(name) for name in ("model_config", "keras_version"))
        if config is not None:
            return Description(dict(json.loads(config)), version)
    except Exception as error:  # h5py raises whatever the damage happens to cause
        raise ValueError(f"'{path}' cannot be read as a Keras model: it is damaged ({error}).") from error
    raise ValueError(
        f"'{path}' holds weights alone, not the network that they belong to. Build the network first, and load them "
        "into it: `model.load_weights(path)`, or `weights=path` in the networks of cnnzoo."
    )


def _layers_of_code(value: Any, name: str = "") -> Iterator[str]:
    """Give the names of the layers whose configuration holds code; Keras' safe mode does not look into every format."""
    if isinstance(value, dict):
        name = value["name"] if isinstance(value.get("name"), str) else name
        if value.get("class_name") == "__lambda__" or value.get("function_type") in ("lambda", "raw"):
            yield name
        for each in value.values():
            yield from _layers_of_code(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _layers_of_code(each, name)


def _cause(error: Exception) -> str:
    """Say why Keras could not read a file: in its own words, of which the last are about the cause itself."""
    text = " ".join(str(error).rpartition("Exception encountered: ")[2].split())
    unknown = re.search(rf"(?:Could not locate (?:class|function)|Unknown [\w ]+:|{OLD_FUNCTION}) '([^']+)'", text)
    if unknown:
        return (
            f"'{unknown[1]}', which it is made of, is neither Keras' own nor registered here. Decorate its definition "
            "with `@keras.saving.register_keras_serializable()`, import it in Python, read the file there with "
            "`keras.saving.load_model`, and give the model to `cnnzoo.inspect.layer_table`."
        )
    words = text.split()
    said = " ".join(words[:MOST_WORDS]).rstrip(".")
    return f"Keras says: {said}{' ...' if len(words) > MOST_WORDS else '.'}"


def _versions(written_by: str | None) -> str:
    if written_by in (None, keras.__version__):
        return ""
    return f" It was written by Keras {written_by}; Keras {keras.__version__} is installed."
