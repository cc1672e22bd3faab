"""The DenseNets of CIFAR, beside a transcription of section 3; those of ImageNet are compared with torchvision's."""

import importlib.util

import keras
import pytest

import cnnzoo

if not importlib.util.find_spec("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

from tests.models import transcribed


def bn_relu_conv(channels, filters, size):
    """Give the composite function of section 3."""
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, filters, size, padding=size // 2, bias=False)
    )


class DenseNet(nn.Module):
    """A DenseNet of three blocks: all layers in one list, in order."""

    def __init__(self, depth, growth_rate, is_bc):
        super().__init__()
        self.per_block = (depth - 4) // (6 if is_bc else 3)
        channels = 2 * growth_rate if is_bc else 16
        self.first = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.layers, self.transitions = nn.ModuleList(), nn.ModuleList()
        for block in range(3):
            for _ in range(self.per_block):
                if is_bc:
                    layer = nn.Sequential(
                        bn_relu_conv(channels, 4 * growth_rate, 1), bn_relu_conv(4 * growth_rate, growth_rate, 3)
                    )
                else:
                    layer = nn.Sequential(bn_relu_conv(channels, growth_rate, 3))
                self.layers.append(layer)
                channels += growth_rate
            if block < 2:
                self.transitions.append(bn_relu_conv(channels, channels // 2 if is_bc else channels, 1))
                channels = channels // 2 if is_bc else channels
        self.last = nn.BatchNorm2d(channels)
        self.classes = nn.Linear(channels, 7)

    def forward(self, images):
        maps = [self.first(images)]  # x_l = H_l([x_0, x_1, ..., x_(l - 1)]), equation 2
        for number, layer in enumerate(self.layers):
            if number and number % self.per_block == 0:
                transition = self.transitions[number // self.per_block - 1]
                maps = [nn.functional.avg_pool2d(transition(torch.cat(maps, 1)), 2)]
            maps.append(layer(torch.cat(maps, 1)))
        return self.classes(torch.relu(self.last(torch.cat(maps, 1))).mean((2, 3)))

    def module(self, layer):
        """Return the name of the module of a layer of ours."""
        if layer in (ends := {"conv1_conv": "first", "last_bn": "last", "predictions": "classes"}):
            return ends[layer]
        place, *numbers, kind = layer.split("_")
        kind = {"bn": 0, "conv": 2}[kind]
        if place.startswith("transition"):
            return f"transitions.{int(place[-1]) - 1}.{kind}"
        layer, *part = (int(number) - 1 for number in numbers)
        return f"layers.{(int(place[-1]) - 1) * self.per_block + layer}.{part[0] if part else 0}.{kind}"


@pytest.mark.parametrize(
    ("name", "depth", "growth_rate", "is_bc"),
    [
        ("densenet_40_12", 40, 12, False),
        pytest.param("densenet_bc_100_12", 100, 12, True, marks=pytest.mark.slow),
        pytest.param("densenet_bc_250_24", 250, 24, True, marks=pytest.mark.slow),
    ],
)
def test_it_gives_what_the_equations_give(name, depth, growth_rate, is_bc):
    theirs = transcribed.randomized(DenseNet(depth, growth_rate, is_bc))
    ours = cnnzoo.create_model(name, num_classes=7, input_shape=(9, 12, 3), classifier_activation=None)
    assert transcribed.difference(ours, theirs, theirs.module, (9, 12)) < transcribed.TOLERANCE


def test_dropout_follows_every_convolution_but_the_first():
    model = cnnzoo.models.densenet_40_12(dropout_rate=0.2, input_shape=(8, 8, 3), kernel_initializer="zeros")
    convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.2] * (convolutions - 1) == [0.2] * 38
    for made, then in zip(model.layers, model.layers[1:], strict=False):
        follows = isinstance(made, keras.layers.Conv2D) and made.name != "conv1_conv"
        assert isinstance(then, keras.layers.Dropout) == follows, then.name
