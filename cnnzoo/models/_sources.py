"""Where the weights of a network are: by a name of its card, in a file, or of a run; and what images they expect."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Protocol

import cnnzoo
from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.preprocessing import FROM_UNIT, MeanStd, mode_of
from cnnzoo._keras.saved import describe_saved
from cnnzoo._keras.weight_files import WEIGHTS_ONLY, names_in
from cnnzoo._support.checkpoints import CHANNELS, is_checkpoint, normalization_of, open_checkpoint
from cnnzoo._support.files import suggest_path
from cnnzoo._support.lookup import look_up
from cnnzoo.models._fetching import fetch_weights
from cnnzoo.models.cards import Counterpart
from cnnzoo.models.published import IMAGENET, KerasBackbone, PublishedWeights, ShippedRun, TorchWeights, network_file

WORD = re.compile(r"[\w-]+")  # what may be a name of weights, and no path
WHAT = "`weights` must be a name of published weights, a file, a run folder or None"


class TrainedNetwork(Protocol):
    """What the card of a network says of its weights, see ``ModelCard``."""

    @property
    def name(self) -> str:
        """The network's name."""

    @property
    def weights(self) -> Mapping[str, PublishedWeights]:
        """What there is, by name."""

    @property
    def head(self) -> str:
        """The layer that gives the classes."""

    @property
    def torchvision(self) -> Counterpart | None:
        """The same network there."""


def find_source(card: TrainedNetwork, weights: str | os.PathLike[str] | None) -> KerasBackbone | Path | None:
    """Return where weights are; what torchvision and timm publish is downloaded where it is not in the cache."""
    if weights is None:
        return None
    if isinstance(weights, str):
        if (found := card.weights.get(weights.lower())) is not None:
            return found if isinstance(found, KerasBackbone) else _file_of(found)
        if WORD.fullmatch(weights) and not Path(weights).exists():
            if card.weights:
                look_up(dict(sorted(card.weights.items())), weights, f"{card.name} weights")
            elsewhere = weights.lower() == IMAGENET and card.name in PRETRAINED_CARDS
            where = f" here; `cnnzoo.pretrained.load('{card.name}')` has ImageNet's" if elsewhere else ""
            raise ValueError(
                f"There are no published weights of {card.name}{where}. Give a file, a run folder or None."
                f"{_instead(card)} Received: weights='{weights}'"
            )
    return find_file(weights)


def find_file(weights: str | os.PathLike[str]) -> Path:
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"{WHAT}. Received: {weights!r}")
    path = Path(weights)
    if path.is_dir():
        file = network_file(path)
        if not file.is_file():
            raise FileNotFoundError(f"'{path}' is not a finished run: it has no {file.name}. {WHAT}.")
        return file
    if not path.is_file():
        raise FileNotFoundError(f"{WHAT}. No such file: '{path}'.{suggest_path(path)}")
    return path


def preprocessing_of(card: TrainedNetwork, weights: str | os.PathLike[str] | None) -> str | MeanStd | None:
    """Return how images in [0, 1] must be preprocessed for ``weights``, see ``preprocessed``; None if not at all.

    What torchvision and timm publish, and checkpoints of their networks, take images as torchvision's do; such files do
    not say, unless their metadata have a mean and a standard deviation, see ``cnnzoo.export.export_torch``. Grey
    images, for which torchvision has no convention, are left as they are where the file does not say. ``.keras``
    files and run folders contain the preprocessing of the model that was saved; ``.weights.h5`` files only whether
    there is one.

    Raises:
        ValueError: The file is of another kind, or damaged; or see ``load_weights``.
        FileNotFoundError: ``weights`` names nothing.
    """
    source = find_source(card, weights)
    if not isinstance(source, Path):
        return None if source is None else "caffe"  # of VGGs, which alone take weights of Keras Applications
    if is_checkpoint(source):
        counterpart, normalization = counterpart_of(card, source), normalization_of(source)
        if normalization is None:
            return None if is_for_grey(source) else counterpart.default.preprocessing
        mean, std = normalization
        if (len(mean) == 1) != is_for_grey(source):
            raise ValueError(
                f"The metadata of '{source}' have a `mean` of {len(mean)} channels, and its kernels take images of "
                f"{1 if len(mean) > 1 else CHANNELS}."
            )
        return normalization if any(mean) or set(std) != {1.0} else None
    if source.name.endswith(WEIGHTS_ONLY):
        return _preprocessing_of_weights(card, source)
    rescaling = describe_saved(source).rescaling
    return None if rescaling is None else mode_of(rescaling)


def is_for_grey(path: Path) -> bool:
    """Tell whether the network in a checkpoint takes grey images."""
    with open_checkpoint(path) as state:
        return are_for_grey({tensor.shape[1] for tensor in state.values() if len(tensor.shape) == 4})


def are_for_grey(taken: Set[int]) -> bool:
    """Tell whether kernels that take these numbers of channels are of a network for grey images."""
    return 1 in taken and CHANNELS not in taken  # depthwise ones take one, too, but follow one of three


def _preprocessing_of_weights(card: TrainedNetwork, path: Path) -> str | None:
    """Return the preprocessing of a network whose weights a file has: a layer's name shows only that there is one."""
    if card.torchvision is None or not any(name.endswith(FROM_UNIT) for name in names_in(path)):
        return None
    if any(isinstance(weights, KerasBackbone) for weights in card.weights.values()):
        raise ValueError(
            f"'{path}' has the weights of a {card.name} with preprocessing, but not which: torchvision's or that of "
            "Keras Applications. Save the whole network (`model.save`, .keras) and give that file; or pass "
            "`preprocess=True` for that of Keras Applications."
        )
    return card.torchvision.default.preprocessing


def counterpart_of(card: TrainedNetwork, path: Path) -> Counterpart:
    """Return the network in torchvision whose checkpoints ``card`` takes, or raise ``ValueError``."""
    if card.torchvision is None:
        raise ValueError(
            f"{card.name} has no counterpart in torchvision, so it takes no checkpoint of PyTorch: give a .weights.h5 "
            f"or .keras file, or a run folder.{_instead(card)} Received: '{path}'"
        )
    return card.torchvision


def _file_of(published: ShippedRun | TorchWeights) -> Path:
    return fetch_weights(published) if isinstance(published, TorchWeights) else network_file(published.path)


def _instead(card: TrainedNetwork) -> str:
    """Say which network of the zoo is torchvision's of the name of ``card``, where that is another one."""
    cards = map(cnnzoo.model_card, cnnzoo.list_models())
    other = next((each.name for each in cards if each.torchvision and each.torchvision.network == card.name), None)
    return f" Torchvision's network of that name, with its weights, is '{other}'." if other else ""
