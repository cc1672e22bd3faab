import importlib
import json
import re
import shlex
import shutil

import keras
import numpy as np
import pytest
import sklearn.metrics

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.data import Split
from cnnzoo.report import write_report
from cnnzoo.training.command import command_for, recipe_name
from tests.report.conftest import HOSTILE
from tests.report.reading import Page


def shares(row):
    """The numbers of a row of percentages, as shares."""
    return [float(cell.removesuffix(" %")) / 100 for cell in row]


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return Page(write_report(run.path, tmp_path_factory.mktemp("page") / "report.html"))


def test_the_figures_are_those_of_scikit_learn(page, run, digits):
    _, test = digits
    probabilities = run.model.predict(test.images, verbose=0)
    predicted = probabilities.argmax(axis=1)
    right = int(sklearn.metrics.accuracy_score(test.labels, predicted, normalize=False))
    assert f"{right / 10:.1f} % of 1,000 test images are right {right} images;" in page.text
    columns = zip(*sklearn.metrics.precision_recall_fscore_support(test.labels, predicted), strict=True)
    _, *rows = page.tables["Figures of each class"]
    for number, (row, (precision, recall, f1, images)) in enumerate(zip(rows, columns, strict=True)):
        assert row[:2] == [str(number), str(images)]
        assert shares(row[2:]) == pytest.approx([precision, recall, f1], abs=0.0005)
    top_k = sklearn.metrics.top_k_accuracy_score(test.labels, probabilities, k=5)
    assert f"For {100 * top_k:.1f} % of the images the class is among the 5 most probable" in page.text
    assert f"Loss {sklearn.metrics.log_loss(test.labels, probabilities):.4f} nats" in page.text
    counts = sklearn.metrics.confusion_matrix(test.labels, predicted)
    np.fill_diagonal(counts, 0)
    _, *pairs = page.tables["Pairs most often confused"]
    assert [int(images) for _, _, images in pairs] == sorted(counts.ravel(), reverse=True)[: len(pairs)]
    assert all(counts[int(true), int(taken)] == int(images) for true, taken, images in pairs)
    drawn = np.random.default_rng(0).binomial(1000, right / 1000, 100_000) / 10
    low, high = (float(bound) for bound in re.search(r"95 % interval ([\d.]+) % to ([\d.]+) %", page.text).groups())
    assert (low, high) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.11)
    assert "the commonest class would come to 10.0 %" in page.text
    assert "the network has learned" in page.text


def test_the_run_is_set_beside_what_is_published(page, run):
    _, row = page.tables["Published results"]
    assert row[:2] == ["default", "98.30 %"]
    assert row[2].startswith("this run is")


def test_the_page_tells_how_it_came_about(page, run):
    _, *epochs = page.tables["Learning curves in numbers"]
    losses = [float(row[1]) for row in epochs]
    assert losses == pytest.approx(run.history["loss"], abs=1e-4)
    _, *rows = page.tables["Layers"]
    assert sum(int(row[4].replace(",", "")) for row in rows) == 61_706
    assert sum(int(row[5].replace(",", "")) for row in rows) == 416_520
    assert run.record["versions"]["keras"] in page.text
    assert "cnnzoo train lenet5 --data digits --recipe default --epochs 5 --image-size 32 --seed 0" in page.text
    assert "What is missing" not in page.text


def test_the_page_needs_nothing_but_itself(page, run_folder):
    assert page.addresses
    assert all(address.startswith("data:") or address == "#main" for address in page.addresses)
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    assert path.stat().st_size < 3_000_000
    assert "url(" not in path.read_text()
    before = path.read_text()
    assert write_report(run_folder) == path  # in place of the older one
    assert len(path.read_text()) == pytest.approx(len(before), rel=0.01)
    assert not [file.name for file in run_folder.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "told", "still_there"),
    [
        ("run.json", "run.json is not in the run folder: what was trained", "How it learned"),
        ("history.csv", "history.csv is not in the run folder: the learning curves", "What made it decide"),
        ("model.keras", "model.keras is not in the run folder: the network", "This is what the run recorded"),
    ],
)
@pytest.mark.parametrize("damaged", [False, True])
def test_a_folder_that_lacks_a_file_gives_a_page_that_says_so(run_folder, name, told, still_there, damaged):
    if damaged:
        (run_folder / name).write_text("epoch,loss\n1,{damaged")
        told = told.replace("is not in the run folder", "cannot be read")
    else:
        (run_folder / name).unlink()
    text = Page(write_report(run_folder)).text
    assert "What is missing" in text
    assert told in text
    assert still_there in text


