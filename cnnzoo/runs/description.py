"""What a record says of a run that begins here and now."""

import hashlib
import json
import os
import platform
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from cnnzoo._keras.copying import layer_config
from cnnzoo._keras.ending import count_classes
from cnnzoo._keras.hardware import choose_precision
from cnnzoo._keras.parameters import count_parameters
from cnnzoo._keras.scale import Scale
from cnnzoo.data.catalog import FOLDER
from cnnzoo.data.folder import names_and_sizes
from cnnzoo.data.source import DataSource
from cnnzoo.data.split import Dataset, Split
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.runs.record import Computation, DataRecord, Machine, ModelRecord, Record

PACKAGES = ("cnnzoo", "keras", "tensorflow", "jax", "torch", "numpy")


def describe(
    model: keras.Model,
    data: DataRecord,
    *,
    recipe: Recipe,
    seed: int,
    begun_by: str,
    command: tuple[str, ...] | None = None,
    snapshots: bool = False,
    processes: int = 1,
    devices: int = 1,
) -> Record:
    """Return the record of a run, all but its results."""
    is_given = begun_by != "train"
    return Record(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=_describe_model(model),
        data=data,
        recipe=replace(recipe, initializer=Recipe.initializer) if is_given else recipe,
        given_weights=is_given,
        seed=seed,
        begun_by=begun_by,
        command=command,
        snapshots=snapshots,
        computation=Computation(choose_precision(recipe.precision)[0], processes, devices),
        versions={"python": platform.python_version(), "backend": keras.config.backend(), **_versions()},
        machine=Machine(platform.platform(), processor(), os.cpu_count()),
    )


def describe_data(dataset: Dataset, validation: Split, scale: Scale) -> DataRecord:
    """Return what a record says of ``dataset``, whose labels are class numbers.

    Args:
        dataset: The images that are trained and tested on.
        validation: Those that give the columns ``val_*`` of the history.
        scale: The range of pixels that the network takes.
    """
    train, test = dataset
    return DataRecord(
        source=dataset.source,
        files=_files(dataset.source, train, validation, test),
        image_size=dataset.image_size,
        train_size=len(train.images),
        validation_size=len(validation.images),
        test_size=len(test.images),
        class_names=dataset.class_names,
        labels=_digest([split.labels.tolist() for split in dataset]),
        preparation=dataset.preparation,
        scale=scale,
    )


def _describe_model(model: keras.Model) -> ModelRecord:
    counts = count_parameters(model)
    return ModelRecord(
        name=model.name,
        params=counts.params,
        buffers=counts.buffers,
        input_shape=tuple(model.input_shape[1:]),
        num_classes=count_classes(model),
        layers=_digest(_layers(model)),
    )


def _files(source: DataSource | None, *splits: Split) -> str | None:
    """Return a digest of the images of a folder, their names within it and their sizes; None for other images."""
    listed = [getattr(split.images, "paths", None) for split in splits]
    if source is None or source.path is None or source.name != FOLDER or any(paths is None for paths in listed):
        return None
    return _digest([names_and_sizes(source.path, paths) for paths in listed if paths is not None])


def _layers(model: keras.Model) -> list[Any]:
    """Return what the layers are, without their names, which Keras may number differently the next time."""
    layers: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            layers.append(_layers(layer))
        else:
            config = {key: value for key, value in layer_config(layer).items() if key != "name"}
            layers.append([type(layer).__name__, config])
    return layers


def _digest(value: Any) -> str:
    """Return what tells two values apart, short enough to be recorded."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed


def processor() -> str:
    """Name the processor as Linux does, where there is such a list, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
