"""Where a network's trained weights are from, as its card lists them; and how a run folder names its network's file.

Imports no Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

IMAGENET = "imagenet"  # the name of all weights that were trained on it

TRAINED = Path(__file__).with_name("trained")

MODEL = "model.keras"  # the network in a run folder
RECORD = "run.json"  # what it is, and how it came about
WEIGHTS = "model.weights.h5"  # in its place in a run that ships: they do not depend on the release of Keras


@dataclass(frozen=True)
class ShippedRun:
    """A run that ships with the package, of this name in ``models/trained``."""

    folder: str

    @property
    def path(self) -> Path:
        """The run folder."""
        return TRAINED / self.folder


@dataclass(frozen=True)
class KerasBackbone:
    """The backbone of a network of Keras Applications, by its name there, whose layers have the same names."""

    network: str


PublishedWeights: TypeAlias = ShippedRun | KerasBackbone


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


def network_file(folder: Path) -> Path:
    """Return the file of the network in a run folder: all of it, or the weights of one that ships."""
    return folder / (WEIGHTS if (folder / WEIGHTS).is_file() and not (folder / MODEL).exists() else MODEL)
