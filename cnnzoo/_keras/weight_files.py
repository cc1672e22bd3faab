"""Reading weights from files that Keras wrote, layer by layer, each only when it is needed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cnnzoo._support.archives import open_member
from cnnzoo._support.checkpoints import SUFFIXES as CHECKPOINTS

WEIGHTS_ONLY = ".weights.h5"
SUFFIXES = (WEIGHTS_ONLY, ".keras", ".h5")
IN_KERAS_FILE = "model.weights.h5"

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class StoredLayer:
    """A layer in a weights file.

    Attributes:
        name: The layer's name; None if the file does not contain it.
        kind: The layer's class in snake case, such as "conv2d"; None if the file does not contain it.
        weights: Arrays, or datasets that NumPy can convert to arrays.
    """

    name: str | None
    kind: str | None
    weights: tuple[Any, ...]

    @property
    def shapes(self) -> Shapes:
        """The shape of each weight."""
        return tuple(tuple(each.shape) for each in self.weights)

    def arrays(self) -> list[np.ndarray]:
        """Read the weights."""
        return [np.asarray(each) for each in self.weights]


@contextlib.contextmanager
def open_weights(path: Path) -> Iterator[list[StoredLayer]]:
    """List the layers with weights in a file, in file order. Their arrays can be read until the context ends.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or not a weights file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'.")
    if not path.name.endswith(SUFFIXES):
        raise ValueError(
            f"`weights` must be a file that ends in {', '.join(SUFFIXES)}, or, of a network that torchvision has, in "
            f"{', '.join(CHECKPOINTS)}. Received: '{path}'"
        )
    with contextlib.ExitStack() as stack:
        try:
            source: Any = path
            if path.suffix == ".keras":
                source = stack.enter_context(open_member(path, IN_KERAS_FILE))
            layers = _layers_in(stack.enter_context(h5py.File(source)))
        except Exception as error:  # zipfile and h5py can raise anything for a damaged file
            raise ValueError(
                f"'{path}' cannot be read as Keras weights: it is damaged, truncated or another kind of file. "
                "Download or save it again."
            ) from error
        yield layers


def names_in(path: Path) -> frozenset[str]:
    """Return the names of the layers in a ``.weights.h5`` file of Keras 3, also of those without weights."""
    names = set()

    def visit(place: str, item: Any) -> None:
        if place.endswith("vars") and "name" in item.attrs:
            names.add(_text(item.attrs["name"]))

    with contextlib.suppress(OSError), h5py.File(path) as file:  # where it cannot be read, loading it will say so
        file.visititems(visit)
    return frozenset(names)


def _layers_in(file: h5py.File) -> list[StoredLayer]:
    group = file.get("model_weights", file)
    names = _attribute(group, "layer_names")
    if names is None:
        return _layers_of_keras_3(file["layers"])
    return [layer for name in names for layer in _layers_of_group(name, group[name])]


def _layers_of_group(name: str, group: h5py.Group) -> list[StoredLayer]:
    """List the layer in a group, or all layers of a nested model, whose weights are named after their own layers."""
    own = re.compile(rf"(.*/)?{re.escape(name)}(_\d+)?")  # Keras 2 could number the scope of a layer once more
    found: dict[str, list[Any]] = {}
    for weight in _attribute(group, "weight_names") or []:
        owner = weight.rpartition("/")[0]
        found.setdefault(name if not owner or own.fullmatch(owner) else owner, []).append(group[weight])
    return [
        StoredLayer(name if owner == name else owner.rpartition("/")[2], None, tuple(weights))
        for owner, weights in found.items()
    ]


def _layers_of_keras_3(layers: h5py.Group) -> list[StoredLayer]:
    """List the layers in the layout of Keras 3: one group per layer ("conv2d_1"), with its variables under ``vars``."""
    found: list[tuple[list[Any], StoredLayer]] = []

    def visit(path: str, item: Any) -> None:
        if path.endswith("vars") and len(item) and "seed_generator" not in path:
            name, group = item.attrs.get("name"), path.split("/")[-2]
            layer = StoredLayer(
                None if name is None else _text(name),
                re.sub(r"_\d+$", "", group),
                tuple(item[str(number)] for number in range(len(item))),
            )
            found.append((_natural(path), layer))

    layers.visititems(visit)
    return [layer for _, layer in sorted(found, key=lambda each: each[0])]


def _natural(path: str) -> list[Any]:
    """Return a sort key that puts "conv2d_2" before "conv2d_10"."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def _attribute(group: h5py.Group, name: str) -> list[str] | None:
    """Return a list of strings from an attribute; Keras splits long lists into "name0", "name1" and so on."""
    pieces = [name] if name in group.attrs else [f"{name}{number}" for number in range(len(group.attrs))]
    pieces = [piece for piece in pieces if piece in group.attrs]
    return [_text(word) for piece in pieces for word in group.attrs[piece]] if pieces else None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
