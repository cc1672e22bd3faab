"""Transfer on CIFAR-10: eight classes learned help with two others. And what caching features saves.

    python benchmarks/transfer.py CIFAR10 [--only accuracy time] [--network vgg19] [--repeats 2]

A small network learns eight classes; its convolutions, saved as a local file of weights, are the frozen backbone of a
classifier of the other two, cat and dog, with 500 images. Beside it the same network learns the two classes from
scratch, from the same images, with augmentation and without. All test images of the two classes; three seeds.

Then, at 96 x 96, the head of a network (its weights do not matter for the time) on cached features, as `finetune`
trains it, computing them and writing the run folder included; and through the frozen network, as `fit` does, in turn.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cnnzoo  # first: it sets TensorFlow up

# isort: split

import keras
import numpy as np
from PIL import Image

from cnnzoo.data import Split, load_cifar10
from cnnzoo.data.sampling import subset
from cnnzoo.pretrained import classifier
from cnnzoo.recipes.finetuning import HEAD
from cnnzoo.training import Recipe, finetune, fit

NEW = (3, 5)  # cat and dog
IMAGES = 500
SEEDS = (0, 1, 2)
LEARNED = Recipe(epochs=10, batch_size=64, learning_rate=2e-3, augment=("flip", "crop"), normalize=True)
FROM_SCRATCH = Recipe(epochs=40, batch_size=32, learning_rate=1e-3, normalize=True)
AUGMENTED = replace(FROM_SCRATCH, augment=("flip", "crop"))


def small_network(num_classes: int) -> keras.Model:
    """Six convolutions, as VGG has them, and one dense layer."""
    inputs = outputs = keras.Input((32, 32, 3))
    for block, filters in enumerate((32, 64, 128), start=1):
        for number in (1, 2):
            name = f"block{block}_conv{number}"
            outputs = keras.layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name
            )(outputs)
        outputs = keras.layers.MaxPooling2D(name=f"block{block}_pool")(outputs)
    outputs = keras.layers.GlobalAveragePooling2D()(outputs)
    outputs = keras.layers.Dropout(0.2)(outputs)
    return keras.Model(inputs, keras.layers.Dense(num_classes, "softmax")(outputs), name="small")


def convolutions() -> keras.Model:
    whole = small_network(2)
    return keras.Model(whole.inputs[0], whole.get_layer("block3_pool").output, name="small")


def chosen(split: Split, classes: tuple[int, ...]) -> Split:
    """Return the images of ``classes``, which are numbered anew."""
    positions = np.flatnonzero(np.isin(split.labels, classes))
    return Split(split.images[positions], np.searchsorted(classes, split.labels[positions]))


def learn_eight(train: Split, test: Split, path: Path) -> float:
    """Train on the other classes, write the weights of the convolutions, return the accuracy."""
    keras.utils.set_random_seed(0)
    model = small_network(8)
    run = fit(model, train, test, recipe=LEARNED, progress=False)
    keras.Model(model.inputs[0], model.get_layer("block3_pool").output).save_weights(path)
    return run.metrics["test_accuracy"]


def transferred(train: Split, test: Split, weights: Path, seed: int) -> float:
    keras.utils.set_random_seed(seed)
    backbone = convolutions()
    backbone.load_weights(weights)
    model = classifier(backbone, num_classes=2)
    return fit(model, train, test, recipe=HEAD, seed=seed, progress=False).metrics["test_accuracy"]


def from_scratch(train: Split, test: Split, recipe: Recipe, seed: int) -> float:
    keras.utils.set_random_seed(seed)
    return fit(small_network(2), train, test, recipe=recipe, seed=seed, progress=False).metrics["test_accuracy"]


def compare_accuracy(cifar10: str) -> None:
    train, test = load_cifar10(path=cifar10, dtype="uint8")
    others = tuple(number for number in range(10) if number not in NEW)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "small.weights.h5")
        accuracy = learn_eight(chosen(train, others), chosen(test, others), weights)
        print(f"eight classes: {accuracy:.1%}", flush=True)
        held_out = chosen(test, NEW)
        ways = {
            "transferred": lambda few, seed: transferred(few, held_out, weights, seed),
            "from scratch": lambda few, seed: from_scratch(few, held_out, FROM_SCRATCH, seed),
            "from scratch, flips and crops": lambda few, seed: from_scratch(few, held_out, AUGMENTED, seed),
        }
        for name, way in ways.items():
            found = [way(subset(chosen(train, NEW), IMAGES, seed=seed), seed) for seed in SEEDS]
            print(
                f"| {name} | {statistics.mean(found):.1%} | {' '.join(f'{value:.1%}' for value in found)} |", flush=True
            )


def write_photos(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / str(label) / f"{number}.png")


def compare_time(cifar10: str, network: str, repeats: int, size: int = 96) -> None:
    train, _ = load_cifar10(path=cifar10, dtype="uint8")
    few = subset(chosen(train, NEW), 250)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        write_photos(photos, few.images, few.labels)
        for repeat in range(repeats):
            begin = time.perf_counter()
            run = finetune(
                network, photos, weights=None, image_size=size, out=Path(folder, str(repeat)), progress=False
            )
            cached = time.perf_counter() - begin
            dataset = cnnzoo.data.load_folder(photos, size)
            keras.utils.set_random_seed(0)
            model = classifier(network, class_names=("0", "1"), weights=None, input_shape=(size, size, 3))
            begin = time.perf_counter()
            through = fit(model, *dataset, recipe=HEAD, progress=False)
            seconds = time.perf_counter() - begin
            losses = f"{run.history['loss'][-1]:.5f} and {through.history['loss'][-1]:.5f}"
            training = run.metrics["train_seconds"]
            print(
                f"| {network} | {cached:.1f} s in all ({training:.1f} s of training) | {seconds:.1f} s | "
                f"{seconds / cached:.1f} | loss {losses} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cifar10", help="a local archive or folder")
    parser.add_argument("--only", nargs="*", choices=["accuracy", "time"], default=["accuracy", "time"])
    parser.add_argument("--network", default="vgg19", help="whose time is measured")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    if "accuracy" in arguments.only:
        compare_accuracy(arguments.cifar10)
    if "time" in arguments.only:
        compare_time(arguments.cifar10, arguments.network, arguments.repeats)


if __name__ == "__main__":
    main()
