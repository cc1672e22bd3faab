import os

import pytest

from cnnzoo._support.files import write_whole
from cnnzoo._support.wording import pluralize, shell_command


@pytest.mark.parametrize("before", [None, "before"])
def test_a_failure_leaves_nothing_half_written(tmp_path, before):
    path = tmp_path / "file.txt"
    if before is not None:
        path.write_text(before)

    def write(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, write)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == (
        {} if before is None else {path.name: before}
    )
    write_whole(path, lambda temporary: temporary.write_text("whole"))
    assert path.read_text() == "whole"


def test_windows_opens_no_folder(tmp_path, monkeypatch):
    opened = []
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *given, **options: opened.append(path) or real(path, *given, **options)
    )
    for on_windows in (False, True):
        monkeypatch.setattr("cnnzoo._support.files.ON_WINDOWS", on_windows)
        opened.clear()
        write_whole(tmp_path / "a.txt", lambda temporary: temporary.write_text("a"))
        assert (tmp_path in opened) is not on_windows


@pytest.mark.parametrize(
    ("on_windows", "expected"), [(False, "cnnzoo evaluate 'my run'"), (True, 'cnnzoo evaluate "my run"')]
)
def test_a_command_is_quoted_as_the_system_does(monkeypatch, on_windows, expected):
    monkeypatch.setattr("cnnzoo._support.wording.ON_WINDOWS", on_windows)
    assert shell_command(["cnnzoo", "evaluate", "my run"]) == expected


def test_none_of_something_is_a_plural():
    assert [pluralize(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
