"""The command line as users call it: in a process of its own, from an empty folder."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cnnzoo


def cnnzoo_command(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "cnnzoo", *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def picture(digits, tmp_path):
    """The first held-out digit, a zero, as a picture."""
    path = tmp_path / "digit.png"
    Image.fromarray((digits[1].images[0, 2:30, 2:30, 0] * 255).astype(np.uint8)).save(path)
    return path


def test_train_says_what_it_did_and_where_things_are(tmp_path):
    finished = cnnzoo_command("train", "lenet5", "--epochs", 1, "--limit", 100, "--seed", 1, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert "epoch 1/1   training: loss" in finished.stdout
    assert "of 1,000 held-out images are right" in finished.stdout
    assert "run folder: runs/lenet5\n" in finished.stdout
    assert (tmp_path / "runs" / "lenet5" / "model.keras").is_file()


def test_evaluate_repeats_the_accuracy(run):
    finished = cnnzoo_command("evaluate", run.path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(f"{run.metrics['test_accuracy']:.2%} of 1,000 images are right")


def test_predict_prints_every_class_best_first(run, picture):
    finished = cnnzoo_command("predict", run.path, picture)
    assert finished.returncode == 0, finished.stderr
    title, best, *others = finished.stdout.splitlines()
    assert title == f"{picture}: 0"
    assert best.split()[0] == "0"
    assert len(others) == 9


def test_predict_prints_json(run, picture):
    finished = cnnzoo_command("predict", run.path, picture, picture, "--json")
    first, second = json.loads(finished.stdout)
    assert (first["image"], first["label"], len(first["probabilities"])) == (str(picture), "0", 10)
    assert second["probabilities"] == pytest.approx(first["probabilities"], abs=1e-6)


def test_list_names_every_network():
    printed = cnnzoo_command("list").stdout
    for name in cnnzoo.list_models():
        assert name in printed
        assert f"{cnnzoo.model_card(name).params:,}" in printed


def test_show_prints_layers_and_totals():
    printed = cnnzoo_command("show", "lenet5").stdout
    for cell in ("c1", "28 x 28 x 6", "117,600", "61,706", "416,520", "Deviations from the paper"):
        assert cell in printed


def test_version():
    assert cnnzoo_command("--version").stdout == f"cnnzoo {cnnzoo.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "lenet"], "error: There is no model 'lenet'. Did you mean 'lenet5'?"),
        (["show", "vgg91"], "error: There is no model 'vgg91'. Did you mean 'vgg19'?"),
        (["train", "lenet5", "--epochs", "0"], "error: `epochs` must be an integer of at least 1. Received: epochs=0"),
        (["train", "lenet5", "--data", "mnist"], "error: mnist.npz could not be downloaded"),
        (["train", "lenet5", "--out", "taken"], "error: 'taken' exists and is left as it is. Give a new name."),
        (["evaluate", "absent"], "error: There is no run folder 'absent'."),
        (["evaluate", "taken"], "error: 'taken' is not a finished run: it has no model.keras."),
        (["predict", "RUN", "absent.png"], "error: No such image: 'absent.png'"),
        (["predict", "RUN", "text.png"], "error: 'text.png' is not a readable image."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, run, words, message):
    (tmp_path / "taken").mkdir()
    (tmp_path / "text.png").write_text("no image")
    finished = cnnzoo_command(*(run.path if word == "RUN" else word for word in words), cwd=tmp_path)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith(message)
    assert finished.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "text.png"]
