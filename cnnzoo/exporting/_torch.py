"""Networks for PyTorch: as weights of the same network in torchvision, or else of a module that is written for them."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.ending import class_probabilities
from cnnzoo._keras.engine import Predictor
from cnnzoo._keras.preprocessing import normalization_of_mode
from cnnzoo._support.differences import relative_difference
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting.formats import Options
from cnnzoo.models.cards import ModelCard
from cnnzoo.models.catalog import create_model
from cnnzoo.models.weights import preprocessing_of, torch_state
from cnnzoo.runs.run import Run

TORCHVISION, MODULE = "torchvision", "module"  # keys of the metadata: the call, or the text of the class
MODULE_IMPORTS = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
MEAN_STD = (("mean", "0"), ("std", "1"))  # and what they are where there are none
CLOSE = 1e-4  # of the largest output, between the run's network and the same as torchvision has it

State = dict[str, np.ndarray]


def write(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the ``state_dict`` of the network into the file ``path``; what builds the network is in its metadata."""
    state, metadata = _of_torchvision(subject) or _of_module(subject.model)
    if options.float16:
        state = {name: values.astype(np.float16) if values.ndim > 1 else values for name, values in state.items()}
    _save(state, path, metadata)
    return metadata


def describe(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata, which ``safe_open`` of the package ``safetensors`` gives as ``metadata()``."""
    from safetensors.numpy import load_file

    _save(load_file(path), path, metadata)


def _read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def open_file(path: Path, options: Options) -> Predictor | None:
    """Return a function from images, with their channels last, to outputs; None where there is no torchvision."""
    import torch
    from safetensors.torch import load_file

    metadata = _read_metadata(path)
    network = _built(metadata)
    if network is None:
        return None
    network.load_state_dict(load_file(path), strict=True)
    network.eval()
    mean, std = (np.array(json.loads(metadata.get(key, none)), np.float32) for key, none in MEAN_STD)

    def predict(images: np.ndarray) -> np.ndarray:
        normalized = ((images - mean) / std).transpose(0, 3, 1, 2)
        with torch.inference_mode():
            outputs: np.ndarray = network(torch.from_numpy(np.ascontiguousarray(normalized))).numpy()
        return class_probabilities(outputs, "logits") if TORCHVISION in metadata else outputs

    return predict


WRITER = Writer(write, describe, open_file)


def _built(metadata: dict[str, str]) -> Any:
    """Build the network that a file is for, with weights of its own; None where that takes torchvision."""
    if TORCHVISION in metadata:
        try:
            models = importlib.import_module("torchvision.models")
        except (ImportError, RuntimeError):  # it is not installed, or for another PyTorch
            return None
        return eval(f"models.{metadata[TORCHVISION]}", {"models": models})
    names: dict[str, Any] = {}
    exec(f"{MODULE_IMPORTS}\n{metadata[MODULE]}", names)
    return names["Network"]()


def _save(state: State, path: Path, metadata: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    path.touch()
    mode = path.stat().st_mode  # that of the user's files; the package writes what only they may read
    save_file({name: np.ascontiguousarray(values) for name, values in state.items()}, path, metadata)
    path.chmod(mode)


def _of_module(model: keras.Model) -> tuple[State, dict[str, str]]:
    from cnnzoo.exporting._torch_module import torch_module  # needs a package of the extra

    module = torch_module(model)
    return module.state, {MODULE: module.text}


def _of_torchvision(subject: Subject) -> tuple[State, dict[str, str]] | None:
    """Return the weights as torchvision has them, and its call; None where its network is another.

    Its network gives logits, of RGB images that are normalised first.
    """
    card, run = subject.card, subject.run
    if card is None or card.torchvision is None or run is None or run.path is None:
        return None
    normalization = normalization_of_mode(preprocessing_of(card, run.path))
    model = None if normalization is None else _in_full(run, card)
    if normalization is None or model is None:
        return None
    mean, std = normalization
    without = ", aux_logits=False" if card.torchvision.auxiliary_prefixes else ""
    call = f"{card.torchvision.network}(num_classes={len(run.class_names)}{without})"
    return torch_state(model, card.torchvision.module), {
        TORCHVISION: call,
        "mean": json.dumps(mean),
        "std": json.dumps(std),
    }


def _in_full(run: Run, card: ModelCard) -> keras.Model | None:
    """Build the network as torchvision has it, with the run's weights; None unless it gives what the run's gives."""
    shape = run.model.input_shape[1:]
    least, most = (card.torchvision and card.torchvision.sides) or (1, sys.maxsize)
    if shape[2] != 3 or not all(least <= (side or least) <= most for side in shape[:2]):
        return None
    options: dict[str, Any] = {"input_shape": shape, "num_classes": len(run.class_names), "weights": run.path}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of a head that does not fit
        try:
            model = create_model(card.name, **options)
        except (UserWarning, ValueError):
            return None
    size = (side or own for side, own in zip(shape, card.input_shape, strict=True))
    images = np.random.default_rng(0).random((2, *size), dtype="float32")
    given, wanted = (keras.ops.convert_to_numpy(each(images, training=False)) for each in (model, run.model))
    return model if relative_difference(given, wanted) <= CLOSE else None
