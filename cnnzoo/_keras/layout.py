"""Whether a model takes images with the channels last or first."""

import keras

from cnnzoo._keras.graph import graph_inputs, is_graph


def takes_channels_first(model: keras.Model) -> bool:
    """Tell whether ``model`` takes images of shape (n, channels, height, width): its layers say so.

    Where no layer tells, or ``model`` has no graph, it is as Keras is set.
    """
    if not is_graph(model):
        return bool(keras.config.image_data_format() == "channels_first")
    image = graph_inputs(model)[0]
    return len(image.shape) > 1 and image.channels == 0


def check_channels_last(model: keras.Model, purpose: str) -> None:
    """Raise ``ValueError`` where ``model`` takes images with the channels first.

    Args:
        model: A Keras model.
        purpose: What needs the channels last, as the end of "`model` must take images of this shape ...".
    """
    if takes_channels_first(model):
        channels, *size = model.input_shape[1:]
        raise ValueError(
            f"`model` must take images of shape (n, height, width, channels) {purpose}. Received one that takes "
            f"(n, {', '.join(map(str, (channels, *size)))}): its layers have `data_format='channels_first'`. Wrap it: "
            f"`keras.Sequential([keras.Input({(*size, channels)}), keras.layers.Permute((3, 1, 2)), model])`."
        )
