"""Whether an average of the weights helps LeNet-5 on the embedded digits, with a rate that falls and one that stays.

    python benchmarks/ema.py

Trains on the first 3,200 of the 4,000 training digits; accuracy is on the other 800, of the last weights and of their
average in the same training.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import cnnzoo  # first: it sets TensorFlow up

# isort: split

import keras
import numpy as np

from cnnzoo.data import Split, load_digits
from cnnzoo.training import Recipe, _loop, fit, recipe_card

SEEDS = range(3)
PLAIN_OPTIMIZER = _loop.build_optimizer


def averaging(momentum: float) -> Callable[[Recipe, int], keras.optimizers.Optimizer]:
    """Return what builds a recipe's optimizer, which in the end puts the average in place of the weights."""

    def build(recipe: Recipe, total: int) -> keras.optimizers.Optimizer:
        optimizer = PLAIN_OPTIMIZER(recipe, total)
        optimizer.use_ema, optimizer.ema_momentum = True, momentum
        return optimizer

    return build


def main() -> None:
    train, _ = load_digits()
    parts = [Split(train.images[part], train.labels[part]) for part in (slice(3_200), slice(3_200, None))]
    default = recipe_card("lenet5").recipe
    for name, recipe in {"falls": default, "stays": replace(default, schedule="constant")}.items():
        for momentum in (0.98, 0.995):
            _loop.build_optimizer = averaging(momentum)
            found = []
            for seed in SEEDS:
                keras.utils.set_random_seed(seed)
                run = fit(cnnzoo.models.lenet5(), *parts, recipe=recipe, seed=seed, progress=False)
                found.append((run.history["val_accuracy"][-1], run.metrics["test_accuracy"]))  # before and after
            last, average = (", ".join(f"{value:.2%}" for value in column) for column in zip(*found, strict=True))
            means = " and ".join(f"{value:.2%}" for value in np.mean(found, axis=0))
            print(f"the rate {name}, momentum {momentum}: last {last}; average {average}; means {means}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
