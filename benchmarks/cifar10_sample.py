"""A network on a tenth of CIFAR-10: recipes are chosen on held-out images, and the chosen one is tested once.

    python benchmarks/cifar10_sample.py alexnet CIFAR10 OUT
    python benchmarks/cifar10_sample.py vgg19 CIFAR10 OUT --size 64 --change augment=flip,crop learning_rate=2e-4
    python benchmarks/cifar10_sample.py alexnet CIFAR10 OUT --recipe lecture
    python benchmarks/cifar10_sample.py alexnet CIFAR10 OUT --resume
    python benchmarks/cifar10_sample.py alexnet CIFAR10 OUT --test

Trains on the 5,000 images of ``load_cifar10(fraction=0.1)`` into the run folder OUT. Accuracy by epoch, and what the
run folder calls its test accuracy, is on 1,000 of the 45,000 training images that the sample leaves, 100 of each class.
``--test`` trains nothing: it takes the last epoch's weights from OUT and looks at the 1,000 test images.
"""

import argparse
import ast
import sys
from dataclasses import replace

import cnnzoo  # first: it sets TensorFlow up

# isort: split

import keras
import numpy as np

from cnnzoo.data import Dataset, Split, data_card, load_cifar10
from cnnzoo.data.sampling import sample_indices
from cnnzoo.evaluation import evaluate
from cnnzoo.recipes.recipe import kernel_initializer
from cnnzoo.training import Recipe, fit, load_run, recipe_card


def held_out(path: str, sample: Split, size: int = 1000) -> Split:
    """Return a stratified draw from CIFAR-10's training images without those of ``sample``."""
    whole, _ = load_cifar10(path=path, dtype="uint8")
    drawn = {image.tobytes() for image in sample.images}
    rest = np.array([i for i, image in enumerate(whole.images) if image.tobytes() not in drawn])
    chosen = rest[sample_indices(whole.labels[rest], size, seed=1)]
    return Split(whole.images[chosen], whole.labels[chosen])


def changed(recipe: Recipe, changes: list[str]) -> Recipe:
    """Return ``recipe`` with changes such as "epochs=5" or "augment=flip,crop"."""
    fields = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            fields[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            fields[name] = value
    return replace(recipe, **fields)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=cnnzoo.list_models())
    parser.add_argument("cifar10", help="a local archive or folder")
    parser.add_argument("out", help="the run folder")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--change", nargs="*", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--test", action="store_true", help="look at the test images")
    arguments = parser.parse_args()
    size = (arguments.size, arguments.size)
    sample, test = load_cifar10(fraction=0.1, path=arguments.cifar10, dtype="uint8")
    if arguments.test:
        model = load_run(arguments.out).model
        print(
            f"{evaluate(model, test, image_size=size).accuracy:.1%} of the {len(test.labels):,} test images are right"
        )
        return
    recipe = changed(recipe_card(arguments.network, arguments.recipe).recipe, arguments.change)
    keras.utils.set_random_seed(arguments.seed)
    model = cnnzoo.create_model(
        arguments.network, input_shape=(*size, 3), kernel_initializer=kernel_initializer(recipe)
    )
    run = fit(
        model,
        Dataset(
            sample,
            held_out(arguments.cifar10, sample),
            class_names=data_card("cifar10").class_names,
            image_size=size,
        ),
        recipe=recipe,
        seed=arguments.seed,
        out=arguments.out,
        resume=arguments.resume,
    )
    print(recipe)
    print("% of held-out images:", *(f"{100 * value:.1f}" for value in run.history["val_accuracy"]))


if __name__ == "__main__":
    sys.exit(main())
