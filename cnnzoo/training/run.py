"""A run: a trained network, how it came about, and what it can be asked."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from cnnzoo import plots
from cnnzoo._keras.ending import count_classes
from cnnzoo._keras.scale import note_scale
from cnnzoo.data.catalog import find_source, load_dataset
from cnnzoo.data.picture import prepare_picture, read_picture
from cnnzoo.data.pixels import to_scale
from cnnzoo.data.split import Dataset, as_float
from cnnzoo.evaluation.evaluate import evaluate, predict_probabilities
from cnnzoo.evaluation.metrics import Evaluation, Prediction
from cnnzoo.models.catalog import MODEL_CARDS, list_weights, trained_folder
from cnnzoo.training.folder import (
    CONFUSION,
    CURVES,
    HISTORY,
    MODEL,
    RECORD,
    SAMPLES,
    STATES,
    History,
    RunFolder,
    read_history,
    read_model,
    read_record,
    source_from,
    write_history,
    write_record,
)
from cnnzoo.training.record import recorded_scale


@dataclass(frozen=True)
class Run:
    """A trained network and how it came about.

    Attributes:
        model: The network.
        history: Loss and accuracy by epoch, on training and validation images, under Keras' names.
        record: Model, data, recipe, seed, versions, machine and metrics, as in ``run.json``.
        path: The run folder; None where none was written.
    """

    model: keras.Model
    history: History
    record: dict[str, Any]
    path: Path | None

    @property
    def metrics(self) -> dict[str, float]:
        """``test_accuracy`` in [0, 1], ``test_loss`` in nats, ``train_seconds``."""
        metrics: dict[str, float] = self.record["metrics"]
        return metrics

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return tuple(self.record["data"]["class_names"])

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the images that the network sees; None where it takes any and none is recorded."""
        height, width = self.model.input_shape[1:3]
        if height is None or width is None:
            height, width = self.record["data"]["image_size"] or (None, None)
        return None if height is None or width is None else (height, width)

    def load_data(self, data: str | None = None, data_path: str | os.PathLike[str] | None = None) -> Dataset:
        """Load the images that the run was trained and tested on, or others of the same classes.

        Args:
            data: A data set, or a folder of images; None takes what the run was trained on, from where it was loaded.
            data_path: A local file or folder in place of the download.

        Raises:
            ValueError: The run does not know its data set and none is given, or the data do not fit.
            FileNotFoundError: The data are not where they were.
            ConnectionError: The data must be downloaded and there is no network.
        """
        trained_on = self.record["data"]["source"]
        if data is None and trained_on is None:
            raise ValueError("This run does not say what data set it was trained on. Name one to evaluate it on.")
        source = source_from(trained_on) if data is None else find_source(data, data_path)
        if data is None and data_path is not None:
            source = replace(source, path=str(Path(data_path).absolute()))
        dataset = load_dataset(replace(source, image_size=self.image_size or source.image_size))
        if dataset.class_names != self.class_names:
            raise ValueError(
                f"The run knows the classes {', '.join(self.class_names)}. "
                f"Received data with: {', '.join(dataset.class_names)}"
            )
        return dataset

    def evaluate(self, data: str | None = None, data_path: str | os.PathLike[str] | None = None) -> Evaluation:
        """Evaluate the network on the test images of a data set; arguments and errors are those of ``load_data``."""
        return self.evaluate_on(self.load_data(data, data_path))

    def evaluate_on(self, dataset: Dataset) -> Evaluation:
        """Evaluate the network on the test images of ``dataset``, resized to what it takes."""
        size, scale = self.image_size, recorded_scale(self.record)
        return evaluate(self.model, dataset.test, class_names=self.class_names, image_size=size, scale=scale)

    def predict(self, pictures: Sequence[str | os.PathLike[str]]) -> list[Prediction]:
        """Predict the class of each of a user's pictures, prepared like the images that the network was trained on.

        Args:
            pictures: Image files.

        Returns:
            A prediction for each, in the same order.

        Raises:
            FileNotFoundError: One does not exist.
            ValueError: None is given, one is not an image or shows nothing, or the network was trained on floats of
                another range than pictures have.
        """
        if not pictures:
            raise ValueError("There must be at least one picture to predict. Received none.")
        scale = recorded_scale(self.record)
        if scale == "raw":
            raise ValueError(
                "This run was trained on floats that are not pixels in [0, 1], and nothing tells how a picture becomes "
                "such. Prepare it yourself, and ask `run.model.predict`."
            )
        images = to_scale(np.stack([self._prepared(picture) for picture in pictures]), scale)
        rows = predict_probabilities(self.model, images)
        return [self._prediction(str(picture), row) for picture, row in zip(pictures, rows, strict=True)]

    def _prepared(self, picture: str | os.PathLike[str]) -> np.ndarray:
        image = read_picture(picture)
        try:
            return prepare_picture(image, self.model.input_shape[1:], self.record["data"]["preparation"])
        except ValueError as error:
            raise ValueError(f"'{picture}': {error}") from error

    def _prediction(self, picture: str, probabilities: np.ndarray) -> Prediction:
        best_first = np.argsort(-probabilities, kind="stable")
        return Prediction(picture, {self.class_names[index]: float(probabilities[index]) for index in best_first})


