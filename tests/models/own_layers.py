"""What the layers that Keras lacks give, on the backend that is loaded: networks with weights drawn by NumPy."""

import keras
import numpy as np

import cnnzoo
from cnnzoo.models.layers import AdaptiveAveragePooling

# TableConv2D and RadialBasisFunctions, CeilAveragePooling2D, ZeroChannels, LocalResponseNormalization, ChannelShuffle
# and ChannelSlice
NETWORKS = {
    "lenet5_1998": {},
    "nin_cifar10": {},
    "resnet20": {},
    "alexnet_2012": {"input_shape": (67, 70, 3), "include_top": False},
    "shufflenet_v2_x0_5": {"input_shape": (64, 70, 3)},
}


def outputs():
    """Give what each network gives for two images, and what AdaptiveAveragePooling gives for maps."""
    maps = np.random.default_rng(0).random((2, 7, 15, 3), dtype="float32")
    found = {"adaptive": keras.ops.convert_to_numpy(AdaptiveAveragePooling(6)(maps))}
    for name, options in NETWORKS.items():
        model, rng = cnnzoo.create_model(name, **options), np.random.default_rng(0)
        for variable in model.trainable_variables:
            fan_in = max(np.prod(variable.shape[:-1]), 1)
            variable.assign(rng.normal(0, (2 / fan_in) ** 0.5, variable.shape))
        images = rng.random((2, *model.input_shape[1:]), dtype="float32")
        found[name] = keras.ops.convert_to_numpy(model(images, training=False))
    return found
