"""Weights for a network: named by its card, in a file, or of a run; checked layer by layer before any is loaded."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.heads import HEAD, without_head
from cnnzoo._keras.parameters import count_parameters, flat_layers
from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.weight_files import Shapes, StoredLayer, open_weights
from cnnzoo._support.arguments import check_integer
from cnnzoo._support.lookup import look_up
from cnnzoo.models.cards import CLASSES
from cnnzoo.models.keras_applications import published
from cnnzoo.models.published import KerasBackbone, PublishedWeights, TrainedNetwork, network_file

WHAT = "`weights` must be a name of published weights, a file, a run folder or None"


def classes_for(card: TrainedNetwork, num_classes: int | None, weights: str | os.PathLike[str] | None) -> int:
    """Return how many classes a network is to have: as many as the user wants, else as the weights have, else ten.

    Raises:
        ValueError: ``num_classes`` is no integer of at least 1, or see ``load_weights``.
        FileNotFoundError: ``weights`` names nothing.
    """
    wanted = None if num_classes is None else check_integer("num_classes", num_classes, least=1)
    source = _find(card, weights)  # also where it is not asked: what is not there is refused before anything is built
    if wanted is not None or not isinstance(source, Path):
        return wanted or CLASSES
    return classes_in(source, (card.head,)) or CLASSES


def classes_in(weights: str | os.PathLike[str], heads: Sequence[str]) -> int | None:
    """Return the number of classes of the classifier in a file or run folder; None where it has none.

    Args:
        weights: The file or folder.
        heads: What the layer that computes the class scores may be called, beside what fine-tuning calls it.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The file is damaged or of another kind.
    """
    with open_weights(_find_file(weights)) as layers:
        found = [layer for layer in layers if _ends_in(layer.name, (*heads, HEAD))]
        found = found or [layer for layer in layers if layer.name is None and layer.kind == "dense"]
        classes = [layer.shapes[-1][-1] for layer in found if layer.shapes[-1]]
        return classes[-1] if classes else None


def load_weights(model: keras.Model, card: TrainedNetwork, weights: str | os.PathLike[str] | None) -> None:
    """Fill ``model``, a network of this zoo; the last step of its builder. None leaves it as initialised.

    The backbone must fit exactly. The head is loaded layer by layer where it fits; where it does not, because the
    classes differ, it is left as initialised, which one warning says. A model without a head takes the backbone of
    whatever is given, and weights of a backbone alone leave the head. Where the first kernels are of three channels
    and the model takes one, they are summed: grey images give what they would give as RGB.

    Args:
        model: What to fill. One with a head is compiled, see ``compile_classifier``.
        card: The network's card.
        weights: A name that the card lists, in any case; a ``.weights.h5``, ``.keras`` or ``.h5`` file; or a run
            folder.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The file is of another kind, damaged, or belongs to another network; the message names the first
            layer that differs, and the network that the file looks like.
        ConnectionError: The weights must be downloaded and there is no network.
    """
    source = _find(card, weights)
    if source is None:
        return
    with _open(source, model) as layers:
        _fill(model, layers, f"'{weights}'", heads=(card.head,))
    if len(model.outputs[0].shape) == 2:
        compile_classifier(model)


def load_file(model: keras.Model, weights: str | os.PathLike[str], heads: Sequence[str] = ()) -> None:
    """Fill ``model``, any Keras model, from a file or a run folder, by the rules of ``load_weights``.

    Args:
        model: What to fill.
        weights: The file or folder.
        heads: What layers of the head other than dense ones may be called.
    """
    with open_weights(_find_file(weights)) as layers:
        _fill(model, layers, f"'{weights}'", heads)


def load_exactly(model: keras.Model, path: Path) -> None:
    """Fill ``model`` from a file of the same network, head and all.

    Raises:
        ValueError: The file is damaged, or differs; the message names the first layer that does.
    """
    with open_weights(path) as layers:
        pairs, extra = _pair(model, layers)
        pairs = [replace(pair, is_grey=False) for pair in pairs]
        if difference := next(filter(None, map(_difference, pairs)), None) or _layers_beyond(extra):
            raise ValueError(_not_of(model, f"'{path}'", difference, layers))
        _assign(pairs, f"'{path}'")


@dataclass(frozen=True)
class _Pair:
    """A layer with weights, and what is stored of it; ``is_grey`` where its kernel is to be summed over the colours."""

    layer: keras.Layer
    stored: StoredLayer | None
    name: str
    is_grey: bool

    def arrays(self) -> list[np.ndarray]:
        """Read what is stored, as the layer takes it."""
        kernel, *others = self.stored.arrays() if self.stored else [np.empty(0)]
        return [kernel.sum(axis=2, keepdims=True) if self.is_grey else kernel, *others]


def _find(card: TrainedNetwork, weights: str | os.PathLike[str] | None) -> PublishedWeights | Path | None:
    """Return where weights are: published ones by their name, others as a file."""
    if weights is None:
        return None
    if isinstance(weights, str):
        if (found := card.weights.get(weights.lower())) is not None:
            return found if isinstance(found, KerasBackbone) else network_file(found.path)
        if weights.isidentifier() and not Path(weights).exists():
            if card.weights:
                look_up(card.weights, weights, f"{card.name} weights")
            raise ValueError(
                f"There are no published weights of {card.name}. Give a file, a run folder or None. "
                f"Received: weights='{weights}'"
            )
    return _find_file(weights)


def _find_file(weights: str | os.PathLike[str]) -> Path:
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"{WHAT}. Received: {weights!r}")
    path = Path(weights)
    if path.is_dir():
        file = network_file(path)
        if not file.is_file():
            raise FileNotFoundError(f"'{path}' is not a finished run: it has no {file.name}. {WHAT}.")
        return file
    if not path.is_file():
        raise FileNotFoundError(f"{WHAT}. No such file: '{path}'")
    return path


@contextlib.contextmanager
def _open(source: PublishedWeights | Path, model: keras.Model) -> Iterator[list[StoredLayer]]:
    """List the layers that are stored there; those of Keras Applications for images of the size of ``model``."""
    if isinstance(source, KerasBackbone):
        build = getattr(keras.applications, source.network)
        network = published(build, include_top=False, input_shape=(*model.input_shape[1:3], 3))
        yield [StoredLayer(layer.name, None, tuple(layer.get_weights())) for layer in network.layers if layer.weights]
    elif isinstance(source, Path):
        with open_weights(source) as layers:
            yield layers


def _fill(model: keras.Model, layers: list[StoredLayer], named: str, heads: Sequence[str] = ()) -> None:
    """Load the backbone of ``model``, and of its head what fits."""
    own = next((layer.name for layer in model.layers if _own_name(layer, model) in heads), None)
    backbone = {id(layer) for layer in flat_layers(without_head(model, own))}
    pairs, extra = _pair(model, layers)
    differences = {pair.name: _difference(pair) for pair in pairs}
    of_backbone = [differences[pair.name] for pair in pairs if id(pair.layer) in backbone]
    foreign = [layer for layer in extra if not _is_of_a_head(layer, heads)]
    if difference := next(filter(None, of_backbone), None) or _layers_beyond(foreign):
        raise ValueError(_not_of(model, named, difference, layers))
    _assign([pair for pair in pairs if differences[pair.name] is None], named)
    left = [name for name, difference in differences.items() if difference]
    has_head = extra or any(id(pair.layer) not in backbone and pair.stored for pair in pairs)
    if left and has_head:
        warnings.warn(
            f"Not all of the head of {named} fits this {model.name}: {differences[left[0]]}. "
            f"Left as initialised: {', '.join(left)}.",
            stacklevel=_level_of_the_user(),
        )


def _level_of_the_user() -> int:
    """Return the ``stacklevel`` at which a warning of the caller points to the first line outside this package."""
    package, level = str(Path(cnnzoo.__file__).parent), 1
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(package + os.sep):
        frame, level = frame.f_back, level + 1
    return level


def _is_of_a_head(layer: StoredLayer, heads: Sequence[str]) -> bool:
    """Tell whether a layer that a model does not have may belong to a head: a dense one, or one of its names."""
    return len(layer.shapes[0]) == 2 or (layer.name is not None and _plain(layer.name) in (*heads, HEAD))


def _ends_in(stored: str | None, names: Sequence[str]) -> bool:
    """Tell whether a layer has one of some names, whether or not that of its model begins it."""
    return stored is not None and any(f"_{_plain(stored)}".endswith(f"_{name}") for name in names)


def _pair(model: keras.Model, layers: Sequence[StoredLayer]) -> tuple[list[_Pair], list[StoredLayer]]:
    """Find what is stored of each layer of ``model``, and what is stored beyond it.

    Layers are known by their names, as far as older releases of Keras wrote the same. Those that Keras named itself,
    with a number that another session may have counted otherwise, and those without a name are taken in order.
    """
    own = [(layer, _own_name(layer, model)) for layer in flat_layers(model) if _shapes(layer)]
    names = {_plain(name): None for layer, name in own if not _is_named_by_keras(layer)}
    layers = _without_prefix(layers, list(names))
    named = {_plain(layer.name): layer for layer in layers if layer.name and _plain(layer.name) in names}
    others = [layer for layer in layers if layer.name is None or _plain(layer.name) not in named]
    has_names = any(layer.name for layer in layers)
    pairs = []
    for layer, name in own:
        stored = named.get(_plain(name)) if not _is_named_by_keras(layer) else None
        if stored is None and (_is_named_by_keras(layer) or not has_names):
            stored = next((each for each in others if each.kind in (None, _kind(layer))), None)
            others = [each for each in others if each is not stored]
        pairs.append(_Pair(layer, stored, name, _is_grey(layer, stored)))
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


def _own_name(layer: keras.Layer, model: keras.Model) -> str:
    """Return the name of a layer without that of its model, where this begins it."""
    name: str = layer.name
    return name.removeprefix(f"{model.name}_")


def _is_grey(layer: keras.Layer, stored: StoredLayer | None) -> bool:
    """Tell whether a kernel of three channels is stored of a convolution that takes one."""
    if stored is None or not isinstance(layer, keras.layers.Conv2D) or layer.groups != 1:
        return False
    (*size, channels, filters), kernel = layer.kernel.shape, stored.shapes[0]
    return channels == 1 and kernel == (*size, 3, filters)


def _difference(pair: _Pair) -> str | None:
    """Say in what the weights that are stored of a layer differ from those that it has; None where they fit."""
    if pair.stored is None:
        return f"it has no layer '{pair.name}'"
    wanted, stored = _shapes(pair.layer), pair.stored.shapes
    if wanted[1:] == stored[1:] if pair.is_grey else wanted == stored:
        return None
    return f"layer '{pair.name}' must have weights of the shapes {_listed(wanted)}, but the file has {_listed(stored)}"


def _layers_beyond(extra: Sequence[StoredLayer]) -> str | None:
    if not extra:
        return None
    name = next((layer.name for layer in extra if layer.name), None)
    return f"it has an unexpected layer '{name}'" if name else f"it has {len(extra)} more layers with weights"


def _not_of(model: keras.Model, named: str, difference: str, layers: Sequence[StoredLayer]) -> str:
    return (
        f"{named} does not hold the weights of this {model.name} ({count_parameters(model).params:,} parameters): "
        f"{difference}.{_looks_like(layers)} Give another file, or build the network with the options that the file "
        "was saved with."
    )


def _assign(pairs: Sequence[_Pair], named: str) -> None:
    """Read the weights, and load them."""
    for pair in pairs:
        try:
            arrays = pair.arrays()
            pair.layer.load_own_variables({str(number): values for number, values in enumerate(arrays)})
        except Exception as error:  # h5py and Keras raise whatever the damage happens to cause
            raise ValueError(
                f"{named} is damaged: the weights of its layer '{pair.name}' cannot be read "
                f"({' '.join(str(error).split())}). Fetch or save it again."
            ) from error


def _plain(name: str) -> str:
    """Return a layer's name without what releases of Keras write differently: "conv_bn" was "Conv/BatchNorm"."""
    return name.lower().replace("/", "_").replace("batchnorm", "bn")


def _shapes(layer: keras.Layer) -> Shapes:
    own = [weight for weight in layer.weights if "seed" not in weight.name]
    return tuple(tuple(weight.shape) for weight in own)


def _kind(layer: keras.Layer) -> str:
    """Return what Keras calls layers of this class where nobody names them: "conv2d"."""
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    return re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()


def _is_named_by_keras(layer: keras.Layer) -> bool:
    return re.fullmatch(rf"{_kind(layer)}(_\d+)?", layer.name) is not None


def _listed(shapes: Shapes) -> str:
    return " and ".join(map(str, shapes))


def _looks_like(layers: Sequence[StoredLayer]) -> str:
    """Say which network has as many parameters and buffers as a file has values, if one has."""
    total = sum(math.prod(shape) for layer in layers for shape in layer.shapes)
    known = {}
    for card in PRETRAINED_CARDS.values():
        known[card.params + card.buffers] = f"{card.title} of Keras Applications with its head"
        known[card.params_no_top + card.buffers] = f"{card.title} without its head"
    for own in map(cnnzoo.model_card, cnnzoo.list_models()):
        known[own.params + own.buffers] = f"the {own.title} of this zoo"
    return f" By its {total:,} values it looks like {known[total]}." if total in known else ""
