"""Backbones and heads: classifiers on pretrained backbones."""

from __future__ import annotations

import os
import random
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.heads import with_new_head
from cnnzoo._keras.parameters import count_parameters
from cnnzoo._keras.scale import Scale, note_scale, scale_of
from cnnzoo._support.arguments import check_integer, check_number, check_strings
from cnnzoo._support.lookup import look_up
from cnnzoo.models.cards import InputShape
from cnnzoo.pretrained.networks import DEFAULT, Network, network_name, open_backbone, place_of
from cnnzoo.recipes.finetuning import DROPOUT_RATE


def backbone(network: Network) -> keras.Model:
    """Return a network without its head: the layers up to its last maps.

    Where the head begins is read from the graph: at the pooling or flattening that turns maps into vectors, or at a
    convolution that computes the class scores. A dropout before it belongs to the head.

    Args:
        network: A Keras model; a run, or the path of its folder; a ``.keras`` or ``.h5`` file; or the name of a network
            of Keras Applications or of this zoo, with its published weights.

    Returns:
        A functional model on the same layers, which takes what ``network`` takes (by the name of a network of Keras
        Applications, images in [0, 1]) and gives maps of shape (n, height, width, channels). A model that has no head
        is returned as it is.

    Raises:
        ValueError: There is no such network, it does not take images alone, or its graph does not tell where the head
            begins.
        FileNotFoundError: A run or a file does not exist.
        ConnectionError: Weights must be downloaded and there is no network.

    >>> backbone("lenet5").output_shape
    (None, 1, 1, 120)
    """
    return open_backbone(network)


def with_head(network: Network, num_classes: int, *, dropout_rate: float = DROPOUT_RATE) -> keras.Model:
    """Return a network with a new head: its last maps are averaged, then dropout and one dense layer follow.

    Args:
        network: What ``backbone`` takes; a head that it has is left out.
        num_classes: Number of classes, at least 2.
        dropout_rate: Fraction of the features that are dropped, in [0, 1).

    Returns:
        A functional model on the same layers, of which those that trained still do, that gives float32 class
        probabilities of shape (n, num_classes).

    Raises:
        ValueError: An argument is out of range, or see ``backbone``.
        FileNotFoundError: A run or a file does not exist.
        ConnectionError: Weights must be downloaded and there is no network.

    >>> with_head("lenet5", 5).output_shape
    (None, 5)
    """
    num_classes = check_integer("num_classes", num_classes, least=2)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    return _with_head(open_backbone(network), num_classes, dropout_rate)


