import numpy as np
import pytest

import cnnzoo
from cnnzoo.training import train


def test_the_main_job_reaches_its_bar(tmp_path):
    run = train("lenet5", out=tmp_path / "run", progress=False)
    assert run.metrics["test_accuracy"] >= 0.97


def test_options_reach_the_recipe_and_the_data(tmp_path):
    run = train(
        "lenet5", epochs=1, batch_size=30, learning_rate=1e-3, seed=3, limit=60, out=tmp_path / "run", progress=False
    )
    assert run.record["recipe"] == {"epochs": 1, "batch_size": 30, "learning_rate": 1e-3, "warmup": 0.25, "augment": []}
    assert (run.record["seed"], run.record["data"]["train_size"], run.record["data"]["test_size"]) == (3, 60, 1000)


def test_the_same_seed_gives_the_same_run(tmp_path):
    first, second = (train("lenet5", epochs=1, limit=200, out=tmp_path / name, progress=False) for name in "ab")
    assert (first.path / "history.csv").read_bytes() == (second.path / "history.csv").read_bytes()
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


def test_the_default_folder_is_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [train("lenet5", epochs=1, limit=20, progress=False).path for _ in range(2)]
    assert [str(name) for name in names] == ["runs/lenet5", "runs/lenet5-2"]


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
        ("lenet5", {"data_path": "somewhere"}, ValueError, "takes no path"),
        ("lenet5", {"data": "mnist"}, ConnectionError, "could not be downloaded"),
        ("lenet5", {"data": "mnist", "data_path": "absent.npz"}, FileNotFoundError, "absent"),
        ("alexnet", {"image_size": 100}, ValueError, r"'alexnet' cannot be trained on 'digits'.* \(163, 163, 1\)"),
        ("lenet5", {"image_size": 0}, ValueError, "`image_size` must be"),
        ("lenet5", {"fraction": 1.5}, ValueError, "`fraction` must lie in"),
        ("lenet5", {"augment": "flop"}, ValueError, "There is no augmentation 'flop'. Did you mean 'flip'"),
        ("lenet5", {"data": "./photos"}, FileNotFoundError, "There is no folder './photos'"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(tmp_path, monkeypatch, name, options, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        train(name, **options)
    assert list(tmp_path.iterdir()) == []


def test_every_network_can_be_made_for_its_data(tmp_path):
    """VGG19 takes the 32 x 32 digits, too."""
    run = train("vgg19", epochs=1, limit=10, batch_size=10, out=tmp_path / "run", progress=False)
    assert run.record["model"]["input_shape"] == [32, 32, 1]
    assert cnnzoo.training.load_run(run.path).model.count_params() == run.record["model"]["params"]
