"""VGG19 of Keras Applications (K. Simonyan, A. Zisserman, 2015), with the paper's ImageNet weights."""

import os
from pathlib import Path
from typing import Literal

import keras

from cnnzoo.arguments import check_integer
from cnnzoo.data.download import keras_home
from cnnzoo.models.building import InputShape, check_input_shape, load_local_weights
from cnnzoo.models.vgg import INPUT_SHAPE, SMALLEST_SIZE

IMAGENET_CLASSES = 1000
WEIGHTS_WITH_TOP = "vgg19_weights_tf_dim_ordering_tf_kernels.h5"
WEIGHTS_NO_TOP = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"


def vgg19(
    *,
    weights: str | os.PathLike[str] | None = "imagenet",
    include_top: bool = False,
    input_shape: InputShape = INPUT_SHAPE,
    num_classes: int = IMAGENET_CLASSES,
    pooling: Literal["avg", "max"] | None = None,
    classifier_activation: str | None = "softmax",
    name: str = "vgg19",
) -> keras.Model:
    """Build ``keras.applications.VGG19``, by default its convolutions with ImageNet weights.

    20,024,384 parameters without the dense layers, 143,667,240 with them. Images must pass
    ``keras.applications.vgg19.preprocess_input`` first, which takes RGB in [0, 255].

    **Deviations from the paper:** no weight decay and no dropout.

    Args:
        weights: "imagenet" takes the published weights from Keras' cache, or downloads them (80 MB, 574 MB with top);
            a local ``.h5``, ``.weights.h5`` or ``.keras`` file is loaded; None initialises.
        include_top: Whether the dense layers follow.
        input_shape: Height, width and channels of an image, in pixels; height and width at least 32, or None when
            ``include_top=False``. ImageNet weights take 3 channels, and with the top exactly (224, 224, 3).
        num_classes: Classes of the top; 1,000 with ImageNet weights. Unused when ``include_top=False``.
        pooling: What follows the convolutions when ``include_top=False``: None leaves their maps, "avg" or "max" pools
            each map to one value.
        classifier_activation: Activation of the top: "softmax", or None for logits.
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
    num_classes = check_integer("num_classes", num_classes, least=1)
    input_shape = check_input_shape(input_shape, smallest=SMALLEST_SIZE, include_top=include_top)
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"`pooling` must be None, 'avg' or 'max'. Received: pooling={pooling!r}")
    imagenet = weights == "imagenet"
    if imagenet and input_shape[2] != 3:
        raise ValueError(f"ImageNet weights take 3 channels. Received: input_shape={input_shape}")
    if imagenet and include_top and (num_classes, input_shape) != (IMAGENET_CLASSES, INPUT_SHAPE):
        raise ValueError(
            f"ImageNet weights with `include_top=True` take {IMAGENET_CLASSES} classes and input_shape={INPUT_SHAPE}. "
            f"Received: num_classes={num_classes}, input_shape={input_shape}"
        )
    try:
        model = keras.applications.VGG19(
            include_top=include_top,
            weights="imagenet" if imagenet else None,
            input_shape=input_shape,
            pooling=pooling,
            classes=num_classes,
            classifier_activation=classifier_activation,
            name=name,
        )
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if not imagenet or "URL fetch failure" not in str(error):
            raise
        file = WEIGHTS_WITH_TOP if include_top else WEIGHTS_NO_TOP
        raise ConnectionError(
            f"The ImageNet weights could not be downloaded (no network?). Place {file} at "
            f"'{keras_home() / 'models' / file}', or give a local file as `weights`."
        ) from error
    if not imagenet:
        load_local_weights(model, Path(weights) if weights is not None else None)
    return model
