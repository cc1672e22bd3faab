"""A network on the other backends of Keras that are installed, in a process for each."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from cnnzoo._keras.graph import graph_inputs, walk
from cnnzoo._keras.hardware import list_gpus
from cnnzoo._keras.late import BACKENDS
from cnnzoo.testing._on_backend import INPUTS, MODULES, NETWORK


class BackendError(Exception):
    """Why a network does not run on a backend: its name, and the last line of what the process wrote."""


def backends_to_compare() -> list[str]:
    """Return the backends that are installed, without that of this process unless it computes on a GPU."""
    own = keras.config.backend()
    return [name for name in BACKENDS if importlib.util.find_spec(name) and (name != own or list_gpus())]


def outputs_on(
    backends: Sequence[str], model: keras.Model, inputs: Sequence[np.ndarray]
) -> list[tuple[str, list[np.ndarray]]]:
    """Return what ``model`` gives on the CPU on other backends, in new processes, which read it from a file.

    Args:
        backends: The backends.
        model: A network that can be saved.
        inputs: A batch for each of its inputs.

    Raises:
        BackendError: A process failed.
    """
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor() as pool:
        folder = Path(place)
        model.save(folder / NETWORK)
        np.savez(folder / INPUTS, *inputs)
        (folder / MODULES).write_text(json.dumps(_modules_of(model, folder / NETWORK)), encoding="utf-8")
        return list(zip(backends, pool.map(lambda backend: _run(backend, folder), backends), strict=True))


def _run(backend: str, folder: Path) -> list[np.ndarray]:
    """Start a process, wait for it, and read what it has written."""
    target = folder / f"{backend}.npz"
    finished = subprocess.run(
        [sys.executable, "-m", "cnnzoo.testing._on_backend", str(folder), str(target)],
        env=_environment(backend),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
        raise BackendError(f"{backend}: {lines[-1]}")
    with np.load(target) as outputs:
        return [outputs[name] for name in outputs.files]


def _environment(backend: str) -> dict[str, str]:
    """Return the variables for a process that imports what this one does, and computes on the CPU."""
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)  # "" is the working directory
    on_cpu = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **on_cpu, "KERAS_BACKEND": backend, "PYTHONPATH": path}


def _modules_of(model: keras.Model, file: Path) -> list[tuple[str, str | None]]:
    """Return the modules, and their files, of the layers of ``model``, and of what it has that is registered."""
    with zipfile.ZipFile(file) as archive:
        config = archive.read("config.json").decode()
    names = {type(call.operation).__module__ for call in walk(model, graph_inputs(model))}
    registered = keras.saving.get_custom_objects().items()
    names |= {each.__module__ for name, each in registered if f'"{name}"' in config}
    return sorted((name, getattr(sys.modules.get(name), "__file__", None)) for name in names if _is_own(name))


def _is_own(module: str) -> bool:
    return module.partition(".")[0] != "keras" and module != "__main__"
