"""MobileNet beside a transcription of table 1."""

import importlib.util

import pytest

if not importlib.util.find_spec("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

from torch import nn

import cnnzoo
from tests.models import transcribed

# The column "filter shape" of table 1 with that of "type / stride": "dw" depthwise, "pw" 1 x 1
LINES = """conv s2 3 32|dw s1 32|pw 32 64|dw s2 64|pw 64 128|dw s1 128|pw 128 128|dw s2 128|pw 128 256|dw s1 256|
pw 256 256|dw s2 256|pw 256 512|dw s1 512|pw 512 512|dw s1 512|pw 512 512|dw s1 512|pw 512 512|dw s1 512|pw 512 512|
dw s1 512|pw 512 512|dw s2 512|pw 512 1024|dw s1 1024|pw 1024 1024"""


class MobileNet(nn.Sequential):
    """All convolutions of the table in order; batch normalisation and a ReLU follow each, as in figure 3."""

    def __init__(self):
        layers = []
        for line in LINES.replace("\n", "").split("|"):
            kind, *rest = line.split()
            strides = int(rest.pop(0)[1:]) if kind != "pw" else 1
            given, filters = int(rest[0]), int(rest[-1])
            if kind == "pw":
                layers.append(nn.Conv2d(given, filters, 1, bias=False))
            else:
                groups = given if kind == "dw" else 1
                layers.append(nn.Conv2d(given, filters, 3, strides, padding=1, groups=groups, bias=False))
            layers += [nn.BatchNorm2d(filters), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 7))


def module(layer):
    """Return the place of the module of a layer of ours."""
    if layer == "predictions":
        return "83"
    place, *part, kind = layer.split("_")
    number = 0 if place == "first" else 2 * int(place.removeprefix("separable")) - (part == ["depthwise"])
    return str(3 * number + (kind == "bn"))


@pytest.mark.parametrize("size", [(32, 32), (33, 46)])
def test_it_gives_what_the_table_gives(size):
    ours = cnnzoo.models.mobilenet_v1(num_classes=7, input_shape=(*size, 3), classifier_activation=None)
    assert transcribed.difference(ours, transcribed.randomized(MobileNet()), module, size) < transcribed.TOLERANCE
