"""Weights: as Keras publishes them, in the layout of HDF5 that the first Keras had; and such as make a difference."""

import h5py
import keras
import numpy as np


def write_official(path, model, *, renamed=None):
    """Write the weights of ``model``, whose layers may be ``renamed``, and return them in the order of the file."""
    renamed = renamed or {}
    with h5py.File(path, "w") as file:
        names = [renamed.get(layer.name, layer.name) for layer in model.layers]
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.0.3"
        for name, layer in zip(names, model.layers, strict=True):
            group = file.create_group(name)
            weights = [f"{name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([weight.encode() for weight in weights])
            for weight, values in zip(weights, layer.get_weights(), strict=True):
                group.create_dataset(weight, data=values)
    return model.get_weights()


def lively(model, gain=4):
    """Return ``model`` with seeded kernels that keep the signal: Keras' own let it fade in networks that are deep."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = np.prod(layer.kernel.shape[:2] if depthwise else layer.kernel.shape[:-1])
            layer.kernel.assign(rng.normal(0, np.sqrt(gain / fan_in), layer.kernel.shape))
    return model
