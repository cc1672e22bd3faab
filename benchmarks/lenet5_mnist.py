"""LeNet-5 on MNIST: the classic lecture's code and a plain PyTorch loop beside ours, in turn, seed by seed.

    python benchmarks/lenet5_mnist.py MNIST_NPZ [--seeds 3] [--only CONTENDER ...]

Each contender runs in a process of its own, as a user would start it: the lecture's and PyTorch's do not import cnnzoo,
whose settings for TensorFlow they must not profit from. Prints test accuracy and seconds, epoch by epoch; then medians
over the seeds. The lecture's and PyTorch's stop at the first epoch that reaches 99.0 % of the test images, or after 20:
their last accuracy is no honest result, only ours, which ends when its recipe says. Needs PyTorch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

TARGET = 0.99
LONGEST = 20  # epochs, for those who have no schedule that ends

# The default recipe, changed to reach the target soon
HASTE = {
    "epochs": 2,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "learning_rate": 5e-3,
    "warmup": 0.2,
    "augment": (),
}


def load(path):
    import numpy as np

    with np.load(path) as file:
        return [
            (np.pad(file[f"x_{name}"], ((0, 0), (2, 2), (2, 2)))[..., None].astype("float32") / 255, file[f"y_{name}"])
            for name in ("train", "test")
        ]


def lecture(path, seed):
    """The lecture: Keras' defaults, Adam at a constant 1e-3, batches of 128."""
    import keras

    train, test = load(path)
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(120, 5, activation="relu"),
            layers.Flatten(),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = _stopwatch(stops=True)
    model.fit(*train, validation_data=test, epochs=LONGEST, batch_size=128, verbose=0, callbacks=[watch])
    return watch.rows


def _stopwatch(stops=False):
    import keras

    class Stopwatch(keras.callbacks.Callback):
        """Notes seconds since training began and test accuracy at the end of every epoch; may stop at the target."""

        def __init__(self):
            super().__init__()
            self.rows = []

        def on_train_begin(self, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.rows.append((time.perf_counter() - self.start, logs["val_accuracy"]))
            self.model.stop_training = stops and logs["val_accuracy"] >= TARGET

    return Stopwatch()


def pytorch(path, seed):
    """A plain loop: Adam at 1e-3, batches of 128, channels last, PyTorch's initialisation."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    data = [(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y.astype("int64"))) for x, y in load(path)]
    (images, labels), (test_images, test_labels) = (
        (x.contiguous(memory_format=torch.channels_last), y) for x, y in data
    )
    convolutions = [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2)]
    dense = [nn.Conv2d(16, 120, 5), nn.ReLU(), nn.Flatten(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    model = nn.Sequential(*convolutions, *dense).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    rows, start = [], time.perf_counter()
    for _ in range(LONGEST):
        for batch in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            right = sum(
                int((model(x).argmax(1) == y).sum())
                for x, y in zip(test_images.split(512), test_labels.split(512), strict=True)
            )
        rows.append((time.perf_counter() - start, right / len(test_labels)))
        if rows[-1][1] >= TARGET:
            break
    return rows


def ours(**changes):
    """Return a function that trains as ``cnnzoo train lenet5`` does, with these changes of its default recipe."""

    def run(path, seed):
        import cnnzoo

        watch = _stopwatch()
        cnnzoo.training.train(
            "lenet5",
            data="mnist",
            data_path=path,
            seed=seed,
            out=os.path.join(os.environ["BENCHMARK_OUT"], str(time.time_ns())),
            progress=False,
            callbacks=[watch],
            **changes,
        )
        return watch.rows

    return run


CONTENDERS = {
    "lecture": lecture,
    "pytorch": pytorch,
    "cnnzoo, 2 epochs, in haste": ours(**HASTE),
    "cnnzoo, 3 epochs, in haste, batches of 128": ours(**{**HASTE, "epochs": 3, "batch_size": 128}),
    "cnnzoo, 5 epochs": ours(epochs=5),
    "cnnzoo, 20 epochs": ours(epochs=20),
}


def measure(name, path, seed, out):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "BENCHMARK_OUT": out}
    command = [sys.executable, __file__, path, "--contender", name, "--seed", str(seed)]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(finished.stdout.splitlines()[-1])


def describe(runs):
    """Return a contender's row: its accuracies, seconds an epoch, and seconds until the target, medians of seeds."""
    epochs = [b - a for rows in runs for a, b in zip([0.0, *(s for s, _ in rows)], (s for s, _ in rows), strict=False)]
    reached = [next((s for s, accuracy in rows if accuracy >= TARGET), float("inf")) for rows in runs]
    last = [rows[-1][1] for rows in runs]
    return (
        f"{statistics.mean(last):.2%} ({' '.join(f'{100 * value:.2f}' for value in last)}) "
        f"after {'/'.join(str(len(rows)) for rows in runs)} | {statistics.median(epochs):.1f} | "
        f"{statistics.median(reached):.1f} ({' '.join(f'{value:.0f}' for value in reached)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", help="a local mnist.npz")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs", help="where our run folders go")
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        print(json.dumps(CONTENDERS[arguments.contender](arguments.mnist, arguments.seed)))
        return
    runs = {name: [] for name in arguments.only}
    for seed in range(arguments.seeds):
        for name in arguments.only:
            runs[name].append(measure(name, os.path.abspath(arguments.mnist), seed, arguments.out))
            print(
                f"seed {seed}, {name}: {' '.join(f'{100 * a:.2f} ({s:.0f} s)' for s, a in runs[name][-1])}", flush=True
            )
    print(
        "| | accuracy on the test images, last epoch | seconds an epoch | seconds until 99.0 % |\n|---|---|---:|---:|"
    )
    for name, rows in runs.items():
        print(f"| {name} | {describe(rows)} |")


if __name__ == "__main__":
    main()
