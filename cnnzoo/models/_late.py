"""Keras, and what builds with it, imported when a network is first built: the papers' cards are read without."""

from typing import TYPE_CHECKING

from cnnzoo._keras.late import Late
from cnnzoo._keras.late import keras as keras

if TYPE_CHECKING:
    from cnnzoo.models import building as building
    from cnnzoo.models import layers as layers
else:
    building = Late("cnnzoo.models.building")
    layers = Late("cnnzoo.models.layers")
