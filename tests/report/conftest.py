import shutil

import numpy as np
import pytest
from PIL import Image

import cnnzoo

HOSTILE = ("<img src=x onerror=alert(1)>", "<script>alert(2)<\u2044script> & \"'{{ 7 * 7 }}")


@pytest.fixture
def run_folder(run, tmp_path):
    """A copy of a run folder, which may be written."""
    return shutil.copytree(run.path, tmp_path / "lenet5")


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    """A run on a folder of images whose classes are named by somebody who means ill."""
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(HOSTILE):
        (data / name).mkdir()
        for number in range(10):
            pixels = rng.integers(100 * brightness, 100 * brightness + 100, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data / name / f"<b>{number}.png")
    out = tmp_path_factory.mktemp("runs") / "<i>run"
    return cnnzoo.training.train("lenet5", data=str(data), epochs=1, batch_size=4, out=out, progress=False)
