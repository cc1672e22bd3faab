import dataclasses
import json

import numpy as np
import pytest

from cnnzoo.training import Recipe


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
        ("momentum", 1),
        ("weight_decay", -1e-4),
        ("clip_norm", -1),
        ("label_smoothing", 1),
        ("patience", -1),
        ("normalize", 1),
        ("steps", "0.5"),
        ("steps", ((0.5, 0.1), (0.25, 0.01))),
        ("steps", ((1.5, 0.1),)),
        ("steps", ((0.5, 0.1),)),  # without the schedule
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must|Unknown augmentation"):
        Recipe(**{name: value})


def test_numpy_scalars_become_plain_numbers():
    recipe = Recipe(epochs=np.int64(2), batch_size=np.int32(8), learning_rate=np.float32(0.5), augment="flip,crop")
    plain = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert (plain["epochs"], plain["batch_size"], plain["learning_rate"]) == (2, 8, 0.5)
    assert plain["augment"] == ["flip", "crop"]


def test_what_a_record_holds_becomes_the_same_recipe():
    recipe = Recipe(schedule="steps", steps="0.5:0.1,0.75:0.01", weight_decay=5e-4, augment=("shift",))
    assert recipe.steps == ((0.5, 0.1), (0.75, 0.01))
    assert Recipe(**json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


@pytest.mark.parametrize("field", ["optimizer", "schedule", "precision", "initializer"])
def test_an_unknown_choice_is_refused(field):
    with pytest.raises(ValueError, match=f"Unknown {field} 'bogus'"):
        Recipe(**{field: "bogus"})
