"""The wide ResNets of CIFAR, beside a transcription of table 1 and figure 1 of the paper."""

import importlib.util

import keras
import numpy as np
import pytest

import cnnzoo

if not importlib.util.find_spec("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

from tests.models import transcribed

NAMES = [name for name in cnnzoo.list_models(family="wide_resnet") if name.startswith("wrn")]


class Block(nn.Module):
    """Normalisation and ReLU precede each convolution."""

    def __init__(self, before, filters, strides):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, filters, 3, strides, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(filters), nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        changes = before != filters or strides > 1
        self.projection = nn.Conv2d(before, filters, 1, strides, bias=False) if changes else None

    def forward(self, x):
        active = torch.relu(self.bn1(x))
        residual = self.conv2(torch.relu(self.bn2(self.conv1(active))))
        return residual + (self.projection(active) if self.projection else x)


class WideResNet(nn.Module):
    """Three stages of (depth - 4) / 6 blocks."""

    def __init__(self, depth, widening, num_classes=7):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        stages, before = [], 16
        for width, strides in ((16, 1), (32, 2), (64, 2)):
            filters = width * widening
            stages.append(nn.Sequential(Block(before, filters, strides)))
            stages[-1].extend(Block(filters, filters, 1) for _ in range((depth - 4) // 6 - 1))
            before = filters
        self.stages, self.norm = nn.Sequential(*stages), nn.BatchNorm2d(before)
        self.classifier = nn.Linear(before, num_classes)

    def forward(self, images):
        return self.classifier(torch.relu(self.norm(self.stages(self.first(images)))).mean((2, 3)))


def module(layer):
    """Return the transcription's name of one of our layers."""
    if layer in (others := {"conv1_conv": "first", "conv4_bn": "norm", "predictions": "classifier"}):
        return others[layer]
    stage, block, part, kind = layer.removeprefix("conv").split("_")
    place = f"stages.{int(stage) - 2}.{int(block) - 1}"
    return f"{place}.projection" if part == "shortcut" else f"{place}.{kind}{part}"


def difference(name, size):
    depth, widening = map(int, name.split("_")[1:])
    ours = cnnzoo.create_model(name, num_classes=7, input_shape=(None, None, 3), classifier_activation=None)
    return transcribed.difference(ours, transcribed.randomized(WideResNet(depth, widening)), module, size)


@pytest.mark.parametrize("name", ["wrn_16_4", "wrn_40_1"])
@pytest.mark.parametrize("size", [(32, 32), (9, 14)])
def test_outputs_are_those_of_the_paper(name, size):
    assert difference(name, size) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("wrn_16_4", "wrn_40_1")])
def test_outputs_of_the_larger_are_those_of_the_paper(name):
    assert difference(name, (8, 8)) < 1e-4


@pytest.mark.usefixtures("weightless")
def test_dropout_stands_between_the_two_convolutions_of_each_block():
    plain, dropping = cnnzoo.models.wrn_16_4(), cnnzoo.models.wrn_16_4(dropout_rate=0.3)
    dropouts = [layer for layer in dropping.layers if isinstance(layer, keras.layers.Dropout)]
    blocks = [f"conv{stage}_{block}" for stage in (2, 3, 4) for block in (1, 2)]
    assert [layer.name for layer in dropouts] == [f"{block}_dropout" for block in blocks]
    for block, layer in zip(blocks, dropouts, strict=True):
        assert layer.rate == 0.3
        assert layer.input is dropping.get_layer(f"{block}_2_relu").output
        assert layer.output is dropping.get_layer(f"{block}_2_conv").input
    assert [layer.name for layer in plain.layers] == [layer.name for layer in dropping.layers if layer not in dropouts]


def test_weights_fit_with_dropout_and_without(tmp_path):
    options = {"input_shape": (8, 8, 3), "num_classes": 3}
    cnnzoo.models.wrn_16_4(**options, dropout_rate=0.3).save(tmp_path / "a.keras")
    saved = keras.saving.load_model(tmp_path / "a.keras")
    loaded = cnnzoo.models.wrn_16_4(**options, weights=tmp_path / "a.keras")
    images = np.random.default_rng(0).random((2, 8, 8, 3), dtype="float32")
    np.testing.assert_allclose(loaded(images), saved(images, training=False), atol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1.0, "half", float("nan")])
def test_dropout_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=r"`dropout_rate` must lie in \[0, 1\)"):
        cnnzoo.models.wrn_16_4(dropout_rate=rate)
