"""Whether an exported file gives what Keras gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnzoo._keras.ending import Kind, class_probabilities
from cnnzoo._keras.engine import Predictor
from cnnzoo._support.differences import relative_difference
from cnnzoo.exporting._images import Images

# Of the largest output: the largest difference that is accepted
TOLERANCES = {"float32": 1e-3, "float16": 0.05, "mixed": 0.1}
SAME = 1e-6  # of the largest output
LEAST_AGREEMENT = 0.9  # of the classes, for int8, whose outputs may be anywhere near


@dataclass(frozen=True)
class Verification:
    """How the outputs of an exported file compare with those of Keras.

    Attributes:
        images: How many images were compared.
        origin: Which: "the run's test images", "digits that ship with cnnzoo", "the given images" or "random images";
            and, of given images of which only some have a class, that their accuracy is missing.
        difference: The largest difference between outputs, as a fraction of the largest output.
        agreement: The fraction of the images whose class is the same, in [0, 1].
        accuracy: The accuracy of Keras and that of the file, in [0, 1]; None where the images have no labels.
        tells_apart: Whether outputs differ between images. Those of an untrained network may not, and then equal
            outputs say little.
    """

    images: int
    origin: str
    difference: float
    agreement: float
    accuracy: tuple[float, float] | None = None
    tells_apart: bool = True

    def __str__(self) -> str:
        """Say how they compare."""
        differ = f"differ by at most {self.difference:.1e} of the largest" if self.difference else "are equal"
        text = (
            f"On {self.images:,} images ({self.origin}), outputs {differ}, and {self.agreement:.2%} of the classes are "
            "the same"
        )
        if self.accuracy is not None:
            text += f"; accuracy {self.accuracy[0]:.2%} in Keras, {self.accuracy[1]:.2%} in the file"
        if not self.tells_apart:
            text += ". The network gives the same outputs for all of them, so this says little"
        return f"{text}."


def verify(found: np.ndarray, wanted: np.ndarray, images: Images, kind: Kind, precision: str) -> Verification:
    """Compare the outputs of a file with those of Keras.

    Args:
        found: The outputs of the file, of shape (n, outputs).
        wanted: Those of Keras.
        images: The images that they are for.
        kind: What they are.
        precision: "int8", or one of ``TOLERANCES``.

    Raises:
        ValueError: They differ by more than is accepted.
    """
    if not np.isfinite(wanted).all():
        raise ValueError("The network gives NaN or infinity in Keras. Nothing was written. Check its weights.")
    if found.shape != wanted.shape or not np.isfinite(found).all():
        raise ValueError(
            f"The exported file gives outputs of shape {found.shape} or values that are not finite, where Keras gives "
            f"{wanted.shape}. Nothing was written."
        )
    difference = relative_difference(found, wanted)
    classes, own = (class_probabilities(each, kind).argmax(axis=1) for each in (found, wanted))
    agreement = float(np.mean(classes == own))
    if precision == "int8" and agreement < LEAST_AGREEMENT:
        raise ValueError(
            f"As int8, the file gives the class of Keras for {agreement:.1%} of {len(own):,} images, and at least "
            f"{LEAST_AGREEMENT:.0%} are required. Nothing was written. Export as float16, or calibrate with more like "
            "the network's own images (`images`, --images)."
        )
    if precision != "int8" and difference > TOLERANCES[precision]:
        raise ValueError(
            f"The exported file differs from Keras by {difference:.1e} of the largest output, more than the "
            f"{TOLERANCES[precision]:g} accepted. Nothing was written."
        )
    accuracy = None
    if images.labels is not None:
        accuracy = float(np.mean(own == images.labels)), float(np.mean(classes == images.labels))
    return Verification(len(own), images.origin, difference, agreement, accuracy, _tells_apart(wanted))


def _tells_apart(outputs: np.ndarray) -> bool:
    """Tell whether the outputs for several images differ."""
    return len(outputs) < 2 or float(np.ptp(outputs, axis=0).max()) > SAME * float(np.abs(outputs).max())


def outputs_of(predictor: Predictor, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs for images, asked for in batches."""
    batches = range(0, len(images), batch_size)
    return np.concatenate([np.asarray(predictor(images[start : start + batch_size])) for start in batches])
