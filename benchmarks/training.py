"""Training AlexNet at 224 x 224 and VGG19 at 64 x 64: images per second, beside the same networks in PyTorch.

    python benchmarks/training.py [--networks alexnet vgg19] [--batches 6] [--repeats 3] [--only CONTENDER ...]

The optimiser and the batch size of the default recipe, random images, no augmentation. Each contender runs in a process
of its own, one after the other in every repeat; its first batches do not count. Prints medians of the repeats. Rows in
bfloat16 only make sense where the processor computes it natively. Needs PyTorch.
"""

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
from resnet20 import epoch_clock

SIDES = {"alexnet": 224, "vgg19": 64}
WARM_UP = 2  # batches


def model_and_recipe(name: str, **changes):
    import cnnzoo

    recipe = replace(cnnzoo.training.recipe_card(name).recipe, augment=(), normalize=False, **changes)
    return cnnzoo.create_model(name, input_shape=(SIDES[name], SIDES[name], 3)), recipe


def data(name: str, count: int):
    random = np.random.default_rng(0)
    return random.random((count, SIDES[name], SIDES[name], 3), dtype="float32"), random.integers(0, 10, count)


def cnnzoo(name: str, precision: str, batches: int) -> float:
    """Return images per second of the second epoch, from its first step to its last."""
    from cnnzoo.training import fit

    model, recipe = model_and_recipe(name, epochs=2, precision=precision, warmup=0.0)
    images, labels = data(name, batches * recipe.batch_size)
    clock = epoch_clock()
    fit(model, (images, labels), (images[:8], labels[:8]), recipe=recipe, progress=False, callbacks=[clock])
    return len(images) / clock.spans[-1]


def pytorch(name: str, precision: str, batches: int) -> float:
    """Return images per second of a plain loop with channels last, in autocast where the precision is bfloat16."""
    import torch

    model, recipe = model_and_recipe(name)
    module = in_torch(model).to(memory_format=torch.channels_last)
    if sum(each.numel() for each in module.parameters()) != model.count_params():
        raise ValueError("not the same network")
    adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    optimizer = adam(module.parameters(), recipe.learning_rate)
    images, labels = data(name, batches * recipe.batch_size)
    images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(labels)

    def train(count: int) -> None:
        for start in range(0, count * recipe.batch_size, recipe.batch_size):
            chosen = slice(start, start + recipe.batch_size)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
                logits = module(images[chosen])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits.float(), labels[chosen]).backward()
            optimizer.step()

    train(WARM_UP)
    begun = time.perf_counter()
    train(batches)
    return len(images) / (time.perf_counter() - begun)


def in_torch(model):
    """Return the same chain of layers in PyTorch, for convolutions, pooling, dense layers and dropout."""
    from torch import nn

    modules = []
    for layer in model.layers[1:]:
        kind, channels = type(layer).__name__, layer.input.shape[-1]
        if kind == "Conv2D":
            padding = layer.kernel_size[0] // 2 if layer.padding == "same" else 0
            modules += [nn.Conv2d(channels, layer.filters, layer.kernel_size, layer.strides, padding), nn.ReLU()]
        elif kind == "Dense":
            modules += [nn.Linear(channels, layer.units), nn.ReLU()]
        else:
            modules.append(
                {
                    "MaxPooling2D": lambda layer: nn.MaxPool2d(layer.pool_size, layer.strides),
                    "Dropout": lambda layer: nn.Dropout(layer.rate),
                    "Flatten": lambda layer: nn.Flatten(),
                }[kind](layer)
            )
    return nn.Sequential(*modules[:-1])  # without a ReLU after the logits


CONTENDERS = {
    f"{name}, {precision}": (train, precision)
    for name, train in (("PyTorch", pytorch), ("cnnzoo", cnnzoo))
    for precision in ("float32", "mixed_bfloat16")
}


def main() -> None:
    """Measure each contender and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    given = parser.parse_args()
    if given.run:
        network, contender = given.run
        train, precision = CONTENDERS[contender]
        print(train(network, precision, given.batches))
        return
    for network in given.networks:
        rates = {name: [] for name in given.only}
        for _ in range(given.repeats):
            for name in given.only:
                words = [sys.executable, __file__, "--run", network, name, "--batches", str(given.batches)]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                rates[name].append(float(done.stdout.split()[-1]))
        for name, each in rates.items():
            print(
                f"{network:8} {name:24} {statistics.median(each):7.1f} images/s ({' '.join(f'{x:.1f}' for x in each)})"
            )


if __name__ == "__main__":
    main()
