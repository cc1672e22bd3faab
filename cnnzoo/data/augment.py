"""The augmentations used in these networks' papers, by name. Imports no TensorFlow."""

from collections.abc import Iterable

import numpy as np

from cnnzoo._support.lookup import look_up
from cnnzoo.data.split import Split

# Reaches are fractions of the image's side
AUGMENTATIONS = {
    "flip": "mirrors half of the images, left to right (AlexNet, section 4.1; VGG, section 3.1)",
    "crop": "pads by an eighth of the side and crops at random (He et al. 2015, section 4.2: 4 of 32 pixels)",
    "color": "shifts the colours along their principal components (AlexNet, section 4.1)",
    "shift": "shifts digits by up to a sixteenth of the side (LeNet-5, section III.A: distorted patterns)",
    "rotate": "rotates digits by up to 10 degrees about the centre (not in the papers)",
    "distort": "shifts, scales, squeezes and shears digits in one step (LeNet-5, section III.A: distorted patterns)",
}

CROP_REACH = 1 / 8
SHIFT_REACH = 1 / 16
LARGEST_ANGLE = np.deg2rad(10)
# The paper gives no numbers
LARGEST_SCALING = 0.1  # of both sides alike, as a logarithm
LARGEST_SQUEEZE = 0.1  # of the width, while the height grows as much
LARGEST_SHEAR = 0.15  # pixels across for each pixel down
COLOR_SIGMA = 0.1  # AlexNet, section 4.1
COLOR_SAMPLE = 1_000  # images that the principal components are computed from


def check_augment(augment: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names in ``augment``, which may be one comma-separated string; "none" means no augmentation.

    Raises:
        ValueError: A name is unknown; the message suggests the nearest.

    >>> check_augment("flip,crop")
    ('flip', 'crop')
    """
    if augment == "none":
        return ()
    names = augment.split(",") if isinstance(augment, str) else augment
    stripped = tuple(str(name).strip() for name in names if str(name).strip())
    for name in stripped:
        look_up(AUGMENTATIONS, name, "augmentation")
    return stripped


def color_components(split: Split) -> np.ndarray:
    """Return the principal components of the colours of ``split``, scaled by the standard deviation along each.

    AlexNet's paper multiplies by the eigenvalues of the covariance; for pixels in [0, 1] the reference implementations,
    and this one, multiply by their square roots.

    Returns:
        Float32 of shape (3, 3): one row per component.

    Raises:
        ValueError: The images do not have three channels, or their pixels are not in [0, 1].
    """
    images = split.images
    if images.shape[-1] != 3:
        raise ValueError(f"The augmentation 'color' needs images of 3 channels. Received: {images.shape[-1]}")
    step = -(-len(images) // COLOR_SAMPLE)
    sample = np.asarray(images[::step], np.float64).reshape(-1, 3)
    sample = sample / 255 if images.dtype == np.uint8 else sample
    if sample.min() < 0 or sample.max() > 1:
        raise ValueError(
            "The augmentation 'color' needs pixels in [0, 1], because it clips to that range. Received: values from "
            f"{sample.min():g} to {sample.max():g}"
        )
    variances, vectors = np.linalg.eigh(np.cov(sample, rowvar=False))
    components: np.ndarray = (vectors * np.sqrt(np.maximum(variances, 0))).T.astype(np.float32)
    return components
