"""Runs whose network another release of Keras wrote."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.pretrained import classifier, unfreeze
from cnnzoo.runs.rebuild import read_network
from cnnzoo.runs.record import Record
from cnnzoo.training import load_run
from tests.model_files import rewrite, with_unknown_option


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def saved(model, path):
    """Save ``model`` as a Keras would that is not installed."""
    model.save(path)
    rewrite(path, config=with_unknown_option)


def named(model, **finetuned):
    """A record that names ``model``, fine-tuned where there are arguments."""
    plain = json.loads((Path(__file__).parent / "format0" / "begun.json").read_text())
    shape, classes = list(model.input_shape[1:]), model.output_shape[-1]
    plain["model"] |= {"name": model.name, "input_shape": shape, "num_classes": classes}
    if finetuned:
        plain["finetuned"] = {"weights": None, "unfrozen_from": None, "recipes": [], **finetuned}
    return Record.from_json(plain)


def test_a_run_of_another_keras_is_read(run, digits, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    rewrite(tmp_path / "run" / "model.keras", config=with_unknown_option)
    loaded = load_run(tmp_path / "run")
    images = digits[1].images[:50]
    assert np.array_equal(loaded.model.predict(images, verbose=0), run.model.predict(images, verbose=0))
    assert loaded.record == run.record


@pytest.mark.slow
def test_a_finetuned_network_is_built_as_it_was(path):
    model = classifier("mobilenetv2", num_classes=3, weights=None, input_shape=(32, 32, 1), dropout_rate=0.3)
    unfreeze(model, "block_16")
    saved(model, path)
    read = read_network(path, named(model, backbone="mobilenetv2", dropout_rate=0.3))
    assert all(map(np.array_equal, read.get_weights(), model.get_weights()))
    images = np.random.default_rng(0).random((2, 32, 32, 1), dtype="float32")
    assert np.array_equal(read.predict(images, verbose=0), model.predict(images, verbose=0))
    assert [layer.trainable for layer in read.layers] == [layer.trainable for layer in model.layers]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_finetuned_network_of_the_zoo_is_built_as_it_was(path, channels):
    model = classifier("lenet5", num_classes=2, input_shape=(32, 32, channels))
    saved(model, path)
    read = read_network(path, named(model, backbone="lenet5", dropout_rate=0.2))
    images = np.random.default_rng(0).random((2, 32, 32, channels), dtype="float32")
    assert np.array_equal(read.predict(images, verbose=0), model.predict(images, verbose=0))


@pytest.mark.slow
def test_a_name_that_both_zoos_have_is_tried_as_either(path):
    """A run of this zoo's VGG19, finetuned: not the network of Keras Applications, which has its preprocessing."""
    model = classifier(cnnzoo.models.vgg19(include_top=False, input_shape=(32, 32, 3)), num_classes=2)
    record = named(model, backbone="runs/mine", network="vgg19", dropout_rate=0.2)
    saved(model, path)
    read = read_network(path, record)
    images = np.random.default_rng(0).random((2, 32, 32, 3), dtype="float32")
    assert np.array_equal(read.predict(images, verbose=0), model.predict(images, verbose=0))


def test_a_network_that_ends_otherwise_is_not_taken_for_the_named_one(path):
    model = cnnzoo.models.lenet5(classifier_activation=None)
    saved(model, path)
    message = (
        r"cannot be read as a Keras model: .*of_the_future.*written by Keras 99\.1\.0; .* Nor can it be built from the "
        r"record of the run: in the file, the layer 'output' has activation='linear', not 'softmax'\."
    )
    with pytest.raises(ValueError, match=message):
        read_network(path, named(model))


def test_other_layers_under_a_known_name_are_refused(path):
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs)), name="lenet5")
    saved(model, path)
    with pytest.raises(ValueError, match="does not hold the weights of this lenet5"):
        read_network(path, named(model))


def test_a_network_of_the_caller_s_own_is_refused(path):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs)), name="mine")
    saved(model, path)
    for record in (named(model), named(model, backbone=None, dropout_rate=0.2)):
        with pytest.raises(ValueError, match=r"99\.1\.0.*'mine' is none of the networks of cnnzoo"):
            read_network(path, record)
    with pytest.raises(ValueError, match=r"99\.1\.0.*the record of the run: there is none"):
        read_network(path, None)


def test_what_ships_is_read_without_a_file_of_a_whole_model(monkeypatch):
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **options: pytest.fail("was read"))
    model = load_run("lenet5").model
    assert all(map(np.array_equal, model.get_weights(), cnnzoo.models.lenet5(weights="mnist").get_weights()))
