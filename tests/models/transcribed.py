"""What compares our networks with transcriptions of their papers in PyTorch, with weights drawn at random."""

from __future__ import annotations

import keras
import numpy as np
import torch
from torch.nn import functional

import cnnzoo
from cnnzoo.models.cards import Counterpart
from cnnzoo.models.weights import load_state

TOLERANCE = 1e-4  # of the largest logit


def randomized(model: torch.nn.Module, nonlinearity: str = "relu") -> torch.nn.Module:
    """Draw kernels for ``nonlinearity``, and scales and statistics of normalisation that are not trivial."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            # PyTorch's own lets what differs in the images fade on the way
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity=nonlinearity)
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.1)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and module.bias is not None:
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return model.eval()


def difference(ours: keras.Model, theirs: torch.nn.Module, module, size: tuple[int, int]) -> float:
    """Return the largest difference of the logits, relative to the largest, after loading their weights."""
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    load_state(ours, state, Counterpart("a transcription", module))
    images = np.random.default_rng(0).standard_normal((2, *size, ours.input_shape[-1]), dtype="float32")
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    assert np.abs(wanted[0] - wanted[1]).max() > 0.05 * np.abs(wanted).max(), "the images hardly change the logits"
    found = keras.ops.convert_to_numpy(ours(images, training=False))
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def drawn(name, side):
    """Build a network that gives logits; give its weights, too, as PyTorch lays them out, by the layers' names."""
    model = cnnzoo.create_model(name, num_classes=7, input_shape=(side, side, 3), classifier_activation=None)
    random, weights = np.random.default_rng(0), {}
    for layer in (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)):
        layer.bias.assign(random.normal(0, 5, layer.bias.shape))
        axes = (3, 2, 0, 1) if isinstance(layer, keras.layers.Conv2D) else (1, 0)
        kernel, bias = (keras.ops.convert_to_numpy(weight.value) for weight in layer.weights)
        weights[layer.name] = torch.from_numpy(kernel.transpose(axes).copy()), torch.from_numpy(bias)
    return model, weights


def relative_difference(model, weights, transcribed):
    """Give images of 0 to 255, which response normalisation changes, to both; return how far they are apart."""
    images = np.random.default_rng(1).random((2, *model.input_shape[1:]), dtype="float32") * 255
    with torch.no_grad():
        wanted = transcribed(weights, torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = keras.ops.convert_to_numpy(model(images, training=False))
    assert found.shape == wanted.shape == (2, 7)
    return np.abs(found - wanted).max() / np.abs(wanted).max()


def normalized(maps, factor=5):
    """Section 3.3 of Krizhevsky et al., 2012; PyTorch divides alpha by the five neighbours, which ``factor`` undoes."""
    return functional.local_response_norm(maps, 5, alpha=factor * 1e-4, beta=0.75, k=2)


def classified(weights, maps, hidden):
    """Flatten the maps with their channels last, and apply the dense layers."""
    x = maps.permute(0, 2, 3, 1).flatten(1)
    for name in hidden:
        x = functional.linear(x, *weights[name]).relu()
    return functional.linear(x, *weights["predictions"])
