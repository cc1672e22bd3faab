"""Pages from templates: what a page says is escaped, and it may load nothing from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

import cnnzoo
from cnnzoo.files import write_whole
from cnnzoo.wording import memory, times

NO_SHARE = "none"


def write_page(template: str, path: Path, **content: Any) -> Path:
    """Write the page that ``template`` makes of ``content``, under a temporary name first.

    Raises:
        OSError: It cannot be written there.
    """
    text = _templates().get_template(template).render(version=cnnzoo.__version__, **content)
    try:
        write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise OSError(f"'{path}' cannot be written ({error.strerror}). Give another with `--out`.") from error
    return path


def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("cnnzoo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": percent, "count": count, "memory": memory, "times": times}
    return templates


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share as people read it.

    >>> percent(0.983), percent(None)
    ('98.3 %', 'none')
    """
    return NO_SHARE if share is None or share != share else f"{100 * share:.{digits}f} %"


def count(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{number:,}"
