"""What training prints: a live bar in a terminal, and a line an epoch there and in a log."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cnnzoo.data.split import Dataset
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.training._checkpointing import CHOOSES, Checkpointing


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Shows the steps of the running epoch as a bar where there is a terminal, and prints a line for each epoch."""

    def __init__(self, recipe: Recipe, steps: int, checkpointing: Checkpointing) -> None:
        """Count ``steps`` an epoch, from where ``checkpointing`` is."""
        super().__init__()
        self._recipe = recipe
        self._steps = steps
        self._checkpointing = checkpointing
        self._console = Console(highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, {task.fields[speed]:,.0f} img/s, {task.fields[left]} left"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> EpochProgress:
        """Take the terminal for as long as training lasts."""
        self._bar.start()
        self._task = self._bar.add_task("", total=self._steps, speed=0.0, left="?")
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the terminal back, also when training was cut short."""
        self._bar.stop()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the bar to the first step."""
        self._start = time.perf_counter()
        self._first = self._checkpointing.start.batch
        self._bar.reset(self._task, total=self._steps, completed=self._first, description=self._title(epoch))
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar on."""
        step, seconds = min(self._first + batch + 1, self._steps), time.perf_counter() - self._start
        steps_left = (self._recipe.epochs - self._epoch) * self._steps - step
        left = timedelta(seconds=round(steps_left * seconds / (step - self._first)))
        self._speed = (step - self._first) * self._recipe.batch_size / seconds
        self._bar.update(self._task, completed=step, speed=self._speed, left=left)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's line."""
        logs = logs or {}
        self._console.print(
            f"{self._title(epoch)}   training: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}"
            f"   {self._held_out(logs)}, accuracy {logs['val_accuracy']:.4f}"
            f"   {time.perf_counter() - self._start:.1f} s, {self._speed:,.0f} img/s",
            soft_wrap=True,
        )

    def _held_out(self, logs: dict[str, Any]) -> str:
        """Tell of the images that are not trained on: what patience looks at, or the loss on the test images."""
        if self._recipe.patience:
            return f"validation: cross-entropy {logs[CHOOSES]:.4f}"
        return f"test: loss {logs['val_loss']:.4f}"

    def _title(self, epoch: int) -> str:
        epochs = self._recipe.epochs
        return f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}"


def print_notes(dataset: Dataset) -> None:
    """Print what to know of how the images were found."""
    for line in dataset.notes():
        print(line, flush=True)
