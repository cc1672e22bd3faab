"""What training prints: a live bar in a terminal, and a line an epoch there and in a log."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Shows the steps of the running epoch as a bar where there is a terminal, and prints a line for each epoch."""

    def __init__(self, headline: str, batch_size: int) -> None:
        """Begin with ``headline``; count ``batch_size`` images a step."""
        super().__init__()
        self._headline = headline
        self._batch_size = batch_size
        self._console = Console(highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, {task.fields[speed]:,.0f} img/s,"),
            TimeRemainingColumn(),
            TextColumn("left in this epoch"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Say what is about to be done; start the bar."""
        self._console.print(self._headline, soft_wrap=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=self.params["steps"], speed=0.0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the bar back to the first step."""
        self._start = time.perf_counter()
        self._bar.reset(self._task, total=self.params["steps"], description=self._title(epoch))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar on."""
        seconds = time.perf_counter() - self._start
        self._bar.update(self._task, completed=batch + 1, speed=(batch + 1) * self._batch_size / seconds)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's line."""
        logs = logs or {}
        self._console.print(
            f"{self._title(epoch)}   training: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}"
            f"   validation: loss {logs['val_loss']:.4f}, accuracy {logs['val_accuracy']:.4f}"
            f"   {time.perf_counter() - self._start:.1f} s",
            soft_wrap=True,
        )

    def __enter__(self) -> EpochProgress:
        """Take the terminal for as long as training lasts."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the terminal back, also when training was cut short."""
        self._bar.stop()

    def _title(self, epoch: int) -> str:
        epochs = self.params["epochs"]
        return f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}"
