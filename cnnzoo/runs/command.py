"""The command that repeats a run."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace
from typing import Any

from cnnzoo.data.catalog import FOLDER
from cnnzoo.recipes.finetuning import DROPOUT_RATE, HEAD, UNFROZEN
from cnnzoo.runs.folder import recipe_from
from cnnzoo.recipes.recipe import Recipe, as_flag
from cnnzoo.recipes.cards import RECIPE_CARDS, recipe_card


def command_for(record: dict[str, Any], all_images: int | None = None) -> str | None:
    """Return the command that trains again what ``record`` tells of.

    Args:
        record: As in ``run.json``.
        all_images: How many training images the data have; None where that is not known, and then the number that was
            trained on stands in the command.

    Returns:
        One line for a shell; None where no command does just that: the run was made by ``fit``, shared by several
        devices, or set up as only Python can.
    """
    words = {"train": _train, "finetune": _finetune}.get(record["begun_by"])
    size = record["data"]["image_size"]
    is_plain = record["data"]["source"] is not None and record.get("computation", {}).get("devices", 1) == 1
    if words is None or not is_plain or (size is not None and size[0] != size[1]):
        return None
    own = words(record, all_images)
    if own is None:
        return None
    side = [] if size is None else ["--image-size", str(size[0])]
    return shlex.join(["cnnzoo", *own, *side, *_source(record), "--seed", str(record["seed"])])


def recipe_name(record: dict[str, Any]) -> str | None:
    """Return the name of the recipe that the run was trained by; None where it was changed.

    >>> recipe_name({"model": {"name": "lenet5"}, "recipe": {"epochs": 3}}) is None
    True
    """
    network = record["model"]["name"]
    recipe = recipe_from(record["recipe"])
    found = (name for (owner, name), card in RECIPE_CARDS.items() if owner == network and card.recipe == recipe)
    return None if record.get("finetuned") else next(found, None)


def _train(record: dict[str, Any], all_images: int | None) -> list[str]:
    network, recipe = record["model"]["name"], recipe_from(record["recipe"])
    name = recipe_name(record)
    words = ["train", network, "--data", _data(record), "--recipe", name or "default"]
    if name is None:
        words += _changes(recipe_card(network).recipe, recipe)
    data = record["data"]
    used = data["train_size"] + (data["validation_size"] if recipe.patience else 0)
    return words if used == all_images else [*words, "--limit", str(used)]


def _finetune(record: dict[str, Any], all_images: int | None) -> list[str] | None:
    finetuned = record["finetuned"]
    head, *rest = (recipe_from(recipe) for recipe in finetuned["recipes"])
    parts = [(head, HEAD, ""), *((recipe, UNFROZEN, "unfrozen-") for recipe in rest)]
    has_options = all(
        recipe == replace(default, epochs=recipe.epochs, learning_rate=recipe.learning_rate, augment=head.augment)
        for recipe, default, _ in parts
    )
    if finetuned.get("backbone") is None or finetuned["dropout_rate"] != DROPOUT_RATE or not has_options:
        return None
    words = ["finetune", finetuned["backbone"], _data(record), "--weights", finetuned["weights"] or "none"]
    for recipe, default, prefix in parts:
        for option, field in (("epochs", "epochs"), ("learning-rate", "learning_rate")):
            if getattr(recipe, field) != getattr(default, field):
                words += [f"--{prefix}{option}", str(getattr(recipe, field))]
    if head.augment:
        words += ["--augment", ",".join(head.augment)]
    return words if finetuned["unfrozen_from"] is None else [*words, "--unfreeze", finetuned["unfrozen_from"]]


def _changes(default: Recipe, recipe: Recipe) -> list[str]:
    """Return the options that change ``default`` into ``recipe``."""
    words = []
    for field in fields(Recipe):
        value, option = getattr(recipe, field.name), field.name.replace("_", "-")
        if value is None or value == getattr(default, field.name):
            continue
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value != () or field.name != "steps":  # which go with the schedule
            words += [f"--{option}", (",".join(value) or "none") if field.name == "augment" else as_flag(value)]
    return words


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
