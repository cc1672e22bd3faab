"""What the layers of a network give."""

from collections.abc import Sequence

import keras

from cnnzoo._keras.graph import graph_inputs, layer_names, outputs_of
from cnnzoo._support.lookup import look_up


def features(model: keras.Model, layers: str | Sequence[str]) -> keras.Model:
    """Return a model, on the layers of ``model``, that gives what the named layers give.

    Args:
        model: A functional or sequential Keras model of one input.
        layers: The name of a layer, or several, as ``layer_table`` gives them: in a model within it,
            "backbone/block1_conv1". "backbone" is what that model gives.

    Returns:
        A model with the input of ``model``. It gives a dictionary of name and output, float of shape
        (n, height, width, channels) or (n, units), for several names; the output alone for one given as a string. A
        layer with ``data_format="channels_first"`` gives maps of shape (n, channels, height, width).

    Raises:
        ValueError: There is no layer of that name, and the message suggests the nearest; none is named; or ``model`` is
            subclassed or not built.

    >>> import cnnzoo
    >>> features(cnnzoo.models.lenet5(), "c1").output_shape
    (None, 28, 28, 6)
    """
    asked = [layers] if isinstance(layers, str) else layers
    if not asked:
        raise ValueError("`layers` must name at least one layer. Received none.")
    graph_inputs(model)  # raises where there is no graph to look into
    there = {name: name for name in layer_names(model)}
    found = outputs_of(model, [look_up(there, name, "layer") for name in asked])
    outputs = {name: found[name] for name in asked}
    if isinstance(layers, str):
        return keras.Model(model.inputs[0], outputs[layers], name=f"{model.name}_{layers.replace('/', '_')}")
    return keras.Model(model.inputs[0], outputs, name=f"{model.name}_features")
