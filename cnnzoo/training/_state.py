"""The state of a training that is under way: taken, written so that none is ever half there, and put back."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from cnnzoo.runs.folder import STATES, RunFolder

POSITION = "position"

State = list[np.ndarray]


@dataclass(frozen=True)
class Position:
    """How far a training has come.

    Attributes:
        epoch: Epochs that are finished.
        step: Steps that are done of the next one.
        seconds: Seconds of training so far.
        history: Loss and accuracy of the finished epochs.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: dict[str, list[float]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say where it is."""
        return f"step {self.step} of epoch {self.epoch + 1}" if self.step else f"epoch {self.epoch}"

    def after_epoch(self, logs: dict[str, float], seconds: float) -> Position:
        """Return the position after one more epoch, of which ``logs`` tells."""
        history = {name: [*self.history.get(name, []), float(value)] for name, value in logs.items()}
        return Position(self.epoch + 1, 0, seconds, history)


class Store(Protocol):
    """Where a training keeps its states."""

    lasting: bool  # whether they outlive the process

    def variables(self, model: keras.Model) -> list[Any]:
        """Return what a state of ``model`` consists of."""

    def write(self, name: str, position: Position, state: State) -> None:
        """Keep a state under ``name``, in place of the one before."""

    def read(self, name: str) -> tuple[Position, State] | None:
        """Return what was kept under ``name``, None where nothing was."""


class MemoryStore:
    """Keeps weights only: enough to go back to an earlier epoch, not to resume in another process."""

    lasting = False

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept: dict[str, tuple[Position, State]] = {}

    def variables(self, model: keras.Model) -> list[Any]:
        """Return the weights and the seeds of dropout."""
        return list(model.variables)

    def write(self, name: str, position: Position, state: State) -> None:
        """Keep a state under ``name``, in place of the one before."""
        self._kept[name] = position, state

    def read(self, name: str) -> tuple[Position, State] | None:
        """Return what was kept under ``name``, None where nothing was."""
        return self._kept.get(name)


class FolderStore:
    """Keeps all that training changes in files of a run folder, each whole at any moment."""

    lasting = True

    def __init__(self, folder: RunFolder) -> None:
        """Keep in ``folder``."""
        self._folder = folder

    def variables(self, model: keras.Model) -> list[Any]:
        """Return the weights, the seeds of dropout and the optimizer's state."""
        return [*model.variables, *model.optimizer.variables]

    def write(self, name: str, position: Position, state: State) -> None:
        """Write a state, and only then let it take the place of the one before.

        Raises:
            OSError: There is no room for it, or the folder cannot be written; the one before is whole.
        """
        try:
            self._folder.write(name, lambda path: write_checkpoint(path, position, state))
        except OSError as error:
            raise OSError(
                f"The checkpoint '{self._folder.path / name}' cannot be written ({error.strerror or error}). "
                f"Make room. {self._folder.how_to_resume()}"
            ) from error

    def read(self, name: str) -> tuple[Position, State] | None:
        """Return what was written under ``name``, None where nothing was."""
        path = self._folder.path / name
        return read_checkpoint(path) if path.exists() else None


class FollowerStore(MemoryStore):
    """Keeps all in memory, and begins with what another process wrote: only one process writes a folder."""

    def __init__(self, written: FolderStore | None) -> None:
        """Begin with what is in ``written``, if there is one."""
        super().__init__()
        if written is None:
            return
        for name in STATES:  # at once: the other process removes them when it is done
            state = written.read(name)
            if state is not None:
                self._kept[name] = state

    def variables(self, model: keras.Model) -> list[Any]:
        """Return what ``FolderStore`` keeps, so that its states fit."""
        return [*model.variables, *model.optimizer.variables]


def take(variables: Sequence[Any]) -> State:
    """Return copies of the values of Keras variables, in their order."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def put(variables: Sequence[Any], state: State) -> None:
    """Give Keras variables the values that ``take`` took from them or from others like them.

    Raises:
        ValueError: The values are those of another network or optimizer.
    """
    expected = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    received = [(array.shape, array.dtype.name) for array in state]
    if expected != received:
        raise ValueError(
            f"The checkpoint must hold the {len(expected)} arrays of this network and its optimizer. "
            f"Received: {len(received)} arrays, other shapes or other types."
        )
    for variable, array in zip(variables, state, strict=True):
        variable.assign(array)


def write_checkpoint(path: Path, position: Position, state: State) -> None:
    """Write a checkpoint; ``path`` must be a temporary name.

    Raises:
        OSError: There is no room for it, or the folder cannot be written.
    """
    text = np.frombuffer(json.dumps(asdict(position)).encode(), np.uint8)
    with path.open("wb") as file:
        arrays: dict[str, Any] = {POSITION: text, **{str(number): array for number, array in enumerate(state)}}
        np.savez(file, **arrays)


def read_checkpoint(path: Path) -> tuple[Position, State]:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            position = Position(**json.loads(bytes(arrays[POSITION])))
            return position, [arrays[str(number)] for number in range(len(arrays.files) - 1)]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"'{path}' is damaged: the run cannot be resumed from it. Train again.") from error
