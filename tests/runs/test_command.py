import shlex

import pytest
import typer

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.training import Recipe, fit, load_run, train


@pytest.mark.slow
def test_the_command_repeats_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"epochs": 2, "batch_size": 20, "schedule": "steps", "steps": "0.5:0.1", "augment": ("shift", "rotate")}
    first = train("LeNet5", limit=100, seed=3, fraction=0.5, out="one", progress=False, snapshots=True, **changes)
    program, *words = first.record.command
    assert program == "cnnzoo"
    app([*words, "--out", "two"], standalone_mode=False)
    second = load_run("two")
    assert second.record.recipe == first.record.recipe
    assert second.record.command == first.record.command
    assert second.history == first.history
    assert len(second.snapshots) == len(first.snapshots) > 0


@pytest.mark.slow
def test_the_command_holds_what_was_asked_for(tmp_path):
    options = {"epochs": 1, "augment": (), "image_size": 40, "normalize": True, "limit": 20}
    run = train("lenet5", **options, out=tmp_path / "run", progress=False)
    assert shlex.join(run.record.command) == (
        "cnnzoo train lenet5 --data digits --recipe default --epochs 1 --augment none --normalize "
        "--limit 20 --image-size 40 --seed 0"
    )


@pytest.mark.slow
def test_the_command_of_a_finetuned_network(tmp_path):
    run = finetuned(tmp_path, epochs=1, augment="flip", image_size=32)
    words = list(run.record.command)
    assert shlex.join(words) == (
        "cnnzoo finetune lenet5 digits --weights none --image-size 32 --seed 0 --fraction 0.02 --epochs 1 "
        "--augment flip"
    )
    command = typer.main.get_command(app).commands["finetune"]
    command.make_context("finetune", words[2:])  # every option is one of the command's


@pytest.mark.slow
def test_the_command_repeats_what_was_finetuned_from_a_run(tmp_path, run):
    options = {"limit": 20, "batch_size": 10, "epochs": 1, "unfreeze": "c5", "unfrozen_epochs": 1}
    tuned = cnnzoo.training.finetune(run.path, "digits", out=tmp_path / "one", progress=False, **options)
    app([*tuned.record.command[1:], "--out", str(tmp_path / "two")], standalone_mode=False)
    again = load_run(tmp_path / "two")
    assert sorted(again.record.command) == sorted(tuned.record.command)
    assert again.history == tuned.history


def finetuned(tmp_path, **options):
    plain = {"weights": None, "fraction": 0.02, "out": tmp_path / "run", "progress": False}
    return cnnzoo.training.finetune("lenet5", "digits", **plain, **options)


@pytest.mark.slow
def test_what_the_command_line_cannot_finetune_has_no_command(tmp_path):
    recipe = Recipe(epochs=1, batch_size=20)
    assert finetuned(tmp_path, recipe=recipe, image_size=32).record.command is None


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"image_size": (32, 48)}, {"recipe": Recipe(epochs=1)}])
def test_what_the_command_line_cannot_train_has_no_command(tmp_path, options):
    run = train("lenet5", **{"epochs": 1, **options}, limit=10, out=tmp_path / "run", progress=False)
    assert run.record.command is None


@pytest.mark.slow
def test_what_fit_trains_has_no_command(digits):
    run = fit(cnnzoo.models.lenet5(), digits[1], digits[1], recipe=Recipe(epochs=1), progress=False)
    assert run.record.command is None
