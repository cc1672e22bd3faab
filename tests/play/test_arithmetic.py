"""What the page says about a value, layer by layer, beside NumPy."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from cnnzoo.models.layers import (
    AdaptiveAveragePooling,
    ChannelShuffle,
    ChannelSlice,
    LocalResponseNormalization,
    RadialBasisFunctions,
)
from cnnzoo.play import write_page
from tests.browser import browser, watched  # noqa: F401  # fixtures
from tests.play.explaining import SAID, see

pytestmark = pytest.mark.slow


@pytest.fixture
def model():
    """A network of layers that combine maps; its two outputs are distances."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3), name="image")
    maps = layers.Conv2D(6, 3, padding="same", name="maps")(inputs)
    normed = LocalResponseNormalization(3, k=1, alpha=0.5, beta=0.75, name="normed")(maps)
    right = ChannelSlice(2, 6, name="right")(layers.ZeroPadding2D(1, name="padded")(normed))
    shuffled = ChannelShuffle(3, name="shuffled")(normed)
    averaged = layers.Average(name="averaged")([maps, normed, shuffled])
    joined = layers.Concatenate(name="joined")([averaged, shuffled])
    parts = AdaptiveAveragePooling(2, name="parts")(joined)
    scaled = layers.Multiply(name="scaled")([joined, layers.GlobalMaxPooling2D(keepdims=True, name="peaks")(parts)])
    pooled = layers.GlobalAveragePooling2D(name="pooled")(scaled)
    pooled = layers.Concatenate(name="all")([pooled, layers.GlobalAveragePooling2D(name="others")(right)])
    centres = np.where(np.arange(32).reshape(2, 16) % 5 < 2, -1.0, 1.0)
    outputs = RadialBasisFunctions(centres.tolist(), activation="softmax", name="distances")(pooled)
    return keras.Model(inputs, outputs)


@pytest.fixture
def opened(watched, tmp_path, model):  # noqa: F811
    """Return a function that gives the page's explanation of a value, and the values of all layers."""
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(0).random((6, 6, 3), np.float32)
    see(page, image)
    names = [layer.name for layer in model.layers[1:]]
    found = keras.Model(model.inputs, [model.get_layer(name).output for name in names])([image[None]])
    values = {name: np.asarray(value)[0] for name, value in zip(names, found, strict=True)}
    return lambda layer, *index: page.evaluate(SAID, [layer, index]), values


def shown(value):
    """Return a number as the page writes it."""
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else re.sub(r"e([-+])0", r"e\1", f"{value:.3e}")


def test_layers_that_combine_maps_say_what_they_combine(opened):
    said, values = opened
    row = values["maps"][2, 3]
    energy = shown((row[0:3] ** 2).sum())
    assert said("normed", 2, 3, 1)[2] == (
        f"= {shown(row[1])} / (1 + 0.5 x {energy}) ^ 0.75; {energy} is the sum of the squares in maps 0 to 2"
    )
    assert said("shuffled", 2, 3, 1)[2] == f"= {shown(values['normed'][2, 3, 2])}, row 2, column 3, map 2 of normed"
    assert said("joined", 2, 3, 8)[2] == f"= {shown(values['shuffled'][2, 3, 2])}, row 2, column 3, map 2 of shuffled"
    three = [shown(values[name][2, 3, 1]) for name in ("maps", "normed", "shuffled")]
    assert said("averaged", 2, 3, 1)[2:] == [
        f"{three[0]} + {three[1]}",
        f"= that + {three[2]}",
        "= that x 0.3333 + 0.0000",
    ]
    both = shown(values["joined"][2, 3, 8]), shown(values["peaks"][0, 0, 8])
    assert said("scaled", 2, 3, 8)[2] == f"= {both[0]} x {both[1]}"
    inner = shown(values["normed"][1, 2, 3])
    assert said("padded", 2, 3, 3)[2] == f"= {inner}, row 1, column 2, map 3 of normed"
    assert said("padded", 0, 3, 3)[2] == "= 0, which is added here"
    assert said("right", 2, 3, 1)[2] == f"= {inner}, row 2, column 3, map 3 of padded"


def test_global_pools_list_their_values(opened):
    said, values = opened
    part = [shown(value) for value in values["joined"][3:, :3, 4].ravel()]
    assert said("parts", 1, 0, 4)[2] == f"= the mean of {', '.join(part)}"
    assert said("peaks", 0, 0, 4)[2] == f"= the largest of {', '.join(map(shown, values['parts'][..., 4].ravel()))}"
    first = ", ".join(map(shown, values["scaled"][..., 4].ravel()[:9]))
    assert said("pooled", 4)[2] == f"= the mean of {first}, ... (36 values)"


def test_distances_from_centres_say_their_differences(opened, model):
    said, values = opened
    squares = (values["all"][:, None] - np.asarray(model.get_layer("distances").kernel)) ** 2
    lines = said("distances", 1)
    assert lines[2] == f"minus the sum of 16 squared differences: -{shown(squares[:, 1].sum())}"
    total = np.exp(-squares.sum(axis=0)).sum()
    assert lines[3] == f"= exp(that) / {shown(total)}, the sum over all classes"
    assert shown(squares[:, 1].max()) in lines[4]


@pytest.mark.parametrize("logits", [[[1.0, -800.0]], [[800.0, 1.0]]])
def test_the_softmax_of_large_values_is_told_without_infinity(watched, tmp_path, logits):  # noqa: F811
    inputs = keras.Input((4, 4, 1))
    pooled = layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="answer")(pooled))
    model.set_weights([np.array(logits), np.zeros(2)])
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    see(page, np.ones(16))
    shift = " - 800.0000" if logits[0][0] == 800 else ""
    exponential = shown(1 if shift else np.exp(1))
    assert page.evaluate(SAID, ["answer", [0]])[3] == f"= exp(that{shift}) / {exponential}, the sum over all classes"


def test_maps_that_a_table_leaves_out_are_not_summed(watched, tmp_path):  # noqa: F811
    page = watched(write_page("lenet5_1998", tmp_path / "page.html").path)
    see(page, np.full(1024, 0.5))
    lines = page.evaluate(SAID, ["c3", [4, 4, 5]])
    assert lines[2].startswith("= sum of 75 products")  # of three maps
    assert [f"map {number}:" in lines[-1] for number in range(6)] == [True, True, False, False, False, True]
