"""The checkpoints that torchvision and timm publish: downloaded once, verified, and kept as ``.safetensors``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import cnnzoo
from cnnzoo._keras.download import RemoteFile, cache_folder, check_disk, fetch, find_copy, hash_of, lock_in_cache
from cnnzoo._support.checkpoints import SAFETENSORS, open_checkpoint
from cnnzoo._support.files import write_whole
from cnnzoo.models.published import TorchWeights


def fetch_weights(weights: TorchWeights) -> Path:
    """Return the path of a checkpoint in cnnzoo's cache, verified, and converted from what is published.

    A file of the same name that ends in ``.json`` says where it is from, its hashes and its licence.

    Raises:
        ConnectionError: It is in no cache and cannot be downloaded; the message says which file to place where.
        OSError: The cache cannot be written, or the disk does not have enough space.
    """
    converted = cache_folder() / f"{weights.name}{SAFETENSORS}"
    if _is_whole(converted, weights):
        return converted
    with lock_in_cache(converted.name):
        if not _is_whole(converted, weights):  # another process may have converted it in the meantime
            found = find_copy(remote_file(weights))
            source = found or fetch(remote_file(weights))
            _convert(source, converted, weights)
            if found is None:  # a copy that was there before belongs to the user
                source.unlink()
    return converted


def remote_file(weights: TorchWeights) -> RemoteFile:
    """Return what is to be downloaded for ``weights``."""
    return RemoteFile(
        name=weights.file,
        urls=(weights.url,),
        size=weights.size or round(weights.mebibytes * 2**20),
        sha256=weights.digest,
        torch_name=weights.file,
        instead="a local file as `weights` (--weights)",
        tolerance=0 if weights.size else weights.publisher.tolerance,
    )


def _is_whole(converted: Path, weights: TorchWeights) -> bool:
    """Tell whether a converted checkpoint is there, is of this one, and has not changed since."""
    try:
        origin = json.loads(converted.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    is_of_it = isinstance(origin, dict) and str(origin.get("source_sha256")).startswith(weights.digest)
    return is_of_it and converted.is_file() and hash_of(converted) == origin.get("sha256")


def _convert(source: Path, converted: Path, weights: TorchWeights) -> None:
    """Write the tensors of a checkpoint into a ``.safetensors`` file, and where they are from beside it."""
    from safetensors.numpy import save_file  # only where it is needed

    check_disk(converted.name, source.stat().st_size)
    with open_checkpoint(source) as tensors:
        arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        write_whole(converted, lambda path: save_file(arrays, path))
    origin = {
        "source": weights.url,
        "source_sha256": hash_of(source),
        "sha256": hash_of(converted),
        "licence": weights.publisher.licence,
        "converted_by": f"cnnzoo {cnnzoo.__version__}",
    }
    note = json.dumps(origin, indent=2) + "\n"
    write_whole(converted.with_suffix(".json"), lambda path: path.write_text(note, encoding="utf-8"))
