"""Figures of images, heat maps, kernels and feature maps."""

import numpy as np

from cnnzoo import plots
from cnnzoo.data import Dataset, Split
from tests.plots.reading import text_of


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
