import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnzoo import plots
from cnnzoo.data import Dataset, Split
from cnnzoo.evaluation import Evaluation
from cnnzoo.runs.record import Finetuning

CURVES = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "accuracy": [0.3, 0.6], "val_accuracy": [0.2, 0.5]}


def text_of(figure):
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


def test_history_draws_the_numbers():
    figure = plots.history(CURVES)
    accuracy, loss = figure.axes
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [CURVES["accuracy"], CURVES["val_accuracy"]]
    assert [line.get_ydata().tolist() for line in loss.lines] == [CURVES["loss"], CURVES["val_loss"]]
    assert accuracy.lines[0].get_xdata().tolist() == [1, 2]


def test_history_takes_a_run_and_what_keras_returns(run):
    for each in (run, keras.callbacks.History()):
        if each is not run:
            each.history = run.history
        assert plots.history(each).axes[0].lines[0].get_ydata().tolist() == run.history["accuracy"]


def test_the_legend_names_the_images_that_are_not_trained_on(run):
    def legend(figure):
        return [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]

    assert legend(plots.history(run)) == ["training", "test"] * 2
    assert legend(plots.history(CURVES)) == ["training", "validation"] * 2  # as Keras calls them
    assert legend(plots.history(CURVES, validated_on="test")) == ["training", "test"] * 2
    recipe = replace(run.record.recipe, patience=3)
    patient = replace(run, record=replace(run.record, recipe=recipe))
    assert legend(plots.history(patient)) == ["training", "validation"] * 2
    finetuned = Finetuning("mobilenetv2", None, None, 0.2, (recipe, run.record.recipe))
    assert legend(plots.history(replace(run, record=replace(run.record, finetuned=finetuned))))[1] == "held-out"


def test_history_draws_what_is_there():
    figure = plots.history({"loss": [2.0, 1.0]})
    assert [len(axes.lines) for axes in figure.axes] == [1, 1]
    assert text_of(figure).count("validation") == 0


def test_several_histories_differ_in_colour_and_marks():
    figure = plots.histories({"one $": CURVES, "two": {"loss": [3.0]}})
    loss = figure.axes[1]
    assert [line.get_ydata().tolist() for line in loss.lines] == [[2.0, 1.0], [2.5, 1.5], [3.0], []]
    assert len({(line.get_color(), line.get_marker()) for line in loss.lines}) == 2
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [r"one \$", "two"]


def test_the_legend_tells_any_names_apart():
    names = ["lenet5-augmented-1", "lenet5-augmented-2", "_private"]
    figure = plots.histories({name: CURVES for name in names})
    assert [text.get_text().strip() for text in figure.axes[0].get_legend().get_texts()] == names
    alone = plots.histories({"alone": CURVES})
    assert [text.get_text() for text in alone.axes[0].get_legend().get_texts()] == ["alone"]


def test_calibration_draws_the_share_that_is_right():
    labels, probabilities = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    figure = plots.calibration(Evaluation(("cat", "dog"), labels, probabilities).calibration(bins=5))
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0, 0, 1, 0, 0.5]
    assert "expected calibration error 40.0%" in figure.axes[0].get_title()


def test_axes_of_the_users_are_drawn_on():
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    axes = left.subplots(2, 2)
    assert plots.history(CURVES, axes=axes[0]) is None  # a notebook would show the user's figure twice
    assert plots.confusion(np.eye(2, dtype=int), ["cat", "dog"], axes=axes[1, 0]) is None
    assert [len(panel.lines) for panel in axes[0]] == [2, 2]
    assert len(axes[1, 0].images) == 1
    pairs = right.subplots(2, 3).T
    probabilities = np.full((3, 2), 0.5)
    assert plots.samples(np.zeros((3, 4, 4, 1)), np.zeros(3, int), probabilities, ["cat", "dog"], axes=pairs) is None
    assert [len(picture.images) for picture, _ in pairs] == [1, 1, 1]
    plain = Figure().subplots()
    assert plots.confusion(np.eye(2, dtype=int), ["cat", "dog"], axes=plain) is None
    assert len(plain.images) == 1


