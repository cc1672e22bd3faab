"""Runs as torchvision's weights: its network loads them strictly, and gives the same."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

import cnnzoo
from cnnzoo.export import export_torch
from cnnzoo.training import Recipe, finetune

NAME = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short fine-tuning of all layers, on photographs of two colours."""
    folder, rng = tmp_path_factory.mktemp("export"), np.random.default_rng(0)
    for name, color in (("blue", (40, 60, 200)), ("red", (200, 50, 40))):
        (folder / name).mkdir()
        for number in range(4):
            pixels = np.clip(rng.normal(0, 40, (40, 40, 3)) + color, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return finetune(
        NAME,
        folder,
        weights=None,
        image_size=32,
        recipe=Recipe(epochs=1, batch_size=4),
        out=folder.parent / "run",
        progress=False,
    )


@pytest.mark.slow
def test_the_file_has_torchvisions_names_and_says_how_to_use_it(run, tmp_path):
    exported = export_torch(run.path, tmp_path / "a.safetensors")
    assert (exported.network, exported.class_names) == (f"torchvision.models.{NAME}(num_classes=2)", ("blue", "red"))
    assert (exported.mean, exported.std) == ((0, 0, 0), (1, 1, 1))
    with safe_open(exported.path, "np") as file:
        metadata, names = file.metadata(), set(file.keys())
    assert json.loads(metadata["class_names"]) == ["blue", "red"]
    assert {"conv1.0.weight", "conv1.1.running_var", "conv1.1.num_batches_tracked", "fc.weight", "fc.bias"} <= names
    with pytest.raises(FileExistsError):
        export_torch(run.path, tmp_path / "a.safetensors")


@pytest.mark.slow
def test_the_zoo_reads_it_back(run, tmp_path):
    exported = export_torch(run.path, tmp_path / "a.safetensors")
    again = cnnzoo.create_model(NAME, weights=exported.path, input_shape=(32, 32, 3))
    assert again.output_shape == (None, 2)
    images = np.random.default_rng(1).random((3, 32, 32, 3), dtype="float32")
    np.testing.assert_array_equal(again(images, training=False), run.model(images, training=False))


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")
def test_torchvision_loads_it_strictly_and_gives_the_same(run, tmp_path):
    from safetensors.torch import load_file

    from tests.models.reference import torch, torchvision

    exported = export_torch(run.path, tmp_path / "a.safetensors")
    network = eval(exported.network, {"torchvision": torchvision})
    network.load_state_dict(load_file(exported.path), strict=True)
    images = np.random.default_rng(1).random((3, 32, 32, 3), dtype="float32")
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(torch.softmax(logits, 1).numpy(), run.model(images, training=False), atol=1e-5)


def test_a_network_that_torchvision_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Torchvision does not have lenet5, the network of 'lenet5'"):
        export_torch("lenet5", tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"must be a run folder, a network.s name, or a `Run`\. Received: <Functional"):
        export_torch(cnnzoo.models.lenet5(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        export_torch("lenet5", tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())
