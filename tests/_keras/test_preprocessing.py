import keras
import numpy as np
import pytest

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.preprocessing import preprocessed

FAMILIES = {card.family.module: card.family for card in PRETRAINED_CARDS.values()}


@pytest.fixture
def images():
    """Three images of whole numbers from 0 to 255, among them the darkest and the brightest."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    return pixels


def graph(mode, scale, channels=3):
    inputs = keras.Input((8, 8, channels))
    return keras.Model(inputs, preprocessed(inputs, mode, scale))


@pytest.mark.parametrize("scale", ["byte", "unit"])
@pytest.mark.parametrize("module", FAMILIES)
def test_it_equals_that_of_keras(module, scale, images):
    expected = getattr(keras.applications, module).preprocess_input(images.copy())
    given = images / 255 if scale == "unit" else images
    before = given.copy()
    model = graph(FAMILIES[module].preprocessing, scale)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(given)), expected, rtol=1e-6, atol=1e-5)
    assert np.array_equal(given, before)
    assert not model.weights


def test_whole_numbers_are_taken_as_they_are(images):
    model = graph("torch", "byte")
    as_bytes = model.predict(images.astype(np.uint8), verbose=0)
    assert np.array_equal(as_bytes, model.predict(images, verbose=0))


def test_grey_is_repeated(images):
    grey = images[..., :1]
    expected = graph("caffe", "byte")(np.repeat(grey, 3, axis=-1))
    assert np.array_equal(graph("caffe", "byte", channels=1)(grey), expected)


def test_it_is_saved_with_the_network(images, tmp_path):
    model = graph("caffe", "unit")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded(images / 255), model(images / 255))


def test_another_scale_is_refused():
    with pytest.raises(ValueError, match=r"Unknown scale 'bytes'\. Did you mean 'byte'"):
        graph("tf", "bytes")
