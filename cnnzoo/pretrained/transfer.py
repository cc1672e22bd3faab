"""A classifier of your own classes on a network that has learned others."""

import os
import random
import re
import warnings
from collections.abc import Mapping, Sequence

import keras

from cnnzoo._keras.graph import graph_inputs, graph_outputs
from cnnzoo._keras.ready import make_exportable
from cnnzoo._keras.scale import Scale, check_scale, note_scale, scale_of
from cnnzoo._support.arguments import check_integer, check_number, check_strings
from cnnzoo._support.lookup import look_up
from cnnzoo.models.building import InputShape
from cnnzoo.models.weights import IMAGENET
from cnnzoo.pretrained.builders import load

DROPOUT_RATE = 0.2

POOLED, DROPPED, TOP = "top_pool", "top_dropout", "top"


def classifier(
    backbone: str | keras.Model,
    *,
    num_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    weights: str | os.PathLike[str] | None = IMAGENET,
    input_shape: InputShape | None = None,
    dropout_rate: float = DROPOUT_RATE,
    scale: Scale | None = None,
) -> keras.Model:
    """Build a classifier on a frozen backbone: its maps are averaged, then dropout and one dense layer follow.

    Args:
        backbone: The name of a network of Keras Applications, which gets its preprocessing into the graph; or a Keras
            model that takes images in [0, 1] and gives maps or vectors, as ``cnnzoo.models.vgg19(include_top=False)``.
            Its layers become the classifier's, and are frozen.
        num_classes: Number of classes, at least 2.
        class_names: Their names; in place of ``num_classes``.
        weights: Of a backbone given by name: see ``load``.
        input_shape: Of a backbone given by name: height, width and channels, in pixels; None takes its own. With one
            channel, it is repeated.
        dropout_rate: Fraction of the features that are dropped, in [0, 1).
        scale: "unit" says that a backbone of your own takes images in [0, 1], where its graph does not tell.

    Returns:
        A functional model that takes images in [0, 1] of shape (n, height, width, channels) and gives float32 class
        probabilities of shape (n, num_classes). Only its last layer is trainable; see ``unfreeze``.

    Raises:
        ValueError: An argument is out of range, the backbone gives neither maps nor vectors or does not take
            images in [0, 1], or the weights do not fit.
        FileNotFoundError: ``weights`` names no file.
        ConnectionError: The ImageNet weights are not in the cache and cannot be downloaded.

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
    if isinstance(backbone, str):
        backbone = load(backbone, weights=weights, input_shape=input_shape, preprocess=True, scale="unit")
    else:
        _check_backbone(backbone, scale)
    freeze(backbone)
    outputs = add_top(_vectors(backbone), count, dropout_rate, dropout_seed=random.randint(0, 2**31 - 1))
    model = keras.Model(backbone.inputs[0], outputs, name=backbone.name)
    note_scale(model, "unit")
    make_exportable(model)
    return model


def _check_backbone(backbone: keras.Model, scale: Scale | None) -> None:
    """Raise ``ValueError`` unless ``backbone`` takes images in [0, 1], as its graph or the user says."""
    graph_inputs(backbone)
    scale = scale_of(backbone) if scale is None else check_scale(scale)
    if scale is None:
        raise ValueError(
            "The pixel range of `backbone` is unknown: its graph does not rescale its input. If it takes images in "
            "[0, 1], pass `scale='unit'`."
        )
    if scale != "unit":
        received = "for [0, 255]" if scale == "byte" else "without preprocessing"
        raise ValueError(
            "`backbone` must take images in [0, 1]: load it with `preprocess=True, scale='unit'`. "
            f"Received one {received}."
        )


def freeze(model: keras.Model, last_layer: str | None = None) -> None:
    """Keep layers from training: all of ``model``, or those up to ``last_layer``. Compile the model afterwards.

    Args:
        model: Any functional or sequential model; the layers of models within it are meant by their own names.
        last_layer: The name of a layer, or how the names of a block begin: "block4" freezes up to the last layer of
            block 4. None freezes all.

    Raises:
        ValueError: No layer's name begins like that; the message suggests the nearest.
    """
    layers = _leaves(model)
    end = len(layers) if last_layer is None else _matching(layers, last_layer)[-1] + 1
    _set_trainable(model, {id(layer): False for _, layer in layers[:end]})


def unfreeze(model: keras.Model, first_layer: str) -> None:
    """Let the layers from ``first_layer`` on train; batch normalisation stays as it is. Compile the model afterwards.

    A frozen batch normalisation works with the mean and deviation that it has learned, which a few photographs would
    spoil. Where all of these layers were trainable already, nothing changes, which a warning says.

    Args:
        model: A model that is frozen, as ``classifier`` returns it and ``freeze`` makes it; the layers of models within
            it are meant by their own names.
        first_layer: The name of a layer, or how the names of a block begin: "block5".

    Raises:
        ValueError: No layer's name begins like that; the message suggests the nearest.
    """
    layers = _leaves(model)[find_layer(model, first_layer) :]
    chosen = [layer for _, layer in layers if not isinstance(layer, keras.layers.BatchNormalization)]
    before = len(model.trainable_weights)
    _set_trainable(model, {id(layer): True for layer in chosen})
    if len(model.trainable_weights) == before:
        warnings.warn(
            f"Nothing was unfrozen: the layers from '{first_layer}' on were trainable already, or have no weights. "
            "To train these layers only, call `freeze` first.",
            stacklevel=2,
        )


def find_layer(model: keras.Model, beginning: str) -> int:
    """Return the position of the first layer whose name begins like that, where models within ``model`` are opened.

    Raises:
        ValueError: There is none; the message suggests the nearest.
    """
    return _matching(_leaves(model), beginning)[0]


def _leaves(model: keras.Model, within: str = "") -> list[tuple[str, keras.Layer]]:
    """List the layers of ``model``, those of models within it in their place, with names like "backbone/conv1"."""
    found: list[tuple[str, keras.Layer]] = []
    for layer in model.layers:
        name = f"{within}{layer.name}"
        found += _leaves(layer, f"{name}/") if isinstance(layer, keras.Model) else [(name, layer)]
    return found


def _matching(layers: Sequence[tuple[str, keras.Layer]], beginning: str) -> list[int]:
    """Return the positions of the layers whose name, or whose name within its model, begins like that.

    A number is meant as a whole: "block_1" is not the beginning of "block_16".
    """
    names = [name for name, _ in layers]
    pattern = re.compile(re.escape(beginning) + (r"(?!\d)" if beginning[-1:].isdigit() else ""))
    found = [
        number
        for number, name in enumerate(names)
        if beginning and (pattern.match(name) or pattern.match(name.rpartition("/")[2]))
    ]
    return found or [look_up({name: number for number, name in enumerate(names)}, beginning, "layer")]


def _set_trainable(model: keras.Model, changes: Mapping[int, bool]) -> None:
    """Set which layers train, by their identity, and leave the others as they are.

    A layer trains only where the models around it do, too, so these are switched on first, which switches on all that
    is within them.
    """
    wanted = [(layer, changes.get(id(layer), layer.trainable)) for _, layer in _leaves(model)]
    model.trainable = True
    for layer, trains in wanted:
        layer.trainable = trains


def _vectors(backbone: keras.Model) -> keras.KerasTensor:
    if len(backbone.output_shape) == 4:
        order = "channels_first" if graph_outputs(backbone)[0].channels == 0 else "channels_last"
        return keras.layers.GlobalAveragePooling2D(data_format=order, name=POOLED)(backbone.output)
    if len(backbone.output_shape) != 2:
        raise ValueError(f"`backbone` must give maps or vectors. Received one that gives: {backbone.output_shape}")
    return backbone.output


def add_top(
    vectors: keras.KerasTensor, num_classes: int, dropout_rate: float, *, dropout_seed: int
) -> keras.KerasTensor:
    """Return the class probabilities that the top of a classifier makes of ``vectors``, of shape (n, d).

    The seed goes into the layer's configuration, so that copies, alone or on a backbone, drop the same features.
    """
    vectors = keras.layers.Dropout(dropout_rate, seed=dropout_seed, name=DROPPED)(vectors)
    return keras.layers.Dense(num_classes, "softmax", dtype="float32", name=TOP)(vectors)