def classifier(
    backbone: Network,
    *,
    num_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    weights: str | os.PathLike[str] | None = DEFAULT,
    input_shape: InputShape | None = None,
    dropout_rate: float = DROPOUT_RATE,
    scale: Scale | None = None,
) -> keras.Model:
    """Build a classifier on a frozen backbone: ``with_head`` of what ``freeze`` has frozen.

    Args:
        backbone: What ``cnnzoo.backbone`` takes: a name, a run, a file, or a Keras model of images in [0, 1]. A head
            that it has is left out; its other layers become the classifier's, and are frozen. A network of Keras
            Applications gets its preprocessing into the graph.
        num_classes: Number of classes, at least 2.
        class_names: Their names; in place of ``num_classes``.
        weights: Of a backbone given by name: "default" for those that are published ("imagenet" for Keras
            Applications), a name, a file, a run folder, or None to initialise.
        input_shape: Of a backbone given by name: height, width and channels, in pixels; None takes its own. Grey images
            are repeated for a network of three channels; for one that takes grey images, colours become grey.
        dropout_rate: Fraction of the features that are dropped, in [0, 1).
        scale: "unit" says that a model of your own takes images in [0, 1], where its graph does not tell.

    Returns:
        A functional model that takes images in [0, 1] of shape (n, height, width, channels) and gives float32 class
        probabilities of shape (n, num_classes). Only its last layer is trainable; see ``unfreeze``.

    Raises:
        ValueError: An argument is out of range, the backbone gives neither maps nor vectors or does not take
            images in [0, 1], or the weights do not fit.
        FileNotFoundError: ``backbone`` or ``weights`` name nothing.
        ConnectionError: Published weights are not in the cache and cannot be downloaded.

    >>> model = classifier("mobilenetv2", class_names=["cat", "dog"], weights=None, input_shape=(32, 32, 3))
    >>> model.output_shape, len(model.trainable_weights)
    ((None, 2), 2)
    """
    if (num_classes is None) == (class_names is None):
        given = "none" if num_classes is None else "both"
        raise ValueError(f"Give one of `num_classes` and `class_names`. Received {given}.")
    if class_names is not None and len(set(check_strings("class_names", class_names))) < len(class_names):
        raise ValueError(f"`class_names` must be different names, one for each class. Received: {class_names!r}")
    count = check_integer("num_classes", len(class_names) if class_names is not None else num_classes, least=2)
    dropout_rate = check_number("dropout_rate", dropout_rate, "[0, 1)")
    if input_shape is not None and network_name(backbone) is None:
        raise ValueError(
            "`input_shape` is for a backbone that is given by its name: others have their own. "
            f"Received: input_shape={input_shape}"
        )
    size, channels = (None, None) if input_shape is None else (input_shape[:2], input_shape[2])
    network = open_backbone(backbone, weights=weights, image_size=size, channels=channels)
    check_takes_unit(network, scale, backbone)
    freeze(network)
    model = _with_head(network, count, dropout_rate)
    note_scale(model, "unit")
    return model


def _with_head(backbone: keras.Model, num_classes: int, dropout_rate: float) -> keras.Model:
    return with_new_head(backbone, num_classes, dropout_rate, dropout_seed=random.randint(0, 2**31 - 1))


def check_takes_unit(backbone: keras.Model, scale: Scale | None, given: Network) -> None:
    """Raise ``ValueError`` unless ``backbone``, made of ``given``, takes images in [0, 1].

    Args:
        backbone: Whose graph may tell.
        scale: What the user says of it; None leaves it to the graph.
        given: What the user called it.
    """
    if scale not in (None, "unit"):
        raise ValueError(f"`scale` must be 'unit': only such images are passed to the network. Received: {scale!r}")
    scale = scale or scale_of(backbone)
    if scale is None:
        raise ValueError(
            "The pixel range of the backbone is unknown: its graph does not rescale its input."
            f"{_by_its_name(backbone, given)} If it takes images in [0, 1], pass `scale='unit'` (--scale unit)."
        )
    if scale != "unit":
        received = "for [0, 255]" if scale == "byte" else "without preprocessing"
        raise ValueError(
            "The backbone must take images in [0, 1]: load it with `preprocess=True, scale='unit'`. "
            f"Received one {received}.{_by_its_name(backbone, given)}"
        )


def _by_its_name(backbone: keras.Model, given: Network) -> str:
    """Say how to name a network that has as many parameters as one of Keras Applications, and pass its weights."""
    counts = count_parameters(backbone)
    for card in PRETRAINED_CARDS.values():
        if (card.params_no_top, card.buffers) == counts:
            place = place_of(given)
            weights = "its weights" if place is None else f"`weights='{place}'`"
            return (
                f" If it is {card.title}, pass '{card.name}' with {weights}, to get its preprocessing into the graph."
            )
    return ""


def freeze(model: keras.Model, last_layer: str | None = None) -> None:
    """Keep layers from training: all of ``model``, or those up to ``last_layer``. Compile the model afterwards.

    Args:
        model: Any functional or sequential model; the layers of models within it are meant by their own names.
        last_layer: The name of a layer, or how the names of a block begin: "block4" freezes up to the last layer of
            block 4. None freezes all.

    Raises:
        ValueError: No layer's name begins like that; the message suggests the nearest.
    """
    layers = _leaves(_checked(model))
    end = len(layers) if last_layer is None else _matching(layers, last_layer)[-1] + 1
    _set_trainable(model, {id(leaf.layer): False for leaf in layers[:end]})


