"""Networks that scale pixels themselves, and those whose first weights are frozen, are left as they are."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.pretrained import classifier, load
from cnnzoo.training import Recipe, fit
from cnnzoo.training._normalization import layers_to_normalize

layers, ops = keras.layers, keras.ops

RECIPE = Recipe(epochs=1, batch_size=8, precision="float32", normalize=True, learning_rate=0.01)


def ended(inputs, x):
    return keras.Model(inputs, layers.Dense(3, "softmax", name="top")(layers.GlobalAveragePooling2D()(x)))


def network(*before, **options):
    inputs = x = keras.Input((12, 12, 3))
    for layer in before:
        x = layer(x)
    return ended(inputs, layers.Conv2D(4, 3, name="conv", **options)(x))


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    return Split(rng.random((16, 12, 12, 3), dtype=np.float32), rng.integers(0, 3, 16))


@pytest.mark.parametrize(
    "before",
    [
        [],
        [layers.ZeroPadding2D(1), layers.Cropping2D(1)],
        [layers.Resizing(8, 8), layers.RandomFlip()],
    ],
)
def test_layers_that_move_pixels_are_passed(before):
    (layer,), why_not = layers_to_normalize(network(*before))
    assert (layer.name, why_not) == ("conv", "")


def test_all_branches_that_take_the_pixels_are_normalized():
    inputs = keras.Input((12, 12, 3))
    model = ended(inputs, layers.Add()([layers.Conv2D(4, 3, name=name)(inputs) for name in ("one", "other")]))
    assert {layer.name for layer in layers_to_normalize(model)[0]} == {"one", "other"}


@pytest.mark.parametrize(
    "before",
    [
        [layers.Rescaling(1 / 127.5, offset=-1)],
        [layers.Normalization(mean=0.5, variance=0.1)],
        [layers.BatchNormalization()],
        [lambda x: (x - 0.5) / 0.25],
        [lambda x: ops.flip(x, axis=-1), layers.Rescaling(255.0)],
        [layers.RandomFlip(), layers.RandomContrast(0.5), layers.Rescaling(2.0)],
    ],
)
def test_a_network_that_scales_pixels_itself_is_left_to_it(before):
    found, why_not = layers_to_normalize(network(*before))
    assert found == []
    assert "the network scales them itself" in why_not


@pytest.mark.slow
def test_such_a_network_trains_as_without_normalization(split, capsys):
    model = network(layers.Rescaling(2.0, name="scaled"))
    weights = model.get_weights()
    runs = []
    for normalize in (True, False):
        model.set_weights(weights)
        runs.append(fit(model, split, split, recipe=replace(RECIPE, normalize=normalize)).history)
    assert runs[0] == runs[1]
    line = "pixels are not normalized: the network scales them itself, by 'scaled'\n"
    assert capsys.readouterr().out.count(line) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda: cnnzoo.models.vgg19(input_shape=(32, 32, 3), preprocess=True, include_top=False),
        lambda: cnnzoo.models.vgg19(input_shape=(32, 32, 1), preprocess=True, include_top=False),
        lambda: classifier("mobilenetv2", num_classes=2, weights=None, input_shape=(32, 32, 3)),
        lambda: classifier(cnnzoo.models.lenet5(include_top=False), num_classes=2),  # frozen
        lambda: load("efficientnetb0", weights=None, input_shape=(32, 32, 3)),
        lambda: load("convnexttiny", weights=None, input_shape=(32, 32, 3), preprocess=True),
    ],
)
def test_networks_of_the_documentation_train_with_any_recipe(build):
    assert layers_to_normalize(build())[0] == []


def freeze_layer(model):
    model.get_layer("conv").trainable = False


def freeze_kernel(model):
    model.get_layer("conv").kernel.trainable = False


def freeze_model_within(model):
    model.trainable = False
    model.get_layer("top").trainable = True


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [freeze_layer, freeze_kernel, freeze_model_within])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weights_that_are_frozen_stay_as_they_are(freeze, optimizer, split):
    inputs = keras.Input((12, 12, 3))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv", kernel_regularizer="l2")(inputs))
    model = ended(inputs, x)
    model.get_layer("norm").trainable = False
    model.get_layer("norm").moving_mean.assign(np.arange(4) / 8)
    freeze(model)
    assert "'conv', which takes them, is frozen" in layers_to_normalize(model)[1]
    kept = [model.get_layer("conv").kernel, *model.get_layer("norm").weights]
    before, top = [weight.numpy() for weight in kept], model.get_layer("top").kernel.numpy()
    recipe = replace(RECIPE, optimizer=optimizer, weight_decay=0.1)
    fit(model, split, split, recipe=recipe, progress=False)
    assert all(np.array_equal(weight.numpy(), old) for weight, old in zip(kept, before, strict=True))
    assert not np.array_equal(model.get_layer("top").kernel.numpy(), top)


def shared():
    inputs = keras.Input((12, 12, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    return ended(inputs, conv(conv(inputs)))


def mixed():
    inputs = keras.Input((12, 12, 3))
    return ended(inputs, layers.Concatenate(name="both")([layers.Conv2D(4, 3, padding="same")(inputs), inputs]))


@pytest.mark.parametrize(
    ("build", "received"),
    [
        (lambda: network(use_bias=False), "Conv2D 'conv'"),
        (lambda: network(layers.Lambda(lambda x: x, name="mine")), "Lambda 'mine'"),
        (lambda: network(layers.Activation("relu", name="cut")), "Activation 'cut'"),
        (lambda: network(layers.RandomContrast(0.5)), "Conv2D 'conv'"),
        (lambda: network(lambda x: ops.flip(x, axis=-1)), "Conv2D 'conv'"),
        (shared, "Conv2D 'conv'"),
        (mixed, "Concatenate 'both'"),
    ],
)
def test_networks_that_begin_otherwise_are_refused(build, received):
    with pytest.raises(ValueError, match=f"begins with: {received}. Give a recipe with `normalize=False`"):
        layers_to_normalize(build())
