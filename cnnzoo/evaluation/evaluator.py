"""What a network predicts for images: alone, or beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo._keras.ending import check_classifier, class_probabilities, count_classes, find_ending
from cnnzoo._keras.layout import check_channels_last
from cnnzoo._keras.scale import Scale, check_scale, scale_of
from cnnzoo._support.arguments import check_strings, shape_fits
from cnnzoo.data.labels import check_labels
from cnnzoo.data.pixels import check_pixels
from cnnzoo.data.split import Split, as_split
from cnnzoo.data.streaming import reraise_read_errors, stream
from cnnzoo.evaluation.metrics import Evaluation

BATCH_PIXELS = 2**22 // 3  # of a batch that is predicted, which bounds the memory for its activations
BATCH_SIZES = (16, 512)


def evaluate(
    model: keras.Model,
    split: Split,
    *,
    class_names: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
    scale: Scale | None = None,
) -> Evaluation:
    """Let ``model`` predict the images of ``split``.

    Args:
        model: A classifier that takes images like those of ``split``: probabilities or logits, of which one output
            tells two classes.
        split: Images of shape (n, height, width, channels), or in the order that ``model`` takes, uint8 or float, and
            their labels: class numbers of shape (n,) or (n, 1), or one-hot rows.
        class_names: Names of the classes; None numbers them.
        image_size: Height and width that the images are resized to, batch by batch; None leaves their own.
        scale: The range of pixels that ``model`` takes, to which uint8 images are brought: "unit" for [0, 1], "byte"
            for [0, 255]. Floats are taken as they are. None takes what the graph of ``model`` tells, or that it was
            built or trained by this package.

    Returns:
        The predictions beside the truth, with accuracy, loss and confusion matrix.

    Raises:
        ValueError: Images, labels or names do not fit the model, an image is not finite, or nothing tells what range of
            pixels the model takes.
    """
    check_classifier(model)
    if image_size is not None:
        check_channels_last(model, "to have them resized")
    names = check_class_names(model, class_names)
    images, labels = check_split(model, split, "split", image_size)
    scale = scale_of(model) if scale is None else check_scale(scale)
    check_pixels(images, scale, "split.images")
    return Evaluation(names, labels, predict_probabilities(model, images, image_size, scale or "unit"))


def predict_probabilities(
    model: keras.Model, images: np.ndarray, image_size: tuple[int, int] | None = None, scale: Scale = "unit"
) -> np.ndarray:
    """Return the class probabilities that ``model`` gives ``images``: float32 of shape (n, classes), n at least 1.

    A softmax, or a sigmoid, is applied when the model gives logits. The images are taken, and resized, batch by batch;
    uint8 ones are brought to ``scale``.
    """
    unlabelled = Split(images, np.zeros(len(images), np.int64))
    batch_size = batch_size_for(image_size or images.shape[1:3])
    batches = stream(unlabelled, batch_size=batch_size, image_size=image_size, scale=scale)
    with reraise_read_errors():
        outputs: np.ndarray = model.predict(batches, verbose=0)
    return _probabilities(model, outputs)


def predict_batch(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return what ``predict_probabilities`` does of one batch of floats as the network takes them."""
    return _probabilities(model, keras.ops.convert_to_numpy(model.predict_on_batch(images)))


def _probabilities(model: keras.Model, outputs: np.ndarray) -> np.ndarray:
    broken = int((~np.isfinite(outputs)).any(axis=1).sum())
    if broken:
        raise ValueError(
            f"`model` gives NaN or infinity for {broken:,} of {len(outputs):,} images. Are its weights finite? "
            "Train it anew, or load others."
        )
    return class_probabilities(outputs, find_ending(model, lambda: outputs).kind)


def batch_size_for(image_size: Sequence[int]) -> int:
    """Return how many images of that height and width are predicted at a time."""
    return int(np.clip(BATCH_PIXELS // (image_size[0] * image_size[1]), *BATCH_SIZES))


def check_split(model: keras.Model, split: Split, name: str, image_size: tuple[int, int] | None = None) -> Split:
    """Return ``split`` with class numbers as labels, whose images, resized, fit ``model``, a classifier.

    Images of one channel may lack its axis.

    Raises:
        ValueError: Images or labels do not fit each other or ``model``.
    """
    images, labels = as_split(split, name)
    expected = tuple(model.inputs[0].shape[1:])
    if images.ndim == 3 and expected[2] == 1:
        images = images[..., None]
    shape = images.shape[1:] if image_size is None or images.ndim != 4 else (*image_size, images.shape[3])
    if images.ndim != 4 or not shape_fits(expected, shape):
        raise ValueError(f"`{name}.images` must be of shape (n, {_commas(expected)}). Received: {images.shape}")
    if len(images) < 1 or labels.ndim < 1 or len(images) != len(labels):
        raise ValueError(
            f"`{name}` must hold at least one image, and a label for each. "
            f"Received: {len(images)} images, {len(labels) if labels.ndim else 'no'} labels"
        )
    return Split(images, check_labels(labels, count_classes(model), f"{name}.labels"))


def check_class_names(model: keras.Model, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the classes of ``model``, or raise ``ValueError`` when there are too few or too many."""
    num_classes = count_classes(model)
    names = tuple(map(str, range(num_classes))) if class_names is None else check_strings("class_names", class_names)
    if len(names) != num_classes:
        raise ValueError(f"There must be a name for each of the {num_classes} classes. Received: {len(names)} names")
    return names


def _commas(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if side is None else str(side) for side in shape)
