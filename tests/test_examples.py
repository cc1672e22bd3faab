"""The examples, from their data to their pictures: the same scripts, on fewer images and for one epoch."""

import re
import runpy
from functools import partial
from pathlib import Path

import keras
import matplotlib.image
import pytest

import cnnzoo

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example(monkeypatch, tmp_path, capsys):
    """Run an example in an empty folder; gives what it printed."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def is_picture(path):
    return matplotlib.image.imread(path).std() > 0


@pytest.mark.slow
def test_lenet5_on_the_digits(example):
    told = example("lenet5_mnist.py")
    assert float(re.search(r"test accuracy ([\d.]+)% \(1,000 images\)", told)[1]) > 90
    assert all(map(is_picture, ("lenet5_training.png", "lenet5_prediction.png")))


@pytest.mark.slow
@pytest.mark.parametrize("network", ["alexnet", "lenet5"])
def test_a_network_on_a_tenth_of_cifar10(example, small_cifar10, monkeypatch, network):
    monkeypatch.setattr(cnnzoo.training, "train", partial(cnnzoo.training.train, epochs=1))
    told = example("cifar10.py", network, small_cifar10)
    assert "training images: (50, 32, 32, 3)" in told
    assert "% (10 images); chance is 10 %" in told
    pictures = [Path(f"{network}_images.png"), *Path("runs", f"{network}_cifar10").glob("*.png")]
    assert len(pictures) == 4
    assert all(map(is_picture, pictures))


@pytest.mark.slow
def test_transfer_of_vgg19(example, small_photos, tmp_path):
    weights = tmp_path / "vgg19_notop.weights.h5"
    keras.applications.VGG19(include_top=False, weights=None).save_weights(weights)
    assert "features: (10, 512)" in example("transfer_vgg19.py", small_photos, weights)
