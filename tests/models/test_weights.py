"""Weights from a local file."""

import contextlib
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from tests.weight_files import write_official


@pytest.fixture(scope="module")
def model():
    return cnnzoo.models.lenet5()


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_weights_come_back_from_a_file(model, tmp_path, suffix):
    path = tmp_path / f"lenet5{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    loaded = cnnzoo.models.lenet5(weights=path)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: .*absent\.weights\.h5"):
        cnnzoo.models.lenet5(weights=tmp_path / "absent.weights.h5")


def test_a_word_that_names_no_file_is_refused():
    with pytest.raises(ValueError, match=r"Unknown lenet5 weights 'imagenet'.*mnist"):
        cnnzoo.models.lenet5(weights="imagenet")
    with pytest.raises(FileNotFoundError, match=r"a local file or None\. No such file: 'imagenet'"):
        cnnzoo.models.alexnet(weights="imagenet")


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "weights.txt").write_text("0.5")
    with pytest.raises(ValueError, match=r"ends in \.weights\.h5, \.keras, \.h5"):
        cnnzoo.models.lenet5(weights=tmp_path / "weights.txt")


@pytest.mark.parametrize("name", ["junk.weights.h5", "junk.keras", "junk.h5"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match=name):
        cnnzoo.models.lenet5(weights=tmp_path / name)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_of_another_shape_are_refused(model, tmp_path, suffix):
    path = tmp_path / f"lenet5{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    message = (
        r"does not hold the weights of this lenet5 \(61,111 parameters\): layer 'output' must have weights of the "
        r"shapes \(84, 3\) and \(3,\), and has \(84, 10\) and \(10,\) there\. "
        r"By its 61,706 parameters it looks like the LeNet-5 of this zoo\."
    )
    with pytest.raises(ValueError, match=message):
        cnnzoo.models.lenet5(num_classes=3, weights=path)


def test_weights_that_keras_would_leave_as_initialised_are_refused(model, tmp_path, monkeypatch):
    path = tmp_path / "lenet5.weights.h5"
    model.save_weights(path)

    def load_some(*args, **options):
        warnings.warn("Affected layers will retain their freshly-initialized weights.", stacklevel=2)

    monkeypatch.setattr("keras.Model.load_weights", load_some)
    with pytest.raises(ValueError, match="does not hold the weights of this lenet5"):
        cnnzoo.models.lenet5(weights=path)


def test_names_as_older_keras_wrote_them_are_taken(tmp_path):
    network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3))
    older = {
        layer.name: layer.name.replace("bn_Conv1", "bn/Conv1").replace("_BN", "/BatchNorm") for layer in network.layers
    }
    weights = write_official(tmp_path / "older.h5", network, renamed=older)
    loaded = cnnzoo.pretrained.load("mobilenetv2", weights=tmp_path / "older.h5", input_shape=(32, 32, 3))
    assert all(map(np.array_equal, loaded.get_weights(), weights))
    assert sum(name != was for name, was in older.items()) > 40


@settings(max_examples=20)
@given(position=st.integers(0, 200_000), cut=st.booleans(), suffix=st.sampled_from([".weights.h5", ".keras", ".h5"]))
def test_a_spoiled_file_is_read_or_refused(model, tmp_path, position, cut, suffix):
    path = tmp_path / f"spoiled{suffix}"
    if not (tmp_path / f"whole{suffix}").exists():
        (model.save_weights if suffix == ".weights.h5" else model.save)(tmp_path / f"whole{suffix}")
    payload = bytearray((tmp_path / f"whole{suffix}").read_bytes())
    position %= len(payload)
    payload[position:] = b"" if cut else bytes([payload[position] ^ 0xFF]) + payload[position + 1 :]
    path.write_bytes(payload)
    with contextlib.suppress(ValueError):
        cnnzoo.models.lenet5(weights=path)
