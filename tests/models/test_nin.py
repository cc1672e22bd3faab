"""Network in network beside the authors' Caffe files, transcribed in PyTorch."""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.layers import CeilAveragePooling2D

torch = pytest.importorskip("torch")
nn = torch.nn


def convolved(before, filters, size, strides=1, padding=0):
    return nn.Conv2d(before, filters, size, strides, padding), nn.ReLU()


def cifar10(classes):
    return nn.Sequential(
        *(*convolved(3, 192, 5, padding=2), *convolved(192, 160, 1), *convolved(160, 96, 1)),
        *(nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5)),
        *(*convolved(96, 192, 5, padding=2), *convolved(192, 192, 1), *convolved(192, 192, 1)),
        *(nn.AvgPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5)),
        *(*convolved(192, 192, 3, padding=1), *convolved(192, 192, 1), *convolved(192, classes, 1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


def imagenet(classes):
    return nn.Sequential(
        *(*convolved(3, 96, 11, 4), *convolved(96, 96, 1), *convolved(96, 96, 1)),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *(*convolved(96, 256, 5, padding=2), *convolved(256, 256, 1), *convolved(256, 256, 1)),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *(*convolved(256, 384, 3, padding=1), *convolved(384, 384, 1), *convolved(384, 384, 1)),
        *(nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5)),
        *(*convolved(384, 1024, 3, padding=1), *convolved(1024, 1024, 1), *convolved(1024, classes, 1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


@pytest.mark.parametrize(
    ("name", "build", "sizes"),
    [
        ("nin_cifar10", cifar10, [(32, 32), (29, 38), (4, 7)]),
        ("nin_imagenet", imagenet, [(67, 91), (39, 44)]),
    ],
)
def test_it_gives_what_the_authors_files_give(name, build, sizes):
    torch.manual_seed(0)
    theirs = build(7).eval()
    for layer in theirs:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, 0.1, 0.1)
    convolutions = [layer for layer in theirs if isinstance(layer, nn.Conv2d)]
    ours = cnnzoo.create_model(name, input_shape=(None, None, 3), num_classes=7, classifier_activation=None)
    own = [layer for layer in ours.layers if layer.weights and hasattr(layer, "kernel")]
    for layer, wanted in zip(own, convolutions, strict=True):
        layer.set_weights([wanted.weight.detach().numpy().transpose(2, 3, 1, 0), wanted.bias.detach().numpy()])
    for size in sizes:
        images = np.random.default_rng(0).random((2, *size, 3), dtype="float32")
        with torch.no_grad():
            logits = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
        assert np.ptp(logits, axis=0).max() > 1e-3 * logits.max()
        found = keras.ops.convert_to_numpy(ours(images))
        assert np.abs(found - logits).max() < 1e-4 * np.abs(logits).max(), size


@pytest.mark.parametrize(("rows", "columns"), [(5, 6), (2, 7), (8, 3)])
def test_windows_that_end_outside_average_what_is_inside(rows, columns):
    maps = np.random.default_rng(0).standard_normal((2, rows, columns, 3)).astype("float32")
    wanted = nn.AvgPool2d(3, 2, ceil_mode=True)(torch.from_numpy(maps).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    pool = CeilAveragePooling2D(3, 2, name="pool")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pool(maps)), wanted, rtol=1e-5, atol=1e-6)
    assert CeilAveragePooling2D.from_config(pool.get_config()).get_config() == pool.get_config()


@pytest.mark.usefixtures("weightless")
def test_maps_are_halved_as_in_caffe():
    def sides(name, kind):
        rows = cnnzoo.inspect.layer_table(cnnzoo.create_model(name)).rows
        return [row.output_shape[:2] for row in rows if row.type == kind]

    assert sides("nin_imagenet", "MaxPooling2D") == [(27, 27), (13, 13), (6, 6)]
    assert sides("nin_cifar10", "MaxPooling2D") == [(16, 16)]
    assert sides("nin_cifar10", "CeilAveragePooling2D") == [(8, 8)]
