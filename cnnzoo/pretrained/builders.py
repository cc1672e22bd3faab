"""The networks of Keras Applications, by name: checked weights, and preprocessing that cannot be forgotten."""

import os
from typing import Literal

import keras

from cnnzoo._keras.applications import CLASSIFIERS, HEADS
from cnnzoo._keras.origin import Origin, note_origin
from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.scale import Scale
from cnnzoo._support.arguments import check_integer
from cnnzoo.models.building import check_input_shape
from cnnzoo.models.cards import InputShape
from cnnzoo.models.keras_applications import IMAGENET, build_application
from cnnzoo.models.weights import classes_in, load_file
from cnnzoo.pretrained.catalog import pretrained_card

IMAGENET_CLASSES = 1000
POOLINGS = (None, "avg", "max")

Pooling = Literal["avg", "max"]


def load(
    network: str,
    *,
    weights: str | os.PathLike[str] | None = IMAGENET,
    include_top: bool = False,
    input_shape: InputShape | None = None,
    num_classes: int | None = None,
    pooling: Pooling | None = None,
    classifier_activation: str | None = "softmax",
    preprocess: bool = False,
    scale: Scale = "byte",
    name: str | None = None,
) -> keras.Model:
    """Build a network of Keras Applications, by default without its head and with ImageNet weights.

    Args:
        network: One of ``list_pretrained()``, in any case.
        weights: "imagenet" takes the published weights from Keras' cache, or downloads them there, checked by Keras'
            own hashes; a local ``.h5``, ``.weights.h5`` or ``.keras`` file, or a run folder, is checked layer by layer,
            then loaded: the backbone must fit, the head is loaded where it does; None initialises.
        include_top: Whether the head follows.
        input_shape: Height, width and channels of an image, in pixels; height and width may be None when
            ``include_top=False``. None takes the network's own. ImageNet weights take 3 channels, and with the head
            exactly the network's own size.
        num_classes: Classes of the head. None takes as many as the head in ``weights`` has, or 1,000. Unused when
            ``include_top=False``.
        pooling: What follows the last maps when ``include_top=False``: None leaves them, "avg" or "max" pools each to
            one value.
        classifier_activation: Activation of the head: "softmax", or None for logits.
        preprocess: Whether the graph begins with the network's own preprocessing: it then takes plain RGB images, or
            grey ones of one channel, and is saved and exported with it. Otherwise images must pass the
            ``preprocess_input`` of its module in ``keras.applications`` first; the input is called
            "preprocessed_images".
        scale: Only with ``preprocess``: "byte" for images in [0, 255] (uint8 or float), "unit" for [0, 1].
        name: Name of the model; None takes the network's.

    Returns:
        A functional model that gives float32 maps of shape (n, height, width, channels), vectors of shape (n, channels)
        when pooled, or class probabilities of shape (n, num_classes) when ``include_top``.

    Raises:
        ValueError: There is no such network, an argument is out of range, or the weights do not fit; the message names
            the layer, and the network that the file looks like.
        FileNotFoundError: ``weights`` names no file and no run folder.
        ConnectionError: The ImageNet weights are not in the cache and cannot be downloaded; the message says which
            file to place where.

    >>> load("mobilenetv2", weights=None, input_shape=(32, 32, 3), preprocess=True, pooling="avg").output_shape
    (None, 1280)
    """
    card = pretrained_card(network)
    own_shape = (card.input_size, card.input_size, 3)
    num_classes = None if num_classes is None else check_integer("num_classes", num_classes, least=1)
    shape = check_input_shape(input_shape or own_shape, smallest=card.family.smallest_size, is_fixed=include_top)
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be None, 'avg' or 'max'. Received: pooling={pooling!r}")
    if scale != "byte" and not preprocess:
        raise ValueError(
            f"`scale` says what preprocessing takes: give `preprocess=True`, too. Received: scale={scale!r}"
        )
    imagenet = isinstance(weights, str) and weights.lower() == IMAGENET
    channels = 3 if preprocess and shape[2] == 1 else shape[2]
    if (imagenet or preprocess) and channels != 3:
        raise ValueError(
            "ImageNet weights and preprocessing take 3 channels (with preprocessing also 1, which is repeated). "
            f"Received: input_shape={shape}"
        )
    if num_classes is None:
        stored = classes_in(weights, CLASSIFIERS) if include_top and weights is not None and not imagenet else None
        num_classes = stored or IMAGENET_CLASSES
    if imagenet and include_top and (num_classes, *shape[:2]) != (IMAGENET_CLASSES, *own_shape[:2]):
        raise ValueError(
            f"ImageNet weights with `include_top=True` take {IMAGENET_CLASSES} classes and input_shape={own_shape}. "
            f"Received: num_classes={num_classes}, input_shape={shape}"
        )
    model = build_application(
        card,
        shape,
        imagenet=imagenet,
        preprocess=preprocess,
        scale=scale,
        name=name,
        include_top=include_top,
        pooling=pooling,
        classes=num_classes,
        classifier_activation=classifier_activation,
    )
    if weights is not None and not imagenet:
        load_file(model, weights, HEADS)
    if include_top and weights is not None:
        compile_classifier(model)
    if include_top and imagenet:
        note_origin(model, Origin(None, "crop"))
    return model


def vgg19(
    *,
    weights: str | os.PathLike[str] | None = IMAGENET,
    include_top: bool = False,
    input_shape: InputShape = (224, 224, 3),
    num_classes: int | None = None,
    pooling: Pooling | None = None,
    classifier_activation: str | None = "softmax",
    preprocess: bool = False,
    scale: Scale = "byte",
    name: str = "vgg19",
) -> keras.Model:
    """Build ``keras.applications.VGG19``, by default its convolutions with ImageNet weights.

    20,024,384 parameters without the dense layers, 143,667,240 with them.

    **Deviations from the paper:** no weight decay and no dropout.

    Args:
        weights: See ``load``, here and in the others. The download has 80 MB, with the head 574 MB.
        include_top: Whether the dense layers follow.
        input_shape: Height, width and channels of an image, in pixels; height and width at least 32.
        num_classes: Classes of the head; None takes as many as the weights have, or 1,000.
        pooling: None, "avg" or "max".
        classifier_activation: Activation of the head.
        preprocess: Whether the graph begins with the preprocessing: RGB to BGR, less ImageNet's mean.
        scale: With ``preprocess``: "byte" or "unit".
        name: Name of the model.

    Returns:
        A functional model that gives float32 maps of shape (n, height / 32, width / 32, 512), (n, 512) when pooled, or
        class probabilities of shape (n, num_classes) when ``include_top``.

    Raises:
        ValueError: An argument is out of range, or the weights do not fit.
        FileNotFoundError: ``weights`` names no file.
        ConnectionError: The ImageNet weights are not in the cache and cannot be downloaded.

    Reference:
        https://arxiv.org/abs/1409.1556

    >>> vgg19(weights=None, input_shape=(32, 32, 3)).count_params()
    20024384
    """
    return load(
        "vgg19",
        weights=weights,
        include_top=include_top,
        input_shape=input_shape,
        num_classes=num_classes,
        pooling=pooling,
        classifier_activation=classifier_activation,
        preprocess=preprocess,
        scale=scale,
        name=name,
    )