def test_confusion_writes_every_count():
    figure = plots.confusion(np.array([[5, 2], [0, 7]]), ["cat", "dog"])
    texts = text_of(figure)
    assert {"5", "2", "7", "accuracy 85.71 % (12/14)"} <= set(texts)
    assert figure.axes[0].images[0].get_array().tolist() == [[5 / 7, 2 / 7], [0, 1]]


def test_a_class_without_images_draws_no_share():
    figure = plots.confusion(np.array([[0, 0], [0, 7]]), ["cat", "dog"])
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_samples_say_right_and_wrong(channels, count):
    images = np.random.default_rng(0).random((count, 8, 8, channels), dtype="float32")
    probabilities = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (count, 1))
    figure = plots.samples(images, np.arange(count) % 2, probabilities, ["cat", "dog", "owl"])
    assert isinstance(figure, Figure)
    texts = text_of(figure)
    assert texts.count("true cat\npredicted cat\ncorrect") == -(-count // 2)
    assert texts.count("true dog\npredicted cat\nwrong") == count // 2
    assert texts.count("70.0%") == count


@pytest.mark.slow
@pytest.mark.parametrize("names", [["$5_$", "a $ b"], [f"class {number}" for number in range(300)]])
def test_any_class_names_can_be_drawn(tmp_path, names):
    classes = len(names)
    split = Split(np.zeros((classes, 4, 4, 1), np.uint8), np.arange(classes))
    plots.save(plots.confusion(np.eye(classes, dtype=int), names), tmp_path / "confusion.png")
    plots.save(plots.class_grid(Dataset(split, split, tuple(names)), columns=1), tmp_path / "grid.png")
    probabilities = np.full((1, classes), 1 / classes)
    plots.save(plots.samples(np.zeros((1, 4, 4, 1)), np.array([1]), probabilities, names), tmp_path / "samples.png")


def test_plots_touch_no_global_state():
    code = f"import sys; from cnnzoo import plots; plots.history({CURVES}); print('matplotlib.pyplot' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "False"


def test_class_grid_draws_a_row_a_class(digits):
    figure = plots.class_grid(Dataset(*digits, tuple("0123456789")), columns=3)
    rows = [figure.axes[start : start + 3] for start in range(0, 30, 3)]
    assert [row[0].get_ylabel() for row in rows] == list("0123456789")
    shown = rows[7][1].images[0].get_array()
    np.testing.assert_array_equal(shown, digits[0].images[17, :, :, 0])


def test_a_class_with_few_images_leaves_cells_empty():
    split = Split(np.zeros((3, 8, 8, 3), np.uint8), np.array([0, 0, 1]))
    figure = plots.class_grid(Dataset(split, split, ("cat", "dog")), columns=2)
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 0]


def test_a_picture_is_written_over_on_request_only(tmp_path):
    path = tmp_path / "mine.png"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="already exists and was not overwritten"):
        plots.save(plots.history(CURVES), path)
    assert path.read_text() == "mine"
    plots.save(plots.history(CURVES), path, force=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*absent' to write 'grid\.png' to"):
        plots.save(plots.history(CURVES), tmp_path / "absent" / "grid.png")
    assert list(tmp_path.iterdir()) == []


def test_overlay_draws_heat_over_each_image():
    images = np.random.default_rng(0).random((2, 6, 5, 3), dtype=np.float32)
    heat = np.random.default_rng(1).random((2, 6, 5), dtype=np.float32)
    figure = plots.overlay(images, heat, ["a $ b", "dog"])
    first, second, below, _ = figure.axes
    assert np.array_equal(first.images[0].get_array(), images[0])
    drawn = below.images[0].get_array()
    assert np.array_equal(drawn, plots.blend(images, heat)[0])
    assert np.corrcoef(drawn[..., 0].ravel(), heat[0].ravel())[0, 1] > 0.8
    assert {"a \\$ b", "dog"} <= set(text_of(figure))
    assert second.images[0].get_array().shape == (6, 5, 3)
    as_bytes = plots.overlay((images * 255).astype(np.uint8), heat)
    np.testing.assert_allclose(as_bytes.axes[0].images[0].get_array(), images[0], atol=1 / 255)


def test_filters_are_stretched_one_by_one():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 10))
    figure = plots.filters(kernel, columns=4)
    assert len(figure.axes) == 10
    drawn = figure.axes[7].images[0].get_array()
    assert (drawn.min(), drawn.max()) == (0, 1)
    assert np.argmax(drawn) == np.argmax(kernel[..., 7])
    grey = plots.filters(kernel[:, :, :2]).axes[0].images[0].get_array()
    assert np.argmax(grey) == np.argmax(kernel[:, :, :2, 0].mean(axis=-1))
    assert plots.filters(np.zeros((3, 3, 1, 1))).axes[0].images[0].get_array().tolist() == [[0] * 3] * 3


