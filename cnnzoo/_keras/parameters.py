"""Counting the parameters and buffers of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras


class Counts(NamedTuple):
    """Numbers of values in the weights of a model or layer.

    Attributes:
        params: Parameters, which training can change, including frozen ones.
        buffers: All other values, such as the means and variances of batch normalisation.
    """

    params: int
    buffers: int


def flat_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of ``model`` in order, including those of nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat_layers(layer)
        else:
            yield layer


def weights_in_files(layer: keras.Layer) -> list[Any]:
    """Return the weights of ``layer`` that files have: all but the states of random numbers."""
    return [weight for weight in layer.weights if "seed" not in weight.name]


def count_parameters(model: keras.Model) -> Counts:
    """Count the parameters and buffers of ``model``; a layer that is used twice counts once."""
    counts = [count_of_layer(layer) for layer in {id(layer): layer for layer in flat_layers(model)}.values()]
    return Counts(sum(each.params for each in counts), sum(each.buffers for each in counts))


def count_of_layer(layer: keras.Layer) -> Counts:
    """Count the parameters and buffers of ``layer``, which are the same whether or not it is frozen."""
    # Private, as the public lists move the weights of a frozen layer to the others
    learned = {id(weight) for part in layer._flatten_layers() for weight in part._trainable_variables}
    params = sum(math.prod(weight.shape) for weight in layer.weights if id(weight) in learned)
    return Counts(params, layer.count_params() - params)
