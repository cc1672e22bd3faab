import importlib
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import cnnzoo
from cnnzoo._keras.seeds import seeded
from cnnzoo.data.sampling import subset
from cnnzoo.training import Recipe, fit

ONCE = Recipe(epochs=1, batch_size=50)


def drawn():
    """What every global source of random numbers gives next."""
    return (
        random.random(),
        float(np.random.random()),
        float(keras.random.uniform(())),
        float(tf.random.uniform(())),
        int(keras.layers.Dropout(0.5).seed_generator.state.numpy()[0]),
    )


@pytest.fixture(scope="module")
def small(digits):
    return tuple(subset(split, size) for split, size in zip(digits, (100, 50), strict=True))


@pytest.fixture
def photos(tmp_path, digits):
    """Ten digits of two classes as a folder of images."""
    from PIL import Image

    train, _ = digits
    for label in (0, 1):
        (tmp_path / "photos" / str(label)).mkdir(parents=True)
        for number, image in enumerate(train.images[train.labels == label][:5]):
            pixels = (image[..., 0] * 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / str(label) / f"{number}.png")
    return tmp_path / "photos"


def fit_that_fails(small):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(cnnzoo.models.lenet5(kernel_initializer="zeros"), *small, recipe=ONCE, callbacks=[Fails()], progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        lambda small, folder, photos: fit(
            cnnzoo.models.lenet5(kernel_initializer="zeros"), *small, recipe=ONCE, seed=7, progress=False
        ),
        lambda small, folder, photos: fit_that_fails(small),
        lambda small, folder, photos: cnnzoo.training.train(
            "lenet5", epochs=1, limit=100, seed=7, out=folder / "run", progress=False
        ),
        lambda small, folder, photos: cnnzoo.training.finetune(
            "mobilenet", photos, weights=None, image_size=32, recipe=ONCE, out=folder / "run", progress=False
        ),
    ],
    ids=["fit", "fit that fails", "train", "finetune"],
)
def test_training_gives_the_global_seeds_back(small, tmp_path, photos, call):
    draws = []
    state = importlib.import_module("keras.src.backend.common.global_state")
    for act in (lambda: None, lambda: call(small, tmp_path, photos)):
        state.set_global_attribute("global_seed_generator", None)
        keras.utils.set_random_seed(3)
        drawn()  # so that every source is past its beginning
        act()
        draws.append(drawn())
    without, with_training = draws
    assert with_training == without


@pytest.mark.slow
def test_what_was_never_seeded_stays_so(small):
    """A program that set no seed goes on drawing differently in every process."""
    context = importlib.import_module("tensorflow.python.eager.context").context()
    context._seed = None
    generator = keras.random.SeedGenerator()
    state = importlib.import_module("keras.src.backend.common.global_state")
    state.set_global_attribute("global_seed_generator", generator)
    with seeded(0):
        assert context._seed == 0
        assert state.get_global_attribute("global_seed_generator") is None
    assert context._seed is None
    assert state.get_global_attribute("global_seed_generator") is generator
