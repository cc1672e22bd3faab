"""The report of a VGG19 run on 1,000 images at 224 x 224: time beyond the predictions, memory beyond the model.

    python benchmarks/report.py CIFAR10

CIFAR10 is the folder of the binary version. The network is new, which does not matter for time and memory. The run is
read, predicts, and is reported on in a process of its own.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import cnnzoo  # first: it sets TensorFlow up

IMAGE_SIZE = 224
TRAINED, TESTED = 20, 1_000


def make_run(cifar10: str, folder: Path) -> Path:
    """Leave a run of a step on a few images, whose record then names all the test images."""
    few = TESTED / 10_000 / 100
    run = cnnzoo.training.train(
        "vgg19",
        data="cifar10",
        data_path=cifar10,
        image_size=IMAGE_SIZE,
        fraction=few,
        limit=TRAINED,
        epochs=1,
        out=folder / "vgg19",
        progress=False,
    )
    record = json.loads((run.path / "run.json").read_text())
    record["data"]["source"]["fraction"] = TESTED / 10_000
    (run.path / "run.json").write_text(json.dumps(record))
    return run.path


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_bytes() -> int:
    """The memory that this process holds, as Linux counts it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure(path: Path) -> None:
    run = cnnzoo.training.load_run(path)
    with_model = resident_bytes()
    start = time.perf_counter()
    evaluation = run.evaluate()
    predictions = time.perf_counter() - start
    del run  # the report reads it anew
    start = time.perf_counter()
    page = cnnzoo.report.write_report(path, force=True).path
    whole = time.perf_counter() - start
    print(
        f"{len(evaluation.labels):,} predictions {predictions:.1f} s; report {whole:.1f} s, "
        f"{whole - predictions:.1f} s beyond; {(peak_bytes() - with_model) / 1e9:.2f} GB more than with the model; "
        f"page {page.stat().st_size / 1e6:.2f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar10")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        processes = multiprocessing.get_context("spawn")
        with processes.Pool(1) as pool:
            path = pool.apply(make_run, (arguments.cifar10, Path(folder)))
        with processes.Pool(1) as pool:
            pool.apply(measure, (path,))


if __name__ == "__main__":
    main()
