"""What can be read from a run folder, even if parts of it are missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import keras

from cnnzoo._keras.engine import check_engine
from cnnzoo.data.catalog import find_source
from cnnzoo.data.split import Dataset
from cnnzoo.evaluation.metrics import Evaluation, bootstrap_interval
from cnnzoo.models.published import network_file
from cnnzoo.plots.curves import CURVES
from cnnzoo.runs.folder import HISTORY, MODEL, RECORD, History, read_history, read_record
from cnnzoo.runs.rebuild import read_network
from cnnzoo.runs.record import Record
from cnnzoo.runs.run import Run, find_run

Read = TypeVar("Read")


@dataclass
class Findings:
    """A run, any part of which may be missing.

    Attributes:
        path: The run folder.
        record: Network, data, recipe and results, as in ``run.json``.
        history: Loss and accuracy by epoch.
        model: The trained network.
        dataset: The data it is evaluated on, training images included.
        evaluation: Its predictions for the test images.
        other_data: The data it is evaluated on, if the user asked for other data than the run's own.
        missing: Sentences that say what is missing, and why.
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
        """The network's name, or the folder's if that is unknown."""
        if self.record is not None:
            return self.record.model.name
        return self.path.name if self.model is None else str(self.model.name)

    @property
    def has_curves(self) -> bool:
        """Whether the history has any of the curves to draw."""
        return self.history is not None and any(name in self.history for name in CURVES)

    @property
    def validated_on(self) -> str:
        """The images that the ``val_*`` curves were measured on, as in ``Run.validated_on``; "held-out" if unknown."""
        return "held-out" if self.record is None else self.record.validated_on

    @property
    def accuracy(self) -> float | None:
        """Test accuracy: as evaluated now, otherwise as recorded."""
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
    path: str | os.PathLike[str] | Run, data: str | None = None, data_path: str | os.PathLike[str] | None = None
) -> Findings:
    """Read the run at ``path`` and evaluate it. Missing or damaged parts are listed, not raised.

    Args:
        path: The run folder, or the name of a network that ships trained.
        data: A data set or a folder of images to evaluate it on; None: the data it was trained on.
        data_path: A local file or folder to use instead of a download.

    Raises:
        FileNotFoundError: There is no such folder, it is not a run folder, or the run is not finished; or ``data``
            does not exist.
        ValueError: ``data`` does not fit the network.
    """
    check_engine("auto")  # what the environment says
    found = Findings(find_run(path))
    network = network_file(found.path)
    if not any((found.path / name).is_file() for name in (RECORD, HISTORY, network.name)):
        raise FileNotFoundError(
            f"'{found.path}' is not a run folder: it contains none of {RECORD}, {HISTORY} and {MODEL}. "
            "Pass a folder that `cnnzoo train` wrote."
        )
    found.record = _read(found, RECORD, read_record, "the run's settings and recorded results")
    found.history = _read(found, HISTORY, read_history, "the learning curves")
    if found.history is not None and not found.has_curves:
        found.missing.append(
            f"{HISTORY} has none of the columns {', '.join(CURVES)}, so the report lacks the learning curves."
        )
    found.model = _read(
        found, network.name, lambda path: read_network(path, found.record), "everything computed with the network"
    )
    _evaluate(found, data, data_path)
    return found


def _read(found: Findings, name: str, read: Callable[[Path], Read], purpose: str) -> Read | None:
    """Return the result of ``read`` on the file ``name``, or note that it is missing."""
    path = found.path / name
    if not path.is_file():
        found.missing.append(f"{name} is not in the run folder, so the report lacks {purpose}.")
        return None
    try:
        return read(path)
    except (ValueError, OSError) as error:
        found.missing.append(f"{name} cannot be read, so the report lacks {purpose}. {error}")
        return None


def _evaluate(found: Findings, data: str | None, data_path: str | os.PathLike[str] | None) -> None:
    """Evaluate the network on the test images, or note why that is impossible."""
    if found.model is None or found.record is None:
        return
    run = Run(found.model, found.history or {}, found.record, found.path)
    found.other_data = data if data is not None and not _is_own(run, data, data_path) else None
    try:
        dataset = run.load_data(data, data_path)
        evaluation = run.evaluate_on(dataset)
    except (ValueError, OSError) as error:
        if data is not None or data_path is not None:  # the user's own request failed: an error, not a gap in the run
            raise
        found.missing.append(f"The network cannot be evaluated on the test images: {error}")
        return
    found.dataset, found.evaluation = dataset, evaluation


def _is_own(run: Run, data: str, data_path: str | os.PathLike[str] | None) -> bool:
    """Tell whether ``data`` is all of the data that the run was trained on."""
    source, named = run.record.data.source, find_source(data, data_path)
    return source is not None and (source.name, source.path, source.fraction) == (named.name, named.path, 1)
