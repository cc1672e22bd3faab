"""Keeping the weights of some steps while training runs."""

from __future__ import annotations

from typing import Any

import keras

from cnnzoo.data.streaming import split_off
from cnnzoo.runs.folder import RunFolder
from cnnzoo.runs.snapshots import weight_names, write_snapshot
from cnnzoo.training._checkpointing import Checkpointing
from cnnzoo.training._training_copy import plain_weights


def is_due(step: int) -> bool:
    """Tell whether the weights after ``step`` are kept: before the first step, and after 1, 2, 4, 8 ...

    However long training lasts, these are few: 18 in 100,000 steps.

    >>> [step for step in range(100) if is_due(step)]
    [0, 1, 2, 4, 8, 16, 32, 64]
    """
    return step & (step - 1) == 0


class Snapshots(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Keeps the weights of the steps that are due, as the user's model would have them.

    TensorFlow may run several steps in a call. A call within which a snapshot is due is made in parts, of the same
    compiled function on the same batches: the results are the same, bit for bit, and callbacks see no difference.
    """

    def __init__(self, folder: RunFolder, model: keras.Model, checkpointing: Checkpointing) -> None:
        """Write into ``folder``, under the names of the weights of ``model``, from where ``checkpointing`` is."""
        super().__init__()
        self._folder = folder
        self._names = weight_names(model)
        self._checkpointing = checkpointing

    def keep(self, training_copy: keras.Model, step: int) -> None:
        """Keep the weights of ``training_copy`` as those after ``step``, counted from the first epoch."""
        write_snapshot(self._folder, step, self._names, plain_weights(training_copy))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights before the first step; have calls of several steps made in parts."""
        if not self._done:
            self.keep(self.model, 0)
        if self._runs_several_steps:
            self._call, self.model.train_function = self.model.train_function, self._call_in_parts

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model its own function back."""
        if self._runs_several_steps:
            self.model.train_function = self._call

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note where the epoch begins, within it where it was cut short, and where it ends."""
        self._first = self._step = self._done
        self._end = (epoch + 1) * self._checkpointing.steps

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights where they are due."""
        self._step = min(self._first + batch + 1, self._end)
        if is_due(self._step):
            if keras.config.backend() == "jax":
                self.model.jax_state_sync()
            self.keep(self.model, self._step)

    @property
    def _runs_several_steps(self) -> bool:
        """Whether a call of the backend runs several steps."""
        return keras.config.backend() == "tensorflow" and bool(self.model.steps_per_execution > 1)

    @property
    def _done(self) -> int:
        """The steps that are done, when an epoch begins."""
        position = self._checkpointing.position
        return position.epoch * self._checkpointing.steps + position.step

    def _call_in_parts(self, batches: Any) -> Any:
        """Run the steps of one call, and keep the weights of those within it that are due."""
        last = min(self._step + self.model.steps_per_execution, self._end)
        due = [step for step in range(self._step + 1, last) if is_due(step)]
        if not due:
            return self._call(batches)
        for step in (*due, last):
            logs = self._call(split_off(batches, step - self._step))
            self._step = step
            if step < last:  # of the last, on_train_batch_end takes care
                self.keep(self.model, step)
        return logs
