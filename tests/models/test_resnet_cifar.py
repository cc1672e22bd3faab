"""The ResNets of CIFAR-10, beside a transcription of section 4.2 of the paper."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.inspect import layer_table

if not importlib.util.find_spec("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

from tests.models import transcribed
from tests.without_weights import without_weights

DEPTHS = (20, 32, 44, 56, 110)
# Parameters, buffers and multiply-accumulates with projections
OPTION_B = {20: (272_474, 1_568, 40_813_184), 56: (855_770, 4_256, 125_747_840), 110: (1_730_714, 8_288, 253_149_824)}


class Block(nn.Module):
    """y = F(x) + x, then a ReLU."""

    def __init__(self, before, filters, shortcut):
        super().__init__()
        strides = 1 if before == filters else 2
        self.conv1, self.bn1 = nn.Conv2d(before, filters, 3, strides, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.halves, self.projection = before != filters, None
        if self.halves and shortcut == "B":
            self.projection = nn.Sequential(nn.Conv2d(before, filters, 1, 2, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.projection:
            x = self.projection(x)
        elif self.halves:
            x = x[:, :, ::2, ::2]
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        return torch.relu(residual + x)


class ResNet(nn.Module):
    """6 n + 2 layers with weights: a convolution, 3 x 2 n of them, and the classifier."""

    def __init__(self, depth, shortcut, num_classes=7):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        widths = [16, *(width for width in (16, 32, 64) for _ in range((depth - 2) // 6))]
        blocks = [Block(before, width, shortcut) for before, width in itertools.pairwise(widths)]
        self.blocks, self.classifier = nn.Sequential(*blocks), nn.Linear(64, num_classes)

    def forward(self, images):
        return self.classifier(self.blocks(torch.relu(self.norm(self.first(images)))).mean((2, 3)))


def module_of(depth):
    """Return what turns the name of one of our layers into that of the transcription's module."""

    def module(layer):
        if layer in (others := {"conv1_conv": "first", "conv1_bn": "norm", "predictions": "classifier"}):
            return others[layer]
        stage, block, part, kind = layer.removeprefix("conv").split("_")
        place = f"blocks.{(int(stage) - 2) * (depth - 2) // 6 + int(block) - 1}"
        if part == "shortcut":
            return f"{place}.projection.{0 if kind == 'conv' else 1}"
        return f"{place}.{kind}{part}"

    return module


def difference(depth, shortcut, size):
    ours = cnnzoo.create_model(
        f"resnet{depth}",
        num_classes=7,
        input_shape=(None, None, 3),
        shortcut=shortcut,
        classifier_activation=None,
    )
    return transcribed.difference(ours, transcribed.randomized(ResNet(depth, shortcut)), module_of(depth), size)


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("size", [(32, 32), (9, 14)])
def test_outputs_are_those_of_the_paper(shortcut, size):
    assert difference(20, shortcut, size) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_outputs_of_the_deeper_are_those_of_the_paper(depth):
    assert difference(depth, "A", (16, 16)) < 1e-4


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_depth_is_that_of_the_name(depth):
    with without_weights():
        model = cnnzoo.create_model(f"resnet{depth}")
    assert sum(isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) for layer in model.layers) == depth


@pytest.mark.parametrize("depth", OPTION_B)
@pytest.mark.usefixtures("weightless")
def test_projections_are_counted(depth):
    model = cnnzoo.create_model(f"resnet{depth}", shortcut="B")
    table = layer_table(model)
    assert (*count_parameters(model), table.macs) == OPTION_B[depth]
    assert table.not_counted == ()


def test_a_shortcut_without_parameters_sees_every_second_pixel():
    model = cnnzoo.models.resnet20(kernel_initializer="zeros", input_shape=(5, 6, 3))
    maps = np.random.default_rng(0).random((1, 5, 6, 16), dtype="float32")
    pool, zeros = (model.get_layer(f"conv3_1_shortcut_{part}") for part in ("pool", "zeros"))
    found = np.asarray(zeros(pool(maps)))
    np.testing.assert_array_equal(found, np.pad(maps[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (0, 16)]))


@pytest.mark.parametrize("shortcut", ["C", "a", None, ["A"]])
def test_an_unknown_shortcut_is_refused(shortcut):
    with pytest.raises(ValueError, match=r"`shortcut` must be 'A' or 'B'\. Received: shortcut="):
        cnnzoo.models.resnet20(shortcut=shortcut)


def test_they_are_of_the_family_of_the_paper():
    assert {f"resnet{depth}" for depth in DEPTHS} < set(cnnzoo.list_models(family="resnet"))
