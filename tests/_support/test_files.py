import pytest

from cnnzoo._support.files import write_whole
from cnnzoo._support.wording import pluralize


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


def test_none_of_something_is_a_plural():
    assert [pluralize(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
