"""What a run folder says, as far as it goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import keras

from cnnzoo.data.catalog import find_source
from cnnzoo.data.split import Dataset
from cnnzoo.evaluation.metrics import Evaluation, bootstrap_interval
from cnnzoo.models.published import network_file
from cnnzoo.plots import CURVES
from cnnzoo.runs.folder import HISTORY, MODEL, RECORD, History, read_history, read_record
from cnnzoo.runs.rebuild import read_network
from cnnzoo.runs.record import Record
from cnnzoo.runs.run import Run, find_run

Read = TypeVar("Read")


@dataclass
class Findings:
    """A run, of which any part may be missing.

    Attributes:
        path: The run folder.
        record: What was trained, on what and how, as in ``run.json``.
        history: Loss and accuracy by epoch.
        model: The trained network.
        dataset: The images that it is evaluated on, those that it was trained on among them.
        evaluation: What it makes of the test images.
        other_data: The data that it is evaluated on, where the user names others than those of the run.
        missing: Sentences that say what is not there, and why.
    """

    path: Path
    record: Record | None = None
    history: History | None = None
    model: keras.Model | None = None
    dataset: Dataset | None = None
    evaluation: Evaluation | None = None
    other_data: str | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The network's name, or the folder's where it is not known."""
        if self.record is not None:
            return self.record.model.name
        return self.path.name if self.model is None else str(self.model.name)

    @property
    def has_curves(self) -> bool:
        """Whether the history has any of the curves that are drawn."""
        return self.history is not None and any(name in self.history for name in CURVES)

    @property
    def validated_on(self) -> str:
        """The images that the curves ``val_*`` are of, as ``Run.validated_on``; "held-out" where that is not known."""
        return "held-out" if self.record is None else self.record.validated_on

    @property
    def accuracy(self) -> float | None:
        """Share of the test images that are right: as evaluated now, else as recorded."""
        if self.evaluation is not None:
            return self.evaluation.accuracy
        return self.record.metrics.test_accuracy if self.record and self.record.metrics else None

    @property
    def test_size(self) -> int:
        """Number of the test images."""
        if self.evaluation is not None:
            return len(self.evaluation.labels)
        return 0 if self.record is None else self.record.data.test_size

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy."""
        if self.accuracy is None or not self.test_size:
            return None
        return bootstrap_interval(round(self.accuracy * self.test_size), self.test_size)


def find(
    path: str | os.PathLike[str], data: str | None = None, data_path: str | os.PathLike[str] | None = None
) -> Findings:
    """Read the run at ``path`` and evaluate it; what is missing or damaged is told, not raised.

    Args:
        path: The run folder; or the name of a network that ships trained.
        data: A data set, or a folder of images, to evaluate it on; None takes what the run was trained on.
        data_path: A local file or folder in place of the download.

    Raises:
        FileNotFoundError: There is no such folder, it holds nothing of a run, or the run is not finished; or the
            data that are named do not exist.
        ValueError: The data that are named do not fit the network.
    """
    found = Findings(find_run(path))
    network = network_file(found.path)
    if not any((found.path / name).is_file() for name in (RECORD, HISTORY, network.name)):
        raise FileNotFoundError(
            f"'{found.path}' is not a run folder: it has none of {RECORD}, {HISTORY} and {MODEL}. "
            "Give one that `cnnzoo train` wrote."
        )
    found.record = _read(found, RECORD, read_record, "what was trained, on what, and how well it does")
    found.history = _read(found, HISTORY, read_history, "the learning curves")
    if found.history is not None and not found.has_curves:
        found.missing.append(f"{HISTORY} has none of the columns {', '.join(CURVES)}: the learning curves.")
    found.model = _read(
        found, network.name, lambda path: read_network(path, found.record), "the network, and all that is asked of it"
    )
    _evaluate(found, data, data_path)
    return found


def _read(found: Findings, name: str, read: Callable[[Path], Read], purpose: str) -> Read | None:
    """Return what ``read`` reads from the file called ``name``, or note that it is missing."""
    path = found.path / name
    if not path.is_file():
        found.missing.append(f"{name} is not in the run folder: {purpose}.")
        return None
    try:
        return read(path)
    except (ValueError, OSError) as error:
        found.missing.append(f"{name} cannot be read: {purpose}. {error}")
        return None


def _evaluate(found: Findings, data: str | None, data_path: str | os.PathLike[str] | None) -> None:
    """Show the test images to the network, or note why that cannot be done."""
    if found.model is None or found.record is None:
        return
    run = Run(found.model, found.history or {}, found.record, found.path)
    found.other_data = data if data is not None and not _is_own(run, data, data_path) else None
    try:
        dataset = run.load_data(data, data_path)
        evaluation = run.evaluate_on(dataset)
    except (ValueError, OSError) as error:
        if data is not None or data_path is not None:  # what the user asked for is an error, not a gap of the run
            raise
        found.missing.append(f"The test images cannot be shown to the network: {error}")
        return
    found.dataset, found.evaluation = dataset, evaluation


def _is_own(run: Run, data: str, data_path: str | os.PathLike[str] | None) -> bool:
    """Tell whether ``data`` are all of those that the run was trained on."""
    source, named = run.record.data.source, find_source(data, data_path)
    return source is not None and (source.name, source.path, source.fraction) == (named.name, named.path, 1)
