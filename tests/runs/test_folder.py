import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.runs.folder import RunFolder, new_run_folder, read_history, read_record, write_history, write_record

FLOATS = st.floats(allow_nan=False)


def test_the_record_of_a_run_that_was_not_finished_is_not_called_damaged(run, tmp_path):
    write_record(tmp_path / "run.json", replace(run.record, metrics=None))
    assert read_record(tmp_path / "run.json", finished=False).seed == 0
    with pytest.raises(ValueError, match="is of a run that was not finished"):
        read_record(tmp_path / "run.json")


@given(rows=st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_history_comes_back_bit_for_bit(tmp_path, rows):
    loss, accuracy = map(list, zip(*rows, strict=True))
    history = {"loss": loss, "accuracy": accuracy}
    write_history(tmp_path / "history.csv", history)
    assert read_history(tmp_path / "history.csv") == history


def test_new_names_are_counted_on(tmp_path):
    names = []
    for _ in range(3):
        names.append(new_run_folder("lenet5", tmp_path).path.name)
    assert names == ["lenet5", "lenet5-2", "lenet5-3"]


def test_a_file_gets_its_name_only_when_complete(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.write("notes.txt", lambda path: path.write_text("first"))

        def fail(path):
            path.write_text("half")
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            folder.write("notes.txt", fail)
        assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "notes.txt"]
        assert (folder.path / "notes.txt").read_text() == "first"


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_left_as_it_is(tmp_path, kind):
    path = tmp_path / "run"
    {"folder": path.mkdir, "file": path.touch, "dangling link": lambda: path.symlink_to("nowhere")}[kind]()
    with pytest.raises(FileExistsError, match="already exists and was not overwritten"), RunFolder(path):
        pytest.fail("entered")
    assert path.is_symlink() or path.exists()


def test_what_a_run_left_that_was_killed_at_once_is_taken_over(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    with RunFolder(tmp_path / "run") as folder:
        folder.write("notes.txt", lambda path: path.write_text("mine"))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


def test_an_inner_use_of_a_folder_leaves_it_locked(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        with folder:
            pass
        with pytest.raises(BlockingIOError), RunFolder(tmp_path / "run", resume=True):
            pytest.fail("entered")


def test_parents_that_were_made_go_with_a_run_that_failed(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path / "a" / "b" / "run"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on_windows", [False, True])
@pytest.mark.parametrize("failure", [None, KeyboardInterrupt])
def test_windows_removes_no_file_that_is_locked(tmp_path, monkeypatch, on_windows, failure):
    locked = []
    clear = RunFolder._clear
    monkeypatch.setattr(
        RunFolder, "_clear", lambda self, *given: locked.append(self._lock.is_locked) or clear(self, *given)
    )
    monkeypatch.setattr("cnnzoo.runs.folder.ON_WINDOWS", on_windows)
    with contextlib.suppress(KeyboardInterrupt), RunFolder(tmp_path / "run"):
        if failure:
            raise failure
    assert locked == [not on_windows]
    assert [path.name for path in tmp_path.rglob("*")] == ([] if failure else ["run"])


def test_parents_that_hold_something_else_stay(tmp_path):
    folder = RunFolder(tmp_path / "a" / "run")
    folder.make()
    (tmp_path / "a" / "mine.txt").touch()
    folder.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"run' cannot be made \(Not a directory\)"), RunFolder(tmp_path / "file" / "run"):
        pytest.fail("entered")
