"""Which layers take over the normalisation of pixels, and which networks are left to themselves."""

from __future__ import annotations

from typing import Any

import keras

from cnnzoo._keras.graph import Call, graph_inputs, walk
from cnnzoo._keras.kinds import is_named

# A value of their output is a pixel, or a mean of pixels of the same channel
MOVING = frozenset(
    {
        *("ZeroPadding2D", "Cropping2D", "UpSampling2D", "Resizing", "CenterCrop", "Permute", "Transpose", "Identity"),
        *(
            "RandomCrop",
            "RandomFlip",
            "RandomRotation",
            "RandomTranslation",
            "RandomZoom",
            "SpatialDropout2D",
            "Dropout",
        ),
    }
)
# And of theirs, one of another channel, or one that is changed in training
CHANGING = frozenset({"Repeat", "Flip", "GetItem", "Cast", "RandomBrightness", "RandomContrast", "GaussianNoise"})
SCALING = frozenset(
    {
        *("Rescaling", "Normalization", "BatchNormalization", "GroupNormalization", "LayerNormalization"),
        *("RMSNormalization", "UnitNormalization", "Add", "Subtract", "Multiply", "Divide", "TrueDivide"),
    }
)

SCALES_ITSELF = "pixels are not normalized: the network scales them itself, by '{}'"
IS_FROZEN = "pixels are not normalized: '{}', which takes them, is frozen"


def layers_to_normalize(model: keras.Model) -> tuple[list[keras.layers.Conv2D], str]:
    """Return the convolutions that take the pixels, and where there are none, a line that says why.

    There are none where the graph of ``model`` begins with layers that scale the pixels, so that it has a normalisation
    of its own, and where the weights that the pixels meet first are frozen.

    Args:
        model: A functional or sequential model of one input.

    Raises:
        ValueError: The pixels meet something else first.
    """
    (pixels,) = graph_inputs(model)
    calls = list(walk(model, [pixels]))
    moved: set[int] = {id(pixels)}
    changed: set[int] = set()
    takers: list[Call] = []
    for call in calls:
        taken = {id(each) for each in call.inputs}
        if taken & (moved | changed):
            if is_named(call.operation, MOVING | CHANGING):
                is_moved = taken <= moved and is_named(call.operation, MOVING)
                (moved if is_moved else changed).update(map(id, call.outputs))
            else:
                takers.append(call)
    if takers and all(_scales(call) for call in takers):
        return [], SCALES_ITSELF.format(takers[0].name)
    frozen = next((call for call in takers if _is_frozen(call.operation)), None)
    if frozen is not None:
        return [], IS_FROZEN.format(frozen.name)
    convolutions = [call.operation for call in takers]
    once = [call.operation for call in calls].count
    for call in takers:
        if not _can_normalize(call) or id(call.inputs[0]) not in moved or once(call.operation) > 1:
            raise ValueError(
                "`normalize` needs a network that begins with a Conv2D with a bias and one group, called once, which "
                f"takes it over. Received one that begins with: {type(call.operation).__name__} "
                f"'{call.name}'. Give a recipe with `normalize=False`."
            )
    return convolutions, ""


def _scales(call: Call) -> bool:
    return len(call.inputs) == 1 and is_named(call.operation, SCALING)


def _is_frozen(layer: Any) -> bool:
    """Tell whether ``layer`` may not change: of a convolution, not in any part."""
    if not isinstance(layer, keras.Layer) or not layer.weights:
        return False
    learned = len(layer.trainable_weights)
    return learned < len(layer.weights) if isinstance(layer, keras.layers.Conv2D) else not learned


def _can_normalize(call: Call) -> bool:
    layer, (taken, *more) = call.operation, call.inputs
    if type(layer) is not keras.layers.Conv2D or more or not layer.use_bias or layer.groups != 1:
        return False
    return taken.channels == (0 if layer.data_format == "channels_first" else 2)
