"""PyTorch's weights in Keras' layout: whole or in parts, of convolutions and of dense layers after a flattening."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models import _matching
from cnnzoo.models._torch_layout import classes_of, torch_state
from cnnzoo.models.cards import Counterpart
from cnnzoo.models.weights import load_state

MODULES = {
    "conv": "features.0",
    "depthwise": "features.1",
    "bn": "features.2",
    "fc": "classifier.0",
    "top": "classifier.3",
}
COUNTERPART = Counterpart("small", MODULES.__getitem__)


def small():
    """Build a network with each kind of layer."""
    inputs = keras.Input((4, 5, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", name="conv")(inputs)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.Dense(7, "relu", name="fc")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(4, "softmax", name="top")(x), name="small")


@pytest.fixture
def state():
    model, random = small(), np.random.default_rng(0)
    model.set_weights([random.random(weight.shape) for weight in model.weights])
    return torch_state(model, COUNTERPART.module)


def values(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def equal(model, state):
    back = torch_state(model, COUNTERPART.module)
    return back.keys() == state.keys() and all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("part", [1, 20, 10**9])
def test_weights_are_the_same_in_parts_of_any_size(state, monkeypatch, part):
    monkeypatch.setattr(_matching, "PART", part)
    model = small()
    load_state(model, state, COUNTERPART, "top")
    assert equal(model, state)


def test_dense_layers_take_the_convolutions_that_timm_has_in_their_place(state):
    model = small()
    convolutions = {**state, "classifier.0.weight": state["classifier.0.weight"].reshape(7, 6, 2, 3)}
    convolutions["classifier.3.weight"] = state["classifier.3.weight"][:, :, None, None]
    load_state(model, convolutions, COUNTERPART, "top")
    assert equal(model, state)


def test_halves_are_loaded(state):
    model = small()
    load_state(model, {name: each.astype(np.float16) for name, each in state.items()}, COUNTERPART, "top")
    for name, each in torch_state(model, COUNTERPART.module).items():
        np.testing.assert_array_equal(each, state[name].astype(np.float16))


def test_what_is_of_no_layer_and_of_no_head_is_refused(state):
    before = small()
    for name in ("projection.weight", "features.9.bias"):
        with pytest.raises(ValueError, match=rf"unexpected layer '{name.rpartition('.')[0]}'"):
            load_state(before, {**state, name: np.zeros((12, 5), "f4")}, COUNTERPART, "top")


def test_two_names_of_one_tensor_are_refused(state):
    older = Counterpart("small", COUNTERPART.module, renamed=lambda name: name.replace("norm.1", "features.2"))
    with pytest.raises(
        ValueError, match=r"has 'features\.2\.weight' twice, under an older name as well: 'norm\.1\.weight'"
    ):
        load_state(small(), {**state, "norm.1.weight": state["features.2.weight"]}, older, "top")


@pytest.mark.parametrize(
    ("head", "classes"),
    [
        ({"classifier.3.weight": (9, 7)}, 9),
        ({"classifier.0.weight": (7, 36), "classifier.1.weight": (7,), "classifier.5.weight": (3, 7)}, 3),
        ({"classifier.3.weight": ()}, None),
        ({"classifier.3.weight": (10**9, 0)}, None),
        ({"classifier.3.weight": (5,)}, None),
        ({}, None),
    ],
)
def test_classes_are_the_outputs_of_the_heads_last_kernel(head, classes):
    state = {"features.0.weight": np.zeros((6, 3, 3, 3), "f4")}
    state |= {name: np.broadcast_to(np.zeros((), "f4"), shape) for name, shape in head.items()}
    assert classes_of(state, COUNTERPART, "top") == classes


@pytest.mark.slow
def test_auxiliary_classifiers_are_left_out_and_images_rescaled_as_torchvision_does(tmp_path):
    from tests.torch_checkpoints import write_zip

    options = {"input_shape": (64, 64, 3), "num_classes": 5}
    card, own = cnnzoo.model_card("googlenet_bn"), cnnzoo.models.googlenet_bn(**options)
    state = torch_state(own, card.torchvision.module)
    state |= {"aux1.conv.conv.weight": np.zeros((128, 512, 1, 1), "f4"), "aux2.fc2.bias": np.zeros(5, "f4")}
    path = write_zip(tmp_path / "a.pth", state)
    loaded = cnnzoo.models.googlenet_bn(weights=path, **options)
    images = np.random.default_rng(0).random((2, 64, 64, 3), dtype="float32")
    np.testing.assert_allclose(loaded(images, training=False), own((images - 0.5) / 0.5, training=False), rtol=1e-4)
