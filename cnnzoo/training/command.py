"""The command that repeats a run."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from cnnzoo.data.catalog import FOLDER
from cnnzoo.training.finetune import HEAD, UNFROZEN
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.recipes import RECIPE_CARDS, recipe_card


def command_for(record: dict[str, Any], all_images: int | None = None) -> str | None:
    """Return the command that trains again what ``record`` tells of.

    Args:
        record: As in ``run.json``.
        all_images: How many training images the data have; None where that is not known, and then the number that was
            trained on stands in the command.

    Returns:
        One line for a shell; None where the run was not made by a command.
    """
    words = {"train": _train, "finetune": _finetune}.get(record["begun_by"])
    if words is None or record["data"]["source"] is None:
        return None
    return shlex.join(["cnnzoo", *words(record, all_images), *_source(record), "--seed", str(record["seed"])])


def recipe_name(record: dict[str, Any]) -> str | None:
    """Return the name of the recipe that the run was trained by; None where it was changed.

    >>> recipe_name({"model": {"name": "lenet5"}, "recipe": {"epochs": 3}}) is None
    True
    """
    network = record["model"]["name"]
    recipe = _recipe(record["recipe"])
    found = (name for (owner, name), card in RECIPE_CARDS.items() if owner == network and card.recipe == recipe)
    return next(found, None)


def _recipe(recorded: dict[str, Any]) -> Recipe:
    """Return the recipe of a record; ``fit`` records no initializer, as it takes the weights as they are."""
    return Recipe(**{key: value for key, value in recorded.items() if value is not None or key != "initializer"})


def _train(record: dict[str, Any], all_images: int | None) -> list[str]:
    network, recipe = record["model"]["name"], _recipe(record["recipe"])
    name = recipe_name(record)
    words = ["train", network, "--data", _data(record), "--recipe", name or "default"]
    if name is None:
        words += _changes(recipe_card(network).recipe, recipe)
    data = record["data"]
    used = data["train_size"] + (data["validation_size"] if recipe.patience else 0)
    if used != all_images:
        words += ["--limit", str(used)]
    return [*words, *_image_size(data["image_size"])]


def _finetune(record: dict[str, Any], all_images: int | None) -> list[str]:
    finetuned = record["finetuned"]
    words = ["finetune", record["model"]["name"], _data(record)]
    head, *rest = (_recipe(recipe) for recipe in finetuned["recipes"])
    options = {
        "--weights": finetuned["weights"] or "none",
        "--epochs": head.epochs if head.epochs != HEAD.epochs else None,
        "--learning-rate": head.learning_rate if head.learning_rate != HEAD.learning_rate else None,
        "--augment": ",".join(head.augment) or None,
        "--unfreeze": finetuned["unfrozen_from"],
    }
    for unfrozen in rest:
        options["--unfrozen-epochs"] = unfrozen.epochs if unfrozen.epochs != UNFROZEN.epochs else None
        rate = unfrozen.learning_rate
        options["--unfrozen-learning-rate"] = rate if rate != UNFROZEN.learning_rate else None
    given = [(option, str(value)) for option, value in options.items() if value is not None]
    return [*words, *(word for pair in given for word in pair), *_image_size(record["data"]["image_size"])]


def _changes(default: Recipe, recipe: Recipe) -> list[str]:
    """Return the options that change ``default`` into ``recipe``."""
    words = []
    for field in fields(Recipe):
        value = getattr(recipe, field.name)
        if value is None or value == getattr(default, field.name):
            continue
        option = field.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif field.name == "steps":
            words += [f"--{option}", ",".join(f"{share}:{factor}" for share, factor in value)] if value else []
        else:
            words += [f"--{option}", ",".join(value) if isinstance(value, tuple) else str(value)]
    return words


def _image_size(size: list[int] | None) -> list[str]:
    """Return the option for a square; the command line takes no other."""
    return [] if size is None or size[0] != size[1] else ["--image-size", str(size[0])]


def _data(record: dict[str, Any]) -> str:
    source = record["data"]["source"]
    return str(source["path"] if source["name"] == FOLDER else source["name"])


def _source(record: dict[str, Any]) -> list[str]:
    """Return the options that say which of the data are used, and where they lie."""
    source, words = record["data"]["source"], []
    if source["path"] and source["name"] != FOLDER:
        words += ["--data-path", source["path"]]
    if source["fraction"] != 1:
        words += ["--fraction", str(source["fraction"])]
    return [*words, "--skip-broken"] if source["skip_broken"] else words
