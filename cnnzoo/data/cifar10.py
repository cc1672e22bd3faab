"""CIFAR-10 (A. Krizhevsky, 2009): 60,000 photographs of 32 x 32 pixels in ten classes."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from cnnzoo._keras.download import RemoteFile, fetch_any
from cnnzoo._support.arguments import check_number, check_seed
from cnnzoo.data.resize import check_image_size, resize_into
from cnnzoo.data.sampling import sample_fraction
from cnnzoo.data.split import Split, one_hot_labels

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The binary version, read without pickle. The second address is a copy by the MindSpore project
CIFAR10_BINARY = RemoteFile(
    name="cifar-10-binary.tar.gz",
    urls=(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
    ),
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    keras_name="cifar-10-binary.tar.gz",
)

# The Python version, which Keras keeps in its cache: used from there, never downloaded
CIFAR10_PYTHON = RemoteFile(
    name="cifar-10-python.tar.gz",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
    size=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    keras_name="cifar-10-batches-py-target_archive",
)

CIFAR10_FILES = (CIFAR10_BINARY, CIFAR10_PYTHON)

SIDE = 32
PIXELS = SIDE * SIDE * 3
RECORD = 1 + PIXELS  # binary version: a label, then the red, green and blue planes
LARGEST_BATCH = 64 << 20  # bytes; a published batch has 31 million
LARGEST_ARCHIVE = 512 << 20  # bytes, unpacked; the published archives have 184 million
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCHES = ("test_batch",)

RawSplit = tuple[np.ndarray, np.ndarray]


def load_cifar10(
    fraction: float = 1.0,
    image_size: int | tuple[int, int] | None = None,
    seed: int = 0,
    stratified: bool = True,
    one_hot: bool = False,
    path: str | os.PathLike[str] | None = None,
    dtype: Literal["float32", "uint8"] = "float32",
) -> tuple[Split, Split]:
    """Load CIFAR-10, sampled and resized.

    Args:
        fraction: Fraction of the training and of the test images to use, in (0, 1], sampled without replacement.
        image_size: Side, or height and width, in pixels, to resize to (bilinear); None keeps 32 x 32. The result is
            filled in place, with a few megabytes of extra memory.
        seed: Random seed for sampling.
        stratified: Whether sampling keeps the classes balanced.
        one_hot: Whether labels are one-hot rows of shape (10,) instead of class numbers.
        path: A local archive or unpacked folder of the binary or the Python version. None: a verified copy from Keras'
            cache or cnnzoo's, or a download of the binary version (170 MB).
        dtype: "uint8" keeps the raw pixels, 0 to 255 at 32 x 32, in a quarter of the memory; ``stream`` resizes them
            batch by batch.

    Returns:
        Training and test images, float32 in [0, 1] (or uint8) of shape (n, height, width, 3), in the published order;
        labels int64 of shape (n,), or float32 of shape (n, 10) with ``one_hot``.

    Raises:
        FileNotFoundError: ``path`` or one of its batches does not exist.
        ValueError: An argument is out of range, or a batch is damaged or not of CIFAR-10.
        ConnectionError: There is no local copy and the download failed.
        OSError: The cache cannot be written, or the disk is full.

    >>> load_cifar10(fraction=1.5)
    Traceback (most recent call last):
    ...
    ValueError: `fraction` must lie in (0, 1]. Received: fraction=1.5
    """
    fraction = check_number("fraction", fraction, "(0, 1]")
    check_seed(seed)
    size = check_image_size(image_size) if image_size is not None else (SIDE, SIDE)
    if dtype not in ("float32", "uint8"):
        raise ValueError(f"`dtype` must be 'float32' or 'uint8'. Received: dtype={dtype!r}")
    if dtype == "uint8" and image_size is not None:
        raise ValueError(
            "`dtype='uint8'` keeps the raw pixels, at 32 x 32. Pass `image_size` to `stream` instead. "
            f"Received: image_size={image_size!r}"
        )
    if path is None:
        path = fetch_any(CIFAR10_FILES)
    splits = [sample_fraction(Split(*raw), fraction, seed=seed, stratified=stratified) for raw in read_cifar10(path)]
    train, test = (_finished(split, size, one_hot, dtype) for split in splits)
    return train, test


def read_cifar10(path: str | os.PathLike[str]) -> tuple[RawSplit, RawSplit]:
    """Read all of CIFAR-10 from an archive or an unpacked folder, binary or Python version.

    Returns:
        Training and test images, uint8 of shape (n, 32, 32, 3), and labels, uint8 of shape (n,). The images are views
        of the colour planes in the files, so only selected images are transposed.

    Raises:
        FileNotFoundError: ``path`` or one of its batches does not exist.
        ValueError: A batch is damaged or not of CIFAR-10.
    """
    path = Path(path)
    if path.is_dir():
        batches = _read_folder(path)
    elif path.is_file():
        batches = _read_archive(path)
    else:
        raise FileNotFoundError(f"No such file: '{path}'. Pass a CIFAR-10 archive or an unpacked folder.")
    missing = [name for name in (*TRAIN_BATCHES, *TEST_BATCHES) if name not in batches]
    if missing:
        raise FileNotFoundError(f"'{path}' lacks the CIFAR-10 batches {', '.join(missing)}. Download it again.")
    return _join([batches[name] for name in TRAIN_BATCHES]), _join([batches[name] for name in TEST_BATCHES])


def _finished(split: Split, size: tuple[int, int], one_hot: bool, dtype: str) -> Split:
    images, labels = split
    if dtype == "float32":
        resized = np.empty((len(images), *size, 3), np.float32)
        resize_into(resized, images)
        images = resized
    return Split(
        np.ascontiguousarray(images),
        one_hot_labels(labels, len(CIFAR10_CLASSES)) if one_hot else labels.astype(np.int64),
    )


def _join(batches: list[RawSplit]) -> RawSplit:
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])


def _reader(file_name: str) -> tuple[str, Callable[[bytes, str], RawSplit]] | None:
    """Return the batch that a file name stands for and the function that reads it, if any."""
    name = file_name.removesuffix(".bin")
    if name not in TRAIN_BATCHES and name not in TEST_BATCHES:
        return None
    return name, _parse_binary if file_name.endswith(".bin") else _parse_pickle


def _read_folder(folder: Path) -> dict[str, RawSplit]:
    inner = [folder / name for name in ("cifar-10-batches-bin", "cifar-10-batches-py") if (folder / name).is_dir()]
    batches = {}
    for file in sorted((inner[0] if inner else folder).iterdir()):
        if file.is_file() and (batch := _reader(file.name)):
            name, parse = batch
            if file.stat().st_size > LARGEST_BATCH:
                raise ValueError(f"'{file}' is too large for a CIFAR-10 batch: {file.stat().st_size:,} bytes.")
            batches[name] = parse(file.read_bytes(), str(file))
    return batches


def _read_archive(path: Path) -> dict[str, RawSplit]:
    """Read the batches from the archive in one pass: nothing is unpacked to disk, and links are ignored."""
    batches = {}
    try:
        with _unpacked(path) as stream, tarfile.open(fileobj=cast(Any, _Bounded(stream)), mode="r|") as archive:
            for member in archive:
                batch = _reader(member.name.rpartition("/")[2]) if member.isfile() else None
                if batch is None:
                    continue
                if member.size > LARGEST_BATCH:
                    raise ValueError(f"'{path}': {member.name} is too large for a CIFAR-10 batch.")
                payload = cast(IO[bytes], archive.extractfile(member)).read()
                name, parse = batch
                batches[name] = parse(payload, f"{path}: {member.name}")
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, OverflowError) as error:
        raise ValueError(
            f"'{path}' is not a readable archive ({error}). Download it again or pass another file."
        ) from error
    return batches


def _unpacked(path: Path) -> IO[bytes]:
    """Open ``path`` with the decompression that its first bytes indicate."""
    with path.open("rb") as file:
        head = file.read(6)
    for magic, open_compressed in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)):
        if head.startswith(magic):
            return cast(IO[bytes], open_compressed(path))
    return path.open("rb")


class _Bounded:
    """A stream that fails after more bytes than an archive of CIFAR-10 can contain."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = LARGEST_ARCHIVE

    def read(self, size: int) -> bytes:
        payload = self._stream.read(min(size, self._left + 1))
        self._left -= len(payload)
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {LARGEST_ARCHIVE:,} bytes")
        return payload


