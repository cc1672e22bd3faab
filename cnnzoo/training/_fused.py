"""Batch normalisation in one operation of TensorFlow, where Keras takes several passes over the maps."""

from __future__ import annotations

from typing import Any

import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras ships no types
    """What Keras' own layer computes, up to rounding, for maps with their channels last.

    In mixed precision, maps stay in 16 bits; means and variances are float32.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise ``inputs``; while training, by their own mean and variance, which the moving ones then follow."""
        if not training or not self.trainable or mask is not None or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # only where it is the backend

        channels = inputs.shape[-1]
        scale = tf.cast(self.gamma.value, "float32") if self.scale else tf.ones(channels)
        offset = tf.cast(self.beta.value, "float32") if self.center else tf.zeros(channels)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=scale, offset=offset, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) / channels, "float32")
        variance *= (count - 1) / count  # TensorFlow's is the unbiased one, Keras' is not
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return outputs


def is_fusible(layer: Any) -> bool:
    """Tell whether a layer is Keras' own batch normalisation, over the last axis, on TensorFlow."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and keras.config.backend() == "tensorflow"
        and not layer.synchronized
        and layer.axis in (-1, layer.input_spec.ndim - 1)
    )
