"""Whether a model expects images with channels last or channels first."""

import keras

from cnnzoo._keras.graph import graph_inputs, is_graph


def takes_channels_first(model: keras.Model) -> bool:
    """Tell from its layers whether ``model`` expects images of shape (n, channels, height, width).

    If no layer has a data format, or ``model`` has no graph, Keras' default applies.
    """
    if not is_graph(model):
        return bool(keras.config.image_data_format() == "channels_first")
    image = graph_inputs(model)[0]
    return len(image.shape) > 1 and image.channels == 0


def check_channels_last(model: keras.Model, purpose: str) -> None:
    """Raise ``ValueError`` if ``model`` expects images with channels first.

    Args:
        model: A Keras model.
        purpose: What needs channels last, as the end of "`model` must accept images of this shape ...".
    """
    if takes_channels_first(model):
        channels, *size = model.input_shape[1:]
        raise ValueError(
            f"`model` must accept images of shape (n, height, width, channels) {purpose}. Received a model for "
            f"(n, {', '.join(map(str, (channels, *size)))}): its layers have `data_format='channels_first'`. Wrap it: "
            f"`keras.Sequential([keras.Input({(*size, channels)}), keras.layers.Permute((3, 1, 2)), model])`."
        )
