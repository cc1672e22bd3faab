"""Networks for PyTorch: weights that torchvision's networks load strictly, and modules that are written for others."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors import safe_open

import cnnzoo
from cnnzoo.training import Recipe, finetune
from tests._keras.test_onnx_graph import SMALLEST, built, shaken
from tests.photographs import write_two_colors

torch = pytest.importorskip("torch")

from cnnzoo.exporting._torch_module import torch_module  # noqa: E402

NAME = "shufflenet_v2_x0_5"
SEVEN = Path(__file__).parents[2] / "examples" / "seven.png"
HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None


QUICK = ["lenet1", "lenet5_1998", "nin_cifar10", "resnet20"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs of two colours."""
    return write_two_colors(tmp_path_factory.mktemp("photographs"), 4, 40)


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory):
    """A short fine-tuning of all layers."""
    recipe = Recipe(epochs=1, batch_size=4)
    out = tmp_path_factory.mktemp("run") / "run"
    return finetune(NAME, photographs, weights=None, image_size=32, recipe=recipe, out=out, progress=False)


@pytest.mark.slow
def test_the_file_has_torchvisions_names_and_says_how_to_use_it(run, tmp_path):
    exported = cnnzoo.export(run, tmp_path / "a.safetensors", to="torch")
    with safe_open(exported.path, "np") as file:
        metadata, names = file.metadata(), set(file.keys())
    assert metadata == exported.metadata
    assert metadata["torchvision"] == f"{NAME}(num_classes=2)"
    assert [json.loads(metadata[key]) for key in ("mean", "std", "class_names")] == [
        [0, 0, 0],
        [1, 1, 1],
        ["blue", "red"],
    ]
    assert {"conv1.0.weight", "conv1.1.running_var", "conv1.1.num_batches_tracked", "fc.weight", "fc.bias"} <= names


@pytest.mark.slow
def test_the_zoo_reads_it_back(run, tmp_path):
    exported = cnnzoo.export(run, tmp_path / "a.safetensors", to="torch")
    again = cnnzoo.create_model(NAME, weights=exported.path, input_shape=(32, 32, 3))
    assert again.output_shape == (None, 2)
    images = np.random.default_rng(1).random((3, 32, 32, 3), dtype="float32")
    np.testing.assert_array_equal(again(images, training=False), run.model(images, training=False))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
def test_torchvision_loads_it_strictly_and_gives_the_same(run, tmp_path):
    from safetensors.torch import load_file

    from tests.models.reference import torchvision

    exported = cnnzoo.export(run, tmp_path / "a.safetensors", to="torch")
    assert exported.verification.origin == "the run's test images"
    assert exported.verification.agreement == 1
    network = eval(f"torchvision.models.{exported.metadata['torchvision']}", {"torchvision": torchvision})
    network.load_state_dict(load_file(exported.path), strict=True)
    images = np.random.default_rng(1).random((3, 32, 32, 3), dtype="float32")
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(torch.softmax(logits, 1).numpy(), run.model(images, training=False), atol=1e-5)


@pytest.mark.slow
def test_other_images_than_torchvisions_make_a_module(tmp_path):
    """Of a network of torchvision, but for grey images."""
    recipe = Recipe(epochs=1, batch_size=20)
    options = {"weights": None, "image_size": 64, "limit": 20, "recipe": recipe, "progress": False}
    run = finetune(NAME, "digits", out=tmp_path / "run", **options)
    exported = cnnzoo.export(run, tmp_path / "a.safetensors", to="torch")
    assert "torchvision" not in exported.metadata
    assert "class Network(nn.Module):" in exported.metadata["module"]
    assert exported.verification.agreement == 1
    script = [sys.executable, exported.script, SEVEN]
    shown = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    (prediction,) = run.predict(SEVEN)
    name, probability = next(iter(prediction.probabilities.items()))
    assert shown.splitlines()[0] == f"{name}: {probability:.1%}"


def outputs_of_module(model, images):
    """Run the text of the module, which takes the weights strictly."""
    module = torch_module(model)
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    exec(module.text, names)
    network = names["Network"]()
    network.load_state_dict({name: torch.tensor(values) for name, values in module.state.items()}, strict=True)
    with torch.no_grad():
        return network.eval()(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()


def compare(model, shape):
    images = np.random.default_rng(0).standard_normal((3, *shape), np.float32)
    wanted = keras.ops.convert_to_numpy(model(images, training=False))
    found = outputs_of_module(model, images)
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert np.ptp(wanted) > 0


@pytest.mark.parametrize("name", QUICK)
def test_the_module_of_a_family_gives_what_keras_gives(name):
    model = shaken(built(name, SMALLEST[name], classifier_activation=None))
    compare(model, model.input_shape[1:])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALLEST.keys() - QUICK))
def test_the_module_of_a_larger_family_gives_what_keras_gives(name):
    model = shaken(built(name, SMALLEST[name], classifier_activation=None))
    compare(model, model.input_shape[1:])


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6"),
        keras.layers.Conv2D(6, (3, 2), groups=2, dilation_rate=2, use_bias=False),
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        keras.layers.Dense(5, activation="hard_sigmoid"),
        keras.layers.LayerNormalization(),
        keras.layers.MaxPooling2D(3, 2, padding="same"),
        keras.layers.AveragePooling2D(3, 2, padding="same"),
        keras.layers.ZeroPadding2D(((1, 2), (0, 3))),
        keras.layers.Cropping2D(((1, 2), (0, 3))),
        keras.layers.Permute((2, 1, 3)),
        keras.layers.Reshape((6, 8, 9)),
        keras.layers.LeakyReLU(0.2),
        keras.layers.ELU(0.5),
        keras.layers.Softmax(),
        *(
            keras.layers.Activation(each)
            for each in ("elu", "selu", "mish", "softplus", "softsign", "hard_silu", "gelu")
        ),
    ],
    ids=lambda layer: layer.name,
)
def test_the_module_of_a_layer_gives_what_keras_gives(layer):
    inputs = keras.Input((9, 8, 6))
    model = shaken(keras.Model(inputs, keras.layers.Flatten()(layer(inputs))))
    compare(model, (9, 8, 6))


def test_layers_with_names_that_python_has_and_shared_layers():
    inputs = keras.Input((6, 6, 2))
    shared = keras.layers.Conv2D(2, 3, padding="same", name="class")
    x = keras.layers.Concatenate(name="x")([shared(inputs), shared(shared(inputs))])
    for name in ("forward", "training", "type", "half", "eval", "x"):
        x = keras.layers.Conv2D(3, 1, name=f"{name}_" if name == "x" else name)(x)
    x = keras.ops.minimum(keras.ops.maximum(x, -0.1), 0.9)
    x = keras.layers.Maximum()([x, keras.layers.Conv2D(3, 3, padding="same", dilation_rate=2)(x)])
    compare(shaken(keras.Model(inputs, keras.layers.Flatten(name="2_d")(x))), (6, 6, 2))
