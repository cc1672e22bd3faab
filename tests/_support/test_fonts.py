"""Names of any script and any content in figures: readable, or numbers, and never a warning (they are errors here)."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager

from cnnzoo import plots
from cnnzoo._support import fonts
from cnnzoo.data import Dataset, Split
from cnnzoo.report._pictures import chart_address

NAMES = ["猫", "いぬ", "고양이", "قطة", "बिल्ली", "แมว", "🦄", "$x$", "a_b\nc\x00", "", "\udce9", "x" * 99, "cat"]


@pytest.fixture(autouse=True)
def _forgotten():
    clear = fonts._fonts_for.cache_clear
    clear()
    yield
    clear()


@pytest.fixture
def only_matplotlibs_fonts(monkeypatch):
    """A machine on which no font is installed: Matplotlib ships its own."""
    own = [entry for entry in font_manager.fontManager.ttflist if matplotlib.get_data_path() in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


@pytest.fixture
def no_cyrillic(only_matplotlibs_fonts):
    """Text is in a font of Matplotlib's without Cyrillic letters, which its DejaVu has."""
    with matplotlib.rc_context({"font.family": ["STIXSizeOneSym"], "axes.unicode_minus": False}):
        yield


def figures(names):
    count = len(names)
    images = np.zeros((count, 4, 4, 3), np.float32)
    split = Split(images, np.arange(count))
    yield plots.confusion(np.eye(count, dtype=int), names)
    yield plots.samples(images, np.arange(count), np.eye(count), names)
    yield plots.class_grid(Dataset(split, split, tuple(names)), columns=1)
    yield plots.overlay(images, np.zeros((count, 4, 4)), names)
    yield plots.histories({name: {"loss": [1.0, 0.5]} for name in names})
    yield plots.feature_maps({name: np.zeros((1, 4, 4, 2)) for name in names})


def texts_of(figure):
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


@pytest.mark.slow
@pytest.mark.parametrize("shapes", [True, False])
def test_no_name_gives_a_warning(only_matplotlibs_fonts, shapes, monkeypatch):
    monkeypatch.setattr(fonts, "_shapes", lambda: shapes and hasattr(fonts.ft2font, "__libraqm_version__"))
    for figure in figures(NAMES):
        figure.savefig(io.BytesIO())


def test_installed_fonts_give_no_warning_either():
    for figure in figures(NAMES[:4]):
        figure.savefig(io.BytesIO())


def test_names_that_cannot_be_written_are_numbered(only_matplotlibs_fonts):
    assert fonts.letter(NAMES[:3]).names == ["class 0", "class 1", "class 2"]
    assert fonts.letter(["cat", "猫", "dog"]).names == ["cat", "class 1", "dog"]
    for figure in list(figures(["cat", "猫"]))[:4]:
        texts = "\n".join(texts_of(figure))
        assert "Names that no installed font can display are replaced by numbers" in texts
        assert "1" in texts
        assert "猫" not in texts


def test_a_font_that_has_the_letters_is_taken(no_cyrillic):
    lettered = fonts.letter(["cat", "кошка"])
    assert lettered == (["cat", "кошка"], ["STIXSizeOneSym", "DejaVu Sans"], "")


def test_a_font_of_the_region_is_taken():
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    if not {f"Noto Sans CJK {region}" for region in ("JP", "KR", "SC")} <= installed:
        pytest.skip("Noto Sans CJK is not installed, or Matplotlib sees one of its fonts only")
    for name, region in (("いぬ", "JP"), ("고양이", "KR"), ("猫", "SC")):
        assert fonts.letter([name]).families[-1] == f"Noto Sans CJK {region}"


def test_no_font_is_looked_for_where_none_is_needed(monkeypatch):
    def look(*_):
        raise AssertionError

    monkeypatch.setattr(fonts, "_fonts_for", look)
    assert fonts.letter(["cat", "naïve", "Łódź"]).names == ["cat", "naïve", "Łódź"]


def test_letters_that_neighbours_shape_are_numbered_by_older_matplotlibs(monkeypatch):
    monkeypatch.setattr(fonts, "_shapes", lambda: False)
    assert fonts.letter(["قطة", "חתול", "cat"]).names == ["class 0", "class 1", "cat"]


def test_names_are_text():
    assert fonts.letter(["a_b\n c\t", "", " ", "x\u200b\ufeffy", "\udce9t\x1b"]).names == [
        *("a_b c", "(empty)", "(empty)", "xy", "\ufffdt"),
    ]
    figure = plots.confusion(np.eye(2, dtype=int), ["$x$", "a"])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [r"\$x\$", "a"]


def test_wide_letters_take_two_columns():
    assert fonts.cut("猫" * 9, 16) == "猫" * 7 + "…"
    assert fonts.cut("e\u0301" * 16, 16) == "e\u0301" * 16


def test_a_drawing_whose_text_stays_text_keeps_all_letters(only_matplotlibs_fonts):
    with fonts.readers_fonts():
        figure = plots.confusion(np.eye(2, dtype=int), ["猫", "狗"])
    assert {"猫", "狗"} <= texts_of(figure)
    assert chart_address(figure).startswith("data:image/svg+xml")
