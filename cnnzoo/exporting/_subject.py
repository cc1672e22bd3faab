"""The network that is exported, and what writes it in a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from cnnzoo._keras.ending import Kind
from cnnzoo._keras.engine import Predictor
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.exporting.formats import Options
from cnnzoo.models.cards import ModelCard
from cnnzoo.runs.run import Run


@dataclass(frozen=True)
class Subject:
    """The network that is exported.

    Attributes:
        name: What it is called.
        classifier: It, and what it takes to predict a user's images.
        run: The run that it is of; None if of none.
        card: What it is in this zoo; None if another.
        kind: What its outputs are.
    """

    name: str
    classifier: Classifier
    run: Run | None
    card: ModelCard | None
    kind: Kind

    @property
    def model(self) -> keras.Model:
        """The network."""
        return self.classifier.model


class Writer(NamedTuple):
    """What writes files of a format.

    Attributes:
        write: Writes the network to a path; with images in the network's range, it is calibrated by them, and quantised
            to int8. Raises ``ValueError`` where the format does not have a layer, and names it. Returns what the format
            adds to the metadata.
        describe: Adds metadata to what was written.
        open: Returns a function from images, with their channels last, to outputs of the network's kind; None where
            what runs it is not installed, although it can be written.
    """

    write: Callable[[Subject, Path, Options, np.ndarray | None], dict[str, str]]
    describe: Callable[[Path, dict[str, str]], None]
    open: Callable[[Path, Options], Predictor | None]
