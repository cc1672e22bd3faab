"""The format of ``run.json``; ``format0`` holds what was written before it had a version."""

import json
import shutil
import signal
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.data.sampling import subset
from cnnzoo.models.catalog import trained_folder
from cnnzoo.runs.description import describe, describe_data, processor
from cnnzoo.runs.folder import read_record, write_record
from cnnzoo.runs.record import FORMAT, MIGRATIONS, Machine, Record, Resumption
from cnnzoo.training import Recipe, fit, load_run, recipe_card, resume, train

FORMAT_0 = Path(__file__).parent / "format0"
RECORDS = [*sorted(FORMAT_0.rglob("*.json")), trained_folder("lenet5", "mnist") / "run.json"]


def written(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_record_from_before_formats_says_the_same(path):
    before, after = written(path), read_record(path, finished=False).to_json()
    assert "format" not in before
    assert after.pop("format") == 1
    assert after["command"] is None
    if source := after["data"]["source"]:
        assert source.pop("crop") is False  # came later
    for recipe in (after["recipe"], *(after["finetuned"] or {}).get("recipes", ())):
        assert recipe.pop("class_weight") == "none"  # came later
    for part in ("versions", "recipe", "created", "seed", "begun_by", "stopped", "weights_of_epoch"):
        assert after[part] == before.get(part), part
    for part in ("model", "data", "computation", "machine", "finetuned"):
        assert {name: after[part][name] for name in before.get(part, {})} == before.get(part, {})
    for name, value in (after["metrics"] or {}).items():
        assert value == before["metrics"][name]
    assert len(after["resumed"]) == len(before.get("resumed", []))


def test_parameters_of_a_record_from_before_formats():
    trained, finetuned = (read_record(FORMAT_0 / name, finished=False) for name in ("begun.json", "finetuned.json"))
    assert (trained.model.params, trained.model.buffers) == (61_706, 0)
    assert (finetuned.model.params, finetuned.model.buffers) == (2_270_794, None)


def test_a_record_comes_back_as_it_was_written(run, tmp_path):
    record = replace(run.record, resumed=(Resumption("2026-01-01T00:00:00+00:00", {"keras": "3.8"}, Machine()),))
    write_record(tmp_path / "run.json", record)
    assert written(tmp_path / "run.json") == record.to_json()
    assert read_record(tmp_path / "run.json") == record
    assert record.to_json()["format"] == FORMAT == len(MIGRATIONS)


def test_parameters_are_counted_without_what_batch_normalisation_keeps():
    normalized = keras.layers.BatchNormalization(name="normalized")
    model = keras.Sequential([keras.Input((4, 4, 1)), normalized, keras.layers.Flatten(), keras.layers.Dense(2)])
    for trainable in (True, False):
        normalized.trainable = trainable
        record = described(model)
        assert (record.model.params, record.model.buffers) == (2 + 16 * 2 + 2, 2)


def described(model):
    """The record of a training of ``model`` on two images."""
    split = cnnzoo.data.Split(np.zeros((2, 4, 4, 1), np.float32), np.arange(2))
    data = describe_data(cnnzoo.data.Dataset(split, split, ("a", "b")), split, "unit")
    return describe(model, data, recipe=Recipe(), seed=0, begun_by="fit")


@pytest.mark.parametrize("path", [run_json for run_json in RECORDS if "format0" in run_json.parts])
@pytest.mark.parametrize("older", [True, False])
def test_what_a_record_does_not_know_is_ignored(path, older):
    plain = written(path) if older else read_record(path, finished=False).to_json()
    expected = Record.from_json(plain)
    plain["recipe"]["temperature"] = 3
    plain["data"]["licence"] = "mine"
    plain["mood"] = "good"
    assert Record.from_json(plain) == expected


def test_a_recipe_that_lacks_a_field_has_its_default():
    plain = written(FORMAT_0 / "begun.json")
    del plain["recipe"]["clip_norm"]
    assert Record.from_json(plain).recipe == read_record(FORMAT_0 / "begun.json", finished=False).recipe


def test_a_later_format_is_named(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps(run.record.to_json() | {"format": 2, "data": "elsewhere"}))
    message = r"run\.json' was written by a newer cnnzoo \(format 2; this one reads up to 1\)\. Upgrade cnnzoo\."
    with pytest.raises(ValueError, match=message):
        load_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["format"], "1", "`format` must be a whole number"),
        (["format"], -1, "`format` must be a whole number"),
        (["seed"], "0", "`seed` must be a whole number. Received: '0'"),
        (["seed"], True, "`seed` must be a whole number. Received: True"),
        (["data", "train_size"], 1.5, "`data.train_size` must be a whole number. Received: 1.5"),
        (["data", "image_size"], [32, 32, 1], "`data.image_size` must be a list of 2"),
        (["data", "class_names"], [1, 2], "`data.class_names` must be a string"),
        (["data", "class_names"], [], "`data.class_names` must name at least one class"),
        (["data", "preparation"], "squash", "`data.preparation` must be 'digit' or 'resize' or 'crop'. "),
        (["data", "source"], {}, "it lacks `data.source.name`"),
        (["model", "name"], None, "`model.name` must be a string. Received: None"),
        (["metrics"], {"test_loss": 1.0}, "it lacks `metrics.test_accuracy`"),
        (["recipe"], [], "`recipe` must be an object"),
        (["recipe", "epochs"], 0, "`epochs` must be"),
        (["versions", "keras"], 3, "`versions.keras` must be a string. Received: 3"),
    ],
)
def test_a_damaged_entry_is_named(run, tmp_path, path, value, told):
    plain = part = run.record.to_json()
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (tmp_path / "run.json").write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=rf"run\.json' is damaged: {told}.*Train again\."):
        read_record(tmp_path / "run.json")


