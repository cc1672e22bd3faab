"""HTML pages from templates. All content is escaped; a page loads nothing and runs only its own script."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2

import cnnzoo
from cnnzoo._support.files import write_whole
from cnnzoo._support.wording import format_shape, memory

NOT_KNOWN = "unknown"


def write_page(template: str, path: Path, **content: Any) -> Path:
    """Render ``template`` with ``content`` and write it to ``path``, under a temporary name first.

    Raises:
        OSError: The file cannot be written.
    """
    templates = _templates()
    script = templates.get_template("page.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = templates.get_template(template)
    text = page.render(version=cnnzoo.__version__, script=script, script_digest=digest, **content)
    try:
        write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror or error}). Choose another path.") from error
    return path


def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("cnnzoo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": percent, "count": count, "memory": memory, "times": format_shape}
    return templates


def percent(fraction: float | None, digits: int = 1) -> str:
    """Format a fraction as a percentage.

    >>> percent(0.983), percent(None)
    ('98.3 %', 'unknown')
    """
    return NOT_KNOWN if fraction is None or fraction != fraction else f"{100 * fraction:.{digits}f} %"


def count(number: int) -> str:
    """Format an integer with thousands separators."""
    return f"{number:,}"
