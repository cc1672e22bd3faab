"""Pinned layers: what is pinned, and what is said of a network that differs."""

import keras
import pytest

import cnnzoo
from cnnzoo.testing import Pin, assert_layers
from tests.testing.networks import L, small


@pytest.fixture(autouse=True)
def _not_on_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.csv"


def difference(path, model, **options):
    """Give the lines of the message, without the first and the last."""
    with pytest.raises(AssertionError) as raised:
        assert_layers(model, path, **options)
    first, *lines, last = str(raised.value).splitlines()
    assert first.startswith(f"The network differs from its pin '{path}': ")
    assert last == "If the network is right, delete the file and run the test again."
    return [first.rpartition(": ")[2], *(line.strip() for line in lines)]


def test_the_file_has_the_layers_and_the_ends(path):
    assert_layers(small(), path)
    assert path.read_text() == (
        "layer,type,output_shape,params,trainable,buffers,macs,kernel_size,strides,dtype\n"
        "(input),input,12x12x1,,,,,,,float32\n"
        "c1,Conv2D,12x12x4,40,40,0,5184,3x3,1x1,float32\n"
        "batch_normalization,BatchNormalization,12x12x4,8,8,8,0,,,float32\n"
        "global_average_pooling2d,GlobalAveragePooling2D,4,0,0,0,0,,,float32\n"
        "out,Dense,3,15,15,0,12,,,float32\n"
        "(output),softmax,3,,,,,,,float32\n"
    )
    assert_layers(small(), path)  # whose layers Keras has numbered otherwise


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"size": 5},
            [
                "1 changed.",
                "c1: params 40 pinned, 104 found; trainable 40 pinned, 104 found; macs 5,184 pinned, 14,400 found; "
                "kernel_size 3x3 pinned, 5x5 found",
            ],
        ),
        ({"first": "conv"}, ["1 renamed.", "c1: now called 'conv'"]),
        ({"activation": None}, ["1 changed.", "(output): type softmax pinned, logits found"]),
        ({"activation": "sigmoid"}, ["1 changed.", "(output): type softmax pinned, scores found"]),
        ({"activation": "relu"}, ["1 changed.", "(output): type softmax pinned, features found"]),
        (
            {"units": 1, "activation": "sigmoid"},
            [
                "2 changed.",
                "out: output_shape 3 pinned, 1 found; params 15 pinned, 5 found; trainable 15 pinned, 5 found; "
                "macs 12 pinned, 4 found",
                "(output): type softmax pinned, sigmoid found; output_shape 3 pinned, 1 found",
            ],
        ),
        (
            {"between": [L.ReLU(name="r")]},
            ["1 added.", "r: added after 'batch_normalization' (ReLU, 12x12x4, 0 parameters)"],
        ),
        (
            {"pool": False},
            [
                "1 missing, 1 added, 1 changed.",
                "global_average_pooling2d: pinned, but missing (GlobalAveragePooling2D, 4, 0 parameters)",
                "flatten: added after 'batch_normalization' (Flatten, 576, 0 parameters)",
                "out: params 15 pinned, 1,731 found; trainable 15 pinned, 1,731 found; macs 12 pinned, 1,728 found",
            ],
        ),
        ({"shape": (None, None, 1)}, ["1 changed.", "(input): output_shape 12x12x1 pinned, ?x?x1 found"]),
    ],
)
def test_a_difference_names_the_layer_and_the_column(path, change, expected):
    assert_layers(small(), path)
    options = {"input_shape": (12, 12, 1)} if "shape" in change else {}
    assert difference(path, small(**change), **options) == expected


def test_another_dtype_is_a_difference(path):
    assert_layers(small(), path)
    # In older releases of Keras, casts are layers of their own
    assert "c1: dtype float32 pinned, mixed_bfloat16 found" in difference(path, small(dtype="mixed_bfloat16"))


def test_a_frozen_layer_is_a_difference(path):
    assert_layers(small(), path)
    model = small()
    model.get_layer("c1").trainable = False
    assert difference(path, model) == ["1 changed.", "c1: trainable 40 pinned, 0 found"]


def test_of_another_network_it_says_so_and_counts_the_rest(path):
    assert_layers(cnnzoo.models.resnet20(kernel_initializer="zeros"), path)
    lines = difference(path, small(first="convolution"))
    assert lines[1] == "The pin is of another network: no layer's name is in both."
    assert lines[-1].startswith("and ")
    assert lines[-1].endswith(" more layers")
    assert len(lines) == 15


def test_layers_of_nested_models_are_numbered_within(path):
    def twice():
        images = keras.Input((12, 12, 3))
        blocks = [keras.Sequential([keras.Input((12, 12, 3)), L.Conv2D(3, 1), L.ReLU()]) for _ in range(2)]
        maps = L.Add()([blocks[0](images), blocks[1](images)])
        return keras.Model([images], [maps, blocks[0](maps)])

    assert_layers(twice(), path)
    assert [line.partition(",")[0] for line in path.read_text().splitlines()[1:]] == [
        "(input)",
        "sequential/conv2d",
        "sequential/re_lu",
        "sequential_1/conv2d",
        "sequential_1/re_lu",
        "add",
        "sequential/conv2d",
        "sequential/re_lu",
        "(output 1)",
        "(output 2)",
    ]
    assert_layers(twice(), path)


def test_a_backbone_ends_with_maps_or_features(path):
    assert_layers(cnnzoo.models.lenet5(include_top=False), path)
    assert path.read_text().splitlines()[-1].startswith("(output),maps,")


def test_the_size_of_a_network_that_takes_any_must_be_given(path):
    with pytest.raises(ValueError, match="must have a fixed input size; otherwise pass `input_shape`"):
        assert_layers(small(shape=(None, None, 1)), path)
    assert not path.exists()


def test_what_has_no_graph_is_refused_in_a_sentence_before_anything_is_written(path):
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="the layer graph of a subclassed model is unknown"):
        assert_layers(Subclassed(), path)
    with pytest.raises(ValueError, match=r"Received the string 'lenet5'\. Build it with `cnnzoo\.create_model`"):
        assert_layers("lenet5", path)
    assert not path.exists()


def test_a_pin_is_for_one_network(path):
    pin = Pin(path)
    assert_layers(small(), pin)
    with pytest.raises(ValueError, match="this test has already compared one with it"):
        assert_layers(small(), pin)
