"""How time and memory of inference and training grow: with the batch size, the image's side, the number of images.

    python benchmarks/growth.py OUT [--only PART ...]

Each point is a process of its own. OUT, a folder, gets a table (CSV) and a plot (PNG) for each part:

  batch     images per second of ``resnet18``'s predictions, 224 x 224, by Keras and by OpenVINO, over the batch size
  side      the same over the side of the images, in batches of 8
  images    images per second and peak memory of `evaluate` on so many images in memory, for ``lenet5``
  training  images per second and peak memory of training ``resnet20``, 32 x 32, over the batch size
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZES = {
    "batch": (1, 2, 4, 8, 16, 32, 64),
    "side": (64, 96, 128, 160, 224, 320, 448),
    "images": (1_000, 4_000, 16_000, 64_000),
    "training": (8, 16, 32, 64, 128, 256, 512),
}
WAYS = {"batch": ("keras", "openvino"), "side": ("keras", "openvino"), "images": ("keras",), "training": ("keras",)}
LABELS = {"batch": "batch size", "side": "side in pixels", "images": "images", "training": "batch size"}
SECONDS = 3.0  # of predictions, at least
EPOCH = 2_048  # images of training


def predicting(engine: str, batch: int, side: int) -> float:
    """Return images per second."""
    import cnnzoo
    from cnnzoo._keras.engine import compiled_predictor, predict_on_batch

    model = cnnzoo.models.resnet18(input_shape=(side, side, 3))
    images = np.random.default_rng(0).random((batch, side, side, 3), np.float32)
    predictor = compiled_predictor(model, engine)
    predict_on_batch(model, images, predictor)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        predict_on_batch(model, images, predictor)
        count += batch
    return count / (time.perf_counter() - begun)


def evaluating(count: int) -> float:
    """Return images per second."""
    import cnnzoo

    model = cnnzoo.models.lenet5()
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 1), np.uint8)
    split = cnnzoo.data.Split(images, np.arange(count) % 10)
    cnnzoo.evaluation.evaluate(model, cnnzoo.data.Split(images[:600], split.labels[:600]), engine="keras")
    begun = time.perf_counter()
    cnnzoo.evaluation.evaluate(model, split, engine="keras")
    return count / (time.perf_counter() - begun)


def training(batch: int) -> float:
    """Return images per second of the second epoch."""
    import keras

    import cnnzoo

    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: ends.append(time.perf_counter()),
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()),
    )
    random = np.random.default_rng(0)
    images, labels = random.random((EPOCH, 32, 32, 3), np.float32), random.integers(0, 10, EPOCH)
    recipe = cnnzoo.training.Recipe(epochs=2, batch_size=batch)
    data = (images, labels), (images[:8], labels[:8])
    cnnzoo.training.fit(cnnzoo.models.resnet20(), *data, recipe=recipe, progress=False, callbacks=[clock])
    of_second = ends[len(ends) // 2 :]
    return EPOCH / (of_second[-1] - of_second[0])


def measure(part: str, way: str, size: int) -> None:
    """Print images per second and the peak memory in MiB."""
    measured = {
        "batch": lambda: predicting(way, size, 224),
        "side": lambda: predicting(way, 8, size),
        "images": lambda: evaluating(size),
        "training": lambda: training(size),
    }[part]()
    print(json.dumps([measured, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def draw(part: str, rows: list[dict[str, str | float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((8, 3), layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("images per second", "MiB of memory, at most"), strict=True):
        for way in WAYS[part]:
            points = [(row["size"], row[column]) for row in rows if row["engine"] == way]
            axes.plot(*zip(*points, strict=True), marker="o", label={"keras": "Keras", "openvino": "OpenVINO"}[way])
        axes.set(xscale="log", xlabel=LABELS[part], ylabel=column, ylim=(0, None))
        axes.set_xticks(SIZES[part], [f"{size:,}" for size in SIZES[part]], minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    if len(WAYS[part]) > 1:
        axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write and draw each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.point:
        measure(given.point[0], given.point[1], int(given.point[2]))
        return
    given.out.mkdir(exist_ok=True)
    for part in given.only:
        rows = []
        for size in SIZES[part]:
            for way in WAYS[part]:
                words = [sys.executable, __file__, str(given.out), "--point", part, way, str(size)]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                rate, memory = json.loads(done.stdout.splitlines()[-1])
                rows.append({"size": size, "engine": way, "images per second": rate, "MiB of memory, at most": memory})
                print(part, way, size, f"{rate:,.1f} images/s, {memory:,.0f} MiB", flush=True)
        with (given.out / f"{part}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
        draw(part, rows, given.out / f"{part}.png")


if __name__ == "__main__":
    main()
