import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.training.folder import RunFolder, new_run_path, read_history, write_history

FLOATS = st.floats(allow_nan=False)


@given(rows=st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_history_comes_back_bit_for_bit(tmp_path, rows):
    loss, accuracy = map(list, zip(*rows, strict=True))
    history = {"loss": loss, "accuracy": accuracy}
    write_history(tmp_path / "history.csv", history)
    assert read_history(tmp_path / "history.csv") == history


def test_new_names_are_counted_on(tmp_path):
    names = []
    for _ in range(3):
        path = new_run_path("lenet5", tmp_path)
        path.mkdir()
        names.append(path.name)
    assert names == ["lenet5", "lenet5-2", "lenet5-3"]


def test_a_file_gets_its_name_only_when_complete(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.write("notes.txt", lambda path: path.write_text("first"))

        def fail(path):
            path.write_text("half")
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            folder.write("notes.txt", fail)
        assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]
        assert (folder.path / "notes.txt").read_text() == "first"


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_left_as_it_is(tmp_path, kind):
    path = tmp_path / "run"
    {"folder": path.mkdir, "file": path.touch, "dangling link": lambda: path.symlink_to("nowhere")}[kind]()
    with pytest.raises(FileExistsError, match="exists and is left as it is"), RunFolder(path):
        pytest.fail("entered")
    assert path.is_symlink() or path.exists()


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), RunFolder(tmp_path / "file" / "run"):
        pytest.fail("entered")
