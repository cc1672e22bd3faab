"""ResNet-20 on images like CIFAR-10's: seconds per epoch of 50,000, beside plain Keras and PyTorch.

    python benchmarks/resnet20.py [--images 8192] [--repeats 3] [--only CONTENDER ...]

The same network (option A), batches of 128 and SGD with momentum in all, on random images, without augmentation. Each
contender runs in a process of its own, and trains for some steps first. Plain Keras does not import cnnzoo, whose
settings for TensorFlow it must not profit from; the rows in bfloat16 only make sense where the processor computes it
natively. Prints medians of the repeats. Needs PyTorch.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

BATCH, EPOCH, WARM_UP = 128, 50_000, 1_024
ROOT = Path(__file__).resolve().parents[1]


def data(count: int):
    random = np.random.default_rng(0)
    return random.random((count, 32, 32, 3), dtype="float32"), random.integers(0, 10, count)


def keras_layers(precision: str, count: int) -> float:
    """Train as a user of Keras would: the network written with its layers, `compile`, `fit`."""
    import keras

    keras.mixed_precision.set_global_policy(precision)

    def normalized(x, filters, strides=1, activation=True):
        x = keras.layers.Conv2D(filters, 3, strides, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = keras.layers.BatchNormalization()(x)
        return keras.layers.ReLU()(x) if activation else x

    inputs = keras.Input((32, 32, 3))
    x = normalized(inputs, 16)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if block == 0 and filters > 16 else 1
            shortcut = x
            if strides > 1:
                shortcut = keras.layers.AveragePooling2D(1, 2)(x)
                zeros = keras.layers.Lambda(keras.ops.zeros_like)(shortcut)
                shortcut = keras.layers.Concatenate()([shortcut, zeros])
            y = normalized(normalized(x, filters, strides), filters, activation=False)
            x = keras.layers.ReLU()(keras.layers.Add()([shortcut, y]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax", dtype="float32")(x))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels = data(count)
    model.fit(images[:WARM_UP], labels[:WARM_UP], batch_size=BATCH, verbose=0)
    begun = time.perf_counter()
    model.fit(images, labels, batch_size=BATCH, verbose=0)
    return time.perf_counter() - begun


def epoch_clock():
    """Return a callback whose ``spans`` are the seconds of each epoch, from its first step to its last."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.spans = []

        def on_epoch_begin(self, epoch, logs=None):
            self.begun = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.last = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.spans.append(self.last - self.begun)

    return Clock()


def cnnzoo(precision: str, count: int) -> float:
    """Train by `cnnzoo.training.fit`, timed from the first step of the second epoch to its last."""
    import cnnzoo

    images, labels = data(count)
    clock = epoch_clock()
    recipe = cnnzoo.training.Recipe(
        epochs=2,
        batch_size=BATCH,
        optimizer="sgd",
        learning_rate=0.1,
        schedule="constant",
        warmup=0.0,
        precision=precision,
    )
    test = images[:16], labels[:16]
    options = {"recipe": recipe, "progress": False, "out": None, "callbacks": [clock]}
    cnnzoo.training.fit(cnnzoo.models.resnet20(), (images, labels), test, **options)
    return clock.spans[-1]


def pytorch(precision: str, count: int) -> float:
    """Train with channels last, in autocast where the precision is bfloat16."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.more = outputs - inputs

        def forward(self, x):
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            if self.more:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.more))
            return functional.relu(x + y)

    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for outputs in (16, 32, 64):
        for block in range(3):
            layers.append(Block(inputs, outputs, 2 if block == 0 and outputs > 16 else 1))
            inputs = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    images, labels = data(count)
    images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(labels)

    def epoch(number):
        order = torch.randperm(number)
        for start in range(0, number, BATCH):
            chosen = order[start : start + BATCH]
            with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
                logits = model(images[chosen])
            loss = functional.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    epoch(WARM_UP)
    begun = time.perf_counter()
    epoch(count)
    return time.perf_counter() - begun


CONTENDERS = {
    f"{name}, {precision}": (train, precision)
    for name, train in (("Keras", keras_layers), ("cnnzoo", cnnzoo), ("PyTorch", pytorch))
    for precision in ("float32", "mixed_bfloat16")
}


def main() -> None:
    """Measure each contender and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8_192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)  # in a process of its own
    given = parser.parse_args()
    if given.run:
        sys.path.insert(0, str(ROOT))
        train, precision = CONTENDERS[given.run]
        print(train(precision, given.images))
        return
    for name in given.only:
        command = [sys.executable, __file__, "--run", name, "--images", str(given.images)]
        outputs = [
            subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(given.repeats)
        ]
        seconds = statistics.median(float(output.split()[-1]) for output in outputs) * EPOCH / given.images
        print(f"{name:24} {seconds:6.1f} s per epoch, {EPOCH / seconds:6,.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