def write_run(folder: RunFolder, run: Run, evaluation: Evaluation, images: np.ndarray) -> None:
    """Write all files of ``run``, the model first, and drop its checkpoints; ``images`` are those of ``evaluation``."""
    shown = evaluation.showcase()
    figures: dict[str, Callable[[], Figure]] = {
        CURVES: lambda: plots.history(run.history),
        CONFUSION: lambda: plots.confusion(evaluation.confusion, evaluation.class_names),
        SAMPLES: lambda: plots.samples(
            as_float(images[shown]), evaluation.labels[shown], evaluation.probabilities[shown], evaluation.class_names
        ),
    }
    folder.write(MODEL, run.model.save)
    folder.write(HISTORY, lambda path: write_history(path, run.history))
    folder.write(RECORD, lambda path: write_record(path, run.record))
    for name in STATES:
        folder.remove(name)
    for name, draw in figures.items():
        folder.write(name, draw().savefig)


def find_run(path: str | os.PathLike[str]) -> Path:
    """Return where the run at ``path`` lies, which may be the name of a network that ships trained.

    Raises:
        FileNotFoundError: There is no such folder, or the run is not finished.
    """
    path = Path(path)
    shipped = list_weights(str(path)) if str(path) in MODEL_CARDS and not path.is_dir() else []
    if shipped:
        path = trained_folder(str(path), shipped[0])
    if not path.is_dir():
        raise FileNotFoundError(f"There is no run folder '{path}'. Give one that `cnnzoo train` wrote.")
    folder = RunFolder(path, begun_by="train")
    if folder.is_unfinished:
        raise FileNotFoundError(f"The run '{path}' is not finished. {folder.how_to_go_on()}")
    return path


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run folder that ``fit`` or ``train`` wrote.

    Args:
        path: The folder; or the name of a network that ships trained, "lenet5", where there is no folder of that name.

    Raises:
        FileNotFoundError: There is no such folder, or it lacks a file.
        ValueError: One of its files is damaged.

    >>> load_run("runs/missing")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no run folder 'runs/missing'. Give one that `cnnzoo train` wrote.
    """
    path = find_run(path)
    for name in (MODEL, HISTORY, RECORD):
        if not (path / name).is_file():
            raise FileNotFoundError(f"'{path}' is not a finished run: it has no {name}. Train again, or give another.")
    run = Run(read_model(path / MODEL), read_history(path / HISTORY), read_record(path / RECORD), path)
    classes = count_classes(run.model)
    if len(run.class_names) != classes:
        raise ValueError(
            f"'{path / RECORD}' must name the {classes} classes of the network. Received: {len(run.class_names)} names."
        )
    note_scale(run.model, recorded_scale(run.record))
    return run
