import dataclasses
import inspect
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import typer

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.recipes.recipe import FIELDS
from cnnzoo.runs.folder import new_run_folder
from cnnzoo.training import join_team, recipe_card, resume, train
from cnnzoo.training._train import _input_size


@pytest.mark.slow
def test_the_main_job_reaches_its_bar(tmp_path):
    run = train("lenet5", out=tmp_path / "run", progress=False)
    assert run.metrics["test_accuracy"] >= 0.97


@pytest.mark.slow
def test_options_reach_the_recipe_and_the_data(tmp_path):
    run = train(
        "lenet5", epochs=1, batch_size=30, learning_rate=1e-3, seed=3, limit=60, out=tmp_path / "run", progress=False
    )
    changed = dataclasses.replace(recipe_card("lenet5").recipe, epochs=1, batch_size=30, learning_rate=1e-3)
    assert run.record.recipe == changed
    assert (run.record.seed, run.record.data.train_size, run.record.data.test_size) == (3, 60, 1000)


def test_the_command_line_has_the_words_of_python():
    def words(function, *others):
        return inspect.signature(function).parameters.keys() - {"changes", "options", "progress", "callbacks", *others}

    command = {option.name for option in typer.main.get_command(app).commands["train"].params}
    flags = {"distributed", "report", "resume", "tensorboard"}  # join_team, write_report, resume, TensorBoard
    assert command == words(train) | words(join_team) | FIELDS.keys() | flags
    assert words(resume, "path") <= command


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(trained_once, tmp_path):
    first = trained_once("other/lenet5", "lenet5", epochs=1, limit=500)
    second = train("lenet5", epochs=1, limit=500, out=tmp_path / "run", progress=False)
    assert (first.path / "history.csv").read_bytes() == (second.path / "history.csv").read_bytes()
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


@pytest.mark.slow
def test_the_default_folder_is_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [train("lenet5", epochs=1, limit=20, progress=False).path for _ in range(2)]
    assert [str(name) for name in names] == ["runs/lenet5", "runs/lenet5-2"]


def test_two_runs_at_once_take_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(lambda _: new_run_folder("lenet5").path, range(8)))
    assert len(set(folders)) == 8


@pytest.mark.slow
def test_a_network_of_another_size_gets_the_images_resized(tmp_path):
    run = train("lenet5", epochs=1, limit=10, image_size=(40, 36), out=tmp_path / "run", progress=False)
    assert run.record.model.input_shape == (40, 36, 1)
    assert len(run.evaluate().labels) == 1000


@pytest.mark.parametrize(
    ("own", "expected"), [((9, 32, 32, 1), (224, 224)), ((9, 163, 200, 1), (163, 200)), ((9, 300, 100, 1), (224, 224))]
)
def test_the_images_size_is_kept_where_the_network_can_take_it(own, expected):
    assert _input_size(cnnzoo.model_card("alexnet"), own) == expected


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("lenet", {}, ValueError, "Did you mean 'lenet5'"),
        ("lenet5", {"data": "digit"}, ValueError, "Did you mean 'digits'"),
        ("lenet5", {"epochs": 0}, ValueError, "`epochs`"),
        ("lenet5", {"batch_size": 0}, ValueError, "`batch_size`"),
        ("lenet5", {"learning_rate": -1}, ValueError, "`learning_rate`"),
        ("lenet5", {"seed": -1}, ValueError, "`seed`"),
        ("lenet5", {"limit": 0}, ValueError, "`limit` must be an integer of at least 1 and at most 4000"),
        ("lenet5", {"limit": 4001}, ValueError, "`limit`"),
        (
            "lenet5",
            {"limit": 9},
            ValueError,
            r"`limit` must be at least 10, one image per class\. Received: limit=9",
        ),
        ("lenet5", {"data_path": "somewhere"}, ValueError, "does not accept a path"),
        ("lenet5", {"data": "mnist"}, ConnectionError, "could not be downloaded"),
        ("lenet5", {"data": "mnist", "data_path": "absent.npz"}, FileNotFoundError, "absent"),
        ("alexnet", {"image_size": 100}, ValueError, "'alexnet' cannot be trained on 'digits'.* 163 x 163"),
        ("lenet5", {"image_size": 0}, ValueError, "`image_size` must be"),
        ("lenet5", {"recipe": "papers"}, ValueError, "Unknown recipe 'papers'. Did you mean 'paper'"),
        ("lenet5", {"epoch": 1}, ValueError, "Unknown recipe option 'epoch'. Did you mean 'epochs'"),
        ("lenet5", {"fraction": 1.5}, ValueError, "`fraction` must lie in"),
        ("lenet5", {"augment": "flop"}, ValueError, "Unknown augmentation 'flop'. Did you mean 'flip'"),
        ("lenet5", {"data": "./photos"}, FileNotFoundError, "There is no folder './photos'"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(tmp_path, monkeypatch, name, options, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        train(name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_image_is_named_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("red", "blue"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "broken.png").write_text("no image")
    with pytest.raises(ValueError, match=r"broken\.png' is not a readable image"):
        train("lenet5", data="./photos")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
