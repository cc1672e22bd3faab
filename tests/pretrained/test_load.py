import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.inspect import layer_table
from tests.models.test_vgg import TABLE


def small(**options):
    return cnnzoo.pretrained.vgg19(**{"weights": None, "input_shape": (32, 32, 3), **options})


def test_summary_without_top():
    table = layer_table(cnnzoo.pretrained.vgg19(weights=None))
    assert table.rows == TABLE[:21]
    assert table.params == 20_024_384


def test_summary_with_top():
    table = layer_table(cnnzoo.pretrained.vgg19(weights=None, include_top=True))
    assert table.rows[:21] == TABLE[:21]
    assert [(row.name, row.type, row.output_shape, row.params) for row in table.rows[21:]] == [
        ("flatten", "Flatten", (25_088,), 0),
        ("fc1", "Dense", (4096,), 102_764_544),
        ("fc2", "Dense", (4096,), 16_781_312),
        ("predictions", "Dense", (1000,), 4_097_000),
    ]
    assert table.params == 143_667_240


def test_options_reach_keras():
    model = small(include_top=True, num_classes=4, classifier_activation=None, name="mine")
    assert (model.name, model.output_shape) == ("mine", (None, 4))
    assert model.layers[-1].activation is keras.activations.linear
    assert small(pooling="avg").output_shape == (None, 512)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_come_from_a_local_file(tmp_path, suffix):
    source = small()
    path = tmp_path / f"vgg19{suffix}"
    (source.save_weights if suffix == ".weights.h5" else source.save)(path)
    loaded = small(weights=path)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), source.get_weights(), strict=True))


def test_imagenet_weights_come_from_the_keras_cache(tmp_path, monkeypatch):
    """The real loading code of Keras, on a file of its own layout whose hash is made the expected one."""
    source = small()
    folder = tmp_path / "models"
    folder.mkdir()
    name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    source.save_weights(folder / "vgg19.weights.h5")
    asked = []

    def from_cache(file_name, origin, cache_subdir, file_hash):
        asked.append(file_name)
        return str(folder / "vgg19.weights.h5")

    monkeypatch.setattr("keras.src.applications.vgg19.file_utils.get_file", from_cache)
    loaded = small(weights="imagenet")
    assert asked == [name]
    assert np.array_equal(loaded.get_weights()[0], source.get_weights()[0])


@pytest.mark.parametrize(("include_top", "file"), [(False, "kernels_notop.h5"), (True, "kernels.h5")])
def test_without_network_the_error_says_where_to_place_the_weights(include_top, file):
    with pytest.raises(ConnectionError, match=f"Place vgg19_weights_tf_dim_ordering_tf_{file} at"):
        cnnzoo.pretrained.vgg19(include_top=include_top)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (31, 32, 3)}, r"smallest that works is \(32, 32, 3\)"),
        ({"num_classes": 0}, "`num_classes`"),
        ({"pooling": "sum"}, "`pooling` must be None, 'avg' or 'max'"),
        ({"weights": "imagenet", "input_shape": (64, 64, 1)}, "ImageNet weights take 3 channels"),
        ({"weights": "imagenet", "include_top": True}, r"take 1000 classes and input_shape=\(224, 224, 3\)"),
        ({"weights": "imagenet", "include_top": True, "input_shape": (224, 224, 3), "num_classes": 10}, "take 1000"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        small(weights=tmp_path / "absent.h5")