def test_feature_maps_draw_the_strongest_of_each_layer():
    maps = np.random.default_rng(0).random((1, 4, 4, 12))
    maps[..., [3, 9]] += 5
    within = "backbone/block1_conv1"
    figure = plots.feature_maps({within: maps, "pool": maps[:, ::2, ::2]}, np.zeros((8, 8, 1)), columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["", "3", "9", "3", "9"]
    texts = {text.get_text() for strip in figure.subfigs for text in strip.texts} | {
        strip._suptitle.get_text() for strip in figure.subfigs
    }
    assert {"image", f"{within}: 12 maps of 4 x 4", "pool: 12 maps of 2 x 2"} <= texts


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.overlay(np.zeros((2, 4, 4, 1)), np.zeros((1, 4, 4))), "`heat` must hold a map for each image"),
        (
            lambda: plots.overlay(np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4)), ["one"]),
            "`titles` must hold a title for each of 2 images, or none. Received: 1",
        ),
        (lambda: plots.history({"lr": [1.0]}), r"one of loss, .*Received: \['lr'\]"),
        (lambda: plots.histories({"mine": {}}), "one of loss, .* in 'mine'"),
        (lambda: plots.history(CURVES, axes=[Figure().subplots()]), "two axes. Received: 1"),
        (lambda: plots.history(CURVES, axes=Figure().subplots()), "two axes. Received: 1"),
        (
            lambda: plots.samples(np.zeros((2, 4, 4, 1)), np.zeros(2, int), np.ones((2, 1)), ["cat"], axes=[]),
            "`axes` must hold two axes for each of the 2 images. Received: 0",
        ),
        (
            lambda: plots.samples(np.zeros((0, 4, 4, 1)), np.zeros(0, int), np.ones((0, 1)), ["cat"]),
            "at least one image",
        ),
        (lambda: plots.confusion(np.zeros((0, 0), int), []), r"Received: \(0, 0\), 0 class names"),
        (lambda: plots.filters(np.zeros((3, 3, 4))), "`kernel` must be of shape"),
        (lambda: plots.feature_maps({"f6": np.zeros((1, 84))}), "The maps of 'f6' must be of shape"),
        (lambda: plots.feature_maps({"c1": np.zeros((2, 4, 4, 1))}), "The maps of 'c1' must be of shape"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_tensors_are_drawn_as_arrays_are():
    images, heat = np.linspace(0, 1, 128).reshape(2, 8, 8, 1), np.ones((2, 8, 8))
    as_tensor = keras.ops.convert_to_tensor
    np.testing.assert_allclose(plots.blend(as_tensor(images), as_tensor(heat)), plots.blend(images, heat), atol=1e-6)
    assert len(plots.overlay(as_tensor(images), as_tensor(heat)).axes) == 4
    assert len(plots.samples(as_tensor(images), as_tensor([0, 1]), as_tensor(np.eye(2)), ["cat", "dog"]).axes) == 4
    assert len(plots.confusion(as_tensor(np.eye(2, dtype=int)), ["cat", "dog"]).axes) == 1
    assert len(plots.filters(as_tensor(np.ones((3, 3, 1, 2)))).axes) == 2
    assert len(plots.feature_maps({"c1": as_tensor(np.ones((1, 4, 4, 2)))}, as_tensor(images[0])).axes) == 3
