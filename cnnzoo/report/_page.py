"""HTML pages from templates. All content is escaped; a page loads nothing and runs only its own script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

import cnnzoo
from cnnzoo._support.pages import script_digest, write_page_text
from cnnzoo._support.wording import format_shape, memory

NOT_KNOWN = "unknown"


def write_page(template: str, path: Path, **content: Any) -> Path:
    """Render ``template`` with ``content`` and write it to ``path``, under a temporary name first.

    Raises:
        OSError: The file cannot be written.
    """
    templates = _templates()
    script = templates.get_template("page.js").render()
    page = templates.get_template(template)
    text = page.render(version=cnnzoo.__version__, script=script, script_digest=script_digest(script), **content)
    write_page_text(path, text)
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
