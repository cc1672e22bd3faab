"""The files of a run folder: written so that none is ever half there, and read back with clear errors."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from cnnzoo._support.files import ON_WINDOWS, write_whole
from cnnzoo.models.published import MODEL as MODEL
from cnnzoo.models.published import RECORD as RECORD
from cnnzoo.runs.record import NewerFormatError, Record

HISTORY = "history.csv"
CURVES = "curves.png"
CONFUSION = "confusion.png"
SAMPLES = "samples.png"
CHECKPOINT = "checkpoint.npz"  # after the last whole epoch
STOPPED = "stopped.npz"  # within the next one, where a signal stopped the training
BEST = "best.npz"
STATES = (STOPPED, CHECKPOINT, BEST)  # of a training that is under way
LOCK = ".lock"
TENSORBOARD = "tensorboard"
SNAPSHOTS = "snapshots"

History = dict[str, list[float]]


class RunFolder:
    """The folder of a run that is under way, which only one process writes.

    Entering makes the folder, so that no other run can take its name, or takes up one that exists. Leaving a new one by
    an exception removes it again, with the parents that it needed, unless it holds a checkpoint or the trained model.
    Each file gets its name only when it is complete.

    Attributes:
        path: Where it is.
        begun_by: "train", "fit" or "finetune": what writes it. A run that lies there already names its own.
        command: The words of the command that begins the run; None where only Python can.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        begun_by: str = "fit",
        command: tuple[str, ...] | None = None,
    ) -> None:
        """Stand for the folder at ``path``, which exists already when ``resume``."""
        self.path = Path(path)
        self.begun_by = begun_by
        self.command = command
        self._resume = resume
        self._made: list[Path] = []
        self._lock = FileLock(self.path / LOCK, timeout=0)

    def make(self) -> None:
        """Make the folder, and its parents where they are missing.

        Raises:
            FileExistsError: There is something of that name.
            OSError: It cannot be made there.
        """
        if os.path.lexists(self.path):
            how = f" It holds an unfinished run. {self.how_to_resume()}" if self.is_unfinished else ""
            raise FileExistsError(f"'{self.path}' already exists and was not overwritten. Choose another name.{how}")
        missing = [folder for folder in (self.path, *self.path.parents) if not os.path.lexists(folder)]
        try:
            self.path.mkdir(parents=True)
        except FileExistsError as error:  # another run was faster
            raise FileExistsError(
                f"'{self.path}' already exists and was not overwritten. Choose another name."
            ) from error
        except OSError as error:
            raise OSError(f"The run folder '{self.path}' cannot be made ({error.strerror}). Give another.") from error
        self._made = missing

    def __enter__(self) -> RunFolder:
        """Make the folder, unless it has been made already, see ``make``, and lock it.

        Raises:
            FileNotFoundError: There is no such folder to resume.
            BlockingIOError: Another process is writing it.
            OSError: It cannot be made or written.
        """
        if self._resume and not self.path.is_dir():
            raise FileNotFoundError(f"There is no run folder '{self.path}'. Give one that `{self.begun_by}` began.")
        if not self._resume and not self._made:
            if self._is_abandoned():
                self._made = [self.path]
            else:
                self.make()
        try:
            self._lock.acquire()
        except Timeout as error:
            raise BlockingIOError(f"'{self.path}' is being written by another process. Wait, or stop that.") from error
        except OSError as error:
            raise OSError(f"The run folder '{self.path}' cannot be written ({error.strerror}).") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Unlock the folder; remove a new one when the run failed before there was anything to keep."""
        is_last = self._lock.lock_counter <= 1  # not within another ``with`` of this folder
        fails = error is not None and not self._resume and not self._has_something()
        if is_last and not ON_WINDOWS:  # while it is locked, so that the lock of nobody else is removed
            self._clear(fails)
        self._lock.release()
        if is_last and ON_WINDOWS:  # which removes no open file
            self._clear(fails)

    def _clear(self, fails: bool) -> None:
        if fails:
            self._discard()
        with contextlib.suppress(OSError):  # another process may have locked it since
            (self.path / LOCK).unlink()

    def _is_abandoned(self) -> bool:
        """Tell whether the folder is what a run leaves that is killed before it has written anything."""
        return self.path.is_dir() and [file.name for file in self.path.iterdir()] == [LOCK]

    @property
    def is_unfinished(self) -> bool:
        """Whether there is a training here that can be resumed."""
        has_state = any((self.path / name).exists() for name in (CHECKPOINT, STOPPED))
        record = self._record()
        return has_state and record is not None and record.metrics is None

    def _record(self) -> Record | None:
        try:
            return read_record(self.path / RECORD, finished=False)
        except (OSError, ValueError):
            return None

    def _has_something(self) -> bool:
        return any((self.path / name).exists() for name in (CHECKPOINT, STOPPED, MODEL))

    def _discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):  # a parent that something else lies in by now stays
            for parent in self._made[1:]:
                parent.rmdir()

    def how_to_resume(self) -> str:
        """Say how to resume the run from its last complete state, with what its record says that it was begun by."""
        if not self._has_something():
            return "Nothing was saved yet: train again."
        begun_by = (self._record() or self).begun_by
        if begun_by == "train":
            return f"Resume it with `cnnzoo train --resume {self.path}`."
        return f"Resume it with the same call of `{begun_by}` and `resume=True`; the run folder is '{self.path}'."

    def remove(self, name: str) -> None:
        """Remove the file called ``name``, if there is one."""
        (self.path / name).unlink(missing_ok=True)

    def write(self, name: str, write: Callable[[Path], Any]) -> None:
        """Let ``write`` write the file called ``name``: under a temporary name first, renamed when it is complete."""
        write_whole(self.path / name, write)


def new_run_folder(
    name: str,
    parent: str | os.PathLike[str] = "runs",
    *,
    begun_by: str = "fit",
    command: tuple[str, ...] | None = None,
) -> RunFolder:
    """Make the first of ``parent/name``, ``parent/name-2``, ``parent/name-3`` ... that does not exist."""
    for number in itertools.count(1):
        path = Path(parent, name if number == 1 else f"{name}-{number}")
        folder = RunFolder(path, begun_by=begun_by, command=command)
        with contextlib.suppress(FileExistsError):
            folder.make()
            break
    return folder


def write_history(path: Path, history: History) -> None:
    """Write a row an epoch; the numbers can be read back bit for bit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *map(repr, row)] for epoch, row in enumerate(zip(*history.values(), strict=True), 1))


def write_record(path: Path, record: Record) -> None:
    """Write the record as JSON."""
    text = json.dumps(record.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    # A folder's name need not be UTF-8: the escape of Python is that of JSON, too
    path.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


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


def read_record(path: Path, *, finished: bool = True) -> Record:
    """Read what ``write_record`` wrote, here or in an earlier release, of a run that is finished or one under way.

    Raises:
        ValueError: The file is damaged, of a later release, or of a run that was not finished.
    """
    try:
        record = Record.from_json(json.loads(path.read_text(encoding="utf-8")))
    except NewerFormatError as error:
        raise ValueError(f"'{path}' {error}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{path}' is damaged: {error}. Train again.") from error
    if finished and record.metrics is None:
        raise ValueError(f"'{path}' is of a run that was not finished. Resume it, or train again.")
    return record
