import shlex
from dataclasses import asdict, replace

import pytest
import typer

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.training import Recipe
from cnnzoo.runs.command import command_for, recipe_name
from cnnzoo.recipes.finetuning import HEAD, UNFROZEN


def test_the_command_repeats_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"epochs": 2, "batch_size": 20, "schedule": "steps", "steps": "0.5:0.1", "augment": ("shift", "rotate")}
    first = cnnzoo.training.train("lenet5", limit=100, seed=3, fraction=0.5, out="one", progress=False, **changes)
    program, *words = shlex.split(command_for(first.record, 2_000))
    assert program == "cnnzoo"
    app([*words, "--out", "two"], standalone_mode=False)
    second = cnnzoo.training.load_run("two")
    assert second.record["recipe"] == first.record["recipe"]
    assert second.history == first.history


def finetuned(run, **changes):
    """The record of a finetuned network, trained as the command line does it but for ``changes``."""
    head, unfrozen = (asdict(replace(recipe, augment=("flip",))) for recipe in (HEAD, UNFROZEN))
    parts = {"weights": None, "unfrozen_from": "block_16", "backbone": "mobilenetv2", "dropout_rate": 0.2}
    return run.record | {
        "begun_by": "finetune",
        "finetuned": {**parts, "recipes": [head | {"epochs": 7}, unfrozen]} | changes,
    }


def test_the_command_of_a_finetuned_network(run):
    words = shlex.split(command_for(finetuned(run)))
    assert words[:4] == ["cnnzoo", "finetune", "mobilenetv2", "digits"]
    assert words[words.index("--unfreeze") + 1] == "block_16"
    assert words[words.index("--epochs") + 1] == "7"
    assert words[words.index("--augment") + 1] == "flip"
    assert "--unfrozen-epochs" not in words
    command = typer.main.get_command(app).commands["finetune"]
    command.make_context("finetune", words[2:])  # every option is one of the command's


@pytest.mark.parametrize("changes", [{"backbone": None}, {"dropout_rate": 0.5}, {"recipes": [asdict(Recipe())]}])
def test_what_the_command_line_cannot_finetune_has_no_command(run, changes):
    assert command_for(finetuned(run, **changes)) is None


def test_what_the_command_line_cannot_train_has_no_command(run):
    for part, changes in (("data", {"image_size": [32, 48]}), ("computation", {"devices": 2})):
        assert command_for(run.record | {part: run.record[part] | changes}) is None


def test_no_augmentation_has_a_name(run):
    words = shlex.split(command_for(run.record | {"recipe": run.record["recipe"] | {"augment": []}}))
    assert words[words.index("--augment") + 1] == "none"


def test_a_recipe_is_known_by_its_fields(run):
    whole = run.record | {"recipe": run.record["recipe"] | {"epochs": 15}}
    assert recipe_name(whole) == "default"
    assert recipe_name(run.record) is None
    assert command_for(run.record | {"begun_by": "fit"}) is None
