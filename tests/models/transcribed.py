"""Whether a network gives what a transcription of its paper in PyTorch gives, with the same weights drawn at random."""

import keras
import numpy as np
import torch

import cnnzoo
from cnnzoo.models._torch_layout import load_torch

TOLERANCE = 1e-4  # of the largest value


def difference(name, theirs, module, size):
    """Return the largest difference of the logits, relative to the largest logit."""
    torch.manual_seed(0)
    for each in theirs.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(each.weight, 1, 0.1)
            torch.nn.init.normal_(each.bias, 0, 0.1)
            torch.nn.init.normal_(each.running_mean, 0, 0.1)
            torch.nn.init.uniform_(each.running_var, 0.5, 1.5)
    ours = cnnzoo.create_model(name, num_classes=7, input_shape=(*size, 3), classifier_activation=None)
    load_torch(ours, {key: tensor.numpy() for key, tensor in theirs.state_dict().items()}, module)
    images = np.random.default_rng(0).random((2, *size, 3), dtype="float32")
    with torch.no_grad():
        logits = theirs.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = keras.ops.convert_to_numpy(ours(images, training=False))
    return np.abs(found - logits).max() / np.abs(logits).max()
