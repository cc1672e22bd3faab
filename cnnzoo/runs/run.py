"""A run: a trained network, how it came about, and what it can be asked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

import cnnzoo
from cnnzoo import plots
from cnnzoo._keras.ending import count_classes
from cnnzoo._keras.origin import Origin, note_origin
from cnnzoo._keras.ready import compile_classifier, make_exportable
from cnnzoo._keras.scale import note_scale
from cnnzoo._support.files import suggest_path
from cnnzoo._support.lookup import did_you_mean
from cnnzoo._support.notebook import block, facts, listing, png
from cnnzoo._support.wording import pluralize, printable
from cnnzoo.data.catalog import FOLDER, find_source, load_dataset
from cnnzoo.data.folder import ImageFiles
from cnnzoo.data.given import Images
from cnnzoo.data.split import Dataset, Split, shown_as_pictures
from cnnzoo.data.streaming import Shard, steps_per_epoch
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.evaluation.evaluator import evaluate
from cnnzoo.evaluation.metrics import Evaluation, Prediction, Unreadable
from cnnzoo.models.catalog import MODEL_CARDS, list_weights, named_network, trained_folder
from cnnzoo.models.published import IMAGENET, network_file
from cnnzoo.runs.folder import (
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
    read_record,
    write_history,
    write_record,
)
from cnnzoo.runs.rebuild import read_network
from cnnzoo.runs.record import Record
from cnnzoo.runs.snapshots import Snapshot, find_snapshots, has_snapshots

SHOWN_DPI = 72  # of the curves in a notebook
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, repr=False)
class Run:
    """A trained network and how it came about.

    Attributes:
        model: The network.
        history: Loss and accuracy by epoch under Keras' names: on the training images, and as ``val_loss`` and
            ``val_accuracy`` on those that ``validated_on`` names.
        record: How it came about: model, data, recipe, seed, versions, machine and metrics; ``record.to_json()`` gives
            what ``run.json`` holds.
        path: The run folder; None where none was written.
    """

    model: keras.Model
    history: History
    record: Record
    path: Path | None

    def __post_init__(self) -> None:
        """Let the model alone know its classes, too."""
        data = self.record.data
        note_origin(self.model, Origin(data.class_names, data.preparation))

    def __repr__(self) -> str:
        """Show what was trained on what, and how well, in one line."""
        metrics, place = self.record.metrics, "" if self.path is None else f", {printable(str(self.path))}"
        accuracy = "" if metrics is None else f", test accuracy {metrics.test_accuracy:.2%}"
        return f"<Run: {self.record.model.name}, {pluralize(self._epochs, 'epoch')}{accuracy}{place}>"

    def _repr_html_(self) -> str:
        """Return figures, curves and files for a notebook."""
        record, curves = self.record, io.BytesIO()
        known = {
            "network": f"{record.model.name}, {record.model.params:,} parameters",
            "images": f"{record.data.train_size:,} to train on, {record.data.test_size:,} to test on",
            "epochs": f"{self._epochs:,}",
        }
        if record.metrics:
            known["test accuracy"] = f"{record.metrics.test_accuracy:.2%}"
        known["stopped"] = record.stopped or ""
        files = sorted(file.name for file in self.path.iterdir()) if self.path and self.path.is_dir() else []
        drawn = ""
        if self._epochs:
            plots.history(self).savefig(curves, dpi=SHOWN_DPI)
            drawn = png(curves.getvalue(), "accuracy and loss by epoch")
        title = f"Files in {printable(str(self.path))}:"
        return block(facts(known, "Run"), drawn, listing(title, files))

    @property
    def _epochs(self) -> int:
        return max(map(len, self.history.values()), default=0)

    @property
    def metrics(self) -> dict[str, float]:
        """``test_accuracy`` in [0, 1], ``test_loss`` in nats, ``train_seconds``."""
        return {} if self.record.metrics is None else asdict(self.record.metrics)

    @property
    def network(self) -> str:
        """The name of the network that was trained or finetuned, as in ``cnnzoo.list_models``; a model's own name."""
        finetuned = self.record.finetuned
        return self.record.model.name if finetuned is None else str(finetuned.network or finetuned.backbone)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.record.data.class_names

    @property
    def validated_on(self) -> str:
        """The images that the curves ``val_*`` of the history are of: "test", or with patience "validation"."""
        return self.record.validated_on

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the images that the network sees; None where it takes any and none is recorded."""
        height, width = self.model.input_shape[1:3]
        if height is None or width is None:
            height, width = self.record.data.image_size or (None, None)
        return None if height is None or width is None else (height, width)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The weights of some steps, in order, where training kept them (``snapshots=True``); otherwise empty."""
        if self.path is None or not has_snapshots(self.path):
            return ()
        record = self.record
        shard = Shard(multiple=record.computation.devices)
        return find_snapshots(self.path, steps_per_epoch(record.data.train_size, record.recipe.batch_size, shard))

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
        trained_on = self.record.data.source
        if data is not None:
            source = find_source(data, data_path)
        elif trained_on is not None:
            source = trained_on if data_path is None else replace(trained_on, path=str(Path(data_path).absolute()))
        else:
            raise ValueError(
                "This run does not say what data set it was trained on. Name one (`data`, --data), or evaluate it by "
                "`cnnzoo.evaluation.evaluate(run.model, (images, labels))`."
            )
        if source.name == FOLDER and data is not None:
            source = replace(source, crop=self.record.data.preparation == "crop")
        dataset = load_dataset(replace(source, image_size=self.image_size or source.image_size))
        if dataset.class_names != self.class_names:
            raise ValueError(
                f"The run knows the classes {', '.join(self.class_names)}. "
                f"Received data with: {', '.join(dataset.class_names)}"
            )
        return dataset

    def evaluate(
        self,
        data: str | None = None,
        data_path: str | os.PathLike[str] | None = None,
        *,
        engine: str = "auto",
    ) -> Evaluation:
        """Evaluate the network on the test images of a data set; arguments and errors are those of ``load_data``.

        ``engine`` is that of ``cnnzoo.evaluation.evaluate``.
        """
        return self.evaluate_on(self.load_data(data, data_path), engine=engine)

    def evaluate_on(self, dataset: Dataset, *, engine: str = "auto") -> Evaluation:
        """Evaluate the network on the test images of ``dataset``, resized to what it takes.

        A network of digits sees the files of a folder as in ``predict``: each digit found, scaled and placed.
        """
        size, scale, test = self.image_size, self.record.data.scale, dataset.test
        if self.record.data.preparation == "digit" != dataset.preparation and isinstance(test.images, ImageFiles):
            test = Split(self.classifier.prepare(test.images)[0], test.labels)
        return evaluate(self.model, test, class_names=self.class_names, image_size=size, scale=scale, engine=engine)

    def report(self, out: str | os.PathLike[str] | None = None, *, force: bool | None = None) -> cnnzoo.report.Report:
        """Write the report of this run, which a notebook shows in a frame: ``cnnzoo.report.write_report``.

        Args:
            out: The file to write; None writes ``report.html`` into the run folder.
            force: Whether to overwrite an existing file; None: ``report.html`` in the run folder, no other.

        Returns:
            The path of the page, and what is missing from it.

        Raises:
            ValueError: The run was not written to a folder, or it ships with the package and ``out`` is None.
            FileExistsError: The file exists and is not to be overwritten.
            OSError: The page cannot be written.
        """
        return cnnzoo.report.write_report(self, out, force=out is None if force is None else force)

    @property
    def classifier(self) -> Classifier:
        """The network with what it takes to predict a user's images."""
        data = self.record.data
        return Classifier(self.model, data.class_names, self.image_size, data.preparation, data.scale)

    def predict(self, images: Images, *, engine: str = "auto") -> list[Prediction]:
        """Predict the class of each of a user's images; arguments and errors are those of ``Classifier.predict``.

        ``engine`` is one of ``cnnzoo.evaluation.ENGINES``.

        >>> load_run("lenet5").predict(np.zeros((2, 32, 32, 1), np.uint8))[1].image
        'image 1'
        """
        return replace(self.classifier, engine=engine).predict(images)

    def predict_each(self, images: Images, *, engine: str = "auto") -> Iterator[Prediction | Unreadable]:
        """Predict as ``predict`` does, in memory that does not depend on the number of images."""
        return replace(self.classifier, engine=engine).predict_each(images)


