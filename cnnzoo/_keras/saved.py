"""Reading whole models from Keras files, and explaining why one cannot be read."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import h5py
import keras

PARTS = ("metadata.json", "config.json", "model.weights.h5")  # of a .keras file
LARGEST = 1e12  # factor or offset of pixels
MOST_WORDS = 40  # quoted from a Keras error
# Classes that hold Python's code, a pickle, a graph of TensorFlow
CODE = ("__lambda__", "TorchModuleWrapper", "TFSMLayer")
OF_FUNCTIONS = ("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers")  # in Keras
OLD_FUNCTION = r"identifier: \{[^}]*'class_name': 'function', 'config':"  # before the name, in Keras 3.8


Rescaling: TypeAlias = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Description:
    """The description of a model in a file.

    Attributes:
        config: The model's configuration, as Keras writes it.
        version: The release of Keras that wrote it; None if unknown.
    """

    config: dict[str, Any]
    version: str | None


@dataclass(frozen=True)
class Saved:
    """What a file says of its model.

    Attributes:
        name: The model's name; None where the file does not say.
        image_shape: Height, width and channels of its images; None where the file does not say, or for any size.
        strides: Those of its layers that have some, by name, also of models within.
        classes: The class of each of its layers, by name, also of models within.
        rescaling: Factors and offsets of the channels in its first layer that scales images; None where there is none.
    """

    name: str | None = None
    image_shape: tuple[int, int, int] | None = None
    strides: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    rescaling: Rescaling | None = None


def read_model(path: Path) -> keras.Model:
    """Read a model that Keras saved, without its optimiser. Code in the file is not run.

    Args:
        path: A ``.keras`` file, or an ``.h5`` file of a whole model.

    Raises:
        ValueError: It is not such a file, is damaged, contains code, or needs an unknown class.
    """
    description = read_description(path)
    if layers := list(dict.fromkeys(_layers_of_code(description.config))):
        raise ValueError(
            f"'{path}' cannot be read as a Keras model: it contains Python code ({', '.join(layers)}), which cnnzoo "
            "never runs. If you trust the file, read it in Python with "
            "`keras.saving.load_model(path, safe_mode=False)`, and pass the model to `cnnzoo.inspect.layer_table`."
        )
    if foreign := next(_foreign_names(description.config), None):  # Keras before 3.9 would import and call anything
        raise ValueError(
            f"'{path}' cannot be read as a Keras model: {_not_registered(foreign)}{_versions(description.version)}"
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras can raise anything for a damaged file
        raise ValueError(
            f"'{path}' cannot be read as a Keras model: {_cause(error)}{_versions(description.version)}"
        ) from error


def describe_saved(path: Path) -> Saved:
    """Read what a file says of its model, whatever the file is."""
    try:
        config = read_description(path).config.get("config")
    except ValueError:
        return Saved()
    name, layers = (config.get("name"), config.get("layers")) if isinstance(config, dict) else (None, config)
    layers = layers if isinstance(layers, list) else []
    shape = next(filter(None, map(_image_shape, layers)), None)
    described = list(_described_layers(layers))
    strides = {name: tuple(options["strides"]) for name, _, options in described if _has_strides(options)}
    classes = {name: kind for name, kind, _ in described}
    rescaling = next(filter(None, (_rescaling(kind, options) for _, kind, options in described)), None)
    return Saved(name if isinstance(name, str) else None, shape, strides, classes, rescaling)


def _described_layers(layers: list[Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, class and options of each layer from the descriptions of layers."""
    for layer in layers:
        options = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(options, dict):
            continue
        name, kind, within = options.get("name"), layer.get("class_name"), options.get("layers")
        if isinstance(name, str) and isinstance(kind, str):
            yield name, kind, options
        if isinstance(within, list):
            yield from _described_layers(within)


def _rescaling(kind: str, options: dict[str, Any]) -> Rescaling | None:
    """Return what a layer of Keras that scales images multiplies by and adds; None of any other."""
    factors, offsets = options.get("scale"), options.get("offset")
    return (factors, offsets) if kind == "Rescaling" and _is_row(factors) and _is_row(offsets) else None


def _is_row(value: Any) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(isinstance(each, int | float) and abs(each) < LARGEST for each in value)


def _has_strides(options: dict[str, Any]) -> bool:
    return isinstance(options.get("strides"), list)


def _image_shape(layer: Any) -> tuple[int, int, int] | None:
    """Return the shape of an image from the description of an input layer; None where there is none."""
    options = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(options, dict):
        return None
    shape = options.get("batch_shape", options.get("batch_input_shape"))  # the latter before Keras 3
    if not isinstance(shape, list) or len(shape) != 4 or not all(isinstance(side, int) for side in shape[1:]):
        return None
    _, height, width, channels = shape
    return height, width, channels


