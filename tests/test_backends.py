"""Networks, heat maps, seeds and reports on the other backends of Keras, a process for each: see ``on_backend.py``."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnzoo.inspect import gradcam
from tests.compiled_quickly import COMPILED_QUICKLY
from tests.inspect.corner import images, looks_at_a_corner
from tests.models import own_layers
from tests.report.reading import Page

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", params=["jax", "torch"])
def found(request, run, made_once):
    """The folder that the process of a backend leaves."""
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")

    def start(out):
        words = [sys.executable, "-m", "tests.on_backend", str(run.path), str(out)]
        environment = {**os.environ, "KERAS_BACKEND": backend, **COMPILED_QUICKLY}
        finished = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.split()[-1] == backend

    return made_once(backend, start)


def test_heat_lies_where_it_lies_on_every_backend(found):
    heat = np.load(found / "heat.npy")
    assert heat[:, :8, 24:].sum() / heat.sum() > 0.99
    np.testing.assert_allclose(heat, gradcam(looks_at_a_corner(), images), atol=1e-4)


def test_layers_that_keras_lacks_give_the_same_on_every_backend(found):
    maps = np.load(found / "maps.npz")
    for name, expected in own_layers.outputs().items():
        assert np.abs(maps[name] - expected).max() <= 1e-5 * np.abs(expected).max(), name


def test_a_report_is_whole_on_every_backend(found):
    text = Page(found / "report.html").text
    assert "Grad-CAM explanations" in text
    assert "Feature maps of a test image" in text
    assert "Missing information" not in text
