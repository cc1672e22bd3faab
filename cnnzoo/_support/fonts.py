"""Names in any script for Matplotlib: in fonts that have their characters, or replaced by numbers."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import NamedTuple

import matplotlib
from matplotlib import font_manager, ft2font

LATIN = 0x250  # all characters below are in Matplotlib's default fonts

# Prefixes of font families, in order of preference; for East Asian scripts, fonts of the region come first
FAMILIES = (
    *(
        "Noto Sans CJK",
        "Source Han Sans",
        "Noto Sans",
        "PingFang",
        "Hiragino Sans",
        "Apple SD Gothic Neo",
        "Microsoft YaHei",
    ),
    *("Yu Gothic", "Meiryo", "Malgun Gothic", "WenQuanYi", "Arial Unicode MS", "Droid Sans Fallback", "Segoe UI"),
)
REGIONS = (  # a script, by its Unicode names, and marks in the names of its font families
    ("HIRAGANA", ("JP", "Hiragino", "Yu Gothic", "Meiryo")),
    ("KATAKANA", ("JP", "Hiragino", "Yu Gothic", "Meiryo")),
    ("HANGUL", ("KR", "Apple SD", "Malgun")),
    ("CJK", ("SC", "PingFang", "Microsoft YaHei", "WenQuanYi")),
)
# Placeholder boxes, and mathematics
NO_FONTS = ("Last Resort", "STIX", "cmr", "cmb", "cmex", "cmmi", "cmss", "cmsy", "cmtt")

NOTE = (
    "Names that no installed font can display are replaced by numbers:\ntheir positions in the list of names, from 0."
)

_KEEPS_LETTERS: ContextVar[bool] = ContextVar("keeps_letters", default=False)


class Lettering(NamedTuple):
    """Names as a figure can display them.

    Attributes:
        names: The names as text, each on one line.
        families: Font families that have their characters.
        note: A note to show below the figure, or an empty string.
    """

    names: list[str]
    families: list[str]
    note: str


def letter(names: Sequence[str], stand_in: str = "class") -> Lettering:
    """Return ``names`` as Matplotlib can display them, with replacements such as "class 3", counted from 0.

    If a name has characters that the default font lacks, other fonts known to Matplotlib are searched.
    """
    shown = [_one_line(name) for name in names]
    own = list(matplotlib.rcParams["font.family"])
    letters = {each for name in shown for each in name}
    if all(ord(each) < LATIN for each in letters):
        return Lettering(shown, own, "")
    families, lacking = _fonts_for(frozenset(letters), tuple(own))
    if _KEEPS_LETTERS.get() or not lacking:
        return Lettering(shown, [*own, *families], "")
    shown = [f"{stand_in} {number}" if lacking & {*name} else name for number, name in enumerate(shown)]
    return Lettering(shown, [*own, *families], NOTE)


@contextlib.contextmanager
def readers_fonts() -> Iterator[None]:
    """Keep all characters, for figures whose text stays text and is shown in the reader's fonts."""
    token = _KEEPS_LETTERS.set(True)
    try:
        yield
    finally:
        _KEEPS_LETTERS.reset(token)


def width_of(name: str) -> int:
    """Return the width of ``name`` in columns: two for an East Asian character, none for a combining mark.

    >>> width_of("cat"), width_of("猫")
    (3, 2)
    """
    return sum(_width(each) for each in name)


def cut(name: str, columns: int) -> str:
    """Return ``name`` cut to at most ``columns`` columns, with an ellipsis if it is cut.

    >>> cut("a long name", 7)
    'a long…'
    """
    if width_of(name) <= columns:
        return name
    kept, taken = "", 0
    for each in name:
        taken += _width(each)
        if taken > columns - 1:
            break
        kept += each
    return f"{kept}…"


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _one_line(name: str) -> str:
    """Return ``name`` on one line, without invisible characters; "(empty)" if nothing is left."""
    seen = "".join(_seen(each) for each in name)
    return " ".join(seen.split()) or "(empty)"


def _seen(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cs":  # a lone surrogate, from a file name that is not UTF-8
        return "\ufffd"
    if category in ("Cc", "Zl", "Zp"):
        return " "
    is_selector = 0xFE00 <= ord(letter) <= 0xFE0F  # a variation selector
    return "" if category == "Cf" or is_selector else letter


@lru_cache(maxsize=64)
def _fonts_for(letters: frozenset[str], own: tuple[str, ...]) -> tuple[list[str], frozenset[str]]:
    """Return font families for the ``letters`` that the fonts ``own`` lack, and the letters that no font has."""
    lacking = {each for each in letters if not each.isspace()}
    unshaped = set() if _shapes() else {each for each in lacking if _needs_shaping(each)}
    lacking -= unshaped | _letters_of(font_manager.findfont(font_manager.FontProperties(family=list(own))))
    families = []
    for family, path in _candidates(lacking) if lacking else ():
        if found := lacking & _letters_of(path):
            families.append(family)
            lacking -= found
        if not lacking:
            break
    return families, frozenset(lacking | unshaped)


def _candidates(letters: set[str]) -> list[tuple[str, str]]:
    """Return the installed font families, each with the file of its regular style, in order of preference."""
    names = " ".join(unicodedata.name(each, "") for each in letters)
    region = next((marks for script, marks in REGIONS if script in names), ())
    regular: dict[str, str] = {}
    for entry in font_manager.fontManager.ttflist:
        is_regular = (
            entry.style == "normal" and entry.variant == "normal" and entry.weight in (400, "normal", "regular")
        )
        if is_regular and not entry.name.startswith(NO_FONTS):
            regular.setdefault(entry.name, entry.fname)

    def rank(family: str) -> tuple[int, bool, bool, str]:
        place = next((n for n, beginning in enumerate(FAMILIES) if family.startswith(beginning)), len(FAMILIES))
        return place, not any(mark in family for mark in region), "Sans" not in family, family

    return [(family, regular[family]) for family in sorted(regular, key=rank)]


@lru_cache(maxsize=256)
def _letters_of(path: str) -> frozenset[str]:
    """Return the characters of a font; none for a bitmap font, which Matplotlib cannot scale."""
    font = ft2font.FT2Font(path)
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


def _needs_shaping(letter: str) -> bool:
    """Tell whether ``letter`` is written from right to left, or has a shape that depends on its neighbours."""
    is_mark = unicodedata.category(letter) in ("Mn", "Mc") and ord(letter) >= 0x900
    return unicodedata.bidirectional(letter) in ("R", "AL") or is_mark


def _shapes() -> bool:
    """Tell whether Matplotlib supports such letters (from 3.11 on)."""
    return hasattr(ft2font, "__libraqm_version__")
