"""Preparing a network for Keras' own ``evaluate`` and ``export``."""

from __future__ import annotations

from typing import Any

import keras

from cnnzoo._keras.ending import BINARY, LOGITS, Kind, ending_by_graph


def make_exportable(model: keras.Model) -> None:
    """Call ``model`` once on a symbolic input: Keras cannot export a network to ONNX that was never called."""
    model(model.inputs[0])


def compile_classifier(model: keras.Model) -> None:
    """Compile ``model`` so that ``model.evaluate`` accepts class numbers and returns cross-entropy and accuracy.

    A compiled model is not changed, nor is one whose graph does not show how it ends.
    """
    ending = None if model.compiled else ending_by_graph(model)
    if ending:
        # An optimizer without state of its own: Keras warns of that of others when it reads a file of the network
        model.compile("sgd", loss=loss_for(ending.kind, model.output_shape[-1]), metrics=[accuracy_for(ending.kind)])


def loss_for(kind: Kind, num_outputs: int, label_smoothing: float = 0.0) -> Any:
    """Return the cross-entropy for class numbers and outputs of that kind."""
    from_logits = kind in LOGITS
    if kind in BINARY:
        return keras.losses.BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing)
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing)

    def loss(labels: Any, outputs: Any) -> Any:
        rows = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(labels, (-1,)), "int32"), num_outputs)
        return smoothed.call(rows, outputs)

    return loss


def accuracy_for(kind: Kind) -> keras.Metric:
    """Return the accuracy metric for class numbers and outputs of that kind."""
    if kind in BINARY:
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5 if kind == "sigmoid" else 0.0)
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
