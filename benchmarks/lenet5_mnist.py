"""LeNet-5 on MNIST: the classic lecture's code beside ours, in one run.

    python benchmarks/lenet5_mnist.py MNIST_NPZ

Prints, for each, the accuracy on the 10,000 test images and the seconds, epoch by epoch; then the median seconds of an
epoch (training and validation) and the seconds of training until the target accuracy on the test images. The lecture's
code: Glorot initialisation, Adam at a constant 1e-3, batches of 128, Keras' defaults otherwise.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.training import Recipe, recipe_card

TARGET = 0.99
LECTURE_EPOCHS = 20
OUR_EPOCHS = 5


class Stopwatch(keras.callbacks.Callback):
    """Notes the seconds since training began at the end of every epoch."""

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()
        self.seconds = []

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def lecture(train: Split, test: Split, seed: int) -> tuple[list[float], list[float]]:
    """Train as the lecture does; return the test accuracy and the seconds so far after every epoch."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            keras.layers.Conv2D(6, 5, activation="relu"),
            keras.layers.AveragePooling2D(2),
            keras.layers.Conv2D(16, 5, activation="relu"),
            keras.layers.AveragePooling2D(2),
            keras.layers.Conv2D(120, 5, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(84, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = Stopwatch()
    history = model.fit(
        *train, validation_data=tuple(test), epochs=LECTURE_EPOCHS, batch_size=128, verbose=0, callbacks=[watch]
    )
    return history.history["val_accuracy"], watch.seconds


def ours(recipe: Recipe) -> Callable[[Split, Split, int], tuple[list[float], list[float]]]:
    """Return a function that trains as ``cnnzoo train lenet5`` does by ``recipe``."""

    def train_ours(train: Split, test: Split, seed: int) -> tuple[list[float], list[float]]:
        keras.utils.set_random_seed(seed)
        watch = Stopwatch()
        model = cnnzoo.models.lenet5()
        run = cnnzoo.training.fit(model, train, test, recipe=recipe, seed=seed, progress=False, callbacks=[watch])
        return run.history["val_accuracy"], watch.seconds

    return train_ours


def report(name: str, accuracies: list[float], seconds: list[float]) -> None:
    epoch_seconds = [end - start for start, end in zip([0.0, *seconds], seconds, strict=False)]
    reached = next((i for i, accuracy in enumerate(accuracies) if accuracy >= TARGET), None)
    until = f"{seconds[reached]:.1f} s, {reached + 1} epochs" if reached is not None else "not reached"
    print(f"{name}: {' '.join(f'{100 * accuracy:.2f}' for accuracy in accuracies)}")
    print(
        f"  last epoch {accuracies[-1]:.2%}; median {statistics.median(epoch_seconds):.2f} s an epoch; "
        f"{TARGET:.1%} after: {until}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the lecture's LeNet-5 beside ours.")
    parser.add_argument("mnist", help="a local mnist.npz, or a folder with the IDX files")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    train, test = cnnzoo.data.load_mnist(path=arguments.mnist)
    default = recipe_card("lenet5").recipe
    contenders = {
        "lecture": lecture,
        f"cnnzoo, batches of {default.batch_size}": ours(Recipe(epochs=OUR_EPOCHS, batch_size=default.batch_size)),
        "cnnzoo, batches of 128": ours(Recipe(epochs=OUR_EPOCHS, batch_size=128)),
    }
    for seed in range(arguments.seeds):
        for name, contender in contenders.items():
            report(f"seed {seed}, {name}", *contender(train, test, seed))


if __name__ == "__main__":
    main()
