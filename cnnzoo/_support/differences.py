"""How far arrays are from what they should be. Imports no Keras."""

import numpy as np


def relative_difference(values: np.ndarray, wanted: np.ndarray) -> float:
    """Return the largest difference, relative to the largest value that is wanted; infinity where one is not finite."""
    if not (np.isfinite(values).all() and np.isfinite(wanted).all()):
        return np.inf
    largest = np.abs(wanted).max(initial=0)
    difference = np.abs(values - wanted).max(initial=0)
    return float(difference / largest) if largest else float(difference)
