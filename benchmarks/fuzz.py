"""Broken files against every reader: each must be read, or end in the error that the reader documents.

    python benchmarks/fuzz.py [--inputs 10000] [--seconds 600] [--seed 0]
    python benchmarks/fuzz.py --models 2000 --seconds 3000  # networks and labels of others, see fuzz_models.py
    python benchmarks/fuzz.py --checkpoints 10000  # of PyTorch, see fuzz_checkpoints.py

Valid files of every kind are made, then cut, flipped, spliced, repeated or replaced by noise. Memory is limited, so a
file that unfolds to gigabytes fails the run too. Exit code 1 when there was any other exception, or the
time ran out first.
"""

import argparse
import collections
import gzip
import io
import pickle
import random
import resource
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from cnnzoo.data._idx import read_idx
from cnnzoo.data.cifar10 import TEST_BATCHES, TRAIN_BATCHES, read_cifar10
from cnnzoo.data.folder import load_folder
from cnnzoo.data.mnist import load_mnist
from cnnzoo.data.picture import read_picture
from cnnzoo.data.preparing import prepare_picture

DOCUMENTED = (ValueError, FileNotFoundError)
MEMORY = 4 << 30  # bytes of address space
RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npz(compression: int) -> bytes:
    packed = io.BytesIO()
    arrays = {
        "x_train": RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_train": np.arange(5, dtype=np.uint8),
        "x_test": RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": np.arange(3, dtype=np.uint8),
    }
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, array in arrays.items():
            payload = io.BytesIO()
            np.save(payload, array)
            archive.writestr(f"{name}.npy", payload.getvalue())
    return packed.getvalue()


def batch(pickled: bool) -> bytes:
    labels = np.arange(4, dtype=np.uint8)
    pixels = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
    if pickled:
        return pickle.dumps({b"data": pixels, b"labels": labels.tolist()}, protocol=2)
    return np.hstack([labels[:, None], pixels]).tobytes()


def archive(pickled: bool, mode: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:
        for name in (*TRAIN_BATCHES, *TEST_BATCHES):
            payload = batch(pickled)
            member = tarfile.TarInfo(f"cifar/{name}{'' if pickled else '.bin'}")
            member.size = len(payload)
            tar.addfile(member, io.BytesIO(payload))
    return packed.getvalue()


def picture(form: str) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(packed, form)
    return packed.getvalue()


def read_npz_file(path: Path) -> None:
    load_mnist(path=path)


def read_idx_file(path: Path) -> None:
    read_idx(path, dimensions=3)


def read_batch(pickled: bool) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        folder = path.with_name("batches")
        folder.mkdir(exist_ok=True)
        for name in (*TRAIN_BATCHES, *TEST_BATCHES):
            file = folder / (name if pickled else f"{name}.bin")
            file.write_bytes(path.read_bytes() if name == "data_batch_1" else batch(pickled))
        read_cifar10(folder)

    return read


def read_picture_file(path: Path) -> None:
    prepare_picture(read_picture(path), (8, 8, 3), "resize")


def read_folder(path: Path) -> None:
    for name in ("a", "b"):
        (path.with_name("photos") / name).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            (path.with_name("photos") / name / f"{number}.png").write_bytes(path.read_bytes())
    for split in load_folder(path.with_name("photos"), 8):
        split.images[:]


KINDS: dict[str, tuple[list[bytes], Callable[[Path], None]]] = {
    "npz": ([npz(zipfile.ZIP_STORED), npz(zipfile.ZIP_DEFLATED), npz(zipfile.ZIP_BZIP2)], read_npz_file),
    "idx": ([idx(np.zeros((2, 28, 28), np.uint8)), gzip.compress(idx(np.ones((2, 28, 28), np.uint8)))], read_idx_file),
    "binary batch": ([batch(pickled=False)], read_batch(pickled=False)),
    "pickled batch": ([batch(pickled=True)], read_batch(pickled=True)),
    "archive": (
        [archive(pickled, mode) for pickled in (True, False) for mode in ("w:gz", "w", "w:bz2", "w:xz")],
        read_cifar10,
    ),
    "picture": ([picture(form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")], read_picture_file),
    "folder": ([picture(form) for form in ("PNG", "JPEG")], read_folder),
}


def spoil(payload: bytes, dice: random.Random) -> bytes:
    spoiled = bytearray(payload)
    for _ in range(dice.choice((1, 1, 2, 5))):
        start = dice.randrange(len(spoiled) + 1) if dice.random() < 0.5 else dice.randrange(min(len(spoiled), 64) + 1)
        length = dice.choice((1, 2, 4, 16, 256))
        noise = dice.randbytes(length)
        match dice.randrange(6):
            case 0:
                del spoiled[start:]
            case 1:
                spoiled[start : start + length] = noise
            case 2:
                spoiled[start:start] = noise
            case 3:
                del spoiled[start : start + length]
            case 4:
                spoiled[start : start + length] = dice.choice((b"\0", b"\xff")) * length
            case 5:
                spoiled[start:start] = spoiled[start : start + length]
    return bytes(spoiled) if dice.random() < 0.95 else dice.randbytes(dice.randrange(2_000))


def main() -> None:
    parser = argparse.ArgumentParser(description="Read broken files.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=0, help="try so many networks instead, see fuzz_models.py")
    parser.add_argument("--checkpoints", type=int, default=0, help="try so many checkpoints of PyTorch instead")
    arguments = parser.parse_args()
    if arguments.models:
        from fuzz_models import fuzz as fuzz_models

        sys.exit(0 if fuzz_models(arguments.models, arguments.seconds, arguments.seed) else 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if arguments.checkpoints:
        from fuzz_checkpoints import fuzz as fuzz_checkpoints

        sys.exit(0 if fuzz_checkpoints(arguments.checkpoints, arguments.seed) else 1)
    dice = random.Random(arguments.seed)
    outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
    start = time.perf_counter()
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        while tried < arguments.inputs and time.perf_counter() - start < arguments.seconds:
            kind = list(KINDS)[tried % len(KINDS)]
            payloads, read = KINDS[kind]
            path.write_bytes(spoil(dice.choice(payloads), dice))
            tried += 1
            try:
                read(path)
                outcomes[kind, "read"] += 1
            except DOCUMENTED:
                outcomes[kind, "refused"] += 1
            except Exception:
                outcomes[kind, "UNDOCUMENTED"] += 1
                traceback.print_exc()
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind}: {count:,} {outcome}")
    undocumented = sum(count for (_, outcome), count in outcomes.items() if outcome == "UNDOCUMENTED")
    print(f"{tried:,} inputs in {time.perf_counter() - start:.0f} s, {undocumented} undocumented exceptions")
    sys.exit(1 if undocumented or tried < arguments.inputs else 0)


if __name__ == "__main__":
    main()
