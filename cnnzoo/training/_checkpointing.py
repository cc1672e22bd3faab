"""What keeps the results of a running training safe: checkpoints, an orderly stop, an end when it diverges."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

import keras

from cnnzoo.data.streaming import Start
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.runs.folder import BEST, CHECKPOINT, STOPPED
from cnnzoo.training._state import Position, State, Store, put, take

# What patience looks at: the loss has the penalty of the weights and the smoothing of the labels in it
CHOOSES = "val_cross_entropy"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside, in good order; ``fit`` adds to the message how to resume it."""


class Diverged(ArithmeticError):
    """The loss, or a weight, became infinite or no number.

    Attributes:
        run: The run as it was after the last good epoch; None when there was none.
    """

    run: Any = None


class Guard(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends a training whose loss, or a weight of which, is no finite number, and says where."""

    def __init__(self, first_step: int, steps: int, validated_on: str) -> None:
        """Count the steps of the first epoch from ``first_step``, to ``steps``."""
        super().__init__()
        self._validated_on = validated_on
        self._first_step = first_step
        self._steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, for the message."""
        self._epoch = epoch
        self._done = self._first_step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss so far, in which one bad step shows."""
        before, self._done = self._done, min(self._first_step + batch + 1, self._steps)
        if not math.isfinite((logs or {})["loss"]):
            one = self._done == before + 1
            place = f"step {self._done}" if one else f"one of the steps {before + 1} to {self._done}"
            raise Diverged(f"The training loss stopped being finite at {place} of epoch {self._epoch + 1}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss on the images that are not trained on, and at the weights; reset the count of steps."""
        self._first_step = 0
        if not math.isfinite((logs or {})["val_loss"]):
            raise Diverged(f"The {self._validated_on} loss is not finite after epoch {epoch + 1}.")
        for weight in self.model.weights:  # a ReLU hides such a weight from the loss
            if keras.backend.is_float_dtype(weight.dtype) and not bool(keras.ops.all(keras.ops.isfinite(weight))):
                raise Diverged(f"Weight '{weight.path}' is not finite after epoch {epoch + 1}.")


class Checkpointing(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Keeps the state after every epoch and, when a signal asks the training to stop, after the step under way."""

    def __init__(self, store: Store, recipe: Recipe, steps: int) -> None:
        """Keep in ``store``; stop when the patience of ``recipe`` is over; count ``steps`` an epoch."""
        super().__init__()
        self.position = Position()
        self._store = store
        self._recipe = recipe
        self.start = Start()
        self.steps = steps
        self._metrics: State = []
        self._signal: int | None = None
        self._handlers: dict[int, Any] = {}
        self._start = time.perf_counter()

    def restore(self, model: keras.Model) -> None:
        """Take up the training where it was stopped, or where its last whole epoch ended, if there is such a place."""
        kept = [state for state in (self._store.read(CHECKPOINT), self._store.read(STOPPED)) if state is not None]
        if kept:
            self.position, state = max(kept, key=lambda place: (place[0].epoch, place[0].step))
            variables = self._store.variables(model)
            put(variables, state[: len(variables)])
            self._metrics = state[len(variables) :]

    def put_weights(self, model: keras.Model) -> None:
        """Give ``model`` the weights of the best epoch, where the recipe chooses, else of the last finished one."""
        kept = self._store.read(BEST if self._recipe.patience else CHECKPOINT)
        if kept is not None:
            put(model.variables, kept[1][: len(model.variables)])

    def __enter__(self) -> Checkpointing:
        """Take over the signals that ask a program to stop, where this is the main thread and states last."""
        if self._store.lasting and threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt  # asked twice: at once
        self._signal = number
        os.write(2, b"\nStopping after the step under way. Once more stops at once, and that step is lost.\n")

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return self.position.seconds + time.perf_counter() - self._start

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the stream begin at this epoch, and the metrics where one that was cut short left them."""
        self._first_step = self.position.step
        self.start.epoch, self.start.batch = epoch, self._first_step
        if self._first_step:
            put(self.model.metrics_variables, self._metrics)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop in good order when a signal asks for it."""
        step = self._first_step + batch + 1
        if self._signal is None or step >= self.steps:  # at its end, the epoch is finished and kept as such
            return
        if keras.config.backend() == "jax":
            self.model.jax_state_sync()
        place = Position(self.position.epoch, step, self.seconds, self.position.history)
        self._store.write(STOPPED, place, take([*self._store.variables(self.model), *self.model.metrics_variables]))
        raise Interrupted(f"Stopped after {place}, which is saved.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the state; stop when a signal asks for it, or when patience is over."""
        self.position = self.position.after_epoch(logs or {}, self.seconds)
        self._start = time.perf_counter()
        if self._recipe.patience and self._epochs_since_best == 0:
            self._store.write(BEST, self.position, take(self.model.variables))  # nothing is resumed from there
        self._store.write(CHECKPOINT, self.position, take(self._store.variables(self.model)))
        if self.is_done:
            self.model.stop_training = True
        elif self._signal is not None:
            raise Interrupted(f"Stopped after {self.position}, which is saved.")

    @property
    def is_done(self) -> bool:
        """Whether all epochs are finished, or patience is over."""
        patience = self._recipe.patience
        return self.position.epoch >= self._recipe.epochs or bool(patience and self._epochs_since_best >= patience)

    @property
    def epoch_kept(self) -> int:
        """The epoch, from 1, whose weights the training ends with."""
        return self.position.epoch - (self._epochs_since_best if self._recipe.patience else 0)

    def choice(self) -> str:
        """Say which epoch patience chose, and whether it ended the training."""
        early = f"stopped after {self.position}: " if self.position.epoch < self._recipe.epochs else ""
        loss = self.position.history[CHOOSES][self.epoch_kept - 1]
        return f"{early}the weights are those of epoch {self.epoch_kept}, the best by cross-entropy ({loss:.4f})"

    @property
    def _epochs_since_best(self) -> int:
        losses = self.position.history.get(CHOOSES, [])
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0
