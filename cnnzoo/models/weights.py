"""Weights from files: checked layer by layer before anything is loaded, and loaded whole."""

from __future__ import annotations

import math
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.cache import explain_download_failure
from cnnzoo.models.building import flat_layers
from cnnzoo.models.catalog import MODEL_CARDS

IMAGENET = "imagenet"
WEIGHT_FILES = (".weights.h5", ".keras", ".h5")
IN_KERAS_FILE = "model.weights.h5"

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class FileLayer:
    """A layer of a file of weights; the name is None in files that give none."""

    name: str | None
    shapes: Shapes


def load_local_weights(
    model: keras.Model, weights: str | os.PathLike[str] | None, backbone: keras.Model | None = None
) -> None:
    """Fill ``model`` from a local file that Keras wrote for the same network; None leaves it as initialised.

    Args:
        model: What to fill.
        weights: A ``.weights.h5``, ``.keras`` or ``.h5`` file.
        backbone: The part of ``model`` without its top, on the same layers: a file of it fills that part, and leaves
            the top as initialised. None takes whole files only.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another kind, damaged, or belongs to another network; the message names the first
            layer that differs, and the network that the file looks like.
    """
    if weights is None:
        return
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"`weights` must be a name of published weights, a local file or None. Received: {weights!r}")
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"`weights` must be a name of published weights, a local file or None. No such file: '{path}'"
        )
    if not path.name.endswith(WEIGHT_FILES):
        raise ValueError(f"`weights` must be a file that ends in {', '.join(WEIGHT_FILES)}. Received: '{path}'")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ValueError(f"'{path}' is not a Keras model file (expected a zip archive). Save it anew or give another.")
    layers = _layers_in(path)
    if backbone is not None and _difference(backbone, layers) is None:
        model = backbone
    if difference := _difference(model, layers):
        raise ValueError(
            f"'{path}' does not hold the weights of this {model.name} ({model.count_params():,} parameters): "
            f"{difference}.{_looks_like(layers)} Give another file, or build the network with the options that the "
            "file was saved with."
        )
    try:
        _load_all(model, path)
    except Exception as error:  # Keras and h5py raise whatever the damage happens to cause
        raise ValueError(
            f"'{path}' does not hold the weights of this {model.name} ({model.count_params():,} parameters), or is "
            f"damaged. Keras says: {' '.join(str(error).split())}"
        ) from error


def file_fits(model: keras.Model, weights: str | os.PathLike[str]) -> bool:
    """Tell whether ``load_local_weights`` would take a file for ``model``, as far as names and shapes tell."""
    path = Path(weights)
    return path.is_file() and path.name.endswith(WEIGHT_FILES) and _difference(model, _layers_in(path)) is None


def copy_by_name(source: keras.Model, target: keras.Model) -> None:
    """Give the layers of ``target`` the weights of those of the same name in ``source``.

    Where a kernel takes three channels in ``source`` and one in ``target``, it is summed over them: grey images then
    give what they would give as RGB.
    """
    for layer in source.layers:
        if not layer.weights:
            continue
        own = target.get_layer(layer.name)
        values = layer.get_weights()
        if own.kernel.shape[2] == 1 and values[0].shape[2] == 3:
            values[0] = values[0].sum(axis=2, keepdims=True)
        own.set_weights(values)


def published(build: Callable[..., keras.Model], **options: Any) -> keras.Model:
    """Return what ``build``, a builder of Keras Applications, makes with the published ImageNet weights.

    Raises:
        ConnectionError: They are not in Keras' cache and cannot be downloaded; the message names the file, its address
            and its place.
    """
    with explain_download_failure("The ImageNet weights", "a local file as `weights`"):
        return build(weights=IMAGENET, **options)


