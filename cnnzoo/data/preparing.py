"""Converting a user's own picture to match a network's training images."""

import numpy as np
from PIL import Image

from cnnzoo.data.mnist import PADDING
from cnnzoo.data.picture import with_shorter_side

DIGIT_BOX = 20  # MNIST: the digit fills a 20 x 20 box ...
DIGIT_FIELD = 28  # ... centred by its mass in a 28 x 28 field,
LONGEST = 100  # times the shorter side: of images that are cropped
LARGEST_SIDE = 256  # pixels: larger photographs are reduced to this, which also removes noise
GRAIN = 0.1  # weaker contrast, as a fraction of the strongest, counts as paper
STROKE = 0.3  # pixels with more ink belong to the stroke
LEAST_CONTRAST = 0.1  # of black to white; an image with less shows no digit


def prepare_picture(
    picture: Image.Image, input_shape: tuple[int, int, int], preparation: str, shorter_side: int | None = None
) -> np.ndarray:
    """Convert ``picture`` to match the images that a network was trained on.

    Args:
        picture: An image as ``read_picture`` returns it.
        input_shape: Height, width and channels of the network's input.
        preparation: "digit" finds the digit, dark on light or light on dark, and places it as in MNIST: light on dark,
            in a 20 x 20 box, centred by mass; an image of 28 x 28 is assumed to have this form. "resize" only resizes,
            whatever becomes of the proportions. "crop" keeps them and takes the middle of the image.
        shorter_side: With "crop", the length to which the shorter side is brought, in pixels; None: 8 / 7 of that of
            the input, as most networks of ImageNet are evaluated.

    Returns:
        Float32 in [0, 1] of shape ``input_shape``.

    Raises:
        ValueError: ``preparation`` is unknown, ``input_shape`` does not have 1 or 3 channels, or the image is of a
            single colour and shows no digit.

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
    if preparation == "crop":
        return cropped_pixels(picture, input_shape, shorter_side).astype(np.float32) / 255
    raise ValueError(f"`preparation` must be 'digit', 'resize' or 'crop'. Received: {preparation!r}")


def shorter_side_of(size: tuple[int, int]) -> int:
    """Return the length of the shorter side of images whose middle, of ``size``, most networks are evaluated on."""
    return round(max(size) * 8 / 7)


def cropped_pixels(picture: Image.Image, shape: tuple[int, int, int], shorter_side: int | None = None) -> np.ndarray:
    """Resize ``picture`` so that its shorter side has a length; return the middle of it, as torchvision does; uint8.

    Args:
        picture: An image of any size.
        shape: Height, width and channels of the result.
        shorter_side: The length, in pixels; None: see ``shorter_side_of``.

    Raises:
        ValueError: The shorter side is less than the height or the width of the result.
    """
    size = shape[:2]
    length = shorter_side_of(size) if shorter_side is None else shorter_side
    if length < max(size):
        raise ValueError(f"`shorter_side` must be at least the network's {max(size)} pixels. Received: {length}")
    width, height = with_shorter_side(picture, length)
    left, top = round((width - size[1]) / 2), round((height - size[0]) / 2)
    if max(width, height) > LONGEST * length:  # resized as a whole, it would take too much memory
        raise ValueError(f"The image is more than {LONGEST} times as long as it is wide: too long to be cropped.")
    resized = picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.BILINEAR)
    return resized_pixels(resized.crop((left, top, left + size[1], top + size[0])), shape)


def resized_pixels(picture: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Resize ``picture`` to ``shape`` (height, width, 1 or 3 channels), bilinear with antialiasing; uint8."""
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
            "The image shows no digit: it has a single colour. Use an image with a dark or a light stroke."
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
    """Convert contrast to the background to ink in [0, 1], without the grain of the paper."""
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
    """Return the start of a box along an axis so that its mass is centred in the field, as far as it fits."""
    centre = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
    return int(np.clip(round(DIGIT_FIELD / 2 - centre), 0, DIGIT_FIELD - len(profile)))
