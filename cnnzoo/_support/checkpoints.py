"""The tensors in a checkpoint of PyTorch, by name: from a ``.pth`` file, read without PyTorch, or ``.safetensors``."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo._support._torch_files import StoredTensor as StoredTensor
from cnnzoo._support._torch_files import from_bfloat16, open_torch
from cnnzoo._support._torch_pickle import SAVE_TENSORS, RefusedError, is_shape

SAFETENSORS = ".safetensors"
SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin", SAFETENSORS)  # ".pth.tar" is what PyTorch's ImageNet example writes

WRAPPERS = ("state_dict", "model_state_dict", "model")  # what trainers call the weights, beside their own state
PREFIXES = ("module.", "_orig_mod.", "model.")  # of networks in DataParallel, compiled, or within a Lightning module
CHANNELS = 3  # of images in colour

HEADER_LENGTH = struct.Struct("<Q")  # at the beginning of a .safetensors file
KINDS = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "b1"},
}


def is_checkpoint(path: Path) -> bool:
    """Tell whether a file has a name that checkpoints of PyTorch have."""
    return path.suffix.lower() in SUFFIXES


@contextlib.contextmanager
def open_checkpoint(path: Path) -> Iterator[dict[str, StoredTensor]]:
    """Give the tensors in a checkpoint, which can be read until this ends.

    A checkpoint may have them in a dict under one of ``WRAPPERS``, beside other things, and their names may begin with
    ``PREFIXES``, which are removed.

    Raises:
        ValueError: It is no such file, is damaged, or has more in it than plain tensors in dicts.
    """
    with contextlib.ExitStack() as stack:
        opened = _open_safetensors(path) if path.suffix.lower() == SAFETENSORS else open_torch(path)
        try:
            tensors = _without_prefix(_tensors_in(stack.enter_context(opened)))
        except RefusedError as error:
            raise ValueError(f"'{path}' cannot be read as a checkpoint: it {error}.") from error
        yield tensors


def normalization_of(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and standard deviation of images in the metadata of a ``.safetensors`` file; None: none.

    Raises:
        ValueError: They are no numbers for each channel.
    """
    if path.suffix.lower() != SAFETENSORS:
        return None
    import safetensors  # only where it is needed

    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError:
        return None  # opening it says why
    given = {key: metadata[key] for key in ("mean", "std") if key in metadata}
    if not given:
        return None
    try:
        mean, std = (tuple(map(float, json.loads(given[key]))) for key in ("mean", "std"))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        mean = std = ()
    if (
        len(mean) != len(std)
        or len(mean) not in (1, CHANNELS)
        or not all(map(math.isfinite, mean + std))
        or min(std) <= 0
    ):
        raise ValueError(
            f"The metadata of '{path}' must have lists of {CHANNELS} numbers, or for grey images of one, under `mean` "
            f"and `std`, as JSON, those of `std` above 0. Received: {str(given)[:200]}"
        )
    return mean, std


def _tensors_in(root: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    """Find the tensors of the network in a checkpoint, which may be in a dict, or in a dict in a dict."""
    wrapped = next((root[key] for key in WRAPPERS if isinstance(root.get(key), dict) and _is_filled(root[key])), None)
    if wrapped is not None:
        return _tensors_in(wrapped)
    if found := _tensors_of(root):
        return found
    within = [key for key, value in root.items() if isinstance(value, dict) and _is_filled(value)]
    if len(within) == 1:
        return _tensors_in(root[within[0]])
    if within:
        keys = ", ".join(f"'{key}'" for key in within)
        raise RefusedError(f"has tensors under {keys[:200]}, and nothing tells which are the network's. {SAVE_TENSORS}")
    raise RefusedError(f"has no tensors. {SAVE_TENSORS}")


def _is_filled(values: Mapping[Any, Any]) -> bool:
    """Tell whether there are tensors in a dict, or in a dict within."""
    return bool(_tensors_of(values)) or any(_tensors_of(each) for each in values.values() if isinstance(each, dict))


def _tensors_of(values: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    return {name: value for name, value in values.items() if isinstance(name, str) and isinstance(value, StoredTensor)}


def _without_prefix(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    for prefix in PREFIXES * len(PREFIXES):  # one may be within another
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


@contextlib.contextmanager
def _open_safetensors(path: Path) -> Iterator[dict[str, StoredTensor]]:
    """Give the tensors of a ``.safetensors`` file, which the package checks; they are read part by part."""
    import safetensors  # only where it is needed

    try:
        with safetensors.safe_open(path, framework="np"):
            pass
        with path.open("rb") as file:
            (length,) = HEADER_LENGTH.unpack(file.read(HEADER_LENGTH.size))
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        start = HEADER_LENGTH.size + length
        tensors = {name: _described(path, start, name, entry) for name, entry in header.items()}
    except RefusedError:
        raise
    except Exception as error:  # what the package lets pass may still be odd
        raise RefusedError(f"is damaged, truncated or another kind of file ({str(error)[:200]})") from error
    yield tensors


def _described(path: Path, start: int, name: str, entry: Mapping[str, Any]) -> StoredTensor:
    """Describe a tensor of a ``.safetensors`` file by what its header says of it; ``start`` is where the data begin."""
    shape, (begin, _) = tuple(entry["shape"]), entry["data_offsets"]
    dtype = entry["dtype"]
    if dtype not in KINDS:
        raise RefusedError(
            f"has elements of '{entry['dtype']}' in '{name}', which are not supported: {', '.join(KINDS)}"
        )
    kind, row = np.dtype(KINDS[dtype]), math.prod(shape[1:])
    if not is_shape(shape):
        raise RefusedError(f"has no valid shape of '{name}'")
    length = shape[0] if shape else 1

    def read(rows: tuple[int, int] | None) -> np.ndarray:
        first, last = (min(each, length) for each in rows or (0, length))
        offset = start + begin + first * row * kind.itemsize
        values = np.fromfile(path, kind, (last - first) * row, offset=offset)
        values = values.reshape(last - first, *shape[1:]) if shape else values.reshape(())
        return from_bfloat16(values) if dtype == "BF16" else values

    return StoredTensor(shape, read)
