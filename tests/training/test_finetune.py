"""Transfer: the top on features that are computed once, then the last layers; and the run that it leaves."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.pretrained import classifier
from cnnzoo.training import Recipe, finetune, fit, load_run
from tests.photographs import COLORS, write_two_colors
from tests.weight_files import lively


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Thirty noisy pictures of each of two colours."""
    return write_two_colors(tmp_path_factory.mktemp("photos"), 30, 32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of VGG16 that let colours pass, as a local file."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.weights.h5"
    lively(cnnzoo.pretrained.load("vgg16", weights=None), gain=2).save_weights(path)
    return path


def quick(photos, weights, **options):
    options = {
        "image_size": 32,
        "weights": weights,
        "recipe": Recipe(epochs=5, batch_size=8, learning_rate=0.01),
        **options,
    }
    return finetune("vgg16", photos, progress=False, **options)


@pytest.fixture(scope="module")
def frozen(photos, weights, tmp_path_factory):
    """A run of the head alone."""
    return quick(photos, weights, out=tmp_path_factory.mktemp("runs") / "frozen")


@pytest.mark.slow
def test_it_learns_and_leaves_a_run_that_names_the_classes(photos, weights, frozen):
    run = frozen
    assert run.metrics["test_accuracy"] >= 0.9
    assert {path.name for path in run.path.iterdir()} >= {"model.keras", "run.json", "history.csv", "confusion.png"}
    loaded = load_run(run.path)
    assert loaded.class_names == ("blue", "red")
    assert loaded.predict([photos / "red" / "0.png"])[0].label == "red"
    assert loaded.evaluate().accuracy == run.metrics["test_accuracy"]
    images, labels = run.load_data().test
    assert run.model.evaluate(images[:] / 255, labels, verbose=0)[1] == pytest.approx(run.metrics["test_accuracy"])
    assert loaded.record.finetuned.weights == str(weights)
    assert len(loaded.history["loss"]) == 5


@pytest.mark.slow
def test_cached_features_train_the_head_as_the_frozen_backbone_does(photos, weights, tmp_path):
    recipe = Recipe(epochs=5, batch_size=8, learning_rate=0.01, precision="float32")
    run = quick(photos, weights, out=tmp_path / "run", seed=3, recipe=recipe)
    dataset = cnnzoo.data.load_folder(photos, 32, seed=3)
    keras.utils.set_random_seed(3)
    model = classifier("vgg16", class_names=dataset.class_names, weights=weights, input_shape=(32, 32, 3))
    through = fit(model, *dataset, recipe=recipe, seed=3, progress=False)
    assert through.history["accuracy"] == run.history["accuracy"]
    np.testing.assert_allclose(through.history["loss"], run.history["loss"], rtol=1e-3)
    assert run.history["accuracy"][-1] >= 0.9  # there is something to compare
    for ours, theirs in zip(run.model.get_layer("top").weights, model.get_layer("top").weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_the_last_layers_are_trained_at_their_own_rate(photos, weights, frozen, tmp_path):
    slowly = {"unfrozen_epochs": 2, "unfrozen_learning_rate": 1e-4}
    run = quick(photos, weights, out=tmp_path / "run", unfreeze="block5_conv3", **slowly)
    assert len(run.history["loss"]) == 7
    assert [recipe.learning_rate for recipe in run.record.finetuned.recipes] == [0.01, 1e-4]
    changed = {
        layer.name
        for layer, other in zip(run.model.layers, frozen.model.layers, strict=True)
        if layer.weights and not all(map(np.array_equal, layer.get_weights(), other.get_weights()))
    }
    assert changed == {"block5_conv3", "top"}


@pytest.mark.slow
def test_augmented_images_pass_the_backbone_in_every_epoch(photos, weights, tmp_path, monkeypatch):
    def embed(*args, **options):
        raise AssertionError("features of images that change are not cached")

    monkeypatch.setitem(finetune.__globals__, "embed", embed)
    run = quick(photos, weights, out=tmp_path / "run", augment="flip", recipe=Recipe(epochs=1))
    assert run.record.recipe.augment == ("flip",)
    assert len(run.history["loss"]) == 1


@pytest.mark.slow
def test_no_augmentation_leaves_out_that_of_the_recipe(photos, weights, tmp_path):
    flips = Recipe(epochs=1, augment=("flip",))
    run = quick(photos, weights, out=tmp_path / "run", augment="none", recipe=flips)
    assert run.record.recipe.augment == ()


@pytest.mark.slow
def test_grey_photographs_are_repeated(photos, weights, tmp_path):
    for name in COLORS:
        (tmp_path / "grey" / name).mkdir(parents=True)
        for file in sorted((photos / name).iterdir())[:4]:
            Image.open(file).convert("L").save(tmp_path / "grey" / name / file.name)
    run = quick(tmp_path / "grey", weights, out=tmp_path / "run", recipe=Recipe(epochs=1))
    assert run.model.input_shape == (None, 32, 32, 1)
    assert len(load_run(run.path).predict([photos / "red" / "0.png"])[0].probabilities) == 2


@pytest.mark.slow
def test_a_backbone_of_your_own(photos, tmp_path):
    backbone = cnnzoo.models.vgg19(include_top=False, input_shape=(32, 32, 3))
    before = backbone.get_weights()
    run = finetune(backbone, photos, out=tmp_path / "run", recipe=Recipe(epochs=1, batch_size=8), progress=False)
    assert (run.model.name, run.record.finetuned.backbone, run.record.finetuned.weights) == ("vgg19", None, None)
    assert all(map(np.array_equal, before, run.model.get_weights()))
    assert np.any(run.model.get_layer("top").bias)


@pytest.mark.slow
def test_a_file_whose_range_of_pixels_nothing_tells(photos, tmp_path):
    path, inputs = tmp_path / "mine.keras", keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Conv2D(4, 3, 2, activation="relu")(inputs)).save(path)
    options = {"out": tmp_path / "run", "recipe": Recipe(epochs=1, batch_size=8), "progress": False}
    with pytest.raises(
        ValueError, match=r"pixel range of the backbone is unknown.*pass `scale='unit'` \(--scale unit\)"
    ):
        finetune(path, photos, **options)
    run = finetune(path, photos, scale="unit", **options)
    assert load_run(run.path).record.data.scale == "unit"


@pytest.mark.slow
def test_a_data_set_by_name_is_resized_to_the_network(tmp_path):
    options = {
        "weights": None,
        "fraction": 0.01,
        "recipe": Recipe(epochs=1),
        "out": tmp_path / "run",
        "progress": False,
    }
    run = finetune("mobilenet", "digits", image_size=40, **options)
    assert run.model.input_shape == (None, 40, 40, 1)
    assert run.class_names == tuple("0123456789")


@pytest.mark.slow
@pytest.mark.parametrize("as_run", [True, False])
def test_a_run_is_a_backbone(photos, run, tmp_path, as_run, monkeypatch):
    """Its head is left out; the photographs, which have colours, become grey as the run takes them."""
    monkeypatch.chdir(tmp_path)
    source = run if as_run else str(run.path)
    tuned = finetune(source, photos, epochs=2, batch_size=8, learning_rate=0.01, progress=False)
    assert tuned.path == Path("runs/lenet5")
    assert [layer.name for layer in tuned.model.layers[-3:]] == ["top_pool", "top_dropout", "top"]
    assert tuned.model.input_shape == (None, 32, 32, 3)
    inner = tuned.model.get_layer("lenet5")
    for name in ("c1", "c3", "c5"):
        assert all(map(np.array_equal, inner.get_layer(name).get_weights(), run.model.get_layer(name).get_weights()))
    found = load_run(tuned.path)
    assert found.predict(photos / "red" / "0.png")[0].probabilities.keys() == {"blue", "red"}
    assert (found.record.finetuned.backbone, found.record.finetuned.weights) == (str(run.path), None)
    again = finetune(tuned.path, photos, limit=20, epochs=1, progress=False)
    assert again.record.data.train_size == 20
    assert again.model.count_params() == tuned.model.count_params()


@pytest.mark.slow
def test_a_network_of_the_zoo_by_name(photos, tmp_path):
    trained = cnnzoo.models.lenet5(weights="mnist")
    tuned = finetune("LeNet5", photos, out=tmp_path / "run", unfreeze="c5", epochs=1, unfrozen_epochs=1, progress=False)
    same = [
        all(map(np.array_equal, tuned.model.get_layer("lenet5").get_layer(name).get_weights(), layer.get_weights()))
        for name in ("c1", "c3", "c5")
        for layer in [trained.get_layer(name)]
    ]
    assert same == [True, True, False]
    finetuned = tuned.record.finetuned
    assert (finetuned.backbone, finetuned.weights, finetuned.unfrozen_from) == ("lenet5", "mnist", "c5")


@pytest.mark.slow
def test_options_change_both_parts_but_epochs_and_rate(photos, tmp_path):
    options = {"unfreeze": "c5", "epochs": 2, "unfrozen_epochs": 1, "learning_rate": 0.01, "batch_size": 7}
    tuned = finetune("lenet5", photos, out=tmp_path / "run", progress=False, **options)
    head, unfrozen = tuned.record.finetuned.recipes
    assert (head.epochs, head.learning_rate, head.batch_size) == (2, 0.01, 7)
    assert (unfrozen.epochs, unfrozen.learning_rate, unfrozen.batch_size) == (1, 1e-5, 7)


@pytest.mark.slow
def test_a_random_backbone_that_stays_frozen_is_warned_of(photos, tmp_path, capsys):
    finetune("lenet5", photos, weights=None, epochs=1, out=tmp_path / "run")
    assert "Warning: the backbone is random and frozen; pass `weights` or `unfreeze`.\n" in capsys.readouterr().out


@pytest.mark.slow
def test_with_patience_the_record_says_what_chose_the_epoch(photos, weights, tmp_path):
    run = quick(photos, weights, out=tmp_path / "run", recipe=Recipe(epochs=2, batch_size=8, patience=1))
    data = run.record.data
    assert (data.train_size + data.validation_size, data.test_size) == (48, 12)
    assert run.record.weights_of_epoch in (1, 2)


@pytest.mark.slow
def test_it_says_what_it_does(photos, weights, tmp_path, capsys):
    finetune("vgg16", photos, image_size=32, weights=weights, recipe=Recipe(epochs=1), out=tmp_path / "run")
    said = capsys.readouterr().out
    assert said.startswith(
        "layout: one folder per class; 20% of each class used for testing\ncomputing the features of 60 images\n"
    )
    assert "epoch 1/1   training: loss" in said


def test_mistakes_are_told_before_anything_is_written(photos, weights, tmp_path):
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for options, message in (
        ({"unfreeze": "block99"}, "Unknown layer 'block99'"),
        ({"unfreezes": "block5"}, "Unknown option of `finetune` 'unfreezes'. Did you mean 'unfreeze'?"),
        ({"epoch": 3}, "Unknown option of `finetune` 'epoch'. Did you mean 'epochs'?"),
        ({"fraction": 1.5}, "`fraction`"),
        ({"limit": 1}, "`limit`"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"augment": "flop"}, "Unknown augmentation 'flop'"),
        ({"image_size": 16}, "images are too small.* at least 32 x 32"),
        ({"dropout_rate": 1}, "`dropout_rate`"),
        ({"seed": -1}, "`seed`"),
        ({"recipe": "paper"}, "`recipe` must be a `cnnzoo.training.Recipe`.* Received: recipe='paper'"),
        ({"unfrozen_epochs": 3}, "`unfrozen_epochs` is for the layers that `unfreeze` names"),
        ({"scale": "unit"}, "`scale` is for a model or a file"),
        ({"photos": tmp_path / "one"}, "at least two"),
        ({"photos": tmp_path / "empty"}, "at least two"),
    ):
        given = {"photos": photos, "weights": weights, **options}
        with pytest.raises(ValueError, match=message):
            quick(**given, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()
    keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3)).save(tmp_path / "mine.keras")
    with pytest.raises(ValueError, match=r"If it is MobileNet, pass 'mobilenet' with `weights='[^']*mine\.keras'`"):
        finetune(tmp_path / "mine.keras", photos)
    with pytest.raises(ValueError, match=r"`scale` must be 'unit'.* Received: 'byte'"):
        finetune(tmp_path / "mine.keras", photos, scale="byte")
    with pytest.raises(ValueError, match=r"Unknown network, run folder or file 'vgg20'\. Did you mean 'vgg"):
        finetune("vgg20", photos)
    with pytest.raises(FileNotFoundError, match=r"There is no run folder or file 'runs/vgg20'\."):
        finetune("runs/vgg20", photos)
    with pytest.raises(
        ValueError, match=r"There are no published weights of alexnet\. Train it first .* give the run folder"
    ):
        finetune("alexnet", photos)
    with pytest.raises(ValueError, match=r"`weights` are for a network that is given by its name"):
        finetune(cnnzoo.models.lenet5(), photos, weights="mnist")
    with pytest.raises(ValueError, match=r"`image_size` must be that of the backbone, \(32, 32\)"):
        finetune(cnnzoo.models.lenet5(), photos, image_size=48)
    with pytest.raises(ValueError, match=r"If it is MobileNet, pass 'mobilenet' with its weights, to get"):
        finetune(keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3)), photos)
    with pytest.raises(FileNotFoundError, match=r"No such file: 'absent\.h5'"):
        quick(photos, "absent.h5", out=tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_a_run_records_the_engine_that_computed_its_features(photos, tmp_path, engine):
    tuned = finetune("lenet5", photos, out=tmp_path / "run", engine=engine, epochs=2, progress=False)
    assert load_run(tuned.path).record.finetuned.engine == engine
    assert f"--engine {engine}" in " ".join(tuned.record.command)


def test_an_engine_for_features_is_refused_where_there_are_none(photos):
    with pytest.raises(
        ValueError,
        match="`engine='openvino'` computes the features once, but with `augment` they change in every epoch",
    ):
        finetune("lenet5", photos, engine="openvino", augment="flip")