def _parse_binary(payload: bytes, what: str) -> RawSplit:
    if not payload or len(payload) % RECORD:
        raise ValueError(f"'{what}' must hold records of {RECORD:,} bytes. Received: {len(payload):,} bytes.")
    records = np.frombuffer(payload, np.uint8).reshape(-1, RECORD)
    return _checked(records[:, 1:], records[:, 0], what)


def _parse_pickle(payload: bytes, what: str) -> RawSplit:
    try:
        batch = _ArrayUnpickler(io.BytesIO(payload), encoding="bytes").load()
        pixels, labels = batch[b"data"], _label_array(batch[b"labels"])
    except Exception as error:  # a hostile pickle can raise anything
        raise ValueError(f"'{what}' is not a CIFAR-10 batch ({type(error).__name__}: {error}).") from error
    fits = (
        isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2 and pixels.shape[1] == PIXELS
    )
    if not fits or pixels.nbytes > len(payload):  # an array can be a view that repeats a few bytes endlessly
        raise ValueError(f"'{what}' must hold uint8 pixels of shape (n, {PIXELS}), as many as it has bytes.")
    if labels.shape != pixels.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"'{what}' must hold uint8 pixels of shape (n, {PIXELS}) and n integer labels.")
    return _checked(pixels, labels, what)


def _label_array(labels: Any) -> np.ndarray:
    """Turn a list of numbers into an array; a list of lists could expand to gigabytes."""
    if isinstance(labels, list) and not all(isinstance(label, int) for label in labels):
        raise pickle.UnpicklingError("labels must be numbers")
    return np.asarray(labels)


def _checked(pixels: np.ndarray, labels: np.ndarray, what: str) -> RawSplit:
    if len(labels) < 1 or labels.min() < 0 or labels.max() >= len(CIFAR10_CLASSES):
        raise ValueError(f"'{what}' must hold images with labels in 0 to {len(CIFAR10_CLASSES) - 1}.")
    planes = pixels.reshape(-1, 3, SIDE, SIDE)
    return planes.transpose(0, 2, 3, 1), labels.astype(np.uint8)


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that allows only NumPy arrays, bytes, numbers, lists and dicts, and can call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise pickle.UnpicklingError(f"a batch may not contain {module}.{name}")
        return admitted


def _encode(text: str, encoding: str) -> bytes:
    """Decode the bytes that pickle protocol 2 writes as text; no other codec is allowed."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"a batch may not encode as {encoding}")
    return text.encode("latin1")


_RECONSTRUCT = np.empty(0).__reduce__()[0]  # its module was renamed
_ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): _encode,
}
