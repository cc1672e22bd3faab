"""Snapshots: the weights of some steps of a training, in a folder of the run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from cnnzoo._keras.parameters import flat_layers
from cnnzoo.runs.folder import SNAPSHOTS, RunFolder

FILE = re.compile(r"(\d+)\.npz")
LARGEST_HALF = 65504.0  # of float16
LEAST_NORMAL_HALF = 2.0**-14  # below, float16 has fewer digits


@dataclass(frozen=True)
class Snapshot:
    """The weights that a network had after a step of its training.

    Attributes:
        step: How many steps were done; 0 before the first.
        epoch: How many epochs were done: 1.5 in the middle of the second.
        path: The file, a NumPy archive of an array per weight: kernels as float16, all other weights as float32.
    """

    step: int
    epoch: float
    path: Path = field(repr=False)

    def read(self, model: keras.Model) -> list[np.ndarray]:
        """Read the weights, in the order of ``model.weights``: ``model.set_weights(snapshot.read(model))``.

        Args:
            model: The network of the run, or one with the same layers.

        Returns:
            An array per weight, float32 where the weight is a float.

        Raises:
            FileNotFoundError: The file has gone.
            ValueError: The file is damaged, or its weights have other names or shapes than those of ``model``.
        """
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
        except FileNotFoundError as error:
            raise FileNotFoundError(f"There is no snapshot '{self.path}' any more.") from error
        except Exception as error:  # zipfile and NumPy can raise anything for a damaged file
            raise ValueError(
                f"'{self.path}' cannot be read as a snapshot: it is damaged, truncated or another kind of file. "
                "Delete it, or train again."
            ) from error
        names = weight_names(model)
        for name in [*names, *found]:
            if (name in found) != (name in names):
                lacking = "file" if name in names else "network"
                raise ValueError(
                    f"'{self.path}' is a snapshot of another network than '{model.name}': the {lacking} has no weight "
                    f"'{name}'."
                )
        return [
            _checked(found[name], weight, f"'{name}' in '{self.path}'")
            for name, weight in zip(names, model.weights, strict=True)
        ]


def weight_names(model: keras.Model) -> list[str]:
    """Return a name for each of ``model.weights``: of its layer and its own, "c1/kernel".

    The path of a variable would not do: that of a sequential model begins with the name of the model, until the model
    is saved and read again. Where layers of nested models share a name, a number tells them apart.
    """
    named = {
        id(weight): f"{layer.name}/{weight.path.rpartition(f'{layer.name}/')[2]}"
        for layer in flat_layers(model)
        for weight in layer.weights
    }
    seen: Counter[str] = Counter()
    names = []
    for weight in model.weights:
        name = named.get(id(weight), weight.path)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def find_snapshots(folder: Path, steps_per_epoch: int) -> tuple[Snapshot, ...]:
    """Return the snapshots in the run folder ``folder``, in the order of their steps."""
    return tuple(Snapshot(step, step / steps_per_epoch, path) for step, path in sorted(_files(folder)))


def has_snapshots(folder: Path) -> bool:
    """Tell whether there are snapshots in the run folder ``folder``."""
    return any(True for _ in _files(folder))


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    inside = folder / SNAPSHOTS
    for path in inside.iterdir() if inside.is_dir() else ():
        if match := FILE.fullmatch(path.name):
            yield int(match[1]), path


def write_snapshot(folder: RunFolder, step: int, names: Sequence[str], weights: Sequence[np.ndarray]) -> None:
    """Write the weights after ``step``, unless they lie there already, or one is no finite number.

    Raises:
        OSError: There is no room, or the folder cannot be written; what else is in the run folder is whole.
    """
    name = f"{SNAPSHOTS}/{step:08}.npz"
    if (folder.path / name).exists() or not all(np.isfinite(array).all() for array in weights):
        return
    compact = {name: _compact(array) for name, array in zip(names, weights, strict=True)}
    try:
        (folder.path / SNAPSHOTS).mkdir(exist_ok=True)
        folder.write(name, lambda path: _save(path, compact))
    except OSError as error:
        raise OSError(
            f"The snapshot '{folder.path / name}' cannot be written ({error.strerror or error}). "
            f"Make room. {folder.how_to_resume()}"
        ) from error


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # no weight is called "allow_pickle"


def _compact(array: np.ndarray) -> np.ndarray:
    """Return kernels as float16, where none of their values is off by more than 1/2048 of the largest.

    Biases and what batch normalisation keeps stay float32: they take little room, and channels of very different
    variances stand side by side in one array. So do kernels whose largest value is beyond float16's range.
    """
    if not np.issubdtype(array.dtype, np.floating) and array.dtype.name != "bfloat16":
        return array
    array = array.astype(np.float32)
    largest = np.abs(array).max(initial=0)
    is_in_range = largest == 0 or LEAST_NORMAL_HALF <= largest <= LARGEST_HALF
    return array.astype(np.float16) if array.ndim > 1 and is_in_range else array


def _checked(array: np.ndarray, weight: keras.Variable, name: str) -> np.ndarray:
    """Return what a file has of ``weight``, as float32 where that is a float."""
    is_float = keras.backend.is_float_dtype(weight.dtype)
    if array.shape != tuple(weight.shape):
        raise ValueError(f"{name} must have the shape {tuple(weight.shape)}. Received: {array.shape}")
    if is_float != np.issubdtype(array.dtype, np.floating) or array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be of type {weight.dtype}. Received: {array.dtype}")
    return array.astype(np.float32 if is_float else weight.dtype)
