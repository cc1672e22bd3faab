"""MNIST (Y. LeCun, C. Cortes): 70,000 handwritten digits, padded to the 32 x 32 input of LeNet-5."""

import os
from pathlib import Path

import numpy as np

from cnnzoo._keras.download import RemoteFile, fetch
from cnnzoo._support.wording import sentence
from cnnzoo.data._idx import read_idx
from cnnzoo.data._npz import read_npz
from cnnzoo.data.split import Split, one_hot_labels

NUM_CLASSES = 10
PADDING = 2  # pixels on each side: 28 + 2 + 2 = 32

# The file of keras.datasets.mnist, with its hash; the second address is the one Keras used until 2018
MNIST_NPZ = RemoteFile(
    name="mnist.npz",
    urls=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "https://s3.amazonaws.com/img-datasets/mnist.npz",
    ),
    size=11_490_434,
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    keras_name="mnist.npz",
)

# The names of the IDX files as published; some copies have a dot before `idx`
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def load_mnist(one_hot: bool = False, path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """Load MNIST, padded from 28 x 28 to 32 x 32 with two zeros on each side.

    Args:
        one_hot: Whether labels are one-hot rows of shape (10,) instead of class numbers.
        path: A local ``mnist.npz``, or a folder with the four IDX files, gzipped or not; any data set in this format
            works. None: a verified copy from the cache, or a download (11 MB).

    Returns:
        The 60,000 training and the 10,000 test images, in the published order: images float32 in [0, 1] of shape
        (n, 32, 32, 1), labels int64 of shape (n,), or float32 of shape (n, 10) with ``one_hot``.

    Raises:
        FileNotFoundError: ``path`` or one of its files does not exist.
        ValueError: A file is damaged or has another format.
        ConnectionError: There is no local copy and the download failed.
        OSError: The cache cannot be written, or the disk is full.

    >>> load_mnist(path="missing.npz")
    Traceback (most recent call last):
    ...
    FileNotFoundError: No such file: 'missing.npz'. Pass the path of an mnist.npz.
    """
    if path is None:
        path = fetch(MNIST_NPZ)
    path = Path(path)
    try:
        return padded_splits(_read_idx_folder(path) if path.is_dir() else read_npz(path), one_hot)
    except _MismatchError as error:
        raise ValueError(
            f"'{path}' is damaged or has another format: {sentence(str(error))} Download it again or pass another file."
        ) from error


class _MismatchError(ValueError):
    """Images and labels do not fit each other; the caller adds the file name."""


def padded_splits(arrays: dict[str, np.ndarray], one_hot: bool) -> tuple[Split, Split]:
    """Turn raw MNIST arrays, by the names of ``mnist.npz``, into padded, scaled (train, test) splits."""
    return (
        _padded_split(arrays["x_train"], arrays["y_train"], one_hot),
        _padded_split(arrays["x_test"], arrays["y_test"], one_hot),
    )


def _padded_split(images: np.ndarray, labels: np.ndarray, one_hot: bool) -> Split:
    if len(images) != len(labels):
        raise _MismatchError(
            f"there must be a label for each image. Received: {len(images)} images, {len(labels)} labels."
        )
    if labels.max() >= NUM_CLASSES:
        raise _MismatchError(f"labels must lie in 0 to {NUM_CLASSES - 1}. Received: {labels.max()}.")
    height, width = images.shape[1] + 2 * PADDING, images.shape[2] + 2 * PADDING
    padded = np.zeros((len(images), height, width, 1), np.float32)
    np.divide(images, 255, out=padded[:, PADDING:-PADDING, PADDING:-PADDING, 0], dtype=np.float32)
    return Split(padded, one_hot_labels(labels, NUM_CLASSES) if one_hot else labels.astype(np.int64))


def _read_idx_folder(folder: Path) -> dict[str, np.ndarray]:
    arrays = {}
    for array, name in IDX_NAMES.items():
        file = _find_idx(folder, name)
        is_images = array.startswith("x")
        arrays[array] = read_idx(file, dimensions=3 if is_images else 1)
        shape = arrays[array].shape
        if shape[0] < 1 or (is_images and shape[1:] != (28, 28)):
            expected = "(n, 28, 28)" if is_images else "(n,)"
            raise ValueError(f"'{file}' must hold an array of shape {expected}. Received: {shape}")
    return arrays


def _find_idx(folder: Path, name: str) -> Path:
    for candidate in (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(
        f"There is no '{name}' or '{name}.gz' in '{folder}'. Pass a folder with the four IDX files."
    )
