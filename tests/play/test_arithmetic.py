"""What the page says about a value, layer by layer, beside NumPy."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.models.layers import (
    AdaptiveAveragePooling,
    ChannelShuffle,
    LocalResponseNormalization,
    RadialBasisFunctions,
)
from cnnzoo.play import write_page
from tests.browser import browser, watched  # noqa: F401  # fixtures

pytestmark = pytest.mark.slow

SAID = """([layer, index]) => {
  const [subject] = window.cnnzoo.subjects;
  const number = subject.network.steps.findLastIndex((step) => step.layer === layer) + 1;
  return arithmetic.described(subject, number, index).lines.map((line) => line.textContent);
}"""


@pytest.fixture
def model():
    """A network with what combines maps, and with two outputs in the end that are distances."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3), name="image")
    maps = layers.Conv2D(6, 3, padding="same", name="maps")(inputs)
    normed = LocalResponseNormalization(3, k=1, alpha=0.5, beta=0.75, name="normed")(maps)
    shuffled = ChannelShuffle(3, name="shuffled")(normed)
    averaged = layers.Average(name="averaged")([maps, normed, shuffled])
    joined = layers.Concatenate(name="joined")([averaged, shuffled])
    parts = AdaptiveAveragePooling(2, name="parts")(joined)
    scaled = layers.Multiply(name="scaled")([joined, layers.GlobalMaxPooling2D(keepdims=True, name="peaks")(parts)])
    pooled = layers.GlobalAveragePooling2D(name="pooled")(scaled)
    centres = np.where(np.arange(24).reshape(2, 12) % 5 < 2, -1.0, 1.0)
    outputs = RadialBasisFunctions(centres.tolist(), activation="softmax", name="distances")(pooled)
    return keras.Model(inputs, outputs)


@pytest.fixture
def opened(watched, tmp_path, model):  # noqa: F811
    """A function that says what the page says, and the values of all layers."""
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(0).random((6, 6, 3), np.float32)
    page.evaluate("(image) => window.cnnzoo.subjects[0].see(Float32Array.from(image))", image.ravel().tolist())
    names = [layer.name for layer in model.layers[1:]]
    found = keras.Model(model.inputs, [model.get_layer(name).output for name in names])([image[None]])
    values = {name: np.asarray(value)[0] for name, value in zip(names, found, strict=True)}
    return lambda layer, *index: page.evaluate(SAID, [layer, index]), values


def shown(value):
    """Return a number as the page writes it."""
    return f"{value:.4f}" if abs(value) >= 1e-3 else re.sub(r"e([-+])0", r"e\1", f"{value:.3e}")


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
        f"add: {three[0]} and {three[1]}",
        f"= add: that and {three[2]}",
        "= that x 0.3333 + 0.0000",
    ]
    both = shown(values["joined"][2, 3, 8]), shown(values["peaks"][0, 0, 8])
    assert said("scaled", 2, 3, 8)[2] == f"= multiply: {both[0]} and {both[1]}"


def test_pools_of_the_whole_image_say_of_what(opened):
    said, values = opened
    part = [shown(value) for value in values["joined"][3:, :3, 4].ravel()]
    assert said("parts", 1, 0, 4)[2] == f"= the mean of {', '.join(part)}"
    assert said("peaks", 0, 0, 4)[2] == f"= the largest of {', '.join(map(shown, values['parts'][..., 4].ravel()))}"
    first = ", ".join(map(shown, values["scaled"][..., 4].ravel()[:9]))
    assert said("pooled", 4)[2] == f"= the mean of {first}, ... (36 values)"


def test_distances_from_centres_say_their_differences(opened, model):
    said, values = opened
    centre = np.asarray(model.get_layer("distances").kernel)[:, 1]
    squares = (values["pooled"] - centre) ** 2
    lines = said("distances", 1)
    assert lines[2] == f"-{shown(squares.sum())}, the sum of 12 squared differences"
    assert lines[3].startswith("= exp of that / ")
    assert shown(squares.max()) in lines[4]


@pytest.mark.parametrize("name", ["lenet1", "lenet5_1998", "lenet5", "resnet20"])
def test_of_every_layer_that_ships_the_arithmetic_is_told(watched, tmp_path, name):  # noqa: F811
    run = cnnzoo.training.load_run(name)
    page = watched(write_page(run, tmp_path / "page.html").path)
    image = np.random.default_rng(0).random(run.model.input_shape[1:], np.float32)
    page.evaluate("(image) => window.cnnzoo.subjects[0].see(Float32Array.from(image))", image.ravel().tolist())
    told = page.evaluate(
        f"""() => window.cnnzoo.subjects[0].layers.map(({{ layer, number }}) => {{
          const shape = window.cnnzoo.network.shapes[number];
          return [layer, ({SAID})([layer, shape.map((side) => Math.floor(side / 2))]).slice(2).join(" | ")];
        }})"""
    )
    assert len(told) > 5
    assert [line for line in told if re.search(r"of the layers? before|undefined|NaN", line[1]) or not line[1]] == []
