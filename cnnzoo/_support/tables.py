"""Tables of text, for the terminal and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

BAR_WIDTH = 12  # characters
GAP = "  "
BLUE = "#0072b2"


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: Its heading; empty for a column of bars.
        is_number: Whether to align it right.
        total: What stands below its rows.
    """

    title: str
    is_number: bool = False
    total: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text or, in a column of bars, of fractions in [0, 1]."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | float]]

    def to_text(self) -> str:
        """Return the table in aligned columns."""
        has_total = any(column.total for column in self.columns)
        lines = [[column.title for column in self.columns], *([_text(cell) for cell in row] for row in self.rows)]
        lines += [[column.total for column in self.columns]] if has_total else []
        widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            GAP.join(
                _padded(cell, width, column.is_number)
                for cell, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        )

    def to_html(self, caption: str = "") -> str:
        """Return the table for a notebook; all text is escaped."""
        head = "".join(_cell("th", column, column.title) for column in self.columns)
        body = "".join(
            f"<tr>{''.join(_cell('td', column, cell) for column, cell in zip(self.columns, row, strict=True))}</tr>"
            for row in self.rows
        )
        total = "".join(_cell("th", column, column.total) for column in self.columns)
        has_total = any(column.total for column in self.columns)
        foot = f"<tfoot><tr>{total}</tr></tfoot>" if has_total else ""
        title = f'<caption style="text-align:left"><b>{escape(caption)}</b></caption>' if caption else ""
        return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def bar(fraction: float, width: int) -> str:
    """Return a bar that fills ``fraction`` of ``width`` characters.

    >>> bar(0.25, 12)
    '###'
    """
    return "#" * round(fraction * width)


def _text(cell: str | float) -> str:
    return cell if isinstance(cell, str) else bar(cell, BAR_WIDTH)


def _width(text: str) -> int:
    from rich.cells import cell_len  # the width in a terminal, of East Asian characters, too

    return cell_len(text)


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if is_number else text + space


def _cell(tag: str, column: Column, cell: str | float) -> str:
    if not isinstance(cell, str):
        drawn = f'<div style="background:{BLUE};height:.7em;width:{100 * cell:.1f}%"></div>'
        return f'<td style="width:7em">{drawn}</td>'
    return f'<{tag} style="text-align:{"right" if column.is_number else "left"}">{escape(cell)}</{tag}>'
