"""What training shows: in a terminal a live bar and a line per epoch, in a log the lines, in a notebook the curves."""

from __future__ import annotations

import importlib
import io
import math
import time
from datetime import timedelta
from html import escape
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cnnzoo import plots
from cnnzoo._support.callers import is_notebook
from cnnzoo._support.notebook import block, heading, png
from cnnzoo.data.split import Dataset
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.training._checkpointing import CHOOSES, Checkpointing

BETWEEN_BARS = 0.2  # seconds between two states of a notebook's bar
BETWEEN_CURVES = 2.0  # and of its curves, which take a tenth of a second
CURVES_DPI = 72


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Follows the steps and the epochs of a training; the two subclasses below show them."""

    def __init__(self, recipe: Recipe, steps: int, checkpointing: Checkpointing) -> None:
        """Count ``steps`` per epoch, from where ``checkpointing`` is."""
        super().__init__()
        self._recipe = recipe
        self._steps = steps
        self._checkpointing = checkpointing

    def __enter__(self) -> EpochProgress:
        """Show the bar for as long as training lasts."""
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        """Take the bar away, also when training was cut short."""
        raise NotImplementedError

    def show_step(self, step: int, left: str) -> None:
        """Show that ``step`` steps of the epoch are done, and the time that is left."""
        raise NotImplementedError

    def show_epoch(self, line: str) -> None:
        """Show the line of an epoch that is finished."""
        raise NotImplementedError

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the bar to the first step."""
        self._start = time.perf_counter()
        self._first = self._checkpointing.start.batch
        self._epoch, self._speed = epoch, 0.0
        self.show_step(self._first, "?")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar on."""
        step, seconds = min(self._first + batch + 1, self._steps), time.perf_counter() - self._start
        steps_left = (self._recipe.epochs - self._epoch) * self._steps - step
        left = timedelta(seconds=round(steps_left * seconds / (step - self._first)))
        self._speed = (step - self._first) * self._recipe.batch_size / seconds
        self.show_step(step, str(left))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the epoch's line."""
        logs = logs or {}
        self.show_epoch(
            f"{self._title()}   training: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}"
            f"   {self._held_out(logs)}, accuracy {logs['val_accuracy']:.4f}"
            f"   {time.perf_counter() - self._start:.1f} s, {self._speed:,.0f} img/s"
        )

    def _held_out(self, logs: dict[str, Any]) -> str:
        """Tell of the images that are not trained on: what patience looks at, or the loss on the test images."""
        if self._recipe.patience:
            return f"validation: cross-entropy {logs[CHOOSES]:.4f}"
        return f"test: loss {logs['val_loss']:.4f}"

    def _title(self) -> str:
        epochs = self._recipe.epochs
        return f"epoch {self._epoch + 1:>{len(str(epochs))}}/{epochs}"


class TerminalProgress(EpochProgress):
    """Shows a bar where there is a terminal, and prints a line for each epoch."""

    def __init__(self, recipe: Recipe, steps: int, checkpointing: Checkpointing) -> None:
        """Count ``steps`` per epoch, from where ``checkpointing`` is."""
        super().__init__(recipe, steps, checkpointing)
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

    def __enter__(self) -> TerminalProgress:
        """Take the terminal for as long as training lasts."""
        self._bar.start()
        self._task = self._bar.add_task("", total=self._steps, speed=0.0, left="?")
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the terminal back."""
        self._bar.stop()

    def show_step(self, step: int, left: str) -> None:
        """Move the bar."""
        title = self._title()
        self._bar.update(self._task, completed=step, description=title, speed=self._speed, left=left)

    def show_epoch(self, line: str) -> None:
        """Print the line above the bar."""
        self._console.print(line, soft_wrap=True)


class NotebookProgress(EpochProgress):
    """Shows in one place of a notebook a bar, the line of the last epoch, and the curves so far."""

    def __enter__(self) -> NotebookProgress:
        """Make the place."""
        display: Any = importlib.import_module("IPython.display")
        self._as_html = display.HTML
        self._line = self._curves = ""
        self._shown = self._drawn = -math.inf
        self._place = display.display(self._as_html(""), display_id=True)
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the last epoch and the curves."""
        self._draw()
        self._place.update(self._as_html(block(heading(self._line), self._curves)))

    def show_step(self, step: int, left: str) -> None:
        """Move the bar, several times a second at most."""
        if time.perf_counter() - self._shown < BETWEEN_BARS:
            return
        self._shown = time.perf_counter()
        words = f"{self._title()}: {step}/{self._steps} steps, {self._speed:,.0f} img/s, {left} left"
        bar = f'<progress value="{step}" max="{self._steps}"></progress> {escape(words)}'
        self._place.update(self._as_html(block(bar, heading(self._line), self._curves)))

    def show_epoch(self, line: str) -> None:
        """Replace the last line, and the curves, where they are seconds old."""
        self._line = line
        if time.perf_counter() - self._drawn > BETWEEN_CURVES:
            self._draw()

    def _draw(self) -> None:
        curves = self._checkpointing.position.history
        if curves.get("loss"):
            content = io.BytesIO()
            name = "validation" if self._recipe.patience else "test"
            plots.history(curves, validated_on=name).savefig(content, dpi=CURVES_DPI)
            self._curves = png(content.getvalue(), "accuracy and loss by epoch")
        self._drawn = time.perf_counter()


def choose_progress(recipe: Recipe, steps: int, checkpointing: Checkpointing) -> EpochProgress:
    """Return what shows the progress of a training: in the cell of a notebook, or in the terminal."""
    return (NotebookProgress if is_notebook() else TerminalProgress)(recipe, steps, checkpointing)


def print_notes(dataset: Dataset) -> None:
    """Print what to know of how the images were found."""
    for line in dataset.notes():
        print(line, flush=True)