def read_description(path: Path) -> Description:
    """Read the description of a model in a file, without building it.

    Raises:
        ValueError: The file does not contain a whole model, or is damaged.
    """
    if zipfile.is_zipfile(path):
        _check_suffix(path, ".keras")
        return _described_in_zip(path)
    if h5py.is_hdf5(path):
        _check_suffix(path, ".h5", ".hdf5")
        return _described_in_hdf5(path)
    raise ValueError(
        f"'{path}' is not a Keras model file (expected a .keras or .h5 file that Keras saved), or it is truncated."
    )


def _check_suffix(path: Path, *suffixes: str) -> None:
    if path.suffix not in suffixes:
        raise ValueError(f"The name of '{path}' must end in {suffixes[0]} for Keras to read it. Rename it.")


def _described_in_zip(path: Path) -> Description:
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in PARTS if part not in archive.namelist()]
            if not missing:
                metadata, config = (json.loads(archive.read(part)) for part in PARTS[:2])
                return Description(dict(config), metadata.get("keras_version"))
    except Exception as error:  # zipfile can raise anything for a damaged file
        raise ValueError(f"'{path}' cannot be read as a Keras model: it is damaged ({error}).") from error
    raise ValueError(f"'{path}' is not a Keras model file: it lacks {', '.join(missing)}.")


def _described_in_hdf5(path: Path) -> Description:
    try:
        with h5py.File(path) as file:
            config, version = (file.attrs.get(name) for name in ("model_config", "keras_version"))
        if config is not None:
            return Description(dict(json.loads(config)), version)
    except Exception as error:  # h5py can raise anything for a damaged file
        raise ValueError(f"'{path}' cannot be read as a Keras model: it is damaged ({error}).") from error
    raise ValueError(
        f"'{path}' contains only weights, not the network itself. Build the network first, then load the weights: "
        "`model.load_weights(path)`, or `weights=path` for the networks of cnnzoo."
    )


def _layers_of_code(value: Any, name: str = "") -> Iterator[str]:
    """Yield the names of layers with code in their configuration; Keras' safe mode does not check every format."""
    if isinstance(value, dict):
        name = value["name"] if isinstance(value.get("name"), str) else name
        if value.get("class_name") in CODE or value.get("function_type") in ("lambda", "raw"):
            yield name
        for each in value.values():
            yield from _layers_of_code(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _layers_of_code(each, name)


def _foreign_names(value: Any) -> Iterator[str]:
    """Yield the names of classes and functions that are neither part of Keras nor registered."""
    if isinstance(value, dict):
        name, module = value.get("class_name"), value.get("module")
        if isinstance(name, str) and isinstance(module, str):
            is_function = name == "function"
            name = str(value.get("config")) if is_function else name
            registered = keras.saving.get_registered_object(name if is_function else value.get("registered_name"))
            if registered is None and not (_is_keras_function(module, name) if is_function else _is_of_keras(module)):
                yield name
        for each in value.values():
            yield from _foreign_names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _foreign_names(each)


def _is_of_keras(module: str) -> bool:
    return module.partition(".")[0] == "keras"


def _is_keras_function(module: str, name: str) -> bool:
    """Tell whether a function computes on tensors. ``keras.utils`` has others, which download and unpack files."""
    if module == "builtins":  # how Keras writes the functions that it finds by their name
        return any(hasattr(getattr(keras, each), name) for each in OF_FUNCTIONS)
    return _is_of_keras(module) and module.removeprefix("keras.").removeprefix("src.").startswith(OF_FUNCTIONS)


def _not_registered(name: str) -> str:
    return (
        f"it uses '{name}', which is neither part of Keras nor registered. Decorate its definition "
        "with `@keras.saving.register_keras_serializable()`, import it in Python, read the file there with "
        "`keras.saving.load_model`, and pass the model to `cnnzoo.inspect.layer_table`."
    )


def unregistered(error: Exception) -> str | None:
    """Return the name of the class or function that Keras does not know, if that is why it could not read a file."""
    said = end_of_message(error)
    unknown = re.search(rf"(?:Could not locate (?:class|function)|Unknown [\w ]+:|{OLD_FUNCTION}) '([^']+)'", said)
    unknown = unknown or re.search(r"Could not deserialize class '([^']+)' because its parent module", said)
    return unknown[1] if unknown else None


def end_of_message(error: Exception) -> str:
    """Return the end of an error message of Keras, which names the cause, in one line."""
    return " ".join(str(error).rpartition("Exception encountered: ")[2].split())


def _cause(error: Exception) -> str:
    """Explain why Keras could not read a file."""
    if name := unregistered(error):
        return _not_registered(name)
    words = end_of_message(error).split()
    said = " ".join(words[:MOST_WORDS]).rstrip(".")
    return f"Keras says: {said}{' ...' if len(words) > MOST_WORDS else '.'}"


def _versions(written_by: str | None) -> str:
    if written_by in (None, keras.__version__):
        return ""
    return f" It was written by Keras {written_by}; Keras {keras.__version__} is installed."
