"""The smallest network of every builder, or of every family, through all that users do with a network."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.training import Recipe, finetune
from tests.models.smallest import OF_FAMILIES, SMALLEST
from tests.photographs import write_two_colors
from tests.without_weights import without_weights

CARDS = [cnnzoo.model_card(name) for name in SMALLEST]


def shape_of(card):
    """Give the smallest images that are worth a look."""
    side = max(card.smallest_size, 32)
    return side, side, card.input_shape[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six noisy pictures of each of two colours."""
    return write_two_colors(tmp_path_factory.mktemp("photos"), 6, 48)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("card", CARDS, ids=SMALLEST)
def test_it_is_looked_into_saved_and_taken_apart(card, tmp_path):
    shape = shape_of(card)
    images = np.random.default_rng(0).random((2, *shape), dtype="float32")
    model = cnnzoo.create_model(card.name, input_shape=shape)
    probabilities = keras.ops.convert_to_numpy(model(images, training=False))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    assert cnnzoo.inspect.layer_table(model).not_counted == ()
    assert cnnzoo.inspect.diagram(model).startswith("<svg")
    heat = cnnzoo.inspect.gradcam(model, images)
    assert heat.shape == images.shape[:3]
    assert np.isfinite(heat).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(images, training=False)), probabilities)
    options = {"input_shape": shape, "kernel_initializer": "zeros"}  # drawn in no time
    again = cnnzoo.create_model(card.name, **options, weights=tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again(images, training=False)), probabilities)
    backbone = cnnzoo.backbone(loaded)
    with without_weights():
        own = cnnzoo.create_model(card.name, input_shape=shape, include_top=False)
    assert backbone.output_shape == own.output_shape
    assert [layer.name for layer in backbone.layers] == [layer.name for layer in own.layers]
    vectors = cnnzoo.pretrained.embed(backbone, images)
    assert vectors.shape == (2, backbone.output_shape[-1])
    assert np.isfinite(vectors).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", OF_FAMILIES)
def test_it_is_finetuned_and_reported(name, photos, tmp_path):
    card = cnnzoo.model_card(name)
    options = {"weights": None, "image_size": shape_of(card)[0], "recipe": Recipe(epochs=1, batch_size=4)}
    run = finetune(card.name, photos, out=tmp_path / "run", progress=False, **options)
    assert run.predict(photos / "red" / "0.png")[0].label in ("blue", "red")
    report = cnnzoo.report.write_report(run.path)  # of the network as it is read back
    assert report.path.stat().st_size > 10_000
    assert report.missing == ()
