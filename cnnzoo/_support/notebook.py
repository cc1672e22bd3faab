"""Parts of what notebooks show: small HTML, all text escaped, legible on light and dark backgrounds."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from html import escape

import numpy as np
from PIL import Image

from cnnzoo._support.tables import Column, Table

THUMBNAIL = 64  # pixels of the longer side
FRAME = 700  # pixels of a frame's height


def block(*parts: str) -> str:
    """Return ``parts`` as one block, which scrolls where it is too wide."""
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def heading(text: str) -> str:
    """Return a line in bold."""
    return f"<div><b>{escape(text)}</b></div>"


def listing(title: str, items: Iterable[str]) -> str:
    """Return a list under a title; nothing if it is empty."""
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<div>{escape(title)}</div><ul>{lines}</ul>" if lines else ""


def facts(values: Mapping[str, str], caption: str = "") -> str:
    """Return a table of names and values; empty values are left out."""
    rows = [row for row in values.items() if row[1]]
    return Table((Column(""), Column("")), rows).to_html(caption)


def gallery(images: Iterable[tuple[np.ndarray, str]]) -> str:
    """Return images, float in [0, 1] or uint8 of shape (height, width, channels), each above its label."""
    return "".join(
        f'<figure style="display:inline-block;margin:4px;text-align:center">'
        f'<img src="{_source(image)}" alt="{escape(label)}" style="image-rendering:pixelated;{_size(image)}">'
        f"<figcaption>{escape(label)}</figcaption></figure>"
        for image, label in images
    )


def png(content: bytes, alt: str) -> str:
    """Return a PNG picture as large as it is, or as the page is wide."""
    return f'<img src="{_data(content)}" alt="{escape(alt)}" style="max-width:100%">'


def framed(page: str, title: str, height: int = FRAME) -> str:
    """Return a whole page in a frame of its own, so many pixels high, which scrolls."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="{escape(title)}" '
        f'style="border:1px solid #8888;height:{height}px;width:100%"></iframe>'
    )


def _size(image: np.ndarray) -> str:
    return f"{'height' if image.shape[0] > image.shape[1] else 'width'}:{THUMBNAIL}px"


def _source(image: np.ndarray) -> str:
    levels = image if image.dtype == np.uint8 else np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(levels if levels.shape[-1] == 3 else levels[..., 0])
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return _data(content.getvalue())


def _data(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
