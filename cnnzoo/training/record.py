"""The record of a run: what was trained, on what, how, with which versions, on which machine."""

import os
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from cnnzoo.data.catalog import data_card
from cnnzoo.data.split import Split
from cnnzoo.training.recipe import Recipe

PACKAGES = ("cnnzoo", "keras", "tensorflow", "jax", "torch", "numpy")


def describe(
    model: keras.Model,
    train: Split,
    test: Split,
    *,
    data: str | None,
    data_path: str | os.PathLike[str] | None,
    class_names: tuple[str, ...],
    recipe: Recipe,
    seed: int,
) -> dict[str, Any]:
    """Return the record of a run, all but its metrics, of types that JSON takes."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": {
            "name": model.name,
            "params": model.count_params(),
            "input_shape": list(model.input_shape[1:]),
            "num_classes": model.output_shape[-1],
        },
        "data": {
            "name": data,
            "path": None if data_path is None else str(Path(data_path).absolute()),
            "train_size": len(train.images),
            "test_size": len(test.images),
            "class_names": list(class_names),
            "preparation": "resize" if data is None else data_card(data).preparation,
        },
        "recipe": asdict(recipe),
        "seed": seed,
        "versions": {"python": platform.python_version(), "backend": keras.config.backend(), **_versions()},
        "machine": {"platform": platform.platform(), "processor": _processor(), "cpus": os.cpu_count()},
    }


def _versions() -> dict[str, str]:
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed


def _processor() -> str:
    """Name the processor as Linux does, where there is such a list, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
