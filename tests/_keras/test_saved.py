"""Whole models from files: what can be read is, and the true cause is told of the others."""

import json
import shutil

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from cnnzoo._keras.saved import Saved, describe_saved, read_model
from tests.model_files import rewrite, with_unknown_option


class Doubled(layers.Layer):
    """A layer that is not registered."""

    def call(self, inputs):
        return 2 * inputs


class Subclassed(keras.Model):
    """A model that is not registered."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def activation(values):
    return values


def network(*extra):
    inputs = outputs = keras.Input((8, 8, 3))
    for layer in (*extra, layers.Flatten(), layers.Dense(3, "softmax")):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name="small")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_whole_model_is_read(tmp_path, suffix):
    model = network()
    model.save(tmp_path / f"model{suffix}")
    read = read_model(tmp_path / f"model{suffix}")
    assert read.name == "small"
    assert all(map(np.array_equal, read.get_weights(), model.get_weights()))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_is_named_and_not_run(tmp_path, suffix, monkeypatch):
    network(layers.Lambda(lambda values: 2 * values, name="twice")).save(tmp_path / f"model{suffix}")
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **options: pytest.fail("was read"))
    with pytest.raises(ValueError, match=r"cannot be read as a Keras model: it contains Python code \(twice\)"):
        read_model(tmp_path / f"model{suffix}")


def calling(module, name, argument):
    """Let a layer be that function, called with the name of a file that a test looks for."""

    def change(config):
        last = config["config"]["layers"][-1]
        function = {"module": module, "class_name": "function", "config": name, "registered_name": "function"}
        last.update(function, inbound_nodes=[{"args": [argument], "kwargs": {}}])
        return config

    return change


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        ("subprocess", "call", lambda path: ["touch", path]),
        ("os", "mkdir", lambda path: path),
        ("builtins", "exec", lambda path: f"open({path!r}, 'w')"),
        ("keras.utils", "get_file", lambda path: path),
        ("keras.src.utils.file_utils", "get_file", lambda path: path),
    ],
)
def test_a_function_that_is_no_layer_is_named_and_not_called(tmp_path, monkeypatch, module, name, call):
    """What Keras before 3.9 imports and calls (CVE-2025-1550)."""
    network().save(tmp_path / "model.keras")
    called = tmp_path / "called"
    rewrite(tmp_path / "model.keras", config=calling(module, name, call(str(called))))
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **options: pytest.fail("was read"))
    with pytest.raises(ValueError, match=f"it uses '{name}', which is neither part of Keras nor registered"):
        read_model(tmp_path / "model.keras")
    assert not called.exists()


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer"])
def test_layers_that_hold_a_pickle_or_a_graph_are_code(tmp_path, monkeypatch, kind):
    def change(config):
        config["config"]["layers"][-1].update(class_name=kind, name="held")
        return config

    network().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", config=change)
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **options: pytest.fail("was read"))
    with pytest.raises(ValueError, match=r"it contains Python code \(held\)"):
        read_model(tmp_path / "model.keras")


@keras.saving.register_keras_serializable("tests")
def halved(values):
    return values / 2


@pytest.mark.parametrize("function", [halved, keras.activations.gelu, keras.ops.tanh])
def test_functions_of_keras_and_registered_ones_are_read(tmp_path, function):
    network(layers.Activation(function), layers.Lambda(function)).save(tmp_path / "model.keras")
    assert read_model(tmp_path / "model.keras").layers[2].function.__name__ == function.__name__


def test_a_layer_that_calls_what_keras_has_is_read(tmp_path):
    network(layers.Lambda(keras.ops.relu)).save(tmp_path / "model.keras")
    assert read_model(tmp_path / "model.keras").layers[1].function.__name__ == "relu"


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(("extra", "name"), [(Doubled(), "Doubled"), (layers.Activation(activation), "activation")])
def test_what_is_not_registered_is_named(tmp_path, monkeypatch, suffix, extra, name):
    network(extra).save(tmp_path / f"model{suffix}")
    monkeypatch.delattr(f"{__name__}.{name}")
    message = rf"it uses '{name}', which is neither part of Keras nor registered\. Decorate its definition"
    with pytest.raises(ValueError, match=message):
        read_model(tmp_path / f"model{suffix}")


def test_a_subclassed_model_that_is_not_registered_is_named(tmp_path, monkeypatch):
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    model.save(tmp_path / "model.keras")
    monkeypatch.delattr(f"{__name__}.Subclassed")
    with pytest.raises(ValueError, match="it uses 'Subclassed', which is neither part of Keras nor registered"):
        read_model(tmp_path / "model.keras")


def test_both_releases_of_keras_are_named_with_what_one_does_not_know(tmp_path):
    network().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", config=with_unknown_option)
    message = rf"of_the_future.*It was written by Keras 99\.1\.0; Keras {keras.__version__} is installed\."
    with pytest.raises(ValueError, match=message) as caught:
        read_model(tmp_path / "model.keras")
    assert "rain again" not in str(caught.value)


def test_the_release_is_no_news_where_it_is_the_same(tmp_path):
    network().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", version=keras.__version__, config=with_unknown_option)
    with pytest.raises(ValueError, match="of_the_future") as caught:
        read_model(tmp_path / "model.keras")
    assert "written by" not in str(caught.value)


@pytest.mark.parametrize("part", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_part_that_is_missing_is_named(tmp_path, part):
    network().save(tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", without=[part])
    with pytest.raises(ValueError, match=rf"is not a Keras model file: it lacks {part}"):
        read_model(tmp_path / "model.keras")


def test_weights_alone_are_told_from_a_network(tmp_path):
    network().save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="contains only weights, not the network itself"):
        read_model(tmp_path / "model.weights.h5")


@pytest.mark.parametrize(("suffix", "other"), [(".keras", ".zip"), (".h5", ".keras")])
def test_the_name_that_keras_needs_is_told(tmp_path, suffix, other):
    network().save(tmp_path / f"model{suffix}")
    shutil.move(tmp_path / f"model{suffix}", tmp_path / f"renamed{other}")
    with pytest.raises(ValueError, match=rf"must end in {suffix} for Keras to read it"):
        read_model(tmp_path / f"renamed{other}")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_cut_short_is_refused(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    network().save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"truncated|damaged"):
        read_model(path)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"name": "net", "layers": [{"config": {"batch_shape": [None, 8, 9, 3]}}]}, Saved("net", (8, 9, 3))),
        ({"name": "net", "layers": [{"config": {"batch_input_shape": [None, 8, 9, 3]}}]}, Saved("net", (8, 9, 3))),
        ([{"config": {"batch_input_shape": [None, 8, 9, 3]}}], Saved(None, (8, 9, 3))),
        ({"name": "net", "layers": [{"config": {"batch_shape": [None, None, None, 3]}}]}, Saved("net")),
        ({"name": "net", "layers": [{"config": {"batch_shape": [None, "a", None]}}]}, Saved("net")),
        ({"name": ["net"], "layers": [1, {"config": None}, {"config": {"batch_shape": 7}}]}, Saved()),
        ({"layers": None}, Saved()),
        (None, Saved()),
    ],
)
def test_what_a_file_says_of_its_model_is_read_whatever_it_is(tmp_path, config, expected):
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
    assert describe_saved(tmp_path / "model.h5") == expected


def test_a_file_of_weights_says_nothing_of_its_model(tmp_path):
    (tmp_path / "junk.keras").write_bytes(b"PK")
    assert describe_saved(tmp_path / "junk.keras") == Saved()
