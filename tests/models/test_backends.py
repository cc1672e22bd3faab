"""The networks build, predict and hold their figures on every backend of Keras, from the same source."""

import importlib.util
import subprocess
import sys

import pytest

CODE = """
import sys
import numpy as np
import cnnzoo
from cnnzoo.inspect import layer_table
for name in cnnzoo.list_models():
    table = layer_table(cnnzoo.create_model(name, kernel_initializer="zeros"))
    assert (table.params, table.macs) == (cnnzoo.model_card(name).params, cnnzoo.model_card(name).macs), name
probabilities = cnnzoo.models.lenet5().predict(np.zeros((2, 32, 32, 1), "float32"), verbose=0)
assert np.allclose(probabilities.sum(axis=1), 1)
assert "tensorflow" not in sys.modules or "{backend}" == "tensorflow", "a network loaded TensorFlow"
import keras
print(keras.config.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_builds_on(backend, monkeypatch):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    code = CODE.replace("{backend}", backend)
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == backend
