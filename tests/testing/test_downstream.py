"""The pins of ``examples/downstream`` on other backends; ``.ci/run`` runs all of its tests, against the wheel."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.compiled_quickly import COMPILED_QUICKLY

DOWNSTREAM = Path(__file__).parents[2] / "examples" / "downstream"


def run_its_tests(*words, backend):
    environment = {**os.environ, **COMPILED_QUICKLY, "CI": "true", "KERAS_BACKEND": backend}
    environment["PYTHONPATH"] = str(DOWNSTREAM / "src")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    finished = subprocess.run(command, cwd=DOWNSTREAM, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout
    assert " passed" in finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_pins_and_contract_hold_on_every_backend(backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run_its_tests("tests/test_networks.py", backend=backend)
