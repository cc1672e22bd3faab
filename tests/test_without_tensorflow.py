"""On JAX and PyTorch, where TensorFlow is not installed, in a process for each: see ``without_tensorflow.py``."""

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.compiled_quickly import COMPILED_QUICKLY

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_what_needs_no_tensorflow_works_without_it(backend, run, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    finished = subprocess.run(
        [sys.executable, "-m", "tests.without_tensorflow", str(run.path), str(tmp_path)],
        env={**os.environ, **COMPILED_QUICKLY, "KERAS_BACKEND": backend},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split()[-1] == backend


def test_the_documented_command_lists_all_but_tensorflow():
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    (command,) = re.findall(r'^python -c "(.*)" > needed\.txt$', page, re.MULTILINE)
    printed = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout
    needed = [line for line in requires("cnnzoo") if Requirement(line).marker is None]
    assert sorted(printed.splitlines()) == sorted(line for line in needed if not line.startswith("tensorflow"))
