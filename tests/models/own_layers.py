"""What the layers that Keras lacks give, on the backend that is loaded: networks with weights drawn by NumPy."""

import keras
import numpy as np

import cnnzoo
from cnnzoo.models import layers

LAYERS = {
    "responses": layers.LocalResponseNormalization(alpha=0.1),
    "shuffled": layers.ChannelShuffle(3),
    "padded": layers.ZeroChannels(2),
    "sliced": layers.ChannelSlice(2, 5),
    "adaptive": layers.AdaptiveAveragePooling(6),
    "ceil": layers.CeilAveragePooling2D(3, 2),
}
# TableConv2D and RadialBasisFunctions; a deep network with blocks, strides and normalisations
NETWORKS = ("lenet5_1998", "resnet20")


def outputs():
    """Give what each layer gives for maps, and each network for two images."""
    maps = np.random.default_rng(0).random((2, 8, 15, 6), dtype="float32")
    found = {name: keras.ops.convert_to_numpy(layer(maps)) for name, layer in LAYERS.items()}
    for name in NETWORKS:
        model, rng = cnnzoo.create_model(name), np.random.default_rng(0)
        for variable in model.trainable_variables:
            fan_in = max(np.prod(variable.shape[:-1]), 1)
            variable.assign(rng.normal(0, (2 / fan_in) ** 0.5, variable.shape))
        images = rng.random((2, *model.input_shape[1:]), dtype="float32")
        found[name] = keras.ops.convert_to_numpy(model(images, training=False))
    return found
