"""Figures of trainings."""

from dataclasses import replace

import keras
import pytest

from cnnzoo import plots
from cnnzoo.runs.record import Finetuning
from tests.plots.reading import text_of

CURVES = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "accuracy": [0.3, 0.6], "val_accuracy": [0.2, 0.5]}


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


def test_the_legend_tells_any_names_apart():
    names = ["lenet5-augmented-1", "lenet5-augmented-2", "_private"]
    figure = plots.histories({name: CURVES for name in names})
    assert [text.get_text().strip() for text in figure.axes[0].get_legend().get_texts()] == names
    alone = plots.histories({"alone": CURVES})
    assert [text.get_text() for text in alone.axes[0].get_legend().get_texts()] == ["alone"]


def test_several_histories_differ_in_colour_and_marks():
    figure = plots.histories({"one $": CURVES, "two": {"loss": [3.0]}})
    loss = figure.axes[1]
    assert [line.get_ydata().tolist() for line in loss.lines] == [[2.0, 1.0], [2.5, 1.5], [3.0], []]
    assert len({(line.get_color(), line.get_marker()) for line in loss.lines}) == 2
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [r"one \$", "two"]


@pytest.mark.parametrize("name", ["acc", "sparse_categorical_accuracy", "binary_accuracy"])
def test_any_accuracy_of_keras_is_drawn(name):
    accuracy, _ = plots.history({name: [0.3, 0.6], f"val_{name}": [0.2, 0.5], "loss": [2.0, 1.0]}).axes
    assert [line.get_ydata().tolist() for line in accuracy.lines if len(line.get_ydata())] == [[0.3, 0.6], [0.2, 0.5]]


def test_a_measure_that_was_not_recorded_is_told():
    accuracy, loss = plots.history({"loss": [2.0, 1.0]}).axes
    assert "no accuracy recorded" in text_of(accuracy)
    assert accuracy.get_legend() is None
    assert loss.get_legend() is not None
