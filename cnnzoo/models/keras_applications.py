"""The networks of Keras Applications, built: with published weights, and with their preprocessing in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from cnnzoo._keras.applications import PretrainedCard
from cnnzoo._keras.cache import explain_download_failure
from cnnzoo._keras.preprocessing import RAW, preprocessed
from cnnzoo._keras.ready import make_exportable
from cnnzoo._keras.scale import Scale, note_scale
from cnnzoo.models.cards import InputShape
from cnnzoo.models.published import IMAGENET as IMAGENET


def published(build: Callable[..., keras.Model], **options: Any) -> keras.Model:
    """Return what ``build``, a builder of Keras Applications, makes with the published ImageNet weights.

    Raises:
        ConnectionError: They are not in Keras' cache and cannot be downloaded; the message names the file, its address
            and its place.
    """
    with explain_download_failure("The ImageNet weights", "a local file as `weights`"):
        return build(weights=IMAGENET, **options)


def build_application(
    card: PretrainedCard,
    shape: InputShape,
    *,
    imagenet: bool = False,
    preprocess: bool = True,
    scale: Scale = "unit",
    name: str | None = None,
    include_top: bool = False,
    **options: Any,
) -> keras.Model:
    """Build a network of Keras Applications.

    Args:
        card: Its card.
        shape: Height, width and channels of an image; one channel is repeated by the preprocessing.
        imagenet: Whether it gets the published weights; otherwise it is initialised.
        preprocess: Whether the graph begins with its preprocessing.
        scale: What images the preprocessing takes: "unit" for [0, 1], "byte" for [0, 255].
        name: Name of the model; None takes the network's.
        include_top: Whether the classifier follows.
        **options: Of Keras' builder: ``pooling``, ``classes``, ``classifier_activation``.
    """
    build = getattr(keras.applications, card.title)
    inputs = keras.Input(shape, name="input" if preprocess else RAW)
    channels = 3 if preprocess and shape[2] == 1 else shape[2]
    options |= {
        "include_top": include_top,
        "input_shape": (*shape[:2], channels),
        "input_tensor": preprocessed(inputs, card.family.preprocessing, scale) if preprocess else inputs,
    }
    if card.family.module != "efficientnet_v2":  # which finds its own blocks by the name
        options["name"] = name or card.name
    model = published(build, **options) if imagenet else build(weights=None, **options)
    # With a tensor given, Keras builds a model of a list of inputs, and warns when it is called on an array
    model = keras.Model(model.inputs[0], model.output, name=name or card.name)
    note_scale(model, scale if preprocess else "raw")
    make_exportable(model)
    return model
