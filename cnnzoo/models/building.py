"""What the builders share: the check of the input's shape, names and initializers of layers, the finished model."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from cnnzoo._keras.origin import Origin, note_origin
from cnnzoo._keras.preprocessing import MeanStd, preprocessed, preprocessed_grey
from cnnzoo._keras.ready import make_exportable
from cnnzoo._keras.scale import note_scale
from cnnzoo._support.arguments import check_flag, check_integer
from cnnzoo._support.lookup import did_you_mean
from cnnzoo.models._deferred import DeferredInitializer as DeferredInitializer
from cnnzoo.models._deferred import draw_where_not_loaded
from cnnzoo.models.cards import InputShape, ModelCard
from cnnzoo.models.published import RECORD, KerasBackbone, ShippedRun, TorchWeights
from cnnzoo.models.weights import classes_for as classes_for
from cnnzoo.models.weights import load_weights
from cnnzoo.models.weights import preprocessing_of as preprocessing_of

# Arguments that name something of Keras, what that is, and where it is looked up
NAMED = {
    "kernel_initializer": ("initializer", keras.initializers),
    "classifier_activation": ("activation", keras.activations),
}


def check_options(options: Mapping[str, Any], flags: Iterable[str]) -> None:
    """Check the options that a builder only passes on.

    Args:
        options: Those that are not the builder's defaults.
        flags: The names of those that are booleans.

    Raises:
        ValueError: One of ``flags`` is not a boolean, Keras has no such initializer or activation, or a single class
            is to have a softmax.
    """
    for name in flags:
        if name in options:
            check_flag(name, options[name])
    for name, (kind, place) in NAMED.items():
        if name in options and not _is_known(options[name], place):
            given = options[name]
            suggestion = did_you_mean(str(given), [each for each in dir(place) if each.islower()], cutoff=0.6)
            raise ValueError(
                f"`{name}` must be an {kind} of Keras, or its name. Received: {name}={given!r}.{suggestion}"
            )
    has_softmax = options.get("include_top", True) and options.get("classifier_activation", "softmax") == "softmax"
    if has_softmax and options.get("num_classes") == 1:
        raise ValueError(
            "A softmax of one class is always 1: pass `num_classes=2`, or `classifier_activation='sigmoid'`. "
            "Received: num_classes=1"
        )


def _is_known(given: Any, place: Any) -> bool:
    """Tell whether ``place``, a module of Keras, makes something of ``given``."""
    try:
        return place.get(given) is not None
    except (ValueError, TypeError):
        return False


def check_input_shape(input_shape: InputShape, *, smallest: int, is_fixed: bool) -> InputShape:
    """Return ``input_shape`` as (height, width, channels) that survive all strides and pools, or raise ``ValueError``.

    Args:
        input_shape: What the user gave.
        smallest: Least height and width, in pixels, that leave at least one pixel after the last layer.
        is_fixed: Whether a dense layer follows that needs a fixed height and width.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "The networks are specified with images of shape (height, width, channels), but Keras is set to "
            "'channels_first'. Call `keras.config.set_image_data_format('channels_last')` first."
        )
    if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
        raise ValueError(
            f"`input_shape` must be (height, width, channels), without the batch. Received: input_shape={input_shape!r}"
        )
    try:
        *size, channels = (
            None if side is None else check_integer("input_shape", side, least=1) for side in input_shape
        )
    except ValueError:
        raise ValueError(
            "`input_shape` must consist of integers of at least 1; height and width may be None. "
            f"Received: input_shape={input_shape!r}"
        ) from None
    if channels is None:
        raise ValueError(f"`input_shape` must end with a number of channels. Received: input_shape={input_shape!r}")
    # Grey or RGB, with sides behind: no image is so low and has so many channels
    if size[0] in (1, 3) and all(side is not None and side > 4 for side in (size[1], channels)):
        raise ValueError(
            "`input_shape` must be (height, width, channels), with the channels last. "
            f"Received: input_shape={input_shape!r}"
        )
    if is_fixed and None in size:
        raise ValueError(
            "`input_shape` must have a fixed height and width when `include_top=True`: the dense layers need one. "
            f"Received: input_shape={input_shape!r}"
        )
    if any(side is not None and side < smallest for side in size):
        raise ValueError(
            "The images are too small for the strides and pools of this network: they must have at least "
            f"{smallest} x {smallest} pixels. Received: input_shape={input_shape!r}"
        )
    return size[0], size[1], channels


