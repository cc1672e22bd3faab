"""What a network predicts for images: alone, or beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from cnnzoo._keras.layout import check_channels_last
from cnnzoo.arguments import shape_fits
from cnnzoo.data.split import Split, class_numbers
from cnnzoo.data.stream import raised_as_read, stream
from cnnzoo.evaluation.metrics import Evaluation

BATCH_PIXELS = 2**22 // 3  # of a batch that is predicted, which bounds the memory for its activations
BATCH_SIZES = (16, 512)


def evaluate(
    model: keras.Model,
    split: Split,
    *,
    class_names: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
) -> Evaluation:
    """Let ``model`` predict the images of ``split``.

    Args:
        model: A classifier that takes images like those of ``split``; probabilities or logits.
        split: Images of shape (n, height, width, channels), or in the order that ``model`` takes, with labels of either
            form.
        class_names: Names of the classes; None numbers them.
        image_size: Height and width that the images are resized to, batch by batch; None leaves their own.

    Returns:
        The predictions beside the truth, with accuracy, loss and confusion matrix.

    Raises:
        ValueError: Images, labels or names do not fit the model.
    """
    if image_size is not None:
        check_channels_last(model, "to have them resized")
    check_split(model, split, "split", image_size)
    names = check_class_names(model, class_names)
    return Evaluation(names, class_numbers(split.labels), predict_probabilities(model, split.images, image_size))


def predict_probabilities(
    model: keras.Model, images: np.ndarray, image_size: tuple[int, int] | None = None
) -> np.ndarray:
    """Return the class probabilities that ``model`` gives ``images``: float32 of shape (n, classes).

    A softmax is applied when the model gives logits. The images are taken, and resized, batch by batch.
    """
    unlabelled = Split(images, np.zeros(len(images), np.int64))
    batch_size = batch_size_for(image_size or images.shape[1:3])
    batches = stream(unlabelled, batch_size=batch_size, image_size=image_size)
    with raised_as_read():
        outputs: np.ndarray = model.predict(batches, verbose=0)
    if gives_logits(model):
        outputs = keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
    return outputs


def batch_size_for(image_size: Sequence[int]) -> int:
    """Return how many images of that height and width are predicted at a time."""
    return int(np.clip(BATCH_PIXELS // (image_size[0] * image_size[1]), *BATCH_SIZES))


def gives_logits(model: keras.Model) -> bool:
    """Tell whether the outputs of ``model`` are logits: no activation follows the last layer that can have one."""
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model):
            return gives_logits(layer)
        if isinstance(layer, keras.layers.Softmax):
            return False
        is_linear = getattr(layer, "activation", None) in (None, keras.activations.linear)
        if not is_linear or layer.weights:
            return is_linear
    return True


def check_split(model: keras.Model, split: Split, name: str, image_size: tuple[int, int] | None = None) -> None:
    """Raise ``ValueError`` unless the images, resized, and the labels of ``split`` fit each other and ``model``."""
    images, labels = split
    if not isinstance(labels, np.ndarray) or not hasattr(images, "shape"):
        raise ValueError(f"`{name}` must hold arrays. Received: {type(images).__name__}, {type(labels).__name__}")
    expected = tuple(model.input_shape[1:])
    if len(expected) != 3 or len(model.output_shape) != 2:
        raise ValueError(
            "`model` must take images of shape (n, height, width, channels) and give outputs of shape (n, classes). "
            f"Received: inputs {model.input_shape}, outputs {model.output_shape}"
        )
    shape = images.shape[1:] if image_size is None or images.ndim != 4 else (*image_size, images.shape[3])
    if images.ndim != 4 or not shape_fits(expected, shape):
        raise ValueError(f"`{name}.images` must be of shape (n, {_commas(expected)}). Received: {images.shape}")
    if len(images) < 1 or len(images) != len(labels):
        raise ValueError(
            f"`{name}` must hold at least one image, and a label for each. "
            f"Received: {len(images)} images, {len(labels)} labels"
        )
    num_classes = model.output_shape[-1]
    if labels.ndim == 2 and labels.shape[1] != num_classes:
        raise ValueError(f"`{name}.labels` must have {num_classes} columns. Received: {labels.shape[1]}")
    numbers = class_numbers(labels)
    is_form = labels.ndim == 1 or (labels.ndim == 2 and bool(((labels == 0) | (labels == 1)).all()))
    if not is_form or numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= num_classes:
        raise ValueError(
            f"`{name}.labels` must be class numbers from 0 to {num_classes - 1}, or one-hot rows. "
            f"Received: {labels.dtype} of shape {labels.shape}, from {labels.min()} to {labels.max()}"
        )


def check_class_names(model: keras.Model, class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the classes of ``model``, or raise ``ValueError`` when there are too few or too many."""
    num_classes = model.output_shape[-1]
    names = tuple(class_names) if class_names is not None else tuple(str(number) for number in range(num_classes))
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"The names of the classes must be strings. Received: {names}")
    if len(names) != num_classes:
        raise ValueError(f"There must be a name for each of the {num_classes} classes. Received: {len(names)} names")
    return names


def _commas(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if side is None else str(side) for side in shape)
