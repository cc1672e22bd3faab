"""Weights for a network: named by its card, in a file, or of a run; checked layer by layer before any is loaded."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import keras

import cnnzoo
from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.heads import HEAD, without_head
from cnnzoo._keras.kinds import is_named
from cnnzoo._keras.parameters import count_parameters, flat_layers
from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.saved import Saved, describe_saved
from cnnzoo._keras.weight_files import StoredLayer, open_weights
from cnnzoo._support.arguments import check_integer
from cnnzoo._support.callers import level_of_the_user
from cnnzoo._support.checkpoints import is_checkpoint, normalization_of, open_checkpoint
from cnnzoo._support.wording import format_shape
from cnnzoo.models._matching import (
    Pair,
    assign,
    difference_of,
    ends_in,
    is_of_a_head,
    layers_beyond,
    own_name,
    pair_layers,
    shapes_of,
)
from cnnzoo.models._sources import TrainedNetwork, are_for_grey, counterpart_of, find_file, find_source
from cnnzoo.models._sources import is_for_grey as is_for_grey
from cnnzoo.models._sources import preprocessing_of as preprocessing_of
from cnnzoo.models._torch_layout import FOREIGN, State, classes_of, stored_layers
from cnnzoo.models._torch_layout import torch_state as torch_state
from cnnzoo.models.cards import CLASSES, Counterpart
from cnnzoo.models.keras_applications import published
from cnnzoo.models.published import KerasBackbone

AS_SAVED = " For the network as it was saved, use `cnnzoo.training.load_run` or `keras.saving.load_model`."
RESPONSES = "LocalResponseNormalization"


def classes_for(card: TrainedNetwork, num_classes: int | None, weights: str | os.PathLike[str] | None) -> int:
    """Return how many classes a network is to have: as many as the user wants, else as the weights have, else ten.

    Raises:
        ValueError: ``num_classes`` is no integer of at least 1, or see ``load_weights``.
        FileNotFoundError: ``weights`` names nothing.
    """
    wanted = None if num_classes is None else check_integer("num_classes", num_classes, least=1)
    source = find_source(
        card, weights
    )  # also where it is not asked: what is not there is refused before anything is built
    if wanted is not None or not isinstance(source, Path):
        return wanted or CLASSES
    if is_checkpoint(source):
        with open_checkpoint(source) as state:
            return classes_of(state, counterpart_of(card, source), card.head) or CLASSES
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
    with open_weights(find_file(weights)) as layers:
        found = [layer for layer in layers if ends_in(layer.name, (*heads, HEAD))]
        found = found or [layer for layer in layers if layer.name is None and layer.kind == "dense"]
        classes = [layer.shapes[-1][-1] for layer in found if layer.shapes[-1]]
        return classes[-1] if classes else None


def load_weights(model: keras.Model, card: TrainedNetwork, weights: str | os.PathLike[str] | None) -> set[int]:
    """Fill ``model``, a network of this zoo; the last step of its builder. None leaves it as initialised.

    The backbone must fit exactly. The head is loaded layer by layer where it fits; where it does not, because the
    classes differ, it is left as initialised, which one warning says. Where the classes fit and a layer before them
    does not, because the images had another size, nothing is loaded. A model without a head takes the backbone of
    whatever is given, and weights of a backbone alone leave the head. Where the first kernels are of three channels
    and the model takes one, they are summed: grey images give what they would give as RGB.

    Args:
        model: What to fill. One with a head is compiled, see ``compile_classifier``.
        card: The network's card.
        weights: A name that the card lists, in any case; a ``.weights.h5``, ``.keras`` or ``.h5`` file; a run folder;
            or a ``.pth``, ``.pt`` or ``.safetensors`` file of the same network in torchvision or timm.

    Returns:
        The identities of the layers whose weights were loaded.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The file is of another kind, damaged, or belongs to another network; the message names the first
            layer that differs, and the network that the file looks like.
        ConnectionError: The weights must be downloaded and there is no network.
    """
    source = find_source(card, weights)
    if source is None:
        return set()
    with _open(source, model, card) as layers:
        loaded = _fill(model, layers, weights, (card.head,), source if isinstance(source, Path) else None)
    if isinstance(source, Path) and is_checkpoint(source) and model.inputs[0].shape[-1] == 1:
        _warn_of_grey(source)
    if [len(output.shape) for output in model.outputs] == [2]:
        compile_classifier(model)
    return loaded


def _warn_of_grey(path: Path) -> None:
    """Warn where a checkpoint of a network for grey images does not say how these are normalised."""
    if normalization_of(path) is None and is_for_grey(path):
        message = (
            f"'{path}' holds a network for grey images, and does not say how they are normalised: pixels in [0, 1] are "
            "taken as they are. The metadata of a .safetensors file can say it, as `mean` and `std`."
        )
        warnings.warn(message, stacklevel=level_of_the_user())


def load_file(model: keras.Model, weights: str | os.PathLike[str], heads: Sequence[str] = ()) -> None:
    """Fill ``model``, any Keras model, from a file or a run folder, by the rules of ``load_weights``.

    Args:
        model: What to fill.
        weights: The file or folder.
        heads: What layers of the head other than dense ones may be called.
    """
    path = find_file(weights)
    with open_weights(path) as layers:
        _fill(model, layers, weights, heads, path)


def load_state(model: keras.Model, state: State, counterpart: Counterpart, head: str | None = None) -> None:
    """Fill ``model`` from the ``state_dict`` of the same network in PyTorch, by the rules of ``load_weights``.

    Args:
        model: What to fill.
        state: Arrays by name.
        counterpart: The network there.
        head: The layer that gives the classes, if known.
    """
    _fill(model, stored_layers(model, state, counterpart, head), "state_dict", (head,) if head else (), None)


def load_exactly(model: keras.Model, path: Path) -> None:
    """Fill ``model`` from a file of the same network, head and all.

    Raises:
        ValueError: The file is damaged, or differs; the message names the first layer that does.
    """
    with open_weights(path) as layers:
        pairs, extra = pair_layers(model, layers)
        pairs = [replace(pair, is_grey=False) for pair in pairs]
        if difference := next(filter(None, map(difference_of, pairs)), None) or layers_beyond(extra):
            raise ValueError(_not_of(model, path, difference, layers, path))
        assign(pairs, path)


@contextlib.contextmanager
def _open(source: KerasBackbone | Path, model: keras.Model, card: TrainedNetwork) -> Iterator[list[StoredLayer]]:
    """List the layers that are stored there; those of Keras Applications for images of the size of ``model``."""
    if isinstance(source, KerasBackbone):
        build = getattr(keras.applications, source.network)
        network = published(build, include_top=False, input_shape=(*model.input_shape[1:3], 3))
        yield [StoredLayer(layer.name, None, tuple(layer.get_weights())) for layer in network.layers if layer.weights]
    elif is_checkpoint(source):
        with open_checkpoint(source) as state:
            yield stored_layers(model, state, counterpart_of(card, source), card.head)
    else:
        with open_weights(source) as layers:
            yield layers


def _fill(
    model: keras.Model,
    layers: list[StoredLayer],
    weights: str | os.PathLike[str] | None,
    heads: Sequence[str],
    path: Path | None,
) -> set[int]:
    """Load the backbone of ``model``, and of its head what fits, from the layers of ``path`` if they are of a file.

    Returns:
        The identities of the layers that were loaded.
    """
    own = next((layer.name for layer in model.layers if own_name(layer, model) in heads), None)
    alone = model if len(model.outputs) == 1 else keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    backbone = {id(layer) for layer in flat_layers(without_head(alone, own))}
    pairs, extra = _with_head_of_finetuning(*pair_layers(model, layers), backbone)
    differences = {pair.name: difference_of(pair) for pair in pairs}
    of_backbone = [differences[pair.name] for pair in pairs if id(pair.layer) in backbone]
    foreign = [layer for layer in extra if not is_of_a_head(layer, heads)]
    if difference := next(filter(None, of_backbone), None) or layers_beyond(foreign):
        raise ValueError(_not_of(model, weights, difference, layers, path))
    saved = Saved() if path is None else describe_saved(path)
    if difference := _other_strides(pairs, saved) or _other_normalization(model, saved):
        raise ValueError(
            f"'{weights}' has weights of the same shapes as this {model.name}, but is of another network: {difference}."
        )
    left = [name for name, difference in differences.items() if difference]
    has_head = extra or any(id(pair.layer) not in backbone and pair.stored for pair in pairs)
    if left and has_head:
        message = f"Not all of the head of '{weights}' fits this {model.name}: {differences[left[0]]}."
        is_complete = _has_its_classes(pairs[-1], extra)  # so that a new head is not what is wanted
        is_own = not any(ends_in(layer.name, (HEAD,)) for layer in extra)  # else fine-tuning added it, at any size
        sized = _of_another_size(model, path) if is_own and (is_complete or left[0] != pairs[-1].name) else ""
        if is_complete:
            raise ValueError(f"{message}{sized or AS_SAVED} For the backbone alone: `include_top=False`.")
        message += f"{sized} Left as initialised: {', '.join(left)}."
        warnings.warn(message, stacklevel=level_of_the_user())
    head = [pair.name for pair in pairs if id(pair.layer) not in backbone]
    if path is not None and is_checkpoint(path) and head and not has_head:
        message = f"'{weights}' has no head. Left as initialised: {', '.join(head)}."
        warnings.warn(message, stacklevel=level_of_the_user())
    fitting = [pair for pair in pairs if differences[pair.name] is None]
    assign(fitting, weights)
    return {id(pair.layer) for pair in fitting}


def _with_head_of_finetuning(
    pairs: list[Pair], extra: list[StoredLayer], backbone: Collection[int]
) -> tuple[list[Pair], list[StoredLayer]]:
    """Pair the head that fine-tuning added with that of the network, where each is one dense layer on equal vectors.

    Args:
        pairs: The layers of the network, with what is stored of each.
        extra: What is stored beyond them.
        backbone: Identities of the layers that are not of the head.
    """
    added = [layer for layer in extra if ends_in(layer.name, (HEAD,))]
    head = [pair for pair in pairs if id(pair.layer) not in backbone]
    if len(added) != 1 or len(head) != 1 or head[0].stored or not isinstance(head[0].layer, keras.layers.Dense):
        return pairs, extra
    if shapes_of(head[0].layer) != added[0].shapes:
        return pairs, extra
    whole = replace(head[0], stored=added[0])
    return [whole if pair is head[0] else pair for pair in pairs], [layer for layer in extra if layer is not added[0]]


def _other_strides(pairs: Sequence[Pair], saved: Saved) -> str | None:
    """Say which layer strides otherwise in the model of a file; None where none does, or the file does not say."""
    for pair in pairs:
        here = getattr(pair.layer, "strides", None)
        there = saved.strides.get(pair.name, saved.strides.get(f"{saved.name}_{pair.name}"))
        if pair.stored is not None and there not in (None, here):
            return f"'{pair.name}' has strides of {there} in '{saved.name}', and of {here} here"
    return None


def _other_normalization(model: keras.Model, saved: Saved) -> str | None:
    """Say whether only one of a network and the model of a file normalises responses, which takes no weights."""
    here = any(is_named(layer, {RESPONSES}) for layer in flat_layers(model))
    if not saved.classes or here == (there := RESPONSES in saved.classes.values()):
        return None
    ways = "normalises responses, and this one does not", "does not normalise responses, and this one does"
    return f"'{saved.name}' {ways[0] if there else ways[1]}"


def _has_its_classes(pair: Pair, extra: Sequence[StoredLayer]) -> bool:
    """Tell whether as many classes are stored as the layer that gives them has; also of a head of other layers."""
    last = [pair.stored] if pair.stored else extra[-1:]
    return any(stored.shapes[-1][-1:] == shapes_of(pair.layer)[-1][-1:] for stored in last)


def _of_another_size(model: keras.Model, path: Path | None) -> str:
    """Say what images a file is for, if that is why its dense layers do not fit."""
    saved = None if path is None else describe_saved(path).image_shape
    if saved is None:
        return " If its images had another size, pass their `input_shape`."
    if saved[:2] == model.input_shape[1:3]:
        return ""
    shape = (*saved[:2], model.input_shape[3])
    return f" It was saved for images of {format_shape(saved[:2])} pixels: pass `input_shape={shape}`."


def _not_of(
    model: keras.Model,
    weights: str | os.PathLike[str] | None,
    difference: str,
    layers: Sequence[StoredLayer],
    path: Path | None,
) -> str:
    looks = _looks_like(model, layers, path)
    grey = _for_grey(model, layers) if not looks or model.name in looks else ""
    return (
        f"'{weights}' does not hold the weights of this {model.name} ({count_parameters(model).params:,} parameters): "
        f"{difference}.{looks}{grey} Give another file, or build the network with the options that the file was saved "
        "with."
    )


def _for_grey(model: keras.Model, layers: Sequence[StoredLayer]) -> str:
    """Say that a file is of a network for grey images, where ``model`` takes colours."""
    taken = {layer.shapes[0][2] for layer in layers if layer.shapes and len(layer.shapes[0]) == 4}
    if model.inputs[0].shape[-1] == 1 or not are_for_grey(taken):
        return ""
    return " It is of a network for grey images: build this one with `input_shape=(height, width, 1)`."


def _looks_like(model: keras.Model, layers: Sequence[StoredLayer], path: Path | None) -> str:
    """Say which network a file is of, by the number of its values, whatever its classes are, or by the name in it."""
    cards = list(map(cnnzoo.model_card, cnnzoo.list_models()))
    auxiliary = tuple(prefix for card in cards if card.torchvision for prefix in card.torchvision.auxiliary_prefixes)
    layers = [layer for layer in layers if layer.kind != FOREIGN or not (layer.name or "").startswith(auxiliary)]
    total = sum(math.prod(shape) for layer in layers for shape in layer.shapes)
    kernels = [layer.shapes[0] for layer in layers]
    dense = [kernel for kernel in kernels if len(kernel) == 2]
    *inputs, classes = (dense or kernels or [(0,)])[-1] or (0,)
    of_a_class = math.prod(inputs) + 1
    whole: defaultdict[int, list[str]] = defaultdict(list)
    without_classes: defaultdict[int, list[str]] = defaultdict(list)
    for card in PRETRAINED_CARDS.values():
        name = f"{card.title} of Keras Applications"
        whole[card.params_no_top + card.buffers].append(f"{card.title} without its head")
        whole[card.params + card.buffers].append(f"{name} with its head")
        without_classes[card.params_no_top + card.buffers].append(f"{name} with another head")
        without_classes[card.params + card.buffers - of_a_class * 1000].append(f"{name} of other classes")
    for own in cards:
        whole[own.params + own.buffers].append(f"the {own.name} of this zoo")
        without_classes[own.params + own.buffers - of_a_class * own.num_classes].append(f"the {own.name} of this zoo")
    if found := whole.get(total) or without_classes.get(total - of_a_class * classes):
        return f" By its {total:,} values it looks like {' or '.join(dict.fromkeys(found))}."
    saved = None if path is None else describe_saved(path).name
    return f" The model in it is called '{saved}'." if saved not in (None, model.name) else ""
