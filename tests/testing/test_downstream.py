"""The project in ``examples/downstream``, as its own tests see it; ``.ci/run`` has it against the wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOWNSTREAM = Path(__file__).parents[2] / "examples" / "downstream"


@pytest.mark.slow
def test_its_tests_pass_with_the_pins_that_it_has():
    environment = {**os.environ, "CI": "true", "PYTHONPATH": str(DOWNSTREAM / "src")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    finished = subprocess.run(command, cwd=DOWNSTREAM, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout
