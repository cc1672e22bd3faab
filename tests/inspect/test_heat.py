"""Grad-CAM and occlusion: where the evidence lies is known, because the networks are made so."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.inspect import gradcam, layer_table, occlusion
from tests.inspect.corner import images, looks_at_a_corner
from tests.weight_files import lively

layers = keras.layers


def share_in_the_corner(heat):
    return heat[:, :8, 24:].sum() / heat.sum()


def test_occlusion_finds_it_too():
    model = looks_at_a_corner()
    heat = occlusion(model, images, patch_size=4)
    # A square that reaches the corner by one pixel covers three beside it
    assert heat[:, :11, 21:].sum() > 0.999 * heat.sum()
    assert share_in_the_corner(heat) > 0.8
    assert heat.max(axis=(1, 2)).tolist() == [1, 1, 1]
    by_gradient = gradcam(model, images)
    for each in (heat, by_gradient):  # both agree on where the strongest evidence lies
        rows, columns = np.unravel_index(each.reshape(3, -1).argmax(axis=1), (32, 32))
        assert rows.max() < 8
        assert columns.min() >= 24
    assert np.corrcoef(heat.ravel(), by_gradient.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("activation", ["softmax", None])
def test_gradcam_weighs_the_maps_by_the_gradient_of_the_logit(activation):
    inputs = keras.Input((6, 7, 3))
    maps = layers.Conv2D(5, 3, padding="same", activation="relu", name="conv")(inputs)
    outputs = layers.Dense(4, activation, name="top")(layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, outputs)
    pictures = np.random.default_rng(0).random((3, 6, 7, 3), dtype=np.float32)
    classes = [0, 3, 2]
    active = keras.ops.convert_to_numpy(keras.Model(inputs, maps)(pictures))
    kernel = model.get_layer("top").get_weights()[0]
    expected = np.maximum(np.stack([a @ kernel[:, c] for a, c in zip(active, classes, strict=True)]), 0)
    expected /= np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(gradcam(model, pictures, classes), expected, atol=1e-5)
    np.testing.assert_allclose(gradcam(model, pictures, classes, batch_size=2), expected, atol=1e-5)


@pytest.mark.parametrize(
    "end",
    [
        [layers.Dense(4, name="top"), layers.Softmax()],
        [layers.Dense(4, name="top"), layers.Activation("softmax")],
    ],
)
def test_a_softmax_by_itself_is_left_out_as_well(end):
    inputs = keras.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    for layer in end:
        x = layer(x)
    model = keras.Model(inputs, x)
    logits = keras.Model(inputs, model.get_layer("top").output)
    pictures = np.random.default_rng(0).random((2, 8, 8, 1), dtype=np.float32)
    np.testing.assert_allclose(gradcam(model, pictures), gradcam(logits, pictures), atol=1e-6)


def test_a_layer_of_a_model_within_is_found_by_its_name():
    inner = lively(keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3)))
    inputs = keras.Input((64, 64, 3))
    x = layers.Rescaling(2.0, -1.0)(inputs)
    top = layers.Dense(3, "softmax")
    nested = keras.Model(inputs, top(layers.GlobalAveragePooling2D()(inner(x))))
    flat = keras.Model(inner.inputs[0], top(layers.GlobalAveragePooling2D()(inner.output)))
    pictures = np.random.default_rng(0).random((2, 64, 64, 3), dtype=np.float32)
    names = [row.name for row in layer_table(nested).rows]
    assert f"{inner.name}/block_13_expand_relu" in names
    heat = gradcam(nested, pictures, 1, layer=f"{inner.name}/block_13_expand_relu")
    expected = gradcam(flat, pictures * 2 - 1, 1, layer="block_13_expand_relu")
    np.testing.assert_allclose(heat, expected, atol=1e-3)


def test_the_last_maps_are_taken_unless_named():
    model = cnnzoo.models.lenet5(weights="mnist")
    train, _ = cnnzoo.data.load_digits()
    pictures = train.images[:3]
    np.testing.assert_array_equal(gradcam(model, pictures), gradcam(model, pictures, layer="c3"))
    assert not np.array_equal(gradcam(model, pictures), gradcam(model, pictures, layer="c1"))


def test_asking_changes_nothing_in_the_model():
    model = cnnzoo.models.lenet5(weights="mnist")
    pictures = cnnzoo.data.load_digits()[0].images[:2]
    weights, before = model.get_weights(), model.predict(pictures, verbose=0)
    gradcam(model, pictures)
    occlusion(model, pictures, patch_size=16)
    assert all(map(np.array_equal, model.get_weights(), weights))
    assert np.array_equal(model.predict(pictures, verbose=0), before)


def test_whole_numbers_are_scaled_as_the_network_takes_them():
    model = looks_at_a_corner()
    as_bytes = (images * 255).astype(np.uint8)
    for method in (gradcam, occlusion):
        heat = method(model, as_bytes, scale="unit")
        np.testing.assert_allclose(heat, method(model, as_bytes / np.float32(255)), atol=1e-6)


def test_nothing_that_speaks_for_a_class_gives_no_heat():
    model = looks_at_a_corner()
    assert not gradcam(model, images, 0).any()
    assert not occlusion(model, np.zeros_like(images), 0).any()


@pytest.mark.parametrize("method", [gradcam, occlusion])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_index": 2}, r"`class_index` must lie in \[0, 1\]"),
        ({"class_index": [0, 1]}, "an integer, or one for each of the 3 images"),
        ({"class_index": 0.5}, "an integer, or one for each of the 3 images"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"images": images[0]}, "`images` must be of shape"),
        ({"images": images[:0]}, "`images` must be of shape"),
        ({"model": cnnzoo.models.lenet5(include_top=False)}, "to outputs of shape"),
    ],
)
def test_bad_arguments_are_refused(method, options, message):
    arguments = {"model": looks_at_a_corner(), "images": images, **options}
    with pytest.raises(ValueError, match=message):
        method(arguments.pop("model"), arguments.pop("images"), **arguments)


def test_a_layer_must_be_there_and_give_maps():
    model = looks_at_a_corner()
    with pytest.raises(ValueError, match=r"Unknown layer 'konv'\. Did you mean 'conv'"):
        gradcam(model, images, layer="konv")
    with pytest.raises(ValueError, match="`layer` must output feature maps"):
        gradcam(model, images, layer="top")
    inputs = keras.Input((4, 4, 1))
    without = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inputs)))
    with pytest.raises(ValueError, match="must have a layer that outputs feature maps"):
        gradcam(without, np.zeros((1, 4, 4, 1), np.float32))


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("option", ["patch_size", "strides"])
def test_the_square_has_a_size(option, size):
    with pytest.raises(ValueError, match=f"`{option}` must be an integer of at least 1"):
        occlusion(looks_at_a_corner(), images, **{option: size})


def test_the_square_fits_into_the_images():
    inputs = keras.Input((4, 64, 1))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inputs)))
    narrow = np.random.default_rng(0).random((1, 4, 64, 1), dtype=np.float32)
    with pytest.raises(ValueError, match="`patch_size` must be an integer of at least 1 and at most 4"):
        occlusion(model, narrow, patch_size=5)
    assert np.array_equal(occlusion(model, narrow), occlusion(model, narrow, patch_size=4, strides=2))
