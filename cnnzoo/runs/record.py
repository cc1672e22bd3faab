"""The record of a run: what was trained, on what, how, with which versions, on which machine."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from cnnzoo._keras.copying import layer_config
from cnnzoo._keras.ending import count_classes
from cnnzoo._keras.scale import Scale
from cnnzoo.data.catalog import DATA_CARDS, FOLDER, DataSource
from cnnzoo.data.folder import names_and_sizes
from cnnzoo.data.split import Split
from cnnzoo._keras.hardware import choose_precision
from cnnzoo.recipes.recipe import Recipe

PACKAGES = ("cnnzoo", "keras", "tensorflow", "jax", "torch", "numpy")


def describe(
    model: keras.Model,
    train: Split,
    validation: Split,
    test: Split,
    *,
    source: DataSource | None,
    class_names: tuple[str, ...],
    image_size: tuple[int, int] | None,
    recipe: Recipe,
    seed: int,
    processes: int,
    devices: int,
    begun_by: str,
    scale: Scale,
) -> dict[str, Any]:
    """Return the record of a run, all but its metrics, of types that JSON takes."""
    record = {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": {
            "name": model.name,
            "params": model.count_params(),
            "input_shape": list(model.input_shape[1:]),
            "num_classes": count_classes(model),
            "layers": _digest(_layers(model)),
        },
        "data": {
            "source": None if source is None else asdict(source),
            "files": _files(source, train, validation, test),
            "image_size": image_size,
            "train_size": len(train.images),
            "validation_size": len(validation.images),
            "test_size": len(test.images),
            "class_names": list(class_names),
            "labels": _digest([split.labels.tolist() for split in (train, test)]),
            "preparation": DATA_CARDS[source.name].preparation if source and source.name in DATA_CARDS else "resize",
            **({} if scale == "unit" else {"scale": scale}),
        },
        # ``fit`` takes the weights as they are
        "recipe": asdict(recipe) | ({} if begun_by == "train" else {"initializer": None}),
        "seed": seed,
        "begun_by": begun_by,
        "computation": {
            "precision": choose_precision(recipe.precision)[0],
            "processes": processes,
            "devices": devices,
        },
        "versions": {"python": platform.python_version(), "backend": keras.config.backend(), **_versions()},
        "machine": {"platform": platform.platform(), "processor": _processor(), "cpus": os.cpu_count()},
    }
    plain: dict[str, Any] = json.loads(json.dumps(record))  # as it will be read again: lists, no tuples
    return plain


def recorded_scale(record: dict[str, Any]) -> Scale:
    """Return the range of pixels that a recorded run takes, which runs of [0, 1] do not mention."""
    return record["data"].get("scale", "unit")  # type: ignore[no-any-return]


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


def check_unfinished(path: Path, record: dict[str, Any]) -> None:
    """Raise ``ValueError`` when the run in ``path`` is finished: training it again would write over its results."""
    if "metrics" in record:
        raise ValueError(f"The run '{path}' is finished: there is nothing to resume. Begin a new one.")


def going_on(begun: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run that goes on: as it began, with where the data lie now, when and where it went on."""
    part = ("created", "versions", "machine")
    return begun | {
        "data": begun["data"] | {name: now["data"][name] for name in ("source", "files")},
        "resumed": [*begun.get("resumed", []), {name: now[name] for name in part}],
    }


def check_same(begun: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ``ValueError`` unless a run that is to go on is described as it was when it began.

    A run of another model, other data, another recipe, seed or backend would not end where the first would have. The
    data may have moved: what counts are the names of the images within their folder and their sizes, and in records
    that do not tell them, the labels.
    """
    files = begun["data"].get("files")
    if files is not None and files != now["data"]["files"]:
        raise ValueError(
            f"The images are not those that the run began with: names or sizes differ{_place(now)}. Give the folder "
            "that has the same images, or begin a new run."
        )
    for name, was, is_now in _differences(begun, now):
        raise ValueError(
            f"A run goes on as it began: `{name}` is {was!r} there. Received: {name}={is_now!r}. "
            "To change it, begin a new run."
        )


def _place(record: dict[str, Any]) -> str:
    source = record["data"]["source"]
    return f" in '{source['path']}'" if source and source["path"] else ""


def _differences(begun: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in ("backend", "keras"):  # first: another Keras may describe the same layers otherwise
        if begun["versions"].get(name) != now["versions"].get(name):
            yield name, begun["versions"].get(name), now["versions"].get(name)
    for part in ("model", "data", "recipe", "seed", "begun_by", "computation"):
        before, after = begun.get(part), now[part]
        if not isinstance(before, dict):
            before, after = {part: before}, {part: after}
        if part == "data":
            before, after = _without_place(before), _without_place(after)
        changed = (name for name in after if before.get(name) != after[name])
        # Keras numbers models without a name of their own
        yield from ((name, before.get(name), after[name]) for name in changed if (part, name) != ("model", "name"))


def _without_place(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says of the data but where they lie, and their files, which are compared before."""
    source = data["source"]
    source = source and {name: value for name, value in source.items() if name != "path"}
    return {name: value for name, value in data.items() if name != "files"} | {"source": source}


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
