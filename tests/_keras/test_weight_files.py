import zipfile

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo._keras.weight_files import open_weights

INNER = {
    "several": lambda: [
        keras.layers.Conv2D(2, 3, name="c"),
        keras.layers.BatchNormalization(name="b"),
        keras.layers.Conv2D(4, 3, use_bias=False, name="d"),
    ],
    "one": lambda: [keras.layers.Conv2D(2, 3, name="c")],
    "one of the same name": lambda: [keras.layers.Conv2D(2, 3, name="inner")],
    "one of Keras' name": lambda: [keras.layers.Conv2D(2, 3)],
}


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize("kind", INNER)
def test_each_layer_is_listed_with_its_weights(tmp_path, suffix, kind):
    """Also those of a model within the model, whose weights an .h5 file keeps in one group."""
    inner = keras.Sequential([keras.Input((8, 8, 3)), *INNER[kind]()], name="inner")
    end = keras.layers.Dense(2, name="end")
    model = keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Flatten(), end])
    path = tmp_path / f"model{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    own = [layer for layer in (*model.layers[0].layers, *model.layers[1:]) if layer.weights]
    with open_weights(path) as layers:
        by_name = {layer.name: layer for layer in layers}
        assert by_name.keys() == {layer.name for layer in own}
        for layer in own:
            stored = by_name[layer.name]
            assert stored.shapes == tuple(tuple(weight.shape) for weight in layer.weights)
            assert all(map(np.array_equal, stored.arrays(), layer.get_weights()))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_that_others_packed_is_read(tmp_path, compression):
    """With a comment and files before the weights, or compressed, which Keras does not do."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(300, name="a"), keras.layers.Dense(2, name="b")])
    model.save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as archive,
        zipfile.ZipFile(tmp_path / "other.keras", "w", compression) as other,
    ):
        other.comment = b"packed again"
        for info in archive.infolist():
            other.writestr(info.filename, archive.read(info))
    assert_same(tmp_path / "other.keras", model)
    content = (tmp_path / "other.keras").read_bytes()
    (tmp_path / "prefixed.keras").write_bytes(b"#!/usr/bin/env python\n" + content)
    assert_same(tmp_path / "prefixed.keras", model)


def assert_same(path, model):
    with open_weights(path) as layers:
        assert [layer.name for layer in layers] == ["a", "b"]
        for layer in layers:
            assert all(map(np.array_equal, layer.arrays(), model.get_layer(layer.name).get_weights()))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file of a network, to be damaged."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(30, name="a")]).save(path)
    return path


@given(data=st.data())
def test_a_damaged_archive_is_told(saved, data):
    """One byte of the weights or of their header is another, or the end is missing."""
    with zipfile.ZipFile(saved) as archive:
        info = archive.getinfo("model.weights.h5")
    content = bytearray(saved.read_bytes())
    path = saved.with_name("damaged.keras")
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, 3) | st.integers(100, info.file_size - 1)) + info.header_offset
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(1, len(content) - 1)) :]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, truncated or another kind of file"), open_weights(path):
        pass
