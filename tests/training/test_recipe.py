import dataclasses
import json

import numpy as np
import pytest

import cnnzoo
from cnnzoo.training import Recipe, default_recipe


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_every_network_has_a_recipe(name):
    assert isinstance(default_recipe(name), Recipe)


def test_a_recipe_is_read_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", -1),
        ("learning_rate", 0),
        ("learning_rate", float("inf")),
        ("learning_rate", float("nan")),
        ("warmup", 1),
        ("warmup", -0.1),
        ("augment", "flop"),
        ("learning_rate", 10**400),
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must|no augmentation"):
        Recipe(**{name: value})


def test_numpy_scalars_become_plain_numbers():
    recipe = Recipe(epochs=np.int64(2), batch_size=np.int32(8), learning_rate=np.float32(0.5), augment="flip,crop")
    assert json.loads(json.dumps(dataclasses.asdict(recipe))) == {
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 0.5,
        "warmup": 0.25,
        "augment": ["flip", "crop"],
    }
