"""Which stored layer belongs to which layer of a network, in what they differ, and loading those that fit."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.heads import HEAD
from cnnzoo._keras.kinds import is_named_by_keras, kind_in_names
from cnnzoo._keras.parameters import flat_layers, weights_in_files
from cnnzoo._keras.weight_files import Shapes, StoredLayer
from cnnzoo.models._torch_layout import FOREIGN, TransposedWeight

PART = 8 << 20  # elements of a kernel that are loaded at a time


@dataclass(frozen=True)
class Pair:
    """A layer with weights, and what is stored of it; ``is_grey`` where its kernel is to be summed over the colours."""

    layer: keras.Layer
    stored: StoredLayer | None
    name: str
    is_grey: bool

    def arrays(self) -> list[np.ndarray]:
        """Read what is stored, as the layer takes it."""
        kernel, *others = self.stored.arrays() if self.stored else [np.empty(0)]
        return [kernel.sum(axis=2, keepdims=True) if self.is_grey else kernel, *others]


def pair_layers(model: keras.Model, layers: Sequence[StoredLayer]) -> tuple[list[Pair], list[StoredLayer]]:
    """Find what is stored of each layer of ``model``, and what is stored beyond it.

    Layers are known by their names, as far as older releases of Keras wrote the same. Those that Keras named itself,
    with a number that another session may have counted otherwise, and those without a name are taken in order.
    """
    own = [(layer, own_name(layer, model)) for layer in flat_layers(model) if shapes_of(layer)]
    names = {_plain(name): None for layer, name in own if not is_named_by_keras(layer)}
    layers = _without_prefix(layers, list(names))
    named = {_plain(layer.name): layer for layer in layers if layer.name and _plain(layer.name) in names}
    others = [layer for layer in layers if layer.name is None or _plain(layer.name) not in named]
    has_names = any(layer.name for layer in layers)
    pairs = []
    for layer, name in own:
        stored = named.get(_plain(name)) if not is_named_by_keras(layer) else None
        if stored is None and (is_named_by_keras(layer) or not has_names):
            stored = next((each for each in others if each.kind in (None, kind_in_names(layer))), None)
            others = [each for each in others if each is not stored]
        pairs.append(Pair(layer, stored, name, _is_grey(layer, stored)))
    return pairs, others


def _without_prefix(layers: Sequence[StoredLayer], names: Sequence[str]) -> Sequence[StoredLayer]:
    """Return layers without the name of their model, where this begins their names: "a_c1" of ``name="a"``.

    Args:
        layers: What is stored.
        names: How the layers of the network are called, in order, without such a prefix.
    """
    stored = [layer.name for layer in layers if layer.name]
    if not names or names[0] in map(_plain, stored):
        return layers
    prefix = next(filter(None, (_before(name, names[0]) for name in stored)), "")
    return [replace(layer, name=layer.name and layer.name.removeprefix(prefix)) for layer in layers]


def _before(stored: str, name: str) -> str | None:
    """Return what stands before ``name`` in ``stored``, up to and with an underscore; None if it does not end in it."""
    starts = (match.end() for match in re.finditer("_", stored))
    return next((stored[:start] for start in starts if _plain(stored[start:]) == name), None)


def own_name(layer: keras.Layer, model: keras.Model) -> str:
    """Return the name of a layer without that of its model, where this begins it."""
    name: str = layer.name
    return name.removeprefix(f"{model.name}_")


def _is_grey(layer: keras.Layer, stored: StoredLayer | None) -> bool:
    """Tell whether a kernel of three channels is stored of a convolution that takes one."""
    if stored is None or not isinstance(layer, keras.layers.Conv2D) or layer.groups != 1:
        return False
    (*size, channels, filters), kernel = layer.kernel.shape, stored.shapes[0]
    return channels == 1 and kernel == (*size, 3, filters)


def difference_of(pair: Pair) -> str | None:
    """Say in what the weights that are stored of a layer differ from those that it has; None where they fit."""
    if pair.stored is None:
        return f"it has no layer '{pair.name}'"
    wanted, stored = shapes_of(pair.layer), pair.stored.shapes
    if wanted[1:] == stored[1:] if pair.is_grey else wanted == stored:
        return None
    return f"layer '{pair.name}' must have weights of the shapes {_listed(wanted)}, but the file has {_listed(stored)}"


def layers_beyond(extra: Sequence[StoredLayer]) -> str | None:
    if not extra:
        return None
    name = next((layer.name for layer in extra if layer.name), None)
    return f"it has an unexpected layer '{name}'" if name else f"it has {len(extra)} more layers with weights"


def assign(pairs: Sequence[Pair], weights: str | os.PathLike[str] | None) -> None:
    """Read what is stored, and load it; ``weights`` says where it is from."""
    for pair in pairs:
        try:
            if not _assign_in_parts(pair):
                arrays = pair.arrays()
                pair.layer.load_own_variables({str(number): values for number, values in enumerate(arrays)})
        except Exception as error:  # h5py and Keras raise whatever the damage happens to cause
            raise ValueError(
                f"'{weights}' is damaged: the weights of its layer '{pair.name}' cannot be read "
                f"({' '.join(str(error).split())}). Fetch or save it again."
            ) from error


def _assign_in_parts(pair: Pair) -> bool:
    """Load a large kernel in parts, so that it is never in memory as a whole a second time; False: it is none.

    TensorFlow copies what it is given, twice. Other backends take it as it is.
    """
    kernel, *others = pair.stored.weights if pair.stored else [None]
    if not isinstance(kernel, TransposedWeight) or not kernel.has_parts or math.prod(kernel.shape) <= PART:
        return False
    if keras.config.backend() != "tensorflow" or pair.is_grey:
        return False
    for variable, weight in zip(weights_in_files(pair.layer), [kernel, *others], strict=True):
        if weight is not kernel:
            variable.assign(np.asarray(weight))
            continue
        last = weight.shape[-1]
        step = max(1, PART * last // math.prod(weight.shape))
        for begin in range(0, last, step):
            end = min(begin + step, last)
            _assign_part(variable, begin, end, weight.part(begin, end))
    return True


def _assign_part(variable: Any, begin: int, end: int, values: np.ndarray) -> None:
    """Set part of the last axis of a variable of TensorFlow in place; slicing it in Python would copy all of it."""
    import tensorflow as tf  # only where it is the backend

    before = [0] * (len(variable.shape) - 1)
    all_of_others = (1 << len(before)) - 1
    tf.raw_ops.ResourceStridedSliceAssign(
        ref=variable.value.handle,
        begin=[*before, begin],
        end=[*before, end],
        strides=[1] * len(variable.shape),
        value=tf.cast(np.ascontiguousarray(values), variable.dtype),
        begin_mask=all_of_others,
        end_mask=all_of_others,
    )


def is_of_a_head(layer: StoredLayer, heads: Sequence[str]) -> bool:
    """Tell whether a layer that a model does not have may belong to a head: a dense one, or one of its names."""
    is_dense = len(layer.shapes[0]) == 2 and layer.kind != FOREIGN
    return is_dense or (layer.name is not None and _plain(layer.name) in (*heads, HEAD))


def ends_in(stored: str | None, names: Sequence[str]) -> bool:
    """Tell whether a layer has one of some names, whether or not that of its model begins it."""
    return stored is not None and any(f"_{_plain(stored)}".endswith(f"_{name}") for name in names)


def _plain(name: str) -> str:
    """Return a layer's name without what releases of Keras write differently: "conv_bn" was "Conv/BatchNorm"."""
    return name.lower().replace("/", "_").replace("batchnorm", "bn")


def shapes_of(layer: keras.Layer) -> Shapes:
    return tuple(tuple(weight.shape) for weight in weights_in_files(layer))


def _listed(shapes: Shapes) -> str:
    return " and ".join(map(str, shapes))
