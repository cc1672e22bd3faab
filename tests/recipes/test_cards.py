"""The recipes against what their sources print."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.recipes.cards import RECIPE_CARDS, note_of_general_recipe, published_results
from cnnzoo.recipes.recipe import kernel_initializer
from cnnzoo.training import Recipe, list_recipes, recipe_card

TAUGHT = ["alexnet", "lenet5", "vgg19"]  # by the lecture


@pytest.mark.parametrize("network", TAUGHT)
def test_a_network_of_the_lecture_has_the_three(network):
    assert list_recipes(network) == ["default", "lecture", "paper"]
    assert all(recipe_card(network, name).source for name in list_recipes(network))


@pytest.mark.parametrize("network", TAUGHT)
def test_the_lecture_trains_by_the_defaults_of_keras(network):
    recipe = recipe_card(network, "lecture").recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule, recipe.warmup) == ("adam", 1e-3, "constant", 0)
    assert (recipe.batch_size, recipe.epochs, recipe.initializer) == (128, 10, "glorot_uniform")
    assert (recipe.augment, recipe.normalize, recipe.precision, recipe.weight_decay) == ((), False, "float32", None)


@pytest.mark.parametrize(
    ("network", "batch_size", "epochs", "deviation", "source"),
    [("alexnet", 128, 90, 0.01, "sections 4.1 and 5"), ("vgg19", 256, 74, 0.1, "section 3.1")],
)
def test_the_papers_of_imagenet(network, batch_size, epochs, deviation, source):
    card = recipe_card(network, "paper")
    recipe = card.recipe
    assert card.source.endswith(source)
    assert (recipe.batch_size, recipe.epochs, recipe.optimizer, recipe.momentum) == (batch_size, epochs, "sgd", 0.9)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.warmup) == (0.01, 5e-4, 0)
    assert recipe.augment == ("flip", "crop", "color")
    model = cnnzoo.models.lenet5(kernel_initializer=kernel_initializer(recipe))
    assert np.std(model.get_layer("f6").kernel) == pytest.approx(deviation, rel=0.05)
    assert [factor for _, factor in recipe.steps] == [0.1, 0.01, 0.001]  # divided by 10, three times


def test_the_paper_of_lenet():
    """Section III.B: twenty passes, one pattern at a time, and these global rates after so many of them."""
    recipe = recipe_card("lenet5", "paper").recipe
    assert (recipe.batch_size, recipe.epochs, recipe.optimizer, recipe.momentum) == (1, 20, "sgd", 0)
    assert 7e-5 <= recipe.learning_rate <= 0.016  # the effective rates that the paper reports
    passes = [round(share * 20) for share, _ in recipe.steps]
    assert passes == [2, 2 + 3, 2 + 3 + 3, 2 + 3 + 3 + 4]
    assert [factor * 5e-4 for _, factor in recipe.steps] == pytest.approx([2e-4, 1e-4, 5e-5, 1e-5])


@pytest.mark.parametrize(
    ("network", "images", "steps", "errors"),
    [
        ("resnet50", 1_281_167, 600_000, []),
        ("resnet110", 50_000, 64_000, [6.43]),
        ("shufflenet_v2_x1_0", 1_281_167, 300_000, []),
        ("squeezenet1_0", 1_281_167, 170_000, []),
        ("wrn_28_10", 50_000, 200 * 50_000 / 128, [4.0]),
        ("densenet_bc_100_12", 50_000, 300 * 50_000 / 64, [4.51]),
    ],
)
def test_the_papers_of_residual_and_small_networks(network, images, steps, errors):
    card = recipe_card(network, "paper")
    assert (card.recipe.optimizer, card.recipe.momentum) == ("sgd", 0.9)
    assert card.recipe.epochs * images / card.recipe.batch_size == pytest.approx(steps, rel=0.01)
    assert [round(100 * (1 - result.accuracy), 2) for result in card.results] == errors


def test_alexnet_of_2014_multiplies_three_times_by_the_third_root():
    factors = [factor for _, factor in recipe_card("alexnet_2014", "paper").recipe.steps]
    assert factors == pytest.approx([250 ** (-1 / 3), 250 ** (-2 / 3), 1 / 250], abs=1e-5)


def test_every_recipe_is_of_a_network_that_there_is():
    assert {network for network, _ in RECIPE_CARDS} <= set(cnnzoo.list_models())
    assert {name for _, name in RECIPE_CARDS} == {"default", "lecture", "paper"}


def test_networks_like_resnet20_take_its_recipe_and_say_so():
    card = recipe_card("wrn_16_4")
    assert card.recipe == recipe_card("resnet20").recipe
    assert card.source == "resnet20's recipe; not measured on this network"
    assert card.results == ()


def test_another_network_has_a_default_and_says_that_it_is_general():
    assert recipe_card("mine").recipe == Recipe()
    assert list_recipes("mine") == ["default"]
    assert list_recipes("resnet18") == ["default", "paper"]
    assert "none was tried with this network" in recipe_card("resnet18").source
    assert recipe_card("resnet18").results == ()
    assert note_of_general_recipe("resnet18", "default").startswith("resnet18 has no recipe of its own yet")
    assert note_of_general_recipe("resnet18", "paper") == ""
    assert note_of_general_recipe("vgg19", "default") == ""


@pytest.mark.slow
def test_training_says_that_the_recipe_is_general(capsys, tmp_path):
    def stop(logs):
        raise InterruptedError

    callbacks = keras.callbacks.LambdaCallback(on_train_begin=stop)  # which spares the training
    with pytest.raises(InterruptedError):
        cnnzoo.training.train("resnet18", limit=10, image_size=8, out=tmp_path / "run", callbacks=callbacks)
    assert "resnet18 has no recipe of its own yet" in capsys.readouterr().out


def test_a_recipe_that_only_other_networks_have_is_refused():
    with pytest.raises(ValueError, match=r"lenet1 has no recipe 'paper'\. Available: default"):
        recipe_card("lenet1", "paper")


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match=r"Unknown recipe 'papers'\. Did you mean 'paper'"):
        recipe_card("vgg19", "papers")


def test_what_the_lecture_published():
    published = {network: recipe_card(network, "lecture").results for network in TAUGHT}
    assert [(result.data, result.accuracy, result.fraction) for (result,) in published.values()] == [
        ("cifar10", 0.222, 0.1),
        ("mnist", 0.9903, 1.0),
        ("cifar10", 0.087, 0.1),
    ]
    assert str(published["alexnet"][0]) == "22.2% on 10% of cifar10 at 224 pixels (published by the lecture)"


def test_results_are_found_by_network_and_data():
    assert set(published_results("vgg19", "cifar10", 0.1, 224)) == {"lecture"}
    assert published_results("vgg19", "cifar10", 1.0, 224) == {}
