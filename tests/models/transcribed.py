"""What compares our networks with transcriptions of their papers in PyTorch, with weights drawn at random."""

from __future__ import annotations

import keras
import numpy as np
import torch

from cnnzoo.models._torch_layout import load_torch

TOLERANCE = 1e-4  # of the largest logit


def randomized(model: torch.nn.Module) -> torch.nn.Module:
    """Draw scales and statistics of normalisation that are not trivial."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.reset_parameters()
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.1)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def difference(ours: keras.Model, theirs: torch.nn.Module, module, size: tuple[int, int]) -> float:
    """Return the largest difference of the logits, relative to the largest, after loading their weights."""
    load_torch(ours, {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}, module)
    images = np.random.default_rng(0).random((2, *size, ours.input_shape[-1]), dtype="float32")
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = keras.ops.convert_to_numpy(ours(images, training=False))
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())