def entries(plain, *above):
    """Every place within a record, as the keys that lead there."""
    for key in plain if isinstance(plain, dict) else range(len(plain)) if isinstance(plain, list) else ():
        yield (*above, key)
        yield from entries(plain[key], *above, key)


@pytest.mark.parametrize("value", [None, True, 3, -1.5, "x", [], [3], {}, {"x": 3}], ids=str)
@pytest.mark.parametrize("name", ["finetuned.json", "resumed.json"])
def test_whatever_stands_in_a_record_it_is_read_or_refused(name, value):
    refused = 0
    for *above, key in entries(written(FORMAT_0 / name)):
        plain = part = written(FORMAT_0 / name)
        for step in above:
            part = part[step]
        part[key] = value
        try:
            Record.from_json(plain)
        except ValueError:
            refused += 1
    assert refused > 20


def test_numbers_that_are_none_become_null(run, tmp_path):
    record = replace(run.record, metrics=replace(run.record.metrics, test_loss=float("nan")))
    write_record(tmp_path / "run.json", record)
    assert written(tmp_path / "run.json")["metrics"]["test_loss"] is None
    assert read_record(tmp_path / "run.json").metrics.test_loss is None


def network():
    """The network of ``format0``, with dropout and batch normalisation."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.AveragePooling2D(8), keras.layers.Flatten(), keras.layers.Dropout(0.1)]
    layers += [keras.layers.BatchNormalization(), keras.layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((32, 32, 1)), *layers], name="tiny")


def test_a_finished_run_from_before_formats_is_read(digits, run_of_format0):
    run = load_run(run_of_format0)
    assert (run.record.model.name, run.validated_on, len(run.history["loss"])) == ("tiny", "validation", 3)
    test = subset(digits[1], 100)
    right = run.model.predict(test.images, verbose=0).argmax(axis=1) == test.labels
    assert right.mean() == pytest.approx(run.metrics["test_accuracy"])


@pytest.fixture
def same_versions():
    """Skip where another Keras would refuse to resume what the one of ``format0`` began."""
    if read_record(FORMAT_0 / "begun.json", finished=False).versions["keras"] != keras.__version__:
        pytest.skip("runs of format0 are resumed by the Keras that began them")


@pytest.mark.slow
def test_a_run_begun_before_formats_ends_as_it_would_have_then(digits, tmp_path, same_versions):
    """Stopped after the fourth step of the second epoch; ``finished`` is the same run, never stopped."""
    out = Path(shutil.copytree(FORMAT_0 / "unfinished", tmp_path / "run"))
    recipe = Recipe(epochs=3, batch_size=20, learning_rate=0.01, augment="shift", precision="float32", patience=3)
    train_split, test_split = (subset(split, size) for split, size in zip(digits, (200, 100), strict=True))
    small = replace(cnnzoo.data.load_dataset("digits"), train=train_split, test=test_split)
    resumed = fit(network(), small, recipe=recipe, out=out, resume=True, progress=False)
    then = load_run(FORMAT_0 / "finished")
    # Bit for bit on the processor that computed it; others add up in another order. The record names the first one
    tolerance = 0 if processor() == then.record.machine.processor else 1e-4
    assert list(resumed.history) == list(then.history)
    for name, values in then.history.items():
        assert resumed.history[name] == pytest.approx(values, rel=tolerance, abs=tolerance)
    for weights, expected in zip(resumed.model.get_weights(), then.model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=tolerance, atol=tolerance)
    assert written(out / "run.json")["format"] == FORMAT
    assert (resumed.record.model.params, resumed.record.model.buffers) == (202, 32)


@pytest.mark.slow
def test_what_train_began_before_formats_is_resumed(tmp_path, same_versions):
    def stop(epoch, logs):
        signal.raise_signal(signal.SIGINT)

    options = {"epochs": 2, "limit": 100, "precision": "float32", "augment": "shift", "progress": False}
    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    with pytest.raises(KeyboardInterrupt):
        train("lenet5", out=tmp_path / "run", callbacks=[callback], **options)
    shutil.copy(FORMAT_0 / "begun.json", tmp_path / "run" / "run.json")
    resumed = resume(tmp_path / "run", progress=False)
    whole = train("lenet5", out=tmp_path / "whole", **options)
    assert resumed.history == whole.history
    assert asdict(resumed.record.recipe) == asdict(whole.record.recipe)


def test_the_record_that_ships_names_its_recipe():
    record = load_run("lenet5").record
    assert record.recipe == recipe_card("lenet5").recipe
    assert not record.given_weights
