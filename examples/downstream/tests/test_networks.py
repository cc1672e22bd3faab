"""Layers as pinned, and the contract of networks, for each of the four."""

import pytest
from letters import as_taught, frozen_backbone, joined, strokes

from cnnzoo.testing import assert_layers, check_network

every_network = pytest.mark.parametrize("builder", [as_taught, frozen_backbone, joined, strokes])


@every_network
def test_layers_are_as_pinned(builder, pin):
    assert_layers(builder(), pin)


@every_network
def test_it_keeps_the_contract(builder):
    check_network(builder, skip={"backends": "test_backends.py has it, as it takes long"})


def test_the_backbone_stays_as_it_is():
    model = frozen_backbone()
    assert [weight.path for weight in model.trainable_weights] == ["top/kernel", "top/bias"]
