"""A network that predicts the classes of a user's images, prepared as those that it was trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

import keras
import numpy as np
from PIL import Image

from cnnzoo._keras.engine import check_engine, compiled_predictor
from cnnzoo._keras.scale import Scale, check_scale
from cnnzoo._support.lookup import look_up
from cnnzoo.data.folder import load_labelled
from cnnzoo.data.given import Images, as_picture, each_given, read_given
from cnnzoo.data.pixels import to_scale
from cnnzoo.data.preparing import prepare_picture, shorter_side_of
from cnnzoo.data.split import Preparation, Split, evenly
from cnnzoo.evaluation.evaluator import batch_size_for, evaluate, predict_batch
from cnnzoo.evaluation.metrics import Evaluation, Prediction, Unreadable


@dataclass(frozen=True)
class Classifier:
    """A network with what it takes to predict a user's images.

    Attributes:
        model: The network.
        class_names: Its classes, in the order of their numbers.
        image_size: Height and width of the images that it sees; None if unknown.
        preparation: How a picture becomes such an image, see ``cnnzoo.data.prepare_picture``.
        scale: The range of pixels that it takes: "unit" for [0, 1], "byte" for [0, 255], "raw" for another.
        shorter_side: With the preparation "crop", the length to which the shorter side is brought, in pixels.
        identifiers: Other names of the classes, in the same order, such as those of WordNet; empty if there are none.
        engine: The inference engine, one of ``cnnzoo.evaluation.ENGINES``.
    """

    model: keras.Model
    class_names: tuple[str, ...]
    image_size: tuple[int, int] | None
    preparation: Preparation = "resize"
    scale: Scale = "unit"
    shorter_side: int | None = None
    identifiers: tuple[str, ...] = ()
    engine: str = "auto"

    def __post_init__(self) -> None:
        """Check what can be checked before any image is read."""
        check_engine(self.engine)
        check_scale(self.scale)
        look_up(dict.fromkeys(get_args(Preparation)), self.preparation, "preparation")

    def predict(self, images: Images) -> list[Prediction]:
        """Predict the class of each of a user's images, prepared like those that the network was trained on.

        Args:
            images: What to predict: the path of an image file; a folder, searched with its subfolders; a Pillow image;
                an array of shape (height, width), (height, width, channels) or, for several, (n, height, width,
                channels), uint8 or float in [0, 1]; ``ImageFiles``; or any number of these in a list or another
                iterable. An array of exactly the size and the channels of the network's input is taken as it is, as
                the loaders give it: for digits light on dark. All else is prepared like a photograph.

        Returns:
            Always a list, with a prediction for each image in the same order, also for a single one.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: There is no image, or one is not readable or shows nothing; the message names it. Or the network
                was trained on floats of another range than pictures have.
        """
        predictions = []
        for outcome in self.predict_each(images):
            if isinstance(outcome, Unreadable):
                raise outcome.error
            predictions.append(outcome)
        if not predictions:
            raise ValueError("There must be at least one picture to predict. Received none.")
        return predictions

    def predict_each(self, images: Images) -> Iterator[Prediction | Unreadable]:
        """Predict as ``predict`` does, in memory that does not depend on the number of images.

        Args:
            images: As ``predict`` takes them.

        Yields:
            For each image, in the same order, its prediction, or why it cannot be predicted.

        Raises:
            ValueError: Something is not an image at all, or the network was trained on floats of another range.
        """
        shape = self._shape()
        given = each_given(images)
        while batch := list(islice(given, batch_size_for(shape))):
            prepared = [self._prepared(name, content, shape) for name, content in batch]
            readable = [pixels for pixels in prepared if isinstance(pixels, np.ndarray)]
            rows = iter(self._predicted(readable) if readable else ())
            for (name, _), outcome in zip(batch, prepared, strict=True):
                yield outcome if isinstance(outcome, Unreadable) else self._prediction(name, next(rows))

    def prepare(self, images: Images, *, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return a user's images as the network takes them, and their classes, without predicting.

        Args:
            images: As ``predict`` takes them.
            most: How many of them to read, from all over; None: all.

        Returns:
            Float32 in the network's range, of shape (n, height, width, channels); and the numbers of their classes, of
            shape (n,): -1 for an image that is no file in a folder with the name of a class.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: There is no image, or one is not readable; or the network was trained on floats of another range
                than pictures have.
        """
        shape, pixels = self._shape(), []
        given = list(each_given(images))
        chosen = [given[place] for place in (range(len(given)) if most is None else evenly(len(given), most))]
        for name, content in chosen:
            image = self._prepared(name, content, shape)
            if isinstance(image, Unreadable):
                raise image.error
            pixels.append(image)
        if not pixels:
            raise ValueError("There must be at least one image. Received none.")
        numbers = self._numbers()
        folders = [content.parent.name if isinstance(content, Path) else "" for _, content in chosen]
        labels = [numbers.get(_plain(folder), -1) for folder in folders]
        return to_scale(np.stack(pixels), self.scale), np.array(labels)

    def _numbers(self) -> dict[str, int]:
        """Return the number of each class by its name, and by its identifier."""
        names = (self.class_names, self.identifiers)
        return {_plain(name): number for each in names for number, name in enumerate(each)}

    def _shape(self) -> tuple[int, int, int]:
        """Return height, width and channels of the images that the network sees.

        Raises:
            ValueError: They are unknown, or it was trained on floats of another range than pictures have.
        """
        if self.scale == "raw":
            raise ValueError(
                "This network was trained on floats that are not pixels in [0, 1], and how to convert a picture to "
                "that range is unknown. Prepare it yourself, and call `run.model.predict`."
            )
        if self.image_size is None:
            raise ValueError("The run does not record an image size, so images cannot be resized.")
        return (*self.image_size, self.model.input_shape[3])

    def _predicted(self, images: list[np.ndarray]) -> np.ndarray:
        """Return the probabilities for images in [0, 1]."""
        predictor = compiled_predictor(self.model, self.engine, images=len(images))
        return predict_batch(self.model, to_scale(np.stack(images), self.scale), predictor)

    def evaluate_folder(self, folder: str | os.PathLike[str], *, skip_broken: bool = False) -> Evaluation:
        """Evaluate on a folder of images with one subfolder per class, of all classes or of some.

        Args:
            folder: Its subfolders have the names of classes, in any case and with spaces or underscores, or their
                identifiers. Where it has a test or validation part, that is taken.
            skip_broken: Whether to skip files that are not readable images, instead of raising an error.

        Raises:
            FileNotFoundError: There is no such folder.
            ValueError: A subfolder is not named after a class, or an image cannot be read.
        """
        if self.image_size is None:
            raise ValueError("The run does not record an image size, so images cannot be resized.")
        cropped = self.shorter_side or shorter_side_of(self.image_size)
        shorter_side = cropped if self.preparation == "crop" else None
        found = load_labelled(folder, self.image_size, shorter_side=shorter_side, skip_broken=skip_broken)
        known = self._numbers()
        numbers = np.array([look_up(known, _plain(name), "class") for name in found.class_names])
        images = self.prepare(found.test.images)[0] if self.preparation == "digit" else found.test.images
        split = Split(images, numbers[found.test.labels])
        return evaluate(self.model, split, class_names=self.class_names, scale=self.scale, engine=self.engine)

    def _prepared(
        self, name: str, content: Path | Image.Image | np.ndarray, shape: tuple[int, int, int]
    ) -> np.ndarray | Unreadable:
        """Return an image as floats in [0, 1] of ``shape``, or why that cannot be done."""
        try:
            image = read_given(content, shape[:2] if self.preparation == "resize" else None)
        except (ValueError, OSError) as error:
            if isinstance(content, Path):
                return Unreadable(name, error)
            return Unreadable(name, ValueError(f"'{name}': {error}"))
        try:
            if isinstance(image, np.ndarray):
                return image if image.shape == shape else self._prepare(as_picture(image), shape)
            return self._prepare(image, shape)
        except ValueError as error:
            return Unreadable(name, ValueError(f"'{name}': {error}"))

    def _prepare(self, picture: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
        return prepare_picture(picture, shape, self.preparation, self.shorter_side)

    def _prediction(self, picture: str, probabilities: np.ndarray) -> Prediction:
        best_first = np.argsort(-probabilities, kind="stable")
        return Prediction(picture, {self.class_names[index]: float(probabilities[index]) for index in best_first})


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ")
