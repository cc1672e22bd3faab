"""Where a network's trained weights are from, as its card lists them; and how a run folder names its network's file.

Imports no Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

IMAGENET = "imagenet"  # the name of all weights that were trained on it
IMAGENET_KERAS = "imagenet-keras"  # of those of Keras Applications, where there are others as well
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


@dataclass(frozen=True)
class Publisher:
    """Who publishes checkpoints.

    Attributes:
        name: The library.
        address: Where its files are.
        licence: Their licence.
        tolerance: How far the sizes that are known of them may be from those of the files, in bytes.
    """

    name: str
    address: str
    licence: str
    tolerance: int


# Its documentation gives sizes in MiB with three digits
TORCHVISION = Publisher(
    "torchvision",
    "https://download.pytorch.org/models",
    "BSD-3-Clause for torchvision; the weights come from ImageNet, see its terms",
    tolerance=600,
)


@dataclass(frozen=True)
class TorchWeights:
    """A checkpoint of PyTorch that is published, for ImageNet's 1,000 classes.

    Attributes:
        file: Its name there, which ends in the beginning of its SHA-256.
        top1: Top-1 accuracy on ImageNet's validation images, in percent.
        top5: Top-5 accuracy, in percent.
        mebibytes: Its size in MiB, rounded, or estimated within the tolerance of the publisher.
        size: Its size in bytes; None if not known exactly.
        sha256: Its SHA-256 in hexadecimal; None if only the beginning is known.
        resize: Length to which the shorter side of an image is brought, in pixels, for these accuracies.
        crop: Side of the square that is then cut out of the middle, in pixels.
        preprocessing: What its network takes, see ``cnnzoo._keras.preprocessing``.
        publisher: Who publishes it.
    """

    file: str
    top1: float
    top5: float
    mebibytes: float
    size: int | None = None
    sha256: str | None = None
    resize: int = 256
    crop: int = 224
    preprocessing: str = "torch"
    publisher: Publisher = TORCHVISION

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.publisher.address}/{self.file}"

    @property
    def digest(self) -> str:
        """Its SHA-256, or the beginning of it."""
        return self.sha256 or Path(self.file).stem.rpartition("-")[2]

    @property
    def name(self) -> str:
        """What it is called in the cache, without its ending."""
        return Path(self.file).stem


PublishedWeights: TypeAlias = ShippedRun | KerasBackbone | TorchWeights


def network_file(folder: Path) -> Path:
    """Return the file of the network in a run folder: all of it, or the weights of one that ships."""
    return folder / (WEIGHTS if (folder / WEIGHTS).is_file() and not (folder / MODEL).exists() else MODEL)
