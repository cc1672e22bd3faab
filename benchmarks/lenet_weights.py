"""Train the weights of a LeNet that ship as ``weights="mnist"``, and show what they are worth.

    python benchmarks/lenet_weights.py NETWORK MNIST_NPZ OUT [--seed 0]

NETWORK is lenet1, lenet5 or lenet5_1998. Trains by the default recipe on MNIST's 60,000 training images without the
1,000 that the package holds out, found among them image by image. The weights are those after the last epoch; MNIST's
10,000 test images and the 1,000 are looked at once. OUT becomes the run folder, without its pictures, and with the
weights alone in place of the model, which do not depend on the release of Keras; what ships lies in
``cnnzoo/models/trained``. The same seed gives the same bits on the same machine.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np

import cnnzoo
from cnnzoo.data import Dataset, DataSource, Split, data_card
from cnnzoo.models.published import WEIGHTS
from cnnzoo.recipes.recipe import kernel_initializer
from cnnzoo.runs.folder import CONFUSION, CURVES, MODEL, RECORD, SAMPLES


def without(split: Split, other: Split) -> Split:
    """Return ``split`` without the images of ``other``, each of which must be among them."""
    positions = {image.tobytes(): position for position, image in enumerate(split.images)}
    found = {positions[image.tobytes()] for image in other.images}
    if len(found) != len(other.images):
        raise ValueError(f"Each of the {len(other.images)} images must be found once. Found: {len(found)}")
    kept = np.setdiff1d(np.arange(len(split.labels)), list(found))
    return Split(split.images[kept], split.labels[kept])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=["lenet1", "lenet5", "lenet5_1998"])
    parser.add_argument("mnist", help="a local mnist.npz, or a folder with the IDX files")
    parser.add_argument("out", help="the run folder to write")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train, test = cnnzoo.data.load_mnist(path=arguments.mnist)
    _, held_out = cnnzoo.data.load_digits()
    keras.utils.set_random_seed(arguments.seed)
    recipe = cnnzoo.training.recipe_card(arguments.network).recipe
    model = cnnzoo.create_model(arguments.network, kernel_initializer=kernel_initializer(recipe))
    dataset = Dataset(
        without(train, held_out),
        test,
        data_card("mnist").class_names,
        "digit",
        image_size=model.input_shape[1:3],
        source=DataSource("mnist"),
    )
    run = cnnzoo.training.fit(model, dataset, seed=arguments.seed, out=arguments.out)
    of_test = run.evaluate("mnist", arguments.mnist)
    of_held_out = run.evaluate("digits")
    record = run.record.to_json()
    record["machine"] = {"cpus": run.record.machine.cpus}
    record["recipe"]["initializer"] = recipe.initializer
    record["metrics"]["held_out_digits_accuracy"] = of_held_out.accuracy
    record["confusion"] = of_test.confusion.tolist()
    Path(arguments.out, RECORD).write_text(json.dumps(record, indent=2) + "\n")
    model.save_weights(Path(arguments.out, WEIGHTS))
    for file in (MODEL, CURVES, CONFUSION, SAMPLES):
        Path(arguments.out, file).unlink()
    print(
        f"{of_test.accuracy:.2%} of MNIST's 10,000, {of_held_out.accuracy:.2%} of the 1,000 held-out digits are right"
    )


if __name__ == "__main__":
    main()
