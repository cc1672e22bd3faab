import json
import re
from dataclasses import replace

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.hardware import choose_precision
from cnnzoo.data import Dataset, Split
from cnnzoo.data.sampling import subset
from cnnzoo.training import Recipe, RecipeCard, TensorBoard, fit, recipe_card
from cnnzoo.training._loop import runs_on_tensorflow_cpu

QUICK = Recipe(epochs=2, batch_size=50, learning_rate=5e-3)


@pytest.fixture(scope="module")
def small(digits):
    """200 digits to train on, 100 to test on."""
    return tuple(subset(split, size) for split, size in zip(digits, (200, 100), strict=True))


def quick_fit(small, seed=0, recipe=QUICK, **options):
    keras.utils.set_random_seed(seed)
    return fit(cnnzoo.models.lenet5(), *small, recipe=recipe, seed=seed, progress=False, **options)


@pytest.fixture(scope="module")
def quick_run(small):
    """What most tests compare with: trained with seed 0."""
    return quick_fit(small)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_history_and_weights_bit_for_bit(small, quick_run):
    first, second = quick_run, quick_fit(small)
    assert first.history == second.history
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


@pytest.mark.slow
def test_another_seed_gives_another_history(small, quick_run):
    assert quick_run.history != quick_fit(small, seed=1).history


@pytest.mark.slow
def test_dropout_obeys_the_seed_too(small):
    def fit_with_dropout():
        keras.utils.set_random_seed(0)
        layers = [keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.5)]
        model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
        return fit(model, *small, recipe=QUICK, progress=False).history

    assert fit_with_dropout() == fit_with_dropout()


@pytest.mark.slow
def test_history_has_a_number_an_epoch(quick_run):
    history = quick_run.history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 2 for values in history.values())


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "accuracy", "loss"), [("float32", 1e-6, 1e-4), ("mixed_bfloat16", 0.02, 0.01)])
def test_metrics_are_those_of_the_last_epoch(small, precision, accuracy, loss):
    """The metrics are the trained network's, in float32; the history's are of the precision of the training."""
    run = quick_fit(small, recipe=replace(QUICK, precision=precision))
    assert run.metrics["test_accuracy"] == pytest.approx(run.history["val_accuracy"][-1], abs=accuracy)
    assert run.metrics["test_loss"] == pytest.approx(run.history["val_loss"][-1], rel=loss)


@pytest.mark.slow
def test_one_hot_labels_and_logits_train_alike(small, quick_run):
    one_hot = [Split(split.images, keras.utils.to_categorical(split.labels, 10)) for split in small]
    keras.utils.set_random_seed(0)
    model = cnnzoo.models.lenet5(classifier_activation=None)
    run = fit(model, *one_hot, recipe=QUICK, progress=False)
    assert run.history["loss"] == pytest.approx(quick_run.history["loss"], rel=1e-3)


