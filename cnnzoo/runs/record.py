"""The record of a run, ``run.json``: a public format with a version, and the migrations of earlier ones."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

from cnnzoo._keras.scale import Scale
from cnnzoo.data.source import DataSource
from cnnzoo.data.split import Preparation
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.runs._decoding import Json, decoded, plain

FORMAT = 1
UNBUFFERED = ("lenet5", "alexnet", "vgg19")  # the networks of format 0, none of which has batch normalisation


class NewerFormatError(ValueError):
    """A record that a later release wrote."""


@dataclass(frozen=True)
class ModelRecord:
    """The network.

    Attributes:
        name: Its name.
        params: Its trainable parameters. A run from before format 1 may count those of ``buffers`` among them.
        buffers: The other values that it keeps, as batch normalisation's statistics; None where that is not recorded.
        input_shape: Height, width and channels; None for a side of any length.
        num_classes: How many classes it tells apart.
        layers: A digest of what its layers are.
    """

    name: str
    params: int
    buffers: int | None
    input_shape: tuple[int | None, ...]
    num_classes: int
    layers: str | None = None


@dataclass(frozen=True)
class DataRecord:
    """The images.

    Attributes:
        source: Where they are from; None for arrays of the caller's.
        image_size: Height and width that they were resized to; None for their own.
        train_size: How many were trained on.
        validation_size: How many gave the columns ``val_*`` of the history.
        test_size: How many the metrics are of.
        class_names: The classes, in the order of their numbers.
        preparation: How a picture is made like them, see ``cnnzoo.data.prepare_picture``.
        scale: The range of pixels that the network takes.
        files: A digest of the images of a folder, their names within it and their sizes.
        labels: A digest of the labels.
    """

    source: DataSource | None
    image_size: tuple[int, int] | None
    train_size: int
    validation_size: int
    test_size: int
    class_names: tuple[str, ...]
    preparation: Preparation
    scale: Scale = "unit"
    files: str | None = None
    labels: str | None = None


@dataclass(frozen=True)
class Computation:
    """How it was computed: in which precision, and by how many processes and devices together."""

    precision: str | None = None
    processes: int = 1
    devices: int = 1


@dataclass(frozen=True)
class Machine:
    """Where it was computed; None for what is not recorded."""

    platform: str | None = None
    processor: str | None = None
    cpus: int | None = None


@dataclass(frozen=True)
class Resumption:
    """When, with which versions and where a run was resumed."""

    created: str | None
    versions: dict[str, str]
    machine: Machine


@dataclass(frozen=True)
class Finetuning:
    """How a network was fine-tuned.

    Attributes:
        backbone: The backbone's name; None for a model of the caller's.
        weights: Its weights: a name or a file; None where it was trained from random ones, or is a model.
        unfrozen_from: The layer from which on it was trained in the end; None where it stayed frozen.
        dropout_rate: Fraction of the features that were dropped.
        recipes: The recipe of each part of the training.
        network: The name of the backbone's network; None in a run from before format 1.
        engine: What computed the features that the head was trained on, "keras" or "openvino"; None where there were
            none, as the images were augmented, and in older runs.
    """

    backbone: str | None
    weights: str | None
    unfrozen_from: str | None
    dropout_rate: float
    recipes: tuple[Recipe, ...]
    network: str | None = None
    engine: str | None = None


@dataclass(frozen=True)
class Metrics:
    """What the run came to; a loss that is no number is None.

    Attributes:
        test_accuracy: Fraction of the test images whose class is right, in [0, 1].
        test_loss: Their mean cross-entropy, in nats.
        train_seconds: Seconds of training.
    """

    test_accuracy: float
    test_loss: float | None
    train_seconds: float | None


@dataclass(frozen=True)
class Record:
    """How a run came about.

    Attributes:
        created: When it began, in UTC, as ISO 8601.
        model: The network.
        data: The images.
        recipe: How it was trained; of a fine-tuned network, the last part.
        seed: The seed.
        begun_by: "train", "fit" or "finetune".
        given_weights: Whether it began with the weights that the caller's model had, not with the recipe's initializer.
            The recipe's ``initializer`` is then null in ``run.json``.
        command: The words of the command that repeats it; None where only Python can.
        snapshots: Whether the weights of some steps were kept, see ``Run.snapshots``.
        computation: How it was computed.
        versions: Python's and of the packages that had a part in it; ``backend`` is Keras'.
        machine: Where.
        resumed: Each time that it was resumed.
        finetuned: How the network was fine-tuned; None where it was not.
        stopped: Why training ended before its time; None where it did not.
        weights_of_epoch: The epoch, from 1, whose weights the network has.
        metrics: What it came to; None while it is under way.
    """

    model: ModelRecord
    data: DataRecord
    recipe: Recipe
    seed: int
    begun_by: str
    given_weights: bool
    versions: dict[str, str]
    created: str | None = None
    command: tuple[str, ...] | None = None
    snapshots: bool = False
    computation: Computation = Computation()
    machine: Machine = Machine()
    resumed: tuple[Resumption, ...] = ()
    finetuned: Finetuning | None = None
    stopped: str | None = None
    weights_of_epoch: int | None = None
    metrics: Metrics | None = None

    @property
    def validated_on(self) -> str:
        """The images that the columns ``val_*`` of the history are of: "test", or with patience "validation".

        A fine-tuned run may have a part of either kind; its images are "held-out".
        """
        recipes = self.finetuned.recipes if self.finetuned else (self.recipe,)
        names = {"validation" if recipe.patience else "test" for recipe in recipes}
        return names.pop() if len(names) == 1 else "held-out"

    def to_json(self) -> Json:
        """Return the record as ``run.json`` holds it: of types that JSON has, NaN as None."""
        written: Json = {"format": FORMAT, **plain(asdict(self))}
        if written.pop("given_weights"):
            for recipe in _recipes(written):
                recipe["initializer"] = None
        return written

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """Return the record that ``run.json`` holds, in this format or in an earlier one.

        Fields that this release does not know are ignored; fields of a recipe that are missing have their defaults.

        Raises:
            ValueError: It is of a later format, or no record of a run; the message says what is wrong with it.
        """
        current = _migrated(value)
        without_initializer = [recipe for recipe in _recipes(current) if recipe.get("initializer", "") is None]
        for recipe in without_initializer:
            del recipe["initializer"]
        record: Record = decoded({**current, "given_weights": bool(without_initializer)}, cls)
        if not record.data.class_names:
            raise ValueError("`data.class_names` must name at least one class")
        return record


def _recipes(record: Json) -> list[Json]:
    """Return the recipes within a record as JSON holds it."""
    finetuned = record.get("finetuned")
    parts = finetuned.get("recipes") if isinstance(finetuned, dict) else None
    return [
        each for each in [record.get("recipe"), *(parts if isinstance(parts, list) else ())] if isinstance(each, dict)
    ]


def _from_unversioned(record: Json) -> Json:
    """Return a record from before formats had a version as one of format 1.

    Its ``params`` count all values that a network keeps.
    """
    buffers = 0 if record["model"]["name"] in UNBUFFERED else None
    return {"versions": {}, **record, "model": {**record["model"], "buffers": buffers}}


MIGRATIONS = (_from_unversioned,)  # each from the format of its number to the next


def _migrated(record: Any) -> Json:
    """Return a copy of ``record`` in the current format."""
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    written = record.get("format", 0)
    if not isinstance(written, int) or isinstance(written, bool) or written < 0:
        raise ValueError("`format` must be a whole number")
    if written > FORMAT:
        raise NewerFormatError(
            f"was written by a newer cnnzoo (format {written}; this one reads up to {FORMAT}). Upgrade cnnzoo."
        )
    for migrate in MIGRATIONS[written:]:
        try:
            record = migrate(record)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is not a record of format {written}") from error
    return copy.deepcopy(record)
