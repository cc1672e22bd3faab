"""The outputs of a network's layers."""

from collections.abc import Sequence

import keras

from cnnzoo._keras.graph import graph_inputs, layer_names, outputs_of
from cnnzoo._support.lookup import look_up


def features(model: keras.Model, layers: str | Sequence[str]) -> keras.Model:
    """Return a model that outputs the given layers of ``model``, sharing its weights.

    Args:
        model: A functional or sequential Keras model with one input.
        layers: One layer name or several, as in ``layer_table``. For a layer of a nested model:
            "backbone/block1_conv1"; "backbone" is the output of the nested model.

    Returns:
        A model with the input of ``model``. For a single string it returns that layer's output; for several names, a
        dictionary of outputs by name. Outputs are float of shape (n, height, width, channels) or (n, units); layers
        with ``data_format="channels_first"`` return (n, channels, height, width).

    Raises:
        ValueError: There is no layer of that name (the message suggests the nearest), ``layers`` is empty, or
            ``model`` is subclassed or not built.

    >>> import cnnzoo
    >>> features(cnnzoo.models.lenet5(), "c1").output_shape
    (None, 28, 28, 6)
    """
    asked = [layers] if isinstance(layers, str) else layers
    if not asked:
        raise ValueError("`layers` must name at least one layer. Received: none")
    graph_inputs(model)  # raises an error if the model has no graph
    there = {name: name for name in layer_names(model)}
    found = outputs_of(model, [look_up(there, name, "layer") for name in asked])
    outputs = {name: found[name] for name in asked}
    if isinstance(layers, str):
        return keras.Model(model.inputs[0], outputs[layers], name=f"{model.name}_{layers.replace('/', '_')}")
    return keras.Model(model.inputs[0], outputs, name=f"{model.name}_features")
