"""CIFAR-10 at 224 x 224, four ways, side by side: how fast, how soon, and in how much memory.

    python benchmarks/data.py FOLDER [--repeats 3]

FOLDER is an unpacked `cifar-10-batches-bin`. Each way runs in a process of its own, in turn, so that its memory can be
told; the median of the repeats is printed, with the ratios. Batches of 128, one epoch:

  lecture      all images as float32, a tenth drawn at random, resized in one call, then cut into batches
  eager        cnnzoo.data.load_cifar10(fraction=0.1, image_size=224), then cut into batches
  stream       cnnzoo.data.stream over the same 5,000 images, and over all 50,000
  dataloader   PyTorch's Dataset and DataLoader with two workers, where PyTorch is installed

The clock starts when the modules are imported and, but for `lecture` and `eager`, whose loading and resizing are one,
the raw pixels are in memory. Memory is the peak resident size beyond what the process held when the clock started; the
workers of `dataloader` are not counted.
"""

import argparse
import importlib.util
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH_SIZE = 128
SIDE = 224
STREAMS = {
    "stream": (5_000, ""),
    "stream, flips and crops": (5_000, "flip,crop"),
    "stream, all images": (50_000, ""),
    "stream, all images, flips and crops": (50_000, "flip,crop"),
}


def resident() -> float:
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def forget_peak() -> None:
    """Let the peak of this process start anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Peak resident memory of this process since ``forget_peak``, in MB; its children are not counted."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def slices(images, labels) -> Iterable:
    for start in range(0, len(images), BATCH_SIZE):
        yield images[start : start + BATCH_SIZE], labels[start : start + BATCH_SIZE]


def measure(prepare) -> dict[str, float]:
    """Time an epoch of the batches that ``prepare()`` gives, from the call on."""
    forget_peak()
    held, start = resident(), time.perf_counter()
    count, first = 0, None
    for images, _ in prepare():
        count += len(images)
        first = first or time.perf_counter() - start
    seconds = time.perf_counter() - start
    return {"images": count, "seconds": seconds, "rate": count / seconds, "first": first, "memory": peak() - held}


def lecture(folder: str) -> dict[str, float]:
    import numpy as np
    import tensorflow as tf

    from cnnzoo.data.cifar10 import read_cifar10

    def prepare():
        (train_images, train_labels), (test_images, test_labels) = read_cifar10(folder)
        splits = []
        for images, labels in ((train_images, train_labels), (test_images, test_labels)):
            chosen = np.random.permutation(len(images))[: len(images) // 10]
            scaled = images.astype("float32") / 255
            splits.append((tf.image.resize(scaled[chosen], (SIDE, SIDE)).numpy(), labels[chosen]))
        for images, labels in splits:
            yield from slices(images, labels)

    return measure(prepare)


def eager(folder: str) -> dict[str, float]:
    import tensorflow  # noqa: F401  # before the clock starts

    from cnnzoo.data import load_cifar10

    def prepare():
        for split in load_cifar10(fraction=0.1, image_size=SIDE, path=folder):
            yield from slices(*split)

    return measure(prepare)


def streamed(folder: str, way: str) -> dict[str, float]:
    from cnnzoo.data import load_cifar10, stream

    size, augment = STREAMS[way]
    train, _ = load_cifar10(fraction=size / 50_000, path=folder, dtype="uint8")
    return measure(lambda: stream(train, batch_size=BATCH_SIZE, image_size=SIDE, shuffle=True, augment=augment))


def dataloader(folder: str) -> dict[str, float]:
    import torch

    from cnnzoo.data import load_cifar10

    train, _ = load_cifar10(fraction=0.1, path=folder, dtype="uint8")

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(train.labels)

        def __getitem__(self, index):
            image = torch.from_numpy(train.images[index]).permute(2, 0, 1).float().div(255)
            resized = torch.nn.functional.interpolate(image[None], (SIDE, SIDE), mode="bilinear", align_corners=False)
            return resized[0], int(train.labels[index])

    return measure(lambda: torch.utils.data.DataLoader(Images(), BATCH_SIZE, shuffle=True, num_workers=2))


def run_one(way: str, folder: str) -> dict[str, float]:
    if way in STREAMS:
        return streamed(folder, way)
    return {"lecture": lecture, "eager": eager, "dataloader": dataloader}[way](folder)


def in_a_process(way: str, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, folder, "--way", way]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(finished.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare four ways to CIFAR-10 at 224 x 224.")
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(run_one(arguments.way, arguments.folder)))
        return
    ways = ["lecture", "eager", *STREAMS, *(["dataloader"] if importlib.util.find_spec("torch") else [])]
    runs = {way: [] for way in ways}
    for _ in range(arguments.repeats):
        for way in ways:
            runs[way].append(in_a_process(way, arguments.folder))
    median = {way: {key: statistics.median(run[key] for run in runs[way]) for key in runs[way][0]} for way in ways}
    print("| way | images | seconds | images/s | first batch, s | memory, MB | x lecture | x dataloader |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for way in ways:
        row = median[way]
        over = [
            row["rate"] / median[base]["rate"] if base in median else float("nan") for base in ("lecture", "dataloader")
        ]
        print(
            f"| {way} | {row['images']:,.0f} | {row['seconds']:.2f} | {row['rate']:,.0f} | {row['first']:.2f} "
            f"| {row['memory']:,.0f} | {over[0]:.1f} | {over[1]:.1f} |"
        )


if __name__ == "__main__":
    main()
