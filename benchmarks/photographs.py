"""Photographs of 12 megapixels at 224 x 224: read as before and as now, and streamed for several epochs.

    pip install scikit-learn
    python benchmarks/photographs.py [--count 200] [--repeats 3]

The photographs are generated in a temporary folder: the two that scikit-learn brings, mirrored to 1,333 x 1,000 pixels
and enlarged 3 times, one of 20 cut-outs each, as JPEG of quality 85 (`clean`, about 1.4 MB), and the same with the
grain of a camera, quality 90 (`grain`, about 3 MB). What a JPEG costs to read grows with its bytes. Printed, as the
median of the repeats, which alternate:

  all pixels            what cnnzoo did: decode, turn, resize; one after the other, and in as many threads as now
  reduced               cnnzoo.data.ImageFiles without keeping: one after the other, and all of them at once
  first, later epochs   cnnzoo.data.stream over ImageFiles, batches of 32
  array                 the same over the same images as a uint8 array
  PyTorch               torchvision's ImageFolder by a DataLoader of 2 workers, batches of 32, if it is installed

and by how much the pixels differ from those of all pixels, in 255ths.
"""

import argparse
import importlib.util
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from cnnzoo.data import ImageFiles, Split, stream

SIDE = 224
DIFFERENT = 20
KINDS = {"clean": (0, 85), "grain": (4, 90)}  # strength of the grain, quality
LATER_EPOCHS = 10


def generate(folder: Path, count: int, grain: float, quality: int) -> list[Path]:
    """Write ``count`` JPEGs of 4,000 x 3,000 pixels, of which ``DIFFERENT`` differ."""
    random = np.random.default_rng(0)
    photographs = load_sample_images().images
    paths = [folder / f"{number:03}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if number >= DIFFERENT:
            shutil.copy(paths[number % DIFFERENT], path)
            continue
        source = np.pad(photographs[number % 2], ((1000, 1000), (1400, 1400), (0, 0)), "reflect")
        top, left = random.integers(0, 1000, 2)
        small = Image.fromarray(source[top : top + 1000, left : left + 1333])
        pixels = np.asarray(small.resize((4000, 3000), Image.Resampling.LANCZOS), np.float32)
        pixels = pixels + grain * random.standard_normal((3000, 4000, 1), np.float32)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=quality)
    return paths


def read_all_pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def timed(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def epochs(images, count: int) -> list[float]:
    batches = stream(Split(images, np.zeros(len(images), np.int64)), batch_size=32, shuffle=True)
    return [timed(lambda: [None for _ in batches]) for _ in range(count)]


def of_pytorch(folder: Path) -> dict[str, float]:
    """Return the seconds of PyTorch's second epoch; the folder holds a single class."""
    from tests.models.reference import torch, torchvision

    datasets, transforms = torchvision.datasets, torchvision.transforms
    classes = folder.parent / f"{folder.name}_classes"
    classes.mkdir(exist_ok=True)
    if not (classes / "one").exists():
        (classes / "one").symlink_to(folder)
    steps = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(classes, steps), batch_size=32, shuffle=True, num_workers=2, persistent_workers=True
    )
    _, second = [timed(lambda: [None for _ in loader]) for _ in range(2)]
    shutil.rmtree(classes)
    return {"PyTorch, second epoch": second}


def measure(paths: list[Path]) -> dict[str, float]:
    """Return the seconds of each way to read ``paths`` once."""
    files = ImageFiles(paths, (SIDE, SIDE), 3, cached=False)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seconds = {
            "all pixels, one after the other": timed(lambda: [read_all_pixels(path) for path in paths]),
            "reduced, one after the other": timed(lambda: [files[number] for number in range(len(paths))]),
            "all pixels, in threads": timed(lambda: list(pool.map(read_all_pixels, paths))),
            "reduced, all at once": timed(lambda: files[:]),
        }
    first, *later = epochs(ImageFiles(paths, (SIDE, SIDE), 3), 1 + LATER_EPOCHS)
    _, *of_array = epochs(files[:], 1 + LATER_EPOCHS)
    seconds |= of_pytorch(paths[0].parent) if importlib.util.find_spec("torchvision") else {}
    return seconds | {
        "first epoch": first,
        "later epoch": statistics.median(later),
        "epoch of an array": statistics.median(of_array),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ways to read photographs of 12 megapixels.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    epochs(np.zeros((8, SIDE, SIDE, 3), np.uint8), 1)  # TensorFlow starts
    for kind, (grain, quality) in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = generate(Path(folder), arguments.count, grain, quality)
            megabytes = statistics.mean(path.stat().st_size for path in paths) / 1e6
            runs = [measure(paths) for _ in range(arguments.repeats)]
            reduced = ImageFiles(paths[:DIFFERENT], (SIDE, SIDE), 3, cached=False)[:].astype(int)
            differences = np.abs(reduced - [read_all_pixels(path) for path in paths[:DIFFERENT]])
        print(f"\n{arguments.count} photographs, {kind}, of {megabytes:.1f} MB\n")
        print("| way | seconds | images/s | x all pixels, one after the other |\n|---|---:|---:|---:|")
        median = {way: statistics.median(run[way] for run in runs) for way in runs[0]}
        for way, seconds in median.items():
            ratio = median["all pixels, one after the other"] / seconds
            print(f"| {way} | {seconds:.3f} | {arguments.count / seconds:,.0f} | {ratio:,.1f} |")
        print(f"\ndifference in pixel values: mean {differences.mean():.2f}, largest {differences.max()}")


if __name__ == "__main__":
    main()
