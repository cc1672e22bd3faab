"""A user's own picture, made like the images that a network was trained on."""

import os
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cnnzoo.data.mnist import PADDING

DIGIT_BOX = 20  # MNIST: the digit fills a 20 x 20 box ...
DIGIT_FIELD = 28  # ... centred by its mass in a 28 x 28 field,
LARGEST_SIDE = 256  # pixels: a photograph is reduced to this, which also removes noise
GRAIN = 0.1  # contrast, as a share of the strongest, that counts as paper
STROKE = 0.3  # ink from which a pixel belongs to the stroke
LEAST_CONTRAST = 0.1  # of black to white; below this a picture shows no digit


def read_picture(path: str | os.PathLike[str]) -> Image.Image:
    """Read an image file, turned upright, transparency laid over white, or over black where what is drawn is light.

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
        with _open(path) as image:
            return _without_transparency(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"'{path}' is too large: {error} Give a smaller one.") from error
    except Exception as error:  # Pillow's many readers raise whatever the damage happens to cause
        raise ValueError(
            f"'{path}' is not a readable image. Expected PNG, JPEG or another that Pillow reads."
        ) from error


def picture_mode(path: str | os.PathLike[str]) -> str | None:
    """Return Pillow's mode of an image file ("L" is grey) after decoding all of it, or None when it cannot be read."""
    try:
        with _open(Path(path)) as image:
            mode: str = image.mode
            image.draft(None, (1, 1))  # a JPEG needs not be decoded at its full size to be found whole
            image.load()
            return mode
    except Exception:  # Pillow's many readers raise whatever the damage happens to cause
        return None


_OPENING = threading.Lock()  # the filter of warnings belongs to the process, not to the thread


def _open(path: Path) -> Image.Image:
    """Open an image, and take Pillow's warning that it would unpack to gigabytes for an error."""
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(path)


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
        ValueError: ``preparation`` is unknown, ``input_shape`` has not 1 or 3 channels, or the picture is of one flat
            colour and shows no digit.

    >>> prepare_picture(Image.new("RGB", (40, 30)), (32, 32, 3), "resize").shape
    (32, 32, 3)
    """
    if len(input_shape) != 3 or input_shape[2] not in (1, 3):
        raise ValueError(
            f"`input_shape` must be (height, width, channels) with 1 or 3 channels. Received: input_shape={input_shape}"
        )
    if preparation == "digit":
        return _digit(picture, input_shape)
    if preparation == "resize":
        return resized_pixels(picture, input_shape).astype(np.float32) / 255
    raise ValueError(f"`preparation` must be 'digit' or 'resize'. Received: {preparation!r}")


def resized_pixels(picture: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Resize ``picture`` to ``shape`` (height, width, 1 or 3 channels), bilinear, smoothed where it shrinks; uint8."""
    height, width, channels = shape
    converted = picture.convert("L" if channels == 1 else "RGB")
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(converted).reshape(shape)


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
    padded = Image.fromarray(np.pad(field, PADDING).astype(np.float32))
    if padded.size != (input_shape[1], input_shape[0]):
        padded = padded.resize((input_shape[1], input_shape[0]), Image.Resampling.BILINEAR)
    return np.repeat(np.asarray(padded)[:, :, np.newaxis], input_shape[2], axis=2)


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


def _without_transparency(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    drawn = np.asarray(rgba.convert("L"))[np.asarray(rgba)[..., 3] > 127]
    ground = "black" if drawn.size and drawn.mean() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", rgba.size, ground), rgba).convert("RGB")


def upright_picture(image: Image.Image) -> Image.Image:
    """Return an image that Pillow holds as ``read_picture`` returns one that it reads.

    Raises:
        ValueError: It cannot be decoded, or its numbers have no range that is known.
    """
    if image.mode[0] in "IF":
        raise ValueError(
            f"An image of mode '{image.mode}' does not say what is black and what is white. Convert it to 'L' or 'RGB'."
        )
    try:
        return _without_transparency(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's many readers raise whatever the damage happens to cause
        raise ValueError("The image cannot be decoded.") from error
