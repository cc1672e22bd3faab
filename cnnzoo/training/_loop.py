"""Keras' own ``fit``, on the network as it is trained, with what makes it fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.ending import BINARY, LOGITS, Kind, find_ending
from cnnzoo._keras.hardware import choose_precision, list_gpus
from cnnzoo._keras.ready import accuracy_for, loss_for
from cnnzoo._keras.scale import Scale
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.split import Split
from cnnzoo.data.streaming import Start, stream
from cnnzoo.evaluation.evaluator import batch_size_for
from cnnzoo.inspect.layers import layer_table
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.training._checkpointing import Checkpointing, Guard
from cnnzoo.training._distribution import current_team
from cnnzoo.training._normalization import layers_to_normalize
from cnnzoo.training._optimizer import build_optimizer, set_weight_decay
from cnnzoo.training._snapshots import Snapshots
from cnnzoo.training._training_copy import build_training_copy, pixel_statistics

EXECUTION_MACS = 2e9  # multiply-accumulates of a call of the backend that hide what the call itself costs
MOST_STEPS = 32  # a call
SHORT_TRAINING = 200  # steps: below, compiling the loop over the steps of a call takes longer than it saves


@dataclass(frozen=True)
class Batches:
    """The images of a training, as a stream from any place on."""

    images: Split
    validation: Split
    recipe: Recipe
    image_size: tuple[int, int] | None
    seed: int
    scale: Scale

    def to_train_on(self, start: Start) -> Any:
        """Return the batches from ``start`` on."""
        return stream(
            self.images,
            batch_size=self.recipe.batch_size,
            image_size=self.image_size,
            shuffle=True,
            augment=self.recipe.augment,
            seed=self.seed,
            start=start,
            shard=current_team().shard,
            scale=self.scale,
        )

    def to_validate_on(self) -> Any:
        """Return the batches that give the validation curve."""
        devices = current_team().devices
        size = batch_size_for(self.image_size or self.validation.images.shape[1:3])
        batch_size = -(-size // devices) * devices
        return stream(
            self.validation,
            batch_size=batch_size,
            image_size=self.image_size,
            shard=current_team().shard,
            scale=self.scale,
        )


def with_targets(model: keras.Model, split: Split) -> Split:
    """Return ``split``, of class numbers, with what the loss compares the outputs with: a column for a single one."""
    return Split(split.images, split.labels[:, None]) if model.output_shape[-1] == 1 else split


def run_epochs(
    training_copy: keras.Model,
    batches: Batches,
    recipe: Recipe,
    checkpointing: Checkpointing,
    callbacks: Sequence[keras.callbacks.Callback],
    snapshots: Snapshots | None,
    last_callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train from the position of ``checkpointing``: first the rest of an epoch that was cut short, then all others."""
    while not checkpointing.is_done:
        position = checkpointing.position
        checkpointing.start = Start(position.epoch, position.step)
        if position.step:  # Keras makes the metrics, whose sums are restored, at their first use
            training_copy.test_on_batch(*next(iter(batches.to_validate_on())))
        training_copy.fit(
            batches.to_train_on(checkpointing.start),
            validation_data=batches.to_validate_on(),
            initial_epoch=position.epoch,
            epochs=position.epoch + 1 if position.step else recipe.epochs,
            shuffle=False,  # the stream shuffles
            class_weight=_class_weights(batches.images.labels, recipe),
            callbacks=[
                *callbacks,
                Guard(position.step, checkpointing.steps, "validation" if recipe.patience else "test"),
                *([snapshots] if snapshots else []),  # before a signal may stop the training
                checkpointing,
                *last_callbacks,
            ],
            verbose=0,
        )


def _class_weights(labels: np.ndarray, recipe: Recipe) -> dict[int, float] | None:
    """Return what the loss of an image of each class is multiplied by: 1 on average; None: by nothing."""
    if recipe.class_weight == "none":
        return None
    classes, counts = np.unique(class_numbers(labels), return_counts=True)
    return {int(label): len(labels) / (len(classes) * int(count)) for label, count in zip(classes, counts, strict=True)}


def compiled_training_copy(
    model: keras.Model, batches: Batches, recipe: Recipe, steps: int
) -> tuple[keras.Model, list[str]]:
    """Return the network as it is trained, ready for it, and notes: its precision, and why pixels stay as they are."""
    policy, reason = choose_precision(recipe.precision)
    normalizing, why_not = layers_to_normalize(model) if recipe.normalize else ([], "")
    statistics = pixel_statistics(batches.images, batches.scale) if normalizing else None
    training_copy = build_training_copy(model, policy, statistics)
    set_weight_decay(training_copy, recipe)
    kind = find_ending(training_copy, lambda: _outputs(training_copy, batches)).kind
    training_copy.compile(
        optimizer=build_optimizer(recipe, recipe.epochs * steps),
        loss=loss_for(kind, training_copy.output_shape[-1], recipe.label_smoothing),
        metrics=_metrics(recipe, kind),
        jit_compile=False if runs_on_tensorflow_cpu() else "auto",
        steps_per_execution=_steps_per_execution(model, recipe.batch_size, recipe.epochs * steps),
    )
    training_copy.optimizer.build(training_copy.trainable_variables)
    return training_copy, [f"{policy}: {reason}", why_not]


def _outputs(training_copy: keras.Model, batches: Batches) -> Any:
    images, _ = next(iter(batches.to_validate_on()))
    return training_copy(images, training=False)


def _metrics(recipe: Recipe, kind: Kind) -> list[Any]:
    metrics = [accuracy_for(kind)]
    if recipe.patience:
        is_binary = kind in BINARY
        cross_entropy = keras.metrics.BinaryCrossentropy if is_binary else keras.metrics.SparseCategoricalCrossentropy
        metrics.append(cross_entropy(name="cross_entropy", from_logits=kind in LOGITS))
    return metrics


def _steps_per_execution(model: keras.Model, batch_size: int, steps: int) -> int:
    """Return how many of the ``steps`` go into a call of TensorFlow: several where one is short, as in LeNet-5."""
    if keras.config.backend() != "tensorflow" or current_team().devices > 1:  # mirrored, such a call fails
        return 1
    if steps < SHORT_TRAINING:
        return 1
    if not is_sized(model):  # how long a step takes is not known
        return 1
    return int(np.clip(EXECUTION_MACS // (max(layer_table(model).macs, 1) * batch_size), 1, MOST_STEPS))


def is_sized(model: keras.Model) -> bool:
    """Tell whether the table of the layers says what a step takes: sizes are fixed, and no model lies within."""
    return None not in model.input_shape[1:] and not any(isinstance(layer, keras.Model) for layer in model.layers)


def runs_on_tensorflow_cpu() -> bool:
    """Tell whether this is where XLA is slower than TensorFlow's own kernels (LeNet-5: 4.4 s an epoch, not 3.0 s)."""
    return keras.config.backend() == "tensorflow" and not list_gpus()