@pytest.mark.slow
def test_without_out_nothing_is_written(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert quick_fit(small).path is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_refused_before_training(small, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="already exists and was not overwritten"):
        quick_fit(small, out=tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_training_that_fails_leaves_no_folder(small, tmp_path, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        quick_fit(small, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["matplotlib.figure.Figure.savefig", "cnnzoo.plots.samples", "cnnzoo.plots.history"])
def test_a_picture_that_fails_leaves_the_trained_model(small, tmp_path, monkeypatch, step):
    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="disk full"):
        quick_fit(small, out=tmp_path / "run")
    pictures = {"curves.png", "confusion.png"}
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.name not in pictures) == [
        "history.csv",
        "model.keras",
        "run.json",
    ]


@pytest.mark.slow
def test_record_says_what_was_done(small, tmp_path):
    digits = replace(cnnzoo.data.load_dataset("digits"), train=small[0], test=small[1])
    run = quick_fit((digits,), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record == run.record.to_json()
    told = {"name": "lenet5", "params": 61706, "buffers": 0, "input_shape": [32, 32, 1], "num_classes": 10}
    assert record["model"] == {**told, "layers": record["model"]["layers"]}
    assert record["begun_by"] == "fit"
    assert record["computation"] == {"precision": choose_precision("auto")[0], "processes": 1, "devices": 1}
    assert record["data"]["source"]["name"] == "digits"
    assert (record["data"]["train_size"], record["data"]["test_size"]) == (200, 100)
    assert record["recipe"].pop("initializer") is None  # the weights are the caller's
    assert Recipe(**record["recipe"]) == QUICK
    assert record["stopped"] is None
    assert record["seed"] == 0
    assert record["versions"]["keras"] == keras.__version__
    assert record["machine"]["cpus"] >= 1


def test_progress_prints_what_it_does_and_a_line_an_epoch(small, capsys):
    fit(cnnzoo.models.lenet5(), *small, recipe=QUICK)
    what, how, precision, *lines = capsys.readouterr().out.splitlines()
    assert what == "lenet5: 61,706 parameters; 200 images to train on, 100 to test on"
    assert how == "2 epochs, batches of 50, adam, learning rate up to 0.005, seed 0"
    assert precision.startswith(("float32: ", "mixed_bfloat16: "))
    assert [line[:9] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    results = r"loss [\d.]+, accuracy [\d.]+"
    form = rf"epoch \d/2   training: {results}   test: {results}   [\d.]+ s, [\d,]+ img/s"
    assert all(re.fullmatch(form, line) for line in lines)


@pytest.mark.slow
def test_it_says_when_tensorflow_could_be_faster(small, capsys, monkeypatch):
    monkeypatch.setattr(cnnzoo, "TENSORFLOW_CAME_FIRST", True)
    fit(cnnzoo.models.lenet5(), *small, recipe=QUICK)
    said = "Training will be slower: import cnnzoo before TensorFlow" in capsys.readouterr().out
    assert said == runs_on_tensorflow_cpu()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_a_seed_out_of_range_is_refused(small, seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        fit(cnnzoo.models.lenet5(), *small, seed=seed)


def test_images_that_do_not_fit_are_refused(small):
    train, test = small
    with pytest.raises(ValueError, match=r"`train\.images` must be of shape \(n, 32, 32, 3\)"):
        fit(cnnzoo.models.lenet5(input_shape=(32, 32, 3)), train, test)


@pytest.mark.slow
def test_a_data_set_is_given_whole_or_in_two_parts(small, quick_run):
    whole = Dataset(*small)
    assert quick_fit((whole,)).history == quick_run.history
    with pytest.raises(ValueError, match="A data set has its own test images"):
        quick_fit((whole, small[1]))
    with pytest.raises(ValueError, match=r"Give a data set, `fit\(model, dataset\)`, or training and test images"):
        quick_fit(small[:1])


@pytest.mark.slow
def test_the_recipe_that_is_taken_by_name_is_named(small, capsys, monkeypatch):
    cards = {("lenet5", "default"): RecipeCard("lenet5", "default", QUICK, "here")}
    monkeypatch.setattr("cnnzoo.recipes.cards.RECIPE_CARDS", cards)
    fit(cnnzoo.models.lenet5(), *small)
    assert "recipe 'default' of lenet5: 2 epochs, batches of 50" in capsys.readouterr().out
    layers = [keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    fit(keras.Sequential(layers, name="mine"), *small)
    assert "the general recipe: 10 epochs, batches of 128" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [None, "default", QUICK])
def test_fields_of_any_recipe_are_changed(small, recipe, capsys):
    run = fit(cnnzoo.models.lenet5(), *small, recipe=recipe, epochs=1)
    chosen = QUICK if recipe is QUICK else recipe_card("lenet5").recipe
    assert run.record.recipe == replace(chosen, epochs=1)
    assert ("recipe 'default' of lenet5, changed: 1 epoch" in capsys.readouterr().out) == (recipe is not QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [3, 255])
def test_images_of_another_range_leave_pictures_and_a_report(small, tmp_path, factor):
    raw = [Split(split.images * factor - 0.4, split.labels) for split in small]
    run = fit(cnnzoo.models.lenet5(), *raw, recipe=QUICK, out=tmp_path / "run", progress=False, scale="raw")
    assert (run.path / "samples.png").is_file()
    assert cnnzoo.report.write_report(run.path).path.is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 1}, r"Unknown recipe option 'epoch'\. Did you mean 'epochs'"),
        ({"epochs": -1}, "`epochs` must be an integer of at least"),
    ],
)
def test_changes_that_no_recipe_takes_are_refused(small, changes, message):
    with pytest.raises(ValueError, match=message):
        quick_fit(small, **changes)


