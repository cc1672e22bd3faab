"""What holds for all figures."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnzoo import plots
from cnnzoo.data import Dataset, Split

CURVES = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "accuracy": [0.3, 0.6], "val_accuracy": [0.2, 0.5]}


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


GREY = np.zeros((2, 4, 4))  # two images without channels


def samples(images, probabilities=((1, 0), (0, 1))):
    return plots.samples(images, np.eye(2), np.array(probabilities), ["cat", "dog"])


def test_grey_images_and_one_hot_labels_are_drawn():
    assert len(samples(GREY).axes) == 4
    assert len(plots.overlay(GREY, np.zeros((2, 4, 4, 1))).axes) == 4
    assert len(plots.feature_maps({"c1": np.ones((1, 4, 4, 2))}, np.ones((4, 4, 1))).axes) == 3


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
        (lambda: plots.feature_maps(np.zeros((1, 4, 4, 1))), r"`maps` must be a dictionary.*Received: ndarray"),
        (lambda: plots.confusion(np.eye(2), ["cat", "dog"]), r"`counts` must be integers.*Received: float64"),
        (lambda: plots.calibration(np.eye(2)), r"`bins` must be what `Evaluation\.calibration` returns"),
        (lambda: samples(np.full((2, 4, 4, 1), 200.0)), r"`images` must be uint8, or floats in \[0, 1\].* 200 to 200"),
        (lambda: samples(np.zeros((4, 4))), r"`images` must be of shape \(n, height, width, channels\)"),
        (lambda: samples(GREY, np.array([[-3.0, 4], [2, 1]])), r"`probabilities` must lie in \[0, 1\]: of logits"),
        (lambda: samples(GREY, np.eye(3)), r"`probabilities` must be of shape \(images, classes\), \(2, 2\)\."),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_tensors_of_pytorch_are_drawn_with_a_gradient_and_in_bfloat16():
    torch = pytest.importorskip("torch")
    kernel = torch.linspace(-1, 1, 18).reshape(3, 3, 1, 2)
    for tensor in (kernel.requires_grad_(), kernel.detach().bfloat16()):
        assert len(plots.filters(tensor).axes) == 2
    assert len(plots.feature_maps({"c1": torch.ones(1, 4, 4, 2, requires_grad=True)}).axes) == 2


def test_tensors_are_drawn_as_arrays_are():
    images, heat = np.linspace(0, 1, 128).reshape(2, 8, 8, 1), np.ones((2, 8, 8))
    as_tensor = keras.ops.convert_to_tensor
    np.testing.assert_allclose(plots.blend(as_tensor(images), as_tensor(heat)), plots.blend(images, heat), atol=1e-6)
    assert len(plots.overlay(as_tensor(images), as_tensor(heat)).axes) == 4
    assert len(plots.samples(as_tensor(images), as_tensor([0, 1]), as_tensor(np.eye(2)), ["cat", "dog"]).axes) == 4
    assert len(plots.confusion(as_tensor(np.eye(2, dtype=int)), ["cat", "dog"]).axes) == 1
    assert len(plots.filters(as_tensor(np.ones((3, 3, 1, 2)))).axes) == 2
    assert len(plots.feature_maps({"c1": as_tensor(np.ones((1, 4, 4, 2)))}, as_tensor(images[0])).axes) == 3