def test_a_record_alone_gives_the_verdict_it_holds(run_folder, run):
    for name in ("history.csv", "model.keras"):
        (run_folder / name).unlink()
    text = Page(write_report(run_folder)).text
    assert f"{100 * run.metrics['test_accuracy']:.1f} % of 1,000 test images are right" in text
    (run_folder / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"none of run\.json, history\.csv and model\.keras"):
        write_report(run_folder)


def test_images_that_are_gone_are_told(hostile_run, tmp_path):
    folder = shutil.copytree(hostile_run.path, tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    record["data"]["source"]["path"] = str(tmp_path / "gone")
    (folder / "run.json").write_text(json.dumps(record))
    text = Page(write_report(folder)).text
    assert "The test images cannot be shown to the network: " in text
    assert "This is what the run recorded" in text
    assert "What it is made of" in text


def test_names_are_escaped(hostile_run, tmp_path):
    path = write_report(hostile_run.path, tmp_path / "report.html")
    page, source = Page(path), path.read_text()
    assert all(name in page.text for name in HOSTILE)
    assert "onerror" in source
    assert "<img src=x" not in source
    assert source.count("<script>") == 1
    assert "{{ 7 * 7 }}" in page.text
    assert "<i>run" in page.text
    assert "<i>" not in source


def test_what_the_network_does_not_give_is_told(tmp_path):
    rng = np.random.default_rng(0)
    split = Split(rng.random((20, 8, 8, 1), dtype=np.float32), np.arange(20) % 2)
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs)), name="flat")
    recipe = cnnzoo.training.Recipe(epochs=1)
    cnnzoo.training.fit(model, split, split, recipe=recipe, out=tmp_path / "flat", progress=False)
    text = Page(write_report(tmp_path / "flat")).text
    assert "The test images cannot be shown to the network: This run does not say what data set" in text
    assert "The run was made in Python, by cnnzoo.training.fit" in text
    assert "Nothing is published for this network on just these data." in text


def test_grad_cam_and_maps_need_layers_with_maps(tmp_path, run_folder):
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(inputs)), name="flat")
    model.save(run_folder / "model.keras")
    text = Page(write_report(run_folder)).text
    assert "Grad-CAM does not work on this network. `model` must have a layer that gives maps" in text
    assert "There are no feature maps" in text


def test_the_page_is_written_where_the_user_says(run, tmp_path):
    out = tmp_path / "mine.html"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match=r"mine\.html' exists and is left as it is"):
        write_report(run.path, out)
    assert out.read_text() == "mine"
    with pytest.raises(OSError, match="cannot be written"):
        write_report(run.path, tmp_path / "absent" / "report.html")
    with pytest.raises(ValueError, match=r"'lenet5' ships with the package, where nothing is written"):
        write_report("lenet5")
    with pytest.raises(FileNotFoundError, match="There is no run folder 'absent'"):
        write_report("absent")


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


def test_the_command_of_a_finetuned_network(tmp_path, hostile_run):
    record = hostile_run.record | {
        "begun_by": "finetune",
        "model": {**hostile_run.record["model"], "name": "mobilenetv2"},
        "finetuned": {
            "weights": None,
            "unfrozen_from": "block_16",
            "recipes": [hostile_run.record["recipe"] | {"epochs": 7}, hostile_run.record["recipe"]],
        },
    }
    words = shlex.split(command_for(record))
    assert words[:4] == ["cnnzoo", "finetune", "mobilenetv2", record["data"]["source"]["path"]]
    assert words[words.index("--unfreeze") + 1] == "block_16"
    assert words[words.index("--epochs") + 1] == "7"
    assert words[words.index("--weights") + 1] == "none"
    command = importlib.import_module("typer").main.get_command(app).commands["finetune"]
    command.make_context("finetune", words[2:])  # every option is one of the command's


def test_a_recipe_is_known_by_its_fields(run):
    whole = run.record | {"recipe": run.record["recipe"] | {"epochs": 15}}
    assert recipe_name(whole) == "default"
    assert recipe_name(run.record) is None
    assert command_for(run.record | {"begun_by": "fit"}) is None
