"""R. R. Selvaraju et al., 2017: Grad-CAM: visual explanations from deep networks via gradient-based localization."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.ending import Ending, class_scores, count_classes, find_ending, without_activation
from cnnzoo._keras.graph import graph_inputs, run, walk
from cnnzoo._keras.kinds import is_kind
from cnnzoo._keras.layout import takes_channels_first
from cnnzoo._keras.scale import Scale
from cnnzoo._support.arguments import check_integer
from cnnzoo._support.lookup import look_up
from cnnzoo.inspect._heatmaps import Classes, check_classes, check_images, normalized


def gradcam(
    model: keras.Model,
    images: np.ndarray,
    class_index: Classes = None,
    layer: str | None = None,
    *,
    batch_size: int = 16,
    scale: Scale | None = None,
) -> np.ndarray:
    """Show which regions of each image support a class: Grad-CAM, on any Keras backend.

    The feature maps of ``layer`` are summed, each weighted by the mean gradient of the class' logit with respect to
    it; negative values are set to 0 (section 3, equations 1 and 2). If ``model`` ends in a softmax or a sigmoid, it is
    bypassed; if it cannot be separated from its layer, the gradient is that of the log-probability, or of the logit
    computed from it. For a single output (two classes), the logit of the first class is the negative.

    Args:
        model: A functional or sequential image classifier; the layer may be in a nested model.
        images: Of shape (n, height, width, channels), or channels first if ``model`` expects that; float in the
            model's input range, or uint8.
        class_index: A class number, or one per image; None: the predicted class.
        layer: Name of the layer, as in ``layer_table``; None: the last layer, other than pooling, with maps larger
            than one pixel.
        batch_size: Images per batch, at least 1.
        scale: The model's input range, "unit" or "byte", as in ``cnnzoo.evaluation.evaluate``.

    Returns:
        Float32 in [0, 1] of shape (n, height, width), at the size of ``images``. The maximum of each map is 1; if
        nothing supports the class, the map is all 0.

    Raises:
        ValueError: There is no such layer or it outputs no feature maps, the images do not fit, or ``model`` is
            subclassed.

    Reference:
        https://arxiv.org/abs/1610.02391

    >>> import cnnzoo
    >>> gradcam(cnnzoo.models.lenet5(), np.ones((2, 32, 32, 1), np.float32)).shape
    (2, 32, 32)
    """
    batch_size = check_integer("batch_size", batch_size, least=1)
    images = check_images(model, images, scale)
    name, channels = _choose_layer(model, layer)
    asked = check_classes(model, class_index, len(images))
    ending = find_ending(model, lambda: model(images[:batch_size], training=False))
    heat = []
    for start in range(0, len(images), batch_size):
        batch = keras.ops.convert_to_tensor(images[start : start + batch_size])
        maps, scores = _forward(model, batch, name, None, ending)
        predicted = keras.ops.convert_to_numpy(keras.ops.argmax(scores, axis=-1))
        classes = predicted if asked is None else asked[start : start + batch_size]
        gradients = _gradients(model, batch, name, classes, keras.ops.zeros_like(maps), ending)
        last = [np.moveaxis(each.astype(np.float32), channels, -1) for each in (gradients, _array(maps))]
        weights = last[0].mean(axis=(1, 2), keepdims=True)
        heat.append((weights * last[1]).sum(axis=-1))
    size = images.shape[2:] if takes_channels_first(model) else images.shape[1:3]
    return normalized(_resized(np.maximum(np.concatenate(heat), 0), size))


def _array(tensor: Any) -> np.ndarray:
    values: np.ndarray = keras.ops.convert_to_numpy(tensor)
    return values


def _choose_layer(model: keras.Model, layer: str | None) -> tuple[str, int]:
    """Return the name of the layer and the channel axis of its maps, counting the batch axis."""
    calls = list(walk(model, graph_inputs(model)))
    with_maps = [call for call in calls if len(call.outputs[0].shape) == 3]
    if layer is not None:
        found = look_up({call.name: call for call in calls}, layer, "layer")
        if len(found.outputs[0].shape) != 3:
            raise ValueError(
                f"`layer` must output feature maps. Received: '{layer}', which outputs {found.outputs[0].shape}"
            )
        return layer, found.outputs[0].channels + 1
    for call in reversed(with_maps):
        if not is_kind(call.operation, "pooling") and call.outputs[0].spatial != (1, 1):
            return call.name, call.outputs[0].channels + 1
    raise ValueError("`model` must have a layer that outputs feature maps. Received a model without one.")


def _forward(model: keras.Model, batch: Any, name: str, change: Any, ending: Ending) -> tuple[Any, Any]:
    """Return the maps of the layer ``name``, plus ``change``, and the logit of each class."""
    seen: dict[str, Any] = {}

    def call(called: str, operation: Any, is_on_trail: bool, *arguments: Any, **options: Any) -> Any:
        ends = is_on_trail and operation is ending.operation
        given = (without_activation(operation) if ends else operation)(*arguments, **options)
        if called == name:
            seen["maps"] = given = given if change is None else given + change
        return given

    (outputs,) = run(model, [batch], call, trail=ending.trail)
    return seen["maps"], class_scores(outputs, ending.kind_without_activation)


def _resized(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ``heat`` of shape (n, height, width) resized bilinearly to ``size``."""
    enlarged = keras.ops.image.resize(heat[..., None], size, data_format="channels_last")
    pixels: np.ndarray = keras.ops.convert_to_numpy(enlarged)[..., 0]
    return pixels


def _gradients(
    model: keras.Model, batch: Any, name: str, classes: np.ndarray, change: Any, ending: Ending
) -> np.ndarray:
    """Return the gradients of the logits of ``classes`` with respect to the maps of the layer ``name``."""
    chosen = keras.ops.one_hot(classes, count_classes(model))

    def score(change: Any) -> Any:
        _, scores = _forward(model, batch, name, change, ending)
        return keras.ops.sum(scores * chosen)

    gradient: np.ndarray = keras.ops.convert_to_numpy(_BACKENDS[keras.config.backend()](score, change))
    return gradient


def _by_tensorflow(score: Callable[[Any], Any], at: Any) -> Any:
    with importlib.import_module("tensorflow").GradientTape() as tape:
        tape.watch(at)
        value = score(at)
    return tape.gradient(value, at)


def _by_jax(score: Callable[[Any], Any], at: Any) -> Any:
    return importlib.import_module("jax").grad(score)(at)


def _by_torch(score: Callable[[Any], Any], at: Any) -> Any:
    torch = importlib.import_module("torch")
    with torch.enable_grad():
        at = at.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(score(at), at)
    return gradient


_BACKENDS = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
