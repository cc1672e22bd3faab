"""The head of a classifier: finding it in the graph, removing it, and adding a new one."""

from __future__ import annotations

from typing import Any

import keras

from cnnzoo._keras.ending import activation_form, ending_by_graph, has_kernel
from cnnzoo._keras.graph import functional, graph_inputs, graph_outputs, is_graph, producers
from cnnzoo._keras.kinds import is_kind, is_named
from cnnzoo._keras.ready import make_exportable

POOLED, DROPPED, HEAD = "top_pool", "top_dropout", "top"  # layer names of a new head; saved runs contain them

# What belongs to the head, though it gives maps, where it comes directly before it
OF_THE_HEAD = frozenset({"Dropout", "SpatialDropout2D", "AdaptiveAveragePooling"})


def without_head(model: keras.Model, classifier: str | None = None) -> keras.Model:
    """Return ``model`` up to its last feature maps, sharing its layers; ``model`` itself if it has no head.

    The head starts where pooling or flattening turns feature maps into vectors, or at the convolution that computes the
    class scores, as in SqueezeNet. Dropout, or averaging to a fixed size, directly before it belongs to the head.

    Args:
        model: A functional or sequential model of images. A model whose outputs are feature maps, or vectors that are
            not class scores (global pooling, a dense layer with a ReLU), has no head.
        classifier: The name of the layer that computes the class scores; None: found from the graph.

    Raises:
        ValueError: ``model`` has inputs other than images, has no graph, or its graph branches within the head.
    """
    graph_inputs(model)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or len(model.outputs) != 1:
        raise ValueError(
            "The network must have one input, images of shape (n, height, width, channels), and one output. "
            f"Received a network with inputs {model.input_shape} and outputs {model.output_shape}"
        )
    if not has_head(model, classifier):
        return model
    function = functional(model)
    maps = _last_maps(function, function.outputs[0], classifier, found=False)
    if maps is None:
        raise ValueError(
            f"Cannot find where the head of '{model.name}' begins: between its output and the nearest global pooling "
            "or flattening of feature maps, the graph branches or ends. Build the backbone yourself: "
            "`keras.Model(model.inputs[0], model.get_layer(NAME).output)`."
        )
    backbone = keras.Model(function.inputs[0], maps, name=model.name)
    make_exportable(backbone)
    return backbone


def has_head(model: keras.Model, classifier: str | None = None) -> bool:
    """Tell whether ``model`` outputs class probabilities, or logits of a layer without activation."""
    if len(model.outputs[0].shape) != 2:
        return False
    if classifier is not None and any(layer.name == classifier for layer in model.layers):
        return True
    try:
        ending = ending_by_graph(model)
    except ValueError:  # several sigmoids, or a softmax of one value
        return True
    if ending is not None and ending.kind in ("softmax", "sigmoid"):
        return True
    layers = ending.layers if ending else ()
    last = next((layer for layer in layers if has_kernel(layer) or is_kind(layer, "global")), None)
    if last is not None and not has_kernel(last):  # of averages, as in SqueezeNet, a linear activation makes logits
        return is_named(layers[0], {"Activation"}) and activation_form(layers[0]) == "identity"
    return last is not None and activation_form(last) in ("identity", "log_softmax")


def _last_maps(function: Any, symbol: Any, classifier: str | None, *, found: bool, averaged: bool = False) -> Any:
    """Follow the graph back from ``symbol`` to the input of the head; None if the graph branches before it.

    Args:
        function: A graph.
        symbol: Its output.
        classifier: The name of the layer that computes the class scores, if known.
        found: Whether that layer has been passed.
        averaged: Whether a global pooling has: before it, 1 x 1 maps are those of small images, no vectors.
    """
    made_by = producers(function)
    while (node := made_by.get(id(symbol))) is not None and len(node.input_tensors) == 1:
        operation, taken = node.operation, node.input_tensors[0]
        if is_graph(operation):
            inner = functional(operation)
            maps = _last_maps(inner, inner.outputs[0], classifier, found=found, averaged=averaged)
            return None if maps is None else keras.Model(inner.inputs[0], maps, name=operation.name)(taken)
        if not found:
            found = operation.name == classifier if classifier else has_kernel(operation)
            if found and len(taken.shape) == 4 and (averaged or not _is_single(taken)):
                return _before_head(made_by, taken)
            averaged = averaged or is_kind(operation, "global")
        elif len(taken.shape) == 4 and _makes_vectors(operation, taken, node.outputs[0]):
            return _before_head(made_by, taken)
        symbol = taken
    return None


def _makes_vectors(operation: Any, taken: Any, given: Any) -> bool:
    """Tell whether feature maps become a vector, or 1 x 1 maps, which some networks use in place of a vector.

    Of small images, the last maps may be 1 x 1 before they are averaged.
    """
    if is_kind(operation, "global"):
        return True
    if given.shape == taken.shape and is_kind(operation, "reduction", "pooling", "adaptive"):
        return _is_single(taken)
    return len(given.shape) == 2 or (_is_single(given) and not _is_single(taken))


def _is_single(symbol: Any) -> bool:
    """Tell whether feature maps are 1 x 1."""
    sides = [side for axis, side in enumerate(symbol.shape) if axis]
    return len(sides) == 3 and sides.count(1) >= 2


def _before_head(made_by: dict[int, Any], symbol: Any) -> Any:
    while (node := made_by.get(id(symbol))) is not None and is_named(node.operation, OF_THE_HEAD):
        symbol = node.input_tensors[0]
    return symbol


def with_new_head(backbone: keras.Model, num_classes: int, dropout_rate: float, *, dropout_seed: int) -> keras.Model:
    """Return ``backbone`` with a new head: global average pooling of feature maps, dropout and one dense layer.

    Raises:
        ValueError: The output of ``backbone`` is neither feature maps nor vectors.
    """
    vectors = backbone.outputs[0]
    if len(vectors.shape) == 4:
        order = "channels_first" if graph_outputs(backbone)[0].channels == 0 else "channels_last"
        vectors = keras.layers.GlobalAveragePooling2D(data_format=order, name=POOLED)(vectors)
    elif len(vectors.shape) != 2:
        raise ValueError(f"The output of `backbone` must be feature maps or vectors. Received: {backbone.output_shape}")
    outputs = add_head(vectors, num_classes, dropout_rate, dropout_seed=dropout_seed)
    model = keras.Model(backbone.inputs[0], outputs, name=backbone.name)
    make_exportable(model)
    return model


def add_head(
    vectors: keras.KerasTensor, num_classes: int, dropout_rate: float, *, dropout_seed: int
) -> keras.KerasTensor:
    """Return the class probabilities that a new head computes from ``vectors`` of shape (n, d).

    The seed is part of the layer's configuration, so that copies drop the same features, with and without a backbone.
    """
    vectors = keras.layers.Dropout(dropout_rate, seed=dropout_seed, name=DROPPED)(vectors)
    return keras.layers.Dense(num_classes, "softmax", dtype="float32", name=HEAD)(vectors)
