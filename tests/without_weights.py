"""Networks whose weights have shapes but no values: large ones in no time."""

import contextlib

import keras
from keras.src.backend.common import global_state


@contextlib.contextmanager
def without_weights():
    """Draw no weights of what is built within, then or later.

    Keras keeps them in a list, and would draw all of them, gigabytes, as soon as a layer's shapes are next inferred.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])
