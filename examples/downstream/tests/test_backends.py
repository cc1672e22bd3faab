"""The same outputs on JAX and PyTorch, where they are installed."""

from importlib.util import find_spec

import keras
import pytest
from letters import joined

from cnnzoo.testing import CHECKS, check_network

OTHERS = [name for name in ("tensorflow", "jax", "torch") if find_spec(name) and name != keras.config.backend()]


@pytest.mark.skipif(not OTHERS, reason="no other backend of Keras is installed")
def test_two_networks_give_the_same_on_other_backends():
    check_network(joined, skip={name: "test_networks.py has it" for name in CHECKS if name != "backends"})
