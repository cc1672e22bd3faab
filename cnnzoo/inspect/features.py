"""What the layers of a network give."""

from collections.abc import Sequence

import keras

from cnnzoo.lookup import look_up


def features(model: keras.Model, layers: str | Sequence[str]) -> keras.Model:
    """Return a model, on the layers of ``model``, that gives what the named layers give.

    Args:
        model: A functional or sequential Keras model of one input; layers inside models within it
            are not found.
        layers: The name of a layer, or several.

    Returns:
        A model with the input of ``model``. It gives a dictionary of name and output, float of shape
        (n, height, width, channels) or (n, units), for several names; the output alone for one given as a string.

    Raises:
        ValueError: There is no layer of that name; the message suggests the nearest.

    >>> import cnnzoo
    >>> features(cnnzoo.models.lenet5(), "c1").output_shape
    (None, 28, 28, 6)
    """
    by_name = {layer.name: layer for layer in model.layers}
    if isinstance(layers, str):
        return keras.Model(model.inputs[0], look_up(by_name, layers, "layer").output, name=f"{model.name}_{layers}")
    if not layers:
        raise ValueError("`layers` must name at least one layer. Received none.")
    outputs = {name: look_up(by_name, name, "layer").output for name in layers}
    return keras.Model(model.inputs[0], outputs, name=f"{model.name}_features")