def unfreeze(model: keras.Model, first_layer: str | None = None) -> None:
    """Let layers train: all of ``model``, or those from ``first_layer`` on. Compile the model afterwards.

    Batch normalisation stays as it is: a frozen one works with the mean and deviation that it has learned, which a few
    photographs would spoil. Where all of these layers were trainable already, nothing changes, which a warning says.

    Args:
        model: A model that is frozen, as ``classifier`` returns it and ``freeze`` makes it; the layers of models within
            it are meant by their own names.
        first_layer: The name of a layer, or how the names of a block begin: "block5". None unfreezes all.

    Raises:
        ValueError: No layer's name begins like that; the message suggests the nearest.
    """
    leaves = _leaves(_checked(model))
    start = 0 if first_layer is None else _matching(leaves, first_layer)[0]
    layers = [leaf.layer for leaf in leaves[start:]]
    chosen = [layer for layer in layers if not isinstance(layer, keras.layers.BatchNormalization)]
    before = len(model.trainable_weights)
    _set_trainable(model, {id(layer): True for layer in chosen})
    if len(model.trainable_weights) == before:
        chosen_by = "" if first_layer is None else f" from '{first_layer}' on"
        warnings.warn(
            f"Nothing was unfrozen: the layers{chosen_by} were trainable already, or have no weights. To train these "
            "layers only, call `freeze` first.",
            stacklevel=2,
        )


def _checked(model: keras.Model) -> keras.Model:
    """Return ``model``, or raise ``ValueError`` where it is something else."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model, such as `cnnzoo.backbone` gives. Received: {model!r}")
    return model


def find_layer(model: keras.Model, beginning: str) -> int:
    """Return the position of the first layer whose name begins like that, where models within ``model`` are opened.

    Raises:
        ValueError: There is none; the message suggests the nearest.
    """
    return _matching(_leaves(model), beginning)[0]


class _Leaf(NamedTuple):
    """A layer that is no model, and its names: with the models that it is in, alone, and without its model's name."""

    names: tuple[str, str, str]
    layer: keras.Layer


def _leaves(model: keras.Model, within: str = "") -> list[_Leaf]:
    """List the layers of ``model``, those of models within it in their place, with names like "backbone/conv1"."""
    found: list[_Leaf] = []
    for layer in model.layers:
        name = f"{within}{layer.name}"
        if isinstance(layer, keras.Model):
            found += _leaves(layer, f"{name}/")
        else:
            found.append(_Leaf((name, layer.name, layer.name.removeprefix(f"{model.name}_")), layer))
    return found


def _matching(layers: Sequence[_Leaf], beginning: str) -> list[int]:
    """Return the positions of the layers of which one of the names begins like that.

    A number is meant as a whole: "block_1" is not the beginning of "block_16".
    """
    if not isinstance(beginning, str):
        raise ValueError(f"A layer must be given by its name. Received: {beginning!r}")
    pattern = re.compile(re.escape(beginning) + (r"(?!\d)" if beginning[-1:].isdigit() else ""))
    found = [number for number, leaf in enumerate(layers) if beginning and any(map(pattern.match, leaf.names))]
    return found or [look_up({leaf.names[0]: number for number, leaf in enumerate(layers)}, beginning, "layer")]


def _set_trainable(model: keras.Model, changes: Mapping[int, bool]) -> None:
    """Set which layers train, by their identity, and leave the others as they are.

    A layer trains only where the models around it do, too, so these are switched on first, which switches on all that
    is within them.
    """
    wanted = [(leaf.layer, changes.get(id(leaf.layer), leaf.layer.trainable)) for leaf in _leaves(model)]
    model.trainable = True
    for layer, trains in wanted:
        layer.trainable = trains