def layer_names(card: ModelCard, name: str) -> Callable[[str], str]:
    """Return what turns the name of a layer in the paper into that in the model: prefixed by a name of the user's.

    Raises:
        ValueError: Keras takes no such name for a model.
    """
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"`name` must be a string that is not empty and has no '/'. Received: name={name!r}")
    prefix = "" if name == card.name else f"{name}_"
    return lambda layer: f"{prefix}{layer}"


def initializers(kernel_initializer: str | keras.initializers.Initializer) -> Callable[[], Any]:
    """Return what gives an initializer for each layer.

    A Keras initializer object draws the same numbers at every call with the same shape, so layers of equal shape that
    shared one would start with equal kernels.
    """

    def of_one_layer() -> Any:
        initializer = keras.initializers.get(kernel_initializer)
        return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer

    return of_one_layer


def images(
    input_shape: InputShape, preprocessing: str | MeanStd | None, layer: Callable[[str], str]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input of a network, images in [0, 1], and what its first layer takes.

    Args:
        input_shape: Height, width and channels.
        preprocessing: What the weights expect, see ``preprocessing_of``; None leaves the images as they are.
        layer: What turns the name of a layer in the paper into that in the model.

    Raises:
        ValueError: The images are neither grey nor RGB, as preprocessing needs.
    """
    inputs = keras.Input(input_shape, name=layer("input"))
    if preprocessing is None:
        return inputs, inputs
    if input_shape[-1] not in (1, 3):
        raise ValueError(f"ImageNet weights and preprocessing take 1 or 3 channels. Received: {input_shape=}")
    if preprocessing == "caffe" and input_shape[-1] == 1:  # whose first kernels are summed
        return inputs, preprocessed_grey(inputs, layer)
    return inputs, preprocessed(inputs, preprocessing, "unit", layer)


def predictions(
    x: keras.KerasTensor, num_classes: int, activation: str | None, initializer: Any, name: str
) -> keras.KerasTensor:
    """Return the classes' probabilities or logits: float32, also where the rest computes in bfloat16."""
    return keras.layers.Dense(num_classes, activation, kernel_initializer=initializer, dtype="float32", name=name)(x)


def averaged_predictions(
    x: keras.KerasTensor, num_classes: int, activation: str | None, initializer: Any, *names: str
) -> keras.KerasTensor:
    """Return what ``predictions`` does, of networks that score the classes at each place and then average.

    Args:
        x: The last maps.
        num_classes: How many classes there are.
        activation: Of the averages.
        initializer: Of the kernels.
        *names: Of the convolution of 1 x 1 with a ReLU, the pooling and the activation.
    """
    convolution, pool, last = names
    x = keras.layers.Conv2D(
        num_classes, 1, activation="relu", kernel_initializer=initializer, dtype="float32", name=convolution
    )(x)
    x = keras.layers.GlobalAveragePooling2D(dtype="float32", name=pool)(x)
    return keras.layers.Activation(activation, dtype="float32", name=last)(x)


def finish(
    inputs: keras.KerasTensor,
    outputs: keras.KerasTensor,
    card: ModelCard,
    name: str,
    weights: str | os.PathLike[str] | None,
) -> keras.Model:
    """Return the model of images in [0, 1], with its weights."""
    model = keras.Model(inputs, outputs, name=name)
    note_scale(model, "unit")
    make_exportable(model)
    draw_where_not_loaded(model, load_weights(model, card, weights))
    if weights is not None:
        _note_origin(model, card, weights)
    return model


def _note_origin(model: keras.Model, card: ModelCard, weights: str | os.PathLike[str]) -> None:
    """Record what ``model`` was trained for, if its weights are published or a run's."""
    published = card.weights.get(str(weights).lower())
    if isinstance(published, TorchWeights):
        is_as_published = model.input_shape[1:3] == (published.crop, published.crop)
        note_origin(model, Origin(None, "crop", published.resize if is_as_published else None))
        return
    record = (published.path if isinstance(published, ShippedRun) else Path(weights)) / RECORD
    if isinstance(published, KerasBackbone) or not record.is_file():
        return
    with contextlib.suppress(ValueError, KeyError, TypeError):  # of a damaged record, or one of an early version
        data = json.loads(record.read_text(encoding="utf-8"))["data"]
        note_origin(model, Origin(tuple(data["class_names"]), data["preparation"]))