def _load_all(model: keras.Model, path: Path) -> None:
    """Load every weight of ``model``: where Keras only warns that it left some as initialised, raise ``ValueError``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(path)
    for warning in caught:
        if "freshly-initialized" in str(warning.message):
            raise ValueError(str(warning.message))


def _layers_in(path: Path) -> list[FileLayer]:
    """List the layers with weights in a file, in its order.

    Raises:
        ValueError: The file is damaged, or of another kind.
    """
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive, archive.open(IN_KERAS_FILE) as member, h5py.File(member) as file:
                return list(_read_layers(file))
        with h5py.File(path) as file:
            return list(_read_layers(file))
    except Exception as error:  # h5py raises whatever the damage happens to cause
        raise ValueError(
            f"'{path}' cannot be read as weights that Keras saved: it is damaged, cut short or of another kind. "
            "Fetch or save it anew."
        ) from error


def _read_layers(file: h5py.File) -> Iterator[FileLayer]:
    group = file.get("model_weights", file)
    names = _attribute(group, "layer_names")
    if names is None:
        yield from _read_new_layers(file["layers"])
        return
    for name in names:
        shapes = tuple(tuple(group[name][weight].shape) for weight in _attribute(group[name], "weight_names") or ())
        if shapes:
            yield FileLayer(name, shapes)


def _read_new_layers(layers: h5py.Group) -> Iterator[FileLayer]:
    """List the layers in the layout of Keras 3: a group a layer, with its variables under ``vars``."""
    found: list[FileLayer] = []

    def visit(path: str, item: Any) -> None:
        if path.endswith("vars") and len(item) and "seed_generator" not in path:
            shapes = tuple(tuple(item[str(number)].shape) for number in range(len(item)))
            name = item.attrs.get("name")
            found.append(FileLayer(None if name is None else _text(name), shapes))

    layers.visititems(visit)
    yield from found


def _attribute(group: h5py.Group, name: str) -> list[str] | None:
    """Return a list of words that Keras wrote as an attribute, a long one in pieces, "name0", "name1" ..."""
    pieces = [name] if name in group.attrs else [f"{name}{number}" for number in range(len(group.attrs))]
    pieces = [piece for piece in pieces if piece in group.attrs]
    return [_text(word) for piece in pieces for word in group.attrs[piece]] if pieces else None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _difference(model: keras.Model, layers: list[FileLayer]) -> str | None:
    """Say in what the layers of a file differ first from those of ``model``; None where they fit.

    Layers are told apart by their names, as far as older releases of Keras wrote the same. Those that Keras named
    itself, with a number that another session may have counted otherwise, and those without a name are compared by
    their shapes alone.
    """
    wanted = [(layer, _shapes(layer)) for layer in flat_layers(model) if _shapes(layer)]
    named = {_plain(layer.name): layer for layer in layers if layer.name}
    for layer, shapes in wanted:
        if _is_named_by_keras(layer):
            continue
        found = named.get(_plain(layer.name))
        if found is None:
            if all(entry.name is None for entry in layers):
                continue
            return f"it has no layer '{layer.name}'"
        if found.shapes != shapes:
            return (
                f"layer '{layer.name}' must have weights of the shapes {_listed(shapes)}, and has "
                f"{_listed(found.shapes)} there"
            )
    own = {_plain(layer.name) for layer, _ in wanted if not _is_named_by_keras(layer)}
    if len(own) == len(wanted) and (extra := [layer.name for name, layer in named.items() if name not in own]):
        return f"it has a layer '{extra[0]}' more"
    if sorted(shapes for _, shapes in wanted) != sorted(layer.shapes for layer in layers):
        return f"it has {len(layers)} layers with weights, of other shapes than the {len(wanted)} here"
    return None


def _plain(name: str) -> str:
    """Return a layer's name without what releases of Keras write differently: "conv_bn" was "Conv/BatchNorm"."""
    return name.lower().replace("/", "_").replace("batchnorm", "bn")


def _shapes(layer: keras.Layer) -> Shapes:
    own = [weight for weight in layer.weights if "seed" not in weight.name]
    return tuple(tuple(weight.shape) for weight in own)


def _is_named_by_keras(layer: keras.Layer) -> bool:
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    kind = re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
    return re.fullmatch(rf"{kind}(_\d+)?", layer.name) is not None


def _listed(shapes: Shapes) -> str:
    return " and ".join(map(str, shapes))


def _looks_like(layers: list[FileLayer]) -> str:
    """Say which network has as many parameters as a file, if one has."""
    total = sum(math.prod(shape) for layer in layers for shape in layer.shapes)
    known = {card.params: f"{card.title} of Keras Applications with its top" for card in PRETRAINED_CARDS.values()}
    known |= {card.params_no_top: f"{card.title} without its top" for card in PRETRAINED_CARDS.values()}
    known |= {card.params: f"the {card.title} of this zoo" for card in MODEL_CARDS.values()}
    return f" By its {total:,} parameters it looks like {known[total]}." if total in known else ""
