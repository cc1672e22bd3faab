"""The optimizer of a recipe, with its learning rate."""

import math

import keras

from cnnzoo.recipes.recipe import Recipe


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras ships no types
    """A recipe's learning rate at each of ``total`` steps: up to the peak, then along the recipe's schedule."""

    def __init__(self, recipe: Recipe, total: int) -> None:
        """Spread ``recipe`` over ``total`` steps."""
        self._recipe = recipe
        self._total = total
        self._warmup = int(recipe.warmup * total)

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return the rate for ``step``, counted from 0."""
        step = keras.ops.cast(step, "float32")
        rising = (step + 1) / max(self._warmup, 1)
        return self._recipe.learning_rate * keras.ops.where(step < self._warmup, rising, self._share_of_peak(step))

    def _share_of_peak(self, step: keras.KerasTensor) -> keras.KerasTensor:
        left = keras.ops.clip((self._total - step) / (self._total - self._warmup), 0.0, 1.0)
        schedule = self._recipe.schedule
        if schedule == "linear":
            return left
        if schedule == "cosine":
            return (1 - keras.ops.cos(math.pi * left)) / 2
        share = keras.ops.ones_like(step)
        for begin, factor in self._recipe.steps:
            share = keras.ops.where(step >= begin * self._total, factor, share)
        return share

    def get_config(self) -> dict[str, int]:
        """Name the length; the rest stands in the record of the run."""
        return {"total": self._total}


def build_optimizer(recipe: Recipe, total: int) -> keras.optimizers.Optimizer:
    """Return the optimizer of ``recipe`` for ``total`` steps."""
    rate = LearningRate(recipe, total)
    clipping = {"global_clipnorm": recipe.clip_norm or None}
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=recipe.momentum, **clipping)
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clipping)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay or 0.0, **clipping)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


def set_weight_decay(model: keras.Model, recipe: Recipe) -> None:
    """Put the recipe's penalty on every kernel of ``model``, in place of its own; none where the recipe has none."""
    if recipe.weight_decay is None:
        return
    penalty = recipe.weight_decay if recipe.optimizer != "adamw" else 0.0
    for weight in model.trainable_weights:
        # Keras adds its factor times the sum of squares, whose gradient is twice the papers'
        is_kernel = weight.name.endswith("kernel")
        weight.regularizer = keras.regularizers.L2(penalty / 2) if is_kernel and penalty else None
