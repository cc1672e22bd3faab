"""Images and figures as data URIs, so that a page needs no other file."""

from __future__ import annotations

import base64
import io
import warnings

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

LARGEST_SIDE = 160  # pixels, the default limit for an image on the page
LOSSLESS_SIDE = 64  # pixels; smaller images are stored losslessly
QUALITY = 85


def image_address(image: np.ndarray, largest_side: int = LARGEST_SIDE) -> str:
    """Return ``image``, in [0, 1] of shape (height, width, channels), as a data URI: PNG if it is small, else JPEG.

    An image that does not have 3 channels is shown in grey, by its first. No side is longer than ``largest_side``.
    """
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0])
    picture.thumbnail((largest_side, largest_side))
    is_small = max(picture.size) <= LOSSLESS_SIDE
    return _address(_written(picture, "PNG" if is_small else "JPEG"), "image/png" if is_small else "image/jpeg")


def chart_address(figure: Figure) -> str:
    """Return ``figure`` as a data URI of an SVG image with a transparent background.

    Text stays text, so that the reader's fonts show characters that Matplotlib's own font lacks.
    """
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _address(file.getvalue(), "image/svg+xml")


def photograph_address(figure: Figure) -> str:
    """Return ``figure``, which consists of many images, as a JPEG data URI."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return _address(_written(Image.open(file).convert("RGB"), "JPEG"), "image/jpeg")


def drawing_address(svg: str) -> str:
    """Return SVG text as a data URI."""
    return _address(svg.encode(), "image/svg+xml")


def _written(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, quality=QUALITY)
    return file.getvalue()


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
