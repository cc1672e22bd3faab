"""A trained network as a ``state_dict`` of the same network in torchvision, in a ``.safetensors`` file."""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.preprocessing import normalization_of_mode
from cnnzoo._support.checkpoints import SAFETENSORS
from cnnzoo._support.files import check_target, write_whole
from cnnzoo.models.catalog import create_model, model_card
from cnnzoo.models.weights import preprocessing_of, torch_state
from cnnzoo.runs.run import Run, find_run, load_run

TOLERANCE = 1e-4  # of the largest probability, between the run's network and what is exported


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        path: The file.
        network: What builds the network in torchvision, as Python code: its ``load_state_dict`` takes the file with
            ``strict=True``.
        class_names: The classes, in the order of its logits.
        mean: Of each channel of RGB in [0, 1], to be subtracted from images first.
        std: Standard deviation of each channel, to divide by.
    """

    path: Path
    network: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def export_torch(
    run: str | os.PathLike[str] | Run, path: str | os.PathLike[str] | None = None, *, force: bool = False
) -> Exported:
    """Write the network of a run for torchvision.

    The metadata of the file contain the classes, the mean and the standard deviation, too.

    Args:
        run: A run folder, or a ``Run``, of a network that torchvision has: ``model_card(name).torchvision``.
        path: The file to write, which ends in ``.safetensors``; None: ``model.safetensors`` in the run folder.
        force: Whether to overwrite an existing file.

    Raises:
        ValueError: Torchvision does not have the network, or not with these layers or images of this size; or the run
            is damaged.
        FileNotFoundError: There is no such run.
        FileExistsError: ``path`` exists.
    """
    folder = find_run(run)
    target = Path(folder / f"model{SAFETENSORS}" if path is None else path)
    if target.suffix != SAFETENSORS:
        raise ValueError(f"The file must end in {SAFETENSORS}. Received: '{target}'")
    target = check_target(target, force=force)
    trained = load_run(folder)
    finetuned = trained.record.finetuned
    name = trained.record.model.name if finetuned is None else finetuned.network or finetuned.backbone
    card = model_card(str(name))
    if card.torchvision is None:
        raise ValueError(f"Torchvision does not have {card.name}, the network of '{run}'.")
    normalization = normalization_of_mode(preprocessing_of(card, folder))
    if normalization is None:
        raise ValueError(f"The network of '{run}' preprocesses images as Keras Applications do, not as torchvision.")
    mean, std = normalization
    model = _in_full(trained, card.name, folder)
    metadata = {
        "network": card.torchvision.network,
        "class_names": json.dumps(trained.class_names),
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "exported_by": f"cnnzoo {cnnzoo.__version__}",
    }
    without = ", aux_logits=False" if card.torchvision.auxiliary_prefixes else ""
    constructor = f"torchvision.models.{card.torchvision.network}(num_classes={len(trained.class_names)}{without})"
    state = torch_state(model, card.torchvision.module)
    write_whole(target, lambda file: _save(state, file, metadata))
    return Exported(target, constructor, trained.class_names, mean, std)


def _save(state: dict[str, np.ndarray], path: Path, metadata: dict[str, str]) -> None:
    from safetensors.numpy import save_file  # only where it is needed

    save_file(state, path, metadata)


def _in_full(run: Run, name: str, folder: Path) -> keras.Model:
    """Build the network as torchvision has it, with the run's weights, and check that it gives what the run's gives."""
    card, shape = model_card(name), run.model.input_shape[1:]
    theirs = card.torchvision.network if card.torchvision else name
    least, most = (card.torchvision and card.torchvision.sides) or (1, sys.maxsize)
    if shape[2] != 3 or not all(least <= (side or least) <= most for side in shape[:2]):
        sides = f" and sides of {least} to {most} pixels" if least > 1 else ""
        raise ValueError(f"torchvision's {theirs} takes images of 3 channels{sides}. Received a run of images {shape}")
    options: dict[str, Any] = {"input_shape": shape, "num_classes": len(run.class_names), "weights": folder}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of a head that does not fit
        try:
            model = create_model(name, **options)
        except UserWarning as warning:
            raise ValueError(
                f"The head of this run is not that of torchvision's {theirs}, so its weights do not fit: {warning}"
            ) from None
    size = (side or own for side, own in zip(shape, card.input_shape, strict=True))
    images = np.random.default_rng(0).random((2, *size), dtype="float32")
    given, wanted = (keras.ops.convert_to_numpy(each(images, training=False)) for each in (model, run.model))
    if not np.allclose(given, wanted, atol=TOLERANCE * np.abs(wanted).max()):
        raise ValueError(f"The network of this run does not compute what torchvision's {theirs} does.")
    return model
