"""Train the weights that ship as ``resnet20(weights="cifar10")``, and show what they are worth.

    python benchmarks/resnet20_weights.py CIFAR10 OUT [--run RUN] [--seed 0]

Trains by the default recipe on CIFAR-10's 50,000 training images, or takes RUN, which was trained so. The weights are
those after the last epoch; the 10,000 test images are looked at once. OUT becomes the run folder that ships, without
pictures, and with the weights alone, as float16 if no prediction changes by that; it lies in ``cnnzoo/models/trained``.
"""

import argparse
import json
import shutil
from pathlib import Path

import h5py
import numpy as np

import cnnzoo
from cnnzoo.models.published import WEIGHTS
from cnnzoo.runs.folder import HISTORY, RECORD


def halve(path: Path) -> None:
    """Store the weights of a file as float16."""
    with h5py.File(path, "r+") as file:
        places = []
        file.visititems(lambda place, item: places.append(place) if isinstance(item, h5py.Dataset) else None)
        for place in places:
            values = file[place][()]
            if values.dtype == np.float32:
                del file[place]
                file.create_dataset(place, data=values.astype(np.float16))
    smaller = path.with_suffix(".repacked")
    with h5py.File(path) as file, h5py.File(smaller, "w") as other:  # deleted data stay in a file
        for name in file:
            file.copy(name, other)
        other.attrs.update(file.attrs)
    smaller.replace(path)


def main() -> None:
    """Train, evaluate, and write what ships."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cifar10", help="a local copy of CIFAR-10")
    parser.add_argument("out", type=Path, help="the run folder to write")
    parser.add_argument("--run", help="a run that was trained by the default recipe")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    source = cnnzoo.data.find_source("cifar10", given.cifar10)
    whole = given.out.with_name(f"{given.out.name}-whole")
    if given.run:
        run = cnnzoo.training.load_run(given.run)
    else:
        run = cnnzoo.training.train("resnet20", source, seed=given.seed, out=whole)
    if run.record.recipe != cnnzoo.training.recipe_card("resnet20").recipe:
        parser.error("the run was trained by another recipe")
    of_test = run.evaluate("cifar10", given.cifar10)
    given.out.mkdir()
    run.model.save_weights(given.out / WEIGHTS)
    halve(given.out / WEIGHTS)
    halved = cnnzoo.models.resnet20(weights=given.out / WEIGHTS)
    test = cnnzoo.data.load_dataset(source).test
    changed = cnnzoo.evaluation.evaluate(halved, test).probabilities.argmax(1) != of_test.probabilities.argmax(1)
    if changed.any():
        run.model.save_weights(given.out / WEIGHTS)
    record = run.record.to_json()
    record["machine"] = {"cpus": run.record.machine.cpus}
    record["data"]["source"]["path"] = None
    record["command"] = None
    record["confusion"] = of_test.confusion.tolist()
    (given.out / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    shutil.copy(run.path / HISTORY, given.out / HISTORY)
    size = (given.out / WEIGHTS).stat().st_size
    print(f"{of_test.accuracy:.2%} of 10,000 test images; float16 changes {changed.sum()} predictions; {size:,} bytes")


if __name__ == "__main__":
    main()