def write_run(folder: RunFolder, run: Run, evaluation: Evaluation, images: np.ndarray) -> None:
    """Write all files of ``run``, the model first, and drop its checkpoints; ``images`` are those of ``evaluation``."""
    shown = evaluation.showcase()
    figures: dict[str, Callable[[], Figure]] = {
        CURVES: lambda: plots.history(run),
        CONFUSION: lambda: plots.confusion(evaluation.confusion, evaluation.class_names),
        SAMPLES: lambda: plots.samples(
            shown_as_pictures(images[shown]),
            evaluation.labels[shown],
            evaluation.probabilities[shown],
            evaluation.class_names,
        ),
    }
    folder.write(MODEL, run.model.save)
    folder.write(HISTORY, lambda path: write_history(path, run.history))
    folder.write(RECORD, lambda path: write_record(path, run.record))
    for name in STATES:
        folder.remove(name)
    for name, draw in figures.items():
        folder.write(name, draw().savefig)


def find_run(path: str | os.PathLike[str] | Run) -> Path:
    """Return where the run at ``path`` lies, which may be the name of a network that ships trained, or a run.

    Raises:
        FileNotFoundError: There is no such folder, or the run is not finished.
        ValueError: ``path`` is something else, or a run that was not written to a folder.
    """
    if isinstance(path, Run):
        if path.path is None:
            raise ValueError("This run was not written to a folder. Train with `out`, and give that run.")
        return path.path
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"A run must be a run folder, a network's name, or a `Run`. Received: {path!r}")
    if (network := named_network(path)) and (shipped := list_weights(network)):
        return trained_folder(network, shipped[0])
    given, path = path, Path(path)
    if path.is_file():
        folder_of = f", {path.parent}" if path.name in (MODEL, RECORD) else ""
        raise FileNotFoundError(f"'{given}' is a file. Give the folder of a run{folder_of}.")
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no run folder '{given}'.{_advice(given)} Give one that `cnnzoo train` wrote{_or_shipped(given)}."
        )
    folder = RunFolder(path)
    if folder.is_unfinished:
        raise FileNotFoundError(f"The run '{path}' is not finished. {folder.how_to_resume()}")
    return path


