"""A user's own picture, made like the images that a network was trained on."""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

DIGIT_BOX = 20  # MNIST: the digit fills a 20 x 20 box ...
DIGIT_FIELD = 28  # ... centred by its mass in a 28 x 28 field,
PADDING = 2  # which LeNet-5 takes padded to 32 x 32
LARGEST_SIDE = 256  # pixels: a photograph is reduced to this, which also removes noise
GRAIN = 0.1  # contrast, as a share of the strongest, that counts as paper
STROKE = 0.3  # ink from which a pixel belongs to the stroke
LEAST_CONTRAST = 0.1  # of black to white; below this a picture shows no digit


def read_picture(path: str | os.PathLike[str]) -> Image.Image:
    """Read an image file, turned upright, transparency laid over white.

    Args:
        path: A PNG, a JPEG, or whatever else Pillow reads.

    Returns:
        An image of mode "RGB".

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an image, is damaged, or is too large to be one that was meant.

    >>> read_picture("missing.png")
    Traceback (most recent call last):
    ...
    FileNotFoundError: No such image: 'missing.png'
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such image: '{path}'")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _over_white(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's many readers raise whatever the damage happens to cause
        raise ValueError(
            f"'{path}' is not a readable image. Expected PNG, JPEG or another that Pillow reads."
        ) from error


def prepare_picture(picture: Image.Image, input_shape: tuple[int, int, int], preparation: str) -> np.ndarray:
    """Make ``picture`` like the images that a network was trained on.

    Args:
        picture: As ``read_picture`` returns it.
        input_shape: Height, width and channels of the network's input.
        preparation: "digit" finds the digit, dark on light or light on dark, and puts it as MNIST does: light on
            dark, in a 20 x 20 box, centred by its mass; a picture of 28 x 28 is taken to lie so already. "resize" only
            resizes.

    Returns:
        Float32 in [0, 1] of shape ``input_shape``.

    Raises:
        ValueError: ``preparation`` is unknown, or the picture is of one flat colour and shows no digit.

    >>> prepare_picture(Image.new("RGB", (40, 30)), (32, 32, 3), "resize").shape
    (32, 32, 3)
    """
    if preparation == "digit":
        return _digit(picture, input_shape)
    if preparation == "resize":
        height, width, channels = input_shape
        resized = picture.convert(_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized, np.float32).reshape(input_shape) / 255
    raise ValueError(f"`preparation` must be 'digit' or 'resize'. Received: {preparation!r}")


_MODES = {1: "L", 3: "RGB"}


def _digit(picture: Image.Image, input_shape: tuple[int, int, int]) -> np.ndarray:
    grey = picture.convert("L")
    grey.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    pixels = np.asarray(grey, np.float32) / 255
    middle = (pixels.min() + pixels.max()) / 2
    if pixels.max() - pixels.min() < LEAST_CONTRAST:
        raise ValueError(
            "The picture shows no digit: it is of one flat colour. Give one with a dark or a light stroke."
        )
    background = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))
    dark_on_light = background > middle
    if grey.size == (DIGIT_FIELD, DIGIT_FIELD):
        field = 1 - pixels if dark_on_light else pixels
    else:
        field = _centred(_ink(background - pixels if dark_on_light else pixels - background))
    padded: np.ndarray = np.pad(field, PADDING).reshape(input_shape)
    return padded


def _ink(contrast: np.ndarray) -> np.ndarray:
    """Turn the contrast to the background into ink in [0, 1], without the grain of the paper."""
    ink: np.ndarray = np.clip((contrast / contrast.max() - GRAIN) / (1 - GRAIN), 0, 1)
    return ink


def _centred(ink: np.ndarray) -> np.ndarray:
    """Scale the stroke into MNIST's box and put its centre of mass at the centre of MNIST's field."""
    rows, columns = np.flatnonzero((ink > STROKE).any(axis=1)), np.flatnonzero((ink > STROKE).any(axis=0))
    stroke = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = DIGIT_BOX / max(stroke.size)
    box_size = (max(1, round(stroke.width * scale)), max(1, round(stroke.height * scale)))
    box = np.asarray(stroke.resize(box_size, Image.Resampling.BILINEAR))
    box = box / box.max()
    field = np.zeros((DIGIT_FIELD, DIGIT_FIELD), np.float32)
    top, left = (_offset(box.sum(axis=1 - axis)) for axis in (0, 1))
    field[top : top + box.shape[0], left : left + box.shape[1]] = box
    return field


def _offset(profile: np.ndarray) -> int:
    """Return where a box starts along an axis so that its mass is centred in the field, or as near as it fits."""
    centre = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
    return int(np.clip(round(DIGIT_FIELD / 2 - centre), 0, DIGIT_FIELD - len(profile)))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
