"""LeNet-5 and AlexNet as courses have them, beside the same chains of layers in PyTorch."""

import importlib.util

import pytest

if not importlib.util.find_spec("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

from torch import nn

import cnnzoo
from tests.models import transcribed


def chain(**layers):
    """Put a ReLU after all that have weights but the last."""
    *_, last = layers
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
        if name != last and isinstance(layer, nn.Conv2d | nn.Linear):
            network.add_module(f"{name}_relu", nn.ReLU())
    return network


def lenet5():
    return chain(
        c1=nn.Conv2d(1, 6, 5),
        s2=nn.AvgPool2d(2),
        c3=nn.Conv2d(6, 16, 5),
        s4=nn.AvgPool2d(2),
        c5=nn.Conv2d(16, 120, 5),
        flatten=nn.Flatten(),
        f6=nn.Linear(120, 84),
        output=nn.Linear(84, 7),
    )


def alexnet():
    return chain(
        conv1=nn.Conv2d(3, 96, 11, 4),
        conv2=nn.Conv2d(96, 256, 5),
        pool2=nn.MaxPool2d(3, 2),
        conv3=nn.Conv2d(256, 384, 3),
        pool3=nn.MaxPool2d(3, 2),
        conv4=nn.Conv2d(384, 384, 3),
        conv5=nn.Conv2d(384, 256, 3),
        pool5=nn.MaxPool2d(3, 2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(1024, 4096),
        fc2=nn.Linear(4096, 4096),
        predictions=nn.Linear(4096, 7),
    )


@pytest.mark.parametrize(
    ("build", "side"), [(lenet5, 32), pytest.param(alexnet, 224, marks=pytest.mark.slow)], ids=["lenet5", "alexnet"]
)
def test_it_gives_what_the_chain_gives(build, side):
    theirs = transcribed.randomized(build())
    ours = cnnzoo.create_model(build.__name__, num_classes=7, classifier_activation=None)
    assert transcribed.difference(ours, theirs, lambda layer: layer, (side, side)) < transcribed.TOLERANCE