def is_shipped(folder: Path) -> bool:
    """Tell whether a run folder is one of those that ship with the package, which are not written to."""
    return folder.resolve().is_relative_to(PACKAGE)


def _advice(given: str | os.PathLike[str]) -> str:
    """Say what a user who named no run may have meant."""
    if network := named_network(given):
        published = IMAGENET in MODEL_CARDS[network].weights
        or_imagenet = f", or predict ImageNet's classes by `cnnzoo predict {network} IMAGE`" if published else ""
        return f" {network} does not ship trained: train it by `cnnzoo train {network}`{or_imagenet}."
    shipped = [name for name, card in MODEL_CARDS.items() if list_weights(name) or IMAGENET in card.weights]
    return (did_you_mean(Path(given).name, shipped) if _is_word(given) else "") or suggest_path(Path(given))


def _or_shipped(given: str | os.PathLike[str]) -> str:
    """Name the networks that ship trained to a user who may have meant one."""
    shipped = ", ".join(name for name in MODEL_CARDS if list_weights(name))
    return f", or a network that ships trained: {shipped}" if _is_word(given) else ""


def _is_word(given: str | os.PathLike[str]) -> bool:
    """Tell whether a path could be a name: "word", or "./word"."""
    return isinstance(given, str) and Path(given).name == os.path.normpath(given)


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run folder that ``fit`` or ``train`` wrote.

    Args:
        path: The folder; or the name of a network that ships trained, "lenet5", where there is no run of that name.

    Raises:
        FileNotFoundError: There is no such folder, or it lacks a file.
        ValueError: One of its files is damaged, or its network cannot be read by the Keras that is installed, nor
            built from the record; the message says why.

    >>> load_run("runs/missing")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no run folder 'runs/missing'. Give one that `cnnzoo train` wrote.
    """
    path = find_run(path)
    network = network_file(path)
    for name in (network.name, HISTORY, RECORD):
        if not (path / name).is_file():
            raise FileNotFoundError(f"'{path}' is not a finished run: it has no {name}. Train again, or give another.")
    record = read_record(path / RECORD)
    run = Run(read_network(network, record), read_history(path / HISTORY), record, path)
    classes = count_classes(run.model)
    if len(run.class_names) != classes:
        raise ValueError(
            f"'{path / RECORD}' must name the {classes} classes of the network. Received: {len(run.class_names)} names."
        )
    note_scale(run.model, run.record.data.scale)
    make_exportable(run.model)
    compile_classifier(run.model)
    return run
