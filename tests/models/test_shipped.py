"""The trained weights that ship with the package, beside what their records say of them."""

import json
import os

import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.catalog import list_weights, trained_folder
from cnnzoo.training import load_run, recipe_card

SHIPPED = [(name, weights) for name in cnnzoo.list_models() for weights in list_weights(name)]
MOST_BYTES = 1_500_000


def test_what_ships():
    assert SHIPPED == [
        ("lenet1", "mnist"),
        ("lenet5", "mnist"),
        ("lenet5_1998", "mnist"),
        ("resnet20", "cifar10"),
    ]


@pytest.mark.parametrize(("name", "weights"), SHIPPED)
def test_it_is_small_and_names_no_place(name, weights):
    files = list(trained_folder(name, weights).iterdir())
    assert sorted(file.name for file in files) == ["history.csv", "model.weights.h5", "run.json"]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert os.sep not in json.dumps(json.loads((trained_folder(name, weights) / "run.json").read_text()))


@pytest.mark.parametrize(("name", "weights"), SHIPPED)
def test_it_was_trained_by_the_default_recipe_and_is_read_as_a_run(name, weights):
    run = load_run(name)
    assert run.record.recipe == recipe_card(name).recipe
    assert run.record.data.source.name == weights
    assert run.record.data.source.path is None
    model = cnnzoo.create_model(name, weights=weights)
    assert model.output_shape == (None, len(run.class_names))
    assert all(map(np.array_equal, model.get_weights(), run.model.get_weights()))


def test_a_drawing_of_a_ship_is_predicted(tmp_path):
    """Dark hull, light cabin, blue sky above a sea: a ship or an airplane, if the colours arrive as they are."""
    from PIL import Image

    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:36], pixels[36:] = (150, 190, 230), (40, 80, 120)
    pixels[28:40, 14:50] = (90, 60, 60)
    pixels[18:28, 26:36] = (230, 230, 230)
    Image.fromarray(pixels).save(tmp_path / "ship.png")
    (prediction,) = load_run("resnet20").predict(tmp_path / "ship.png")
    assert prediction.label in ("ship", "airplane")