@pytest.mark.slow
def test_images_of_any_number_of_channels_leave_a_whole_run(tmp_path):
    split = Split(np.random.default_rng(0).random((20, 32, 32, 2), dtype="float32"), np.arange(20) % 10)
    model = cnnzoo.models.lenet5(input_shape=(32, 32, 2))
    fit(model, split, split, recipe=QUICK, out=tmp_path / "run", progress=False)
    assert len(list((tmp_path / "run").iterdir())) == 6


@pytest.mark.slow
def test_raw_images_of_another_size_are_resized(tmp_path):
    raw = Split(np.random.default_rng(0).integers(0, 256, (20, 16, 20, 1), dtype=np.uint8), np.arange(20) % 10)
    recipe = Recipe(epochs=1, batch_size=8, augment="shift,rotate")
    dataset = Dataset(raw, raw, image_size=(32, 32))
    run = fit(cnnzoo.models.lenet5(), dataset, recipe=recipe, out=tmp_path / "run", progress=False)
    assert run.record.recipe.augment == ("shift", "rotate")
    assert cnnzoo.training.load_run(run.path).record == run.record


def linear():
    layers = keras.layers
    middle = [layers.Dense(16), layers.Dense(16)]
    return keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten(), *middle, layers.Dense(10, "softmax")])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (linear, "The training loss stopped being finite at one of the steps 1 to 4 of epoch 1"),
        (cnnzoo.models.lenet5, "finite.* epoch 1"),  # a ReLU may make 0 of what is no number, and hide it from the loss
    ],
)
def test_a_run_that_diverges_at_once_leaves_nothing(small, tmp_path, build, message):
    recipe = Recipe(epochs=50, batch_size=50, learning_rate=1e30)
    model = build()
    before = model.get_weights()
    with pytest.raises(ArithmeticError, match=message):
        fit(model, *small, recipe=recipe, out=tmp_path / "run", progress=False)
    assert all(map(np.array_equal, model.get_weights(), before))
    assert list(tmp_path.iterdir()) == []


