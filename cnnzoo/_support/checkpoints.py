"""The tensors in a checkpoint of PyTorch, by name: from a ``.pth`` file, read without PyTorch, or ``.safetensors``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo._support._torch_files import RefusedError, open_torch
from cnnzoo._support._torch_files import StoredTensor as StoredTensor

SAFETENSORS = ".safetensors"
SUFFIXES = (".pth", ".pt", SAFETENSORS)

WRAPPERS = ("state_dict", "model_state_dict", "model")  # what trainers call the weights, beside their own state
PREFIXES = ("module.", "_orig_mod.", "model.")  # of networks in DataParallel, compiled, or within a Lightning module


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
            raise ValueError(f"'{path}' cannot be read as a checkpoint of PyTorch: it {error}.") from error
        yield tensors


def normalization_of(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and deviation of images that a ``.safetensors`` file asks for in its metadata; None: nothing."""
    if path.suffix.lower() != SAFETENSORS:
        return None
    import safetensors  # only where it is needed

    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        mean, deviation = (json.loads(metadata[key]) for key in ("mean", "std"))
        return tuple(map(float, mean)), tuple(map(float, deviation))
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError):
        return None


def _tensors_in(root: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    inner = next((root[key] for key in WRAPPERS if isinstance(root.get(key), dict)), root)
    found = {name: value for name, value in inner.items() if isinstance(name, str) and isinstance(value, StoredTensor)}
    if not found:
        known = ", ".join(f"'{key}'" for key in list(root)[:3])
        raise RefusedError(f"has no tensors{f', but {known}' if known else ''}")
    return found


def _without_prefix(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    for prefix in PREFIXES * len(PREFIXES):  # one may be within another
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


@contextlib.contextmanager
def _open_safetensors(path: Path) -> Iterator[dict[str, StoredTensor]]:
    import ml_dtypes  # noqa: F401  # gives NumPy bfloat16
    import safetensors  # only where it is needed

    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(safetensors.safe_open(path, framework="np"))
            tensors = {name: _described(file, name) for name in file.keys()}  # noqa: SIM118  # it is no dict
        except safetensors.SafetensorError as error:
            raise RefusedError(f"is damaged, truncated or another kind of file ({error})") from error
        yield tensors


def _described(file: Any, name: str) -> StoredTensor:
    part = file.get_slice(name)
    shape, kind = tuple(part.get_shape()), part.get_dtype()
    if kind not in KINDS:
        raise RefusedError(f"has elements of '{kind}' in '{name}', which are not supported: {', '.join(KINDS)}")

    def read(rows: tuple[int, int] | None) -> np.ndarray:
        values = file.get_tensor(name) if rows is None else file.get_slice(name)[slice(*rows)]
        return np.asarray(values, np.float32 if kind == "BF16" else None)

    return StoredTensor(shape, read)


KINDS = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")
