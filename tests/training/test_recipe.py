import dataclasses

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
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        Recipe(**{name: value})
