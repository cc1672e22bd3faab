"""M. D. Zeiler, R. Fergus, 2014: Visualizing and understanding convolutional networks, section 4.2, occlusion."""

from __future__ import annotations

import keras
import numpy as np

from cnnzoo._keras.ending import Kind, class_scores, find_ending
from cnnzoo._keras.engine import predict_on_batch, without_retracing_warnings
from cnnzoo._keras.layout import takes_channels_first
from cnnzoo._keras.scale import Scale
from cnnzoo._support.arguments import check_integer
from cnnzoo.inspect._heatmaps import Classes, check_classes, check_images, normalized


def occlusion(
    model: keras.Model,
    images: np.ndarray,
    class_index: Classes = None,
    *,
    patch_size: int | None = None,
    strides: int | None = None,
    batch_size: int = 64,
    scale: Scale | None = None,
) -> np.ndarray:
    """Show which regions of each image support a class, by covering them: needs no gradients, for any classifier.

    A square patch of the image's mean colour covers each position in turn. The heat of a pixel is the drop in the
    class' logit (or log-probability), averaged over all patches that cover the pixel.

    Args:
        model: An image classifier.
        images: Of shape (n, height, width, channels), or channels first if ``model`` expects that; float in the
            model's input range, or uint8.
        class_index: A class number, or one per image; None: the predicted class.
        patch_size: Side of the patch, in pixels, at most the image's shorter side; None: an eighth of its longer side.
        strides: Pixels between positions; None: half the patch.
        batch_size: Covered images per batch, at least 1.
        scale: The model's input range, "unit" or "byte", as in ``cnnzoo.evaluation.evaluate``.

    Returns:
        Float32 in [0, 1] of shape (n, height, width). The maximum of each map is 1; if nothing supports the class, the
        map is all 0.

    Raises:
        ValueError: An argument is out of range, or the images do not fit.

    Reference:
        https://arxiv.org/abs/1311.2901

    >>> import cnnzoo
    >>> occlusion(cnnzoo.models.lenet5(), np.ones((2, 32, 32, 1), np.float32), patch_size=16).shape
    (2, 32, 32)
    """
    images = check_images(model, images, scale)
    channels = 1 if takes_channels_first(model) else 3
    height, width = np.moveaxis(images, channels, -1).shape[1:3]
    shorter = min(height, width)
    if patch_size is None:
        patch_size = min(max(max(height, width) // 8, 1), shorter)
    patch_size = check_integer("patch_size", patch_size, least=1, most=shorter)
    strides = check_integer("strides", max(patch_size // 2, 1) if strides is None else strides, least=1)
    batch_size = check_integer("batch_size", batch_size, least=1)
    with without_retracing_warnings():
        outputs = model.predict(images, batch_size=batch_size, verbose=0)
    kind = find_ending(model, lambda: outputs).kind
    scores = _scores(outputs, kind)
    if (classes := check_classes(model, class_index, len(images))) is None:
        classes = scores.argmax(axis=1)
    places = [
        (row, column) for row in _starts(height, patch_size, strides) for column in _starts(width, patch_size, strides)
    ]
    heat = [
        _heat(model, image, channels, index, score[index], places, patch_size, batch_size, kind)
        for image, index, score in zip(images, classes, scores, strict=True)
    ]
    return normalized(np.stack(heat))


def _scores(outputs: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the outputs of a network as logits or log-probabilities per class."""
    scores: np.ndarray = keras.ops.convert_to_numpy(class_scores(outputs, kind))
    return scores


def _starts(side: int, patch_size: int, strides: int) -> list[int]:
    """Return where the patches start along a side; the last one ends at the edge."""
    last = side - patch_size
    return [*range(0, last, strides), last]


def _heat(
    model: keras.Model,
    image: np.ndarray,
    channels: int,
    index: int,
    score: float,
    places: list[tuple[int, int]],
    patch_size: int,
    batch_size: int,
    kind: Kind,
) -> np.ndarray:
    pixels = np.moveaxis(image, channels - 1, -1)
    falls, counts = np.zeros(pixels.shape[:2], np.float32), np.zeros(pixels.shape[:2], np.float32)
    color = pixels.mean(axis=(0, 1))
    for start in range(0, len(places), batch_size):
        part = places[start : start + batch_size]
        covered = np.repeat(image[None], len(part), axis=0)
        for copy, (row, column) in zip(np.moveaxis(covered, channels, -1), part, strict=True):
            copy[row : row + patch_size, column : column + patch_size] = color
        outputs = predict_on_batch(model, covered)
        for (row, column), outcome in zip(part, _scores(outputs, kind), strict=True):
            falls[row : row + patch_size, column : column + patch_size] += score - outcome[index]
            counts[row : row + patch_size, column : column + patch_size] += 1
    return falls / np.maximum(counts, 1)
