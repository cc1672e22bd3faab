"""The files of a run folder: written so that none is ever half there, and read back with clear errors."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import keras

MODEL = "model.keras"
HISTORY = "history.csv"
RECORD = "run.json"
CURVES = "curves.png"
CONFUSION = "confusion.png"
SAMPLES = "samples.png"

History = dict[str, list[float]]


class RunFolder:
    """The folder of a run that is under way.

    Entering makes the folder, so that no other run can take its name. Leaving by an exception removes it again, unless
    the trained model lies in it already. Each file gets its name only when it is complete.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Stand for the folder at ``path``."""
        self.path = Path(path)

    def __enter__(self) -> RunFolder:
        """Make the folder.

        Raises:
            FileExistsError: There is something of that name.
        """
        check_new(self.path)
        self.path.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the folder when the run failed before its model was written."""
        if error is not None and not (self.path / MODEL).exists():
            shutil.rmtree(self.path)

    def write(self, name: str, write: Callable[[Path], Any]) -> None:
        """Let ``write`` write the file called ``name``: under a temporary name first, renamed when it is complete."""
        temporary = self.path / f".partial-{name}"
        try:
            write(temporary)
            temporary.replace(self.path / name)
        finally:
            temporary.unlink(missing_ok=True)


def check_new(path: str | os.PathLike[str]) -> Path:
    """Return ``path``, or raise ``FileExistsError`` when there is something of that name."""
    if os.path.lexists(path):
        raise FileExistsError(f"'{path}' exists and is left as it is. Give a new name.")
    return Path(path)


def new_run_path(name: str, parent: str | os.PathLike[str] = "runs") -> Path:
    """Return the first of ``parent/name``, ``parent/name-2``, ``parent/name-3`` ... that does not exist."""
    candidates = (Path(parent, name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(path for path in candidates if not os.path.lexists(path))


def write_history(path: Path, history: History) -> None:
    """Write a row an epoch; the numbers can be read back bit for bit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *map(repr, row)] for epoch, row in enumerate(zip(*history.values(), strict=True), 1))


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record as JSON."""
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_history(path: Path) -> History:
    """Read what ``write_history`` wrote.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        return {name: [float(row[column]) for row in rows] for column, name in enumerate(names) if name != "epoch"}
    except (ValueError, IndexError, csv.Error) as error:
        raise ValueError(f"'{path}' is damaged: expected a table of numbers. Train again.") from error


def read_record(path: Path) -> dict[str, Any]:
    """Read what ``write_record`` wrote.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        data = record["data"]
        complete = data.keys() >= {"name", "path", "class_names", "preparation"} and "metrics" in record
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"'{path}' is damaged: expected the record of a run as JSON. Train again.") from error
    if not complete:
        raise ValueError(f"'{path}' lacks entries that the record of a run has. Train again.")
    checked: dict[str, Any] = record
    return checked


def read_model(path: Path) -> keras.Model:
    """Read a model that Keras saved, without its optimiser.

    Raises:
        ValueError: The file is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"'{path}' is not a Keras model file (expected a zip archive). Train again.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damage happens to cause
        raise ValueError(f"'{path}' cannot be read as a Keras model ({type(error).__name__}). Train again.") from error
