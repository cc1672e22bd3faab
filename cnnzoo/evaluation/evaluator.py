"""Predictions of a network for images, and their evaluation against labels."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo._keras.ending import check_classifier, class_probabilities, count_classes, find_ending
from cnnzoo._keras.engine import ENGINES as ENGINES
from cnnzoo._keras.engine import Predictor, compiled_predictor, predict_on_batch, without_retracing_warnings
from cnnzoo._keras.layout import check_channels_last
from cnnzoo._keras.scale import Scale, check_scale, scale_of
from cnnzoo._support.arguments import check_strings, shape_fits
from cnnzoo.data.labels import check_labels
from cnnzoo.data.pixels import check_pixels
from cnnzoo.data.split import Split, as_array, as_split
from cnnzoo.data.streaming import plain_batches, reraise_read_errors
from cnnzoo.evaluation.metrics import Evaluation

BATCH_PIXELS = 2**22 // 3  # pixels per batch; bounds the memory for activations
BATCH_SIZES = (16, 512)


def evaluate(
    model: keras.Model,
    split: Split,
    *,
    class_names: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
    scale: Scale | None = None,
    engine: str = "auto",
) -> Evaluation:
    """Evaluate ``model`` on the images of ``split``.

    Args:
        model: A classifier of images like those of ``split``. It outputs probabilities or logits; a single output
            means two classes.
        split: Images of shape (n, height, width, channels), or channels first if ``model`` expects that, uint8 or
            float, with labels: class numbers of shape (n,) or (n, 1), or one-hot rows.
        class_names: Names of the classes; None: their numbers.
        image_size: Height and width to resize the images to, batch by batch; None: unchanged.
        scale: The model's input range, to which uint8 images are scaled: "unit" for [0, 1], "byte" for [0, 255].
            Floats are not scaled. None: detected from the model's graph, or known because this package built or
            trained it.
        engine: The inference engine, one of ``cnnzoo.evaluation.ENGINES``; OpenVINO computes in float32.

    Returns:
        The predictions and labels, with accuracy, loss, confusion matrix and other metrics.

    Raises:
        ValueError: Images, labels or names do not fit the model, an image is not finite, or the model's input range
            is unknown. The engine is unknown, not installed, or cannot run the network.
    """
    check_classifier(model)
    if image_size is not None:
        check_channels_last(model, "to have them resized")
    names = check_class_names(model, class_names)
    images, labels = check_split(model, split, "split", image_size)
    scale = scale_of(model) if scale is None else check_scale(scale)
    check_pixels(images, scale, "split.images")
    return Evaluation(names, labels, _predicted(model, images, image_size, scale or "unit", engine))


def predict_probabilities(
    model: keras.Model,
    images: np.ndarray,
    image_size: tuple[int, int] | None = None,
    scale: Scale = "unit",
    engine: str = "auto",
) -> np.ndarray:
    """Return the class probabilities that ``model`` predicts for ``images``: float32 of shape (n, classes).

    If the model outputs logits, a softmax or a sigmoid is applied.

    Args:
        model: A classifier of such images.
        images: At least one image, of shape (n, height, width, channels), uint8 or float, or ``ImageFiles``. Images
            with one channel may lack the channel axis.
        image_size: Height and width to resize the images to, batch by batch; None: unchanged.
        scale: The range to which uint8 images are scaled: "unit" for [0, 1], "byte" for [0, 255]. Floats are not.
        engine: The inference engine, one of ``cnnzoo.evaluation.ENGINES``; OpenVINO computes in float32.

    Raises:
        ValueError: The images do not fit the model, or an image is not finite. The engine is unknown, not installed, or
            cannot run the network.
    """
    check_classifier(model)
    if image_size is not None:
        check_channels_last(model, "to have them resized")
    images = _fitting(model, as_array(images, "images"), "images", image_size)
    check_pixels(images, check_scale(scale), "images")
    return _predicted(model, images, image_size, scale, engine)


def _predicted(
    model: keras.Model, images: np.ndarray, image_size: tuple[int, int] | None, scale: Scale, engine: str
) -> np.ndarray:
    batch_size = batch_size_for(image_size or images.shape[1:3])
    predictor = compiled_predictor(model, engine, images=len(images), precision="float32")
    batches = plain_batches(images, batch_size=batch_size, image_size=image_size, scale=scale)
    with reraise_read_errors():
        if predictor is None:
            with without_retracing_warnings():
                steps = -(-len(images) // batch_size)
                outputs: np.ndarray = model.predict(((batch,) for batch in batches), steps=steps, verbose=0)
        else:
            outputs = np.concatenate([predictor(batch) for batch in batches])
    return _probabilities(model, outputs)


def predict_batch(model: keras.Model, images: np.ndarray, predictor: Predictor | None = None) -> np.ndarray:
    """Return the class probabilities for a batch of floats in the model's input range, by ``predictor`` or Keras."""
    return _probabilities(model, predict_on_batch(model, images, predictor))


def _probabilities(model: keras.Model, outputs: np.ndarray) -> np.ndarray:
    broken = int((~np.isfinite(outputs)).any(axis=1).sum())
    if broken:
        raise ValueError(
            f"`model` outputs NaN or infinity for {broken:,} of {len(outputs):,} images. Check whether its weights are "
            "finite; train it again or load other weights."
        )
    return class_probabilities(outputs, find_ending(model, lambda: outputs).kind)


def batch_size_for(image_size: Sequence[int]) -> int:
    """Return the batch size for predictions on images of that height and width."""
    return int(np.clip(BATCH_PIXELS // (image_size[0] * image_size[1]), *BATCH_SIZES))


def check_split(model: keras.Model, split: Split, name: str, image_size: tuple[int, int] | None = None) -> Split:
    """Return ``split`` with class numbers as labels, after checking that it fits ``model``, a classifier.

    Images with one channel may lack the channel axis.

    Raises:
        ValueError: Images and labels do not fit each other or ``model``.
    """
    images, labels = as_split(split, name)
    images = _fitting(model, images, f"{name}.images", image_size)
    if labels.ndim < 1 or len(images) != len(labels):
        raise ValueError(
            f"`{name}` must hold a label for each image. "
            f"Received: {len(images)} images, {len(labels) if labels.ndim else 'no'} labels"
        )
    return Split(images, check_labels(labels, count_classes(model), f"{name}.labels"))


def _fitting(model: keras.Model, images: np.ndarray, name: str, image_size: tuple[int, int] | None) -> np.ndarray:
    """Return ``images``, with a channel axis, after checking that ``model`` takes them at ``image_size``."""
    expected = tuple(model.inputs[0].shape[1:])
    if images.ndim == 3 and expected[2] == 1:
        images = images[..., None]
    shape = images.shape[1:] if image_size is None or images.ndim != 4 else (*image_size, images.shape[3])
    if images.ndim != 4 or not shape_fits(expected, shape) or not len(images):
        raise ValueError(f"`{name}` must be of shape (n, {_commas(expected)}), n at least 1. Received: {images.shape}")
    return images


def check_class_names(model: keras.Model, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the class names, one per output of ``model``; raise ``ValueError`` if their number is wrong."""
    num_classes = count_classes(model)
    names = tuple(map(str, range(num_classes))) if class_names is None else check_strings("class_names", class_names)
    if len(names) != num_classes:
        raise ValueError(
            f"The network has {num_classes} classes, but there are {len(names)} class names (`class_names`). Give data "
            f"of {num_classes} classes, or build the network with `num_classes={len(names)}`."
        )
    return names


def _commas(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if side is None else str(side) for side in shape)