class Poison(keras.callbacks.Callback):
    """Makes a weight no number before a step of the second epoch, and notes the weights after the first."""

    def on_epoch_end(self, epoch, logs=None):
        self.good = self.model.get_weights()

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.layers[-1].bias.assign(np.full(10, np.nan, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("written", [True, False])
def test_a_run_that_diverges_later_keeps_the_last_good_weights(small, tmp_path, written):
    poison, model = Poison(), cnnzoo.models.lenet5()
    out = tmp_path / "run" if written else None
    with pytest.raises(ArithmeticError, match="stopped being finite at step 1 of epoch 2") as caught:
        fit(model, *small, recipe=QUICK, out=out, progress=False, callbacks=[poison])
    assert all(map(np.array_equal, model.get_weights(), poison.good))
    assert len(caught.value.run.history["loss"]) == 1
    if written:
        loaded = cnnzoo.training.load_run(out)
        assert "stopped being finite" in loaded.record.stopped
        assert all(map(np.array_equal, loaded.model.get_weights(), poison.good))


@pytest.mark.slow
def test_patience_takes_the_best_epoch_by_images_held_out_of_training(small):
    recipe = Recipe(epochs=12, batch_size=20, learning_rate=0.02, schedule="constant", patience=2)
    seen = []
    notes = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(notes.model.get_weights()))
    run = fit(cnnzoo.models.lenet5(), *small, recipe=recipe, progress=False, callbacks=[notes])
    losses = run.history["val_cross_entropy"]
    assert (run.record.data.train_size, run.record.data.validation_size) == (180, 20)
    assert len(losses) < 12
    assert len(losses) - 1 - np.argmin(losses) == 2
    assert all(map(np.array_equal, run.model.get_weights(), seen[int(np.argmin(losses))]))


@pytest.mark.slow
def test_label_smoothing_is_that_of_its_definition(small):
    """One step from known weights: the mean cross-entropy with labels 0.1 / 10 + 0.9 on the true class."""
    train, _ = small
    keras.utils.set_random_seed(0)
    model = cnnzoo.models.lenet5()
    probabilities = model.predict(train.images, verbose=0)
    rows = np.full((200, 10), 0.01) + 0.9 * np.eye(10)[train.labels]
    recipe = Recipe(epochs=1, batch_size=200, learning_rate=1e-9, label_smoothing=0.1, precision="float32")
    run = fit(model, *small, recipe=recipe, progress=False)
    assert run.history["loss"][0] == pytest.approx(-(rows * np.log(probabilities)).sum(1).mean(), rel=1e-4)


def test_a_batch_that_does_not_fit_into_memory_is_named_with_a_smaller_one(small, monkeypatch):
    import tensorflow as tf

    def fail(*args, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[50,...]")

    monkeypatch.setattr(keras.Model, "fit", fail)
    with pytest.raises(MemoryError, match=r"A batch of 50 images does not fit into memory. Try `batch_size=16`"):
        quick_fit(small)


@pytest.mark.slow
def test_patience_is_not_led_on_by_a_penalty_that_shrinks(small, capsys):
    """With large weights that decay, the loss falls though nothing is learned: the labels are turned at random."""
    train, test = small
    rng = np.random.default_rng(0)
    shuffled = Split(train.images, rng.permutation(train.labels))
    recipe = Recipe(epochs=30, batch_size=20, learning_rate=3e-3, schedule="constant", weight_decay=0.02, patience=2)
    keras.utils.set_random_seed(0)
    run = fit(cnnzoo.models.lenet5(), shuffled, test, recipe=recipe)
    losses = run.history["val_cross_entropy"]
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    assert run.history["val_loss"][-1] < run.history["val_loss"][0]
    best = int(np.argmin(losses)) + 1
    assert run.record.weights_of_epoch == best
    said = capsys.readouterr().out
    assert f"stopped after epoch {best + 2}: the weights are those of epoch {best}, the best by cross-entropy" in said
    assert f"validation: cross-entropy {losses[0]:.4f}, accuracy" in said
    assert run.validated_on == "validation"


@pytest.mark.slow
def test_tensorboard_gets_its_logs(small, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard`")
    quick_fit(small, out=tmp_path / "run", callbacks=[TensorBoard()])
    logs = list((tmp_path / "run" / "tensorboard").rglob("events.out.tfevents.*"))
    assert {path.parent.name for path in logs} == {"train", "validation"}
    assert all(path.stat().st_size > 100 for path in logs)


def test_tensorboard_needs_a_folder(small):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard`")
    with pytest.raises(ValueError, match="`TensorBoard` needs `out`"):
        quick_fit(small, callbacks=TensorBoard())


def test_tensorboard_needs_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="`TensorBoard` needs the package of that name"):
        TensorBoard()


@pytest.mark.slow
def test_the_trained_model_takes_no_optimizer_along(small, tmp_path):
    quick_fit(small, out=tmp_path / "run")
    assert (tmp_path / "run" / "model.keras").stat().st_size < 61_706 * 4 * 1.2


@pytest.mark.slow
def test_label_forms_may_be_mixed(small, quick_run):
    train, test = small
    one_hot = Split(train.images, keras.utils.to_categorical(train.labels, 10))
    keras.utils.set_random_seed(0)
    mixed = fit(cnnzoo.models.lenet5(), one_hot, test, recipe=QUICK, progress=False)
    assert mixed.history == quick_run.history


@pytest.mark.slow
def test_callbacks_are_called(small):
    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    quick_fit(small, callbacks=[callback])
    assert epochs == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("class_weight", "expected"), [("none", 0.75), ("balanced", 0.5)])
def test_balanced_classes_count_alike(class_weight, expected):
    """Of equal images, a network can only learn how much each class counts."""
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    split = cnnzoo.data.Split(np.zeros((800, 2, 2, 1), np.float32), np.array([0] * 600 + [1] * 200))
    recipe = Recipe(epochs=2, batch_size=20, learning_rate=0.1, class_weight=class_weight)
    fit(model, split, split, recipe=recipe, progress=False)
    np.testing.assert_allclose(model(split.images[:1])[0, 0], expected, atol=0.02)
