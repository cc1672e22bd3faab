"""The images on which an exported file is compared with Keras, and by which it is calibrated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import numpy as np

from cnnzoo._keras.engine import sides_of
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.data.given import Images as Given
from cnnzoo.data.pixels import to_scale
from cnnzoo.data.split import Split, spread
from cnnzoo.data.streaming import plain_batches
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.inspect.layers import layer_table
from cnnzoo.pretrained.opening import images_at_hand
from cnnzoo.runs.run import Run

ORIGINS = {
    "test": "the run's test images",
    "held out": "digits that ship with cnnzoo",
    "digits": "digits that ship with cnnzoo",
}
LEAST, MOST = 16, 1000  # images
LARGEST_WORK = 1e12  # multiply-accumulates of all images: a minute on two cores
LARGEST_MEMORY = 200_000_000  # bytes of all images
CALIBRATING = 200


@dataclass(frozen=True)
class Images:
    """Images for a network.

    Attributes:
        images: Float32 in the network's range, of shape (n, height, width, channels).
        labels: Their class numbers, of shape (n,); None where they are not known.
        origin: Where they are from.
        calibrating: Other images like them, by which int8 is calibrated; None where it is not.
    """

    images: np.ndarray
    labels: np.ndarray | None
    origin: str
    calibrating: np.ndarray | None


def find_images(classifier: Classifier, run: Run | None, given: Given | None, *, is_calibrated: bool) -> Images:
    """Return the images that the user gives, those of the run, or random ones.

    Those for a network that takes whole numbers are rounded, as Keras cuts off fractions and an exported file does not.

    Args:
        classifier: The network.
        run: Its run, if it is of one.
        given: What the user gives; of them, every second one is calibrated by.
        is_calibrated: Whether images to calibrate by are needed.

    Raises:
        FileNotFoundError: A given file does not exist.
        ValueError: There are no given images, or one is not readable; or there are none to calibrate by, or too few.
    """
    found = _found(classifier, run, given, is_calibrated)
    if "int" not in classifier.model.inputs[0].dtype:
        return found
    calibrating = None if found.calibrating is None else np.round(found.calibrating)
    return replace(found, images=np.round(found.images), calibrating=calibrating)


def _found(classifier: Classifier, run: Run | None, given: Given | None, is_calibrated: bool) -> Images:
    shape = sides_of(classifier.model)
    count = _count(classifier.model, shape)
    if given is not None:
        return _given(*classifier.prepare(given, most=2 * count if is_calibrated else count), is_calibrated)
    origin, found = images_at_hand(classifier, run)
    if found is None and is_calibrated:
        raise ValueError(
            f"int8 is calibrated on images like those that {classifier.model.name} was trained on, and none "
            "are at hand. Give some: `images` (--images FOLDER)."
        )
    if found is None:
        return Images(_random(classifier, shape), None, "random images", None)
    train, test = found
    shown = spread(test, count)
    pixels = _pixels(shown, classifier, shape)
    calibrating = _pixels(spread(train, CALIBRATING), classifier, shape) if is_calibrated else None
    return Images(pixels, shown.labels, ORIGINS[origin], calibrating)


def _given(pixels: np.ndarray, numbers: np.ndarray, is_calibrated: bool) -> Images:
    unknown = int(np.count_nonzero(numbers < 0))
    labels = None if unknown else numbers
    lacking = ", without accuracy, as not every folder is named after a class" if 0 < unknown < len(numbers) else ""
    if not is_calibrated:
        return Images(pixels, labels, f"the given images{lacking}", None)
    if len(pixels) < 2 * LEAST:
        raise ValueError(
            f"int8 takes at least {2 * LEAST} images: half to calibrate by, half to compare. Received: {len(pixels)}"
        )
    shown = None if labels is None else labels[1::2]
    return Images(pixels[1::2], shown, f"half of the given images{lacking}", pixels[::2][:CALIBRATING])


def _count(model: keras.Model, shape: tuple[int, int, int]) -> int:
    """Return how many images can be compared in short time and little memory."""
    try:
        work = layer_table(model).macs
    except ValueError:  # of layers whose work is unknown
        work = sum(count_parameters(model)) * shape[0]
    fitting = min(LARGEST_WORK // max(work, 1), LARGEST_MEMORY // (4 * int(np.prod(shape))))
    return int(np.clip(fitting, LEAST, MOST))


def _pixels(split: Split, classifier: Classifier, shape: tuple[int, int, int]) -> np.ndarray:
    batches = plain_batches(split.images, batch_size=len(split.labels), image_size=shape[:2], scale=classifier.scale)
    return np.concatenate(list(batches))


def _random(classifier: Classifier, shape: tuple[int, int, int]) -> np.ndarray:
    """Return images of patches of several sizes and colours, in the range that the network takes."""
    random = np.random.default_rng(0)
    images = np.zeros((LEAST, *shape), np.float32)
    for number in range(LEAST):
        patch = 2 ** (number % 5)
        few = random.random((-(-shape[0] // patch), -(-shape[1] // patch), shape[2]), np.float32)
        images[number] = few.repeat(patch, axis=0).repeat(patch, axis=1)[: shape[0], : shape[1]]
    return 2 * images - 1 if classifier.scale == "raw" else to_scale(images, classifier.scale)
