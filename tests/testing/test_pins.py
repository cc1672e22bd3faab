"""The files of pins: reading, writing, names; no Keras is needed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cnnzoo.testing.pins import Pin, Row, as_pin

ROWS = [Row("(input)", "input", "12x12x1", dtype="float32"), Row("c1", "Conv2D", "12x12x4", "40", "40", "0", "5184")]
HEADER = ",".join(Row._fields)


@pytest.fixture(autouse=True)
def _not_on_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


def test_what_is_written_is_read_back(tmp_path):
    pin = Pin(tmp_path / "pins" / "a.csv")
    assert pin.read() is None
    pin.write(ROWS)
    assert pin.was_written
    assert pin.read() == ROWS
    again = Pin(pin.path, update=True)
    assert again.read() is None
    again.write(ROWS)
    assert not again.was_written
    assert [path.name for path in pin.path.parent.iterdir()] == ["a.csv"]


def test_a_spreadsheet_and_windows_may_have_saved_it(tmp_path):
    pin = Pin(tmp_path / "a.csv")
    pin.write(ROWS)
    pin.path.write_bytes(b"\xef\xbb\xbf" + pin.path.read_bytes().replace(b"\n", b"\r\n"))
    assert pin.read() == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"The pin '.*a\.csv' is empty\. Take it from version control again, or delete the file and run the"),
        (b"\xff\xfe\x00", r"The pin '.*a\.csv' cannot be read \('utf-8' codec can't decode"),
        (b"layer,params\nc1,3\n", r"has other columns than layer, type, output_shape, .* of another release of cnnzoo"),
        (f"{HEADER}\nc1,Conv2D\n".encode(), r"is damaged: line 2 has 2 cells, not 10\."),
        (f"{HEADER}\n<<<<<<< HEAD\n".encode(), r"is damaged: line 2 has 1 cells, not 10\."),
        (f'{HEADER}\n"c1'.encode(), r"cannot be read \(unexpected end of data\)"),
    ],
)
def test_a_damaged_pin_is_refused_in_a_sentence(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        Pin(tmp_path / "a.csv").read()
    assert "\n" not in str(raised.value)


def test_a_folder_is_no_pin(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read \(.*directory"):
        Pin(tmp_path).read()


@pytest.mark.parametrize("value", ["true", "1", "woodpecker"])
def test_on_ci_a_missing_pin_is_an_error(tmp_path, monkeypatch, value):
    monkeypatch.setenv("CI", value)
    with pytest.raises(FileNotFoundError, match=r"There is no pin '.*a\.csv', and none is written on CI .* commit it"):
        Pin(tmp_path / "a.csv").read()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_who_says_that_it_is_not_ci_is_believed(tmp_path, monkeypatch, value):
    monkeypatch.setenv("CI", value)
    assert Pin(tmp_path / "a.csv").read() is None


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "pins").write_text("a file where the folder should be")
    with pytest.raises(
        OSError, match=r"The pin '.*a\.csv' cannot be written \(.*\)\. Make its folder writable"
    ) as raised:
        Pin(tmp_path / "pins" / "a.csv").write(ROWS)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OSError, match=r"cannot be written .*Permission denied"):
            Pin(tmp_path / "a.csv").write(ROWS)
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_failure_leaves_the_pin_as_it_was(tmp_path, monkeypatch):
    pin = Pin(tmp_path / "a.csv")
    pin.write(ROWS)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot be written \(No space left on device"):
        pin.write(ROWS[:1])
    assert pin.read() == ROWS


def path_of(name, file="tests/test_a.py"):
    return Pin.of_test(Path(file), name, update=False).path


def test_every_test_has_a_file_of_its_own():
    assert path_of("test_x") == Path("tests/pins/test_a.test_x.csv")
    assert path_of("TestNets.test_x[32]") == Path("tests/pins/test_a.TestNets.test_x[32].csv")
    names = [
        "x[a/b]",
        "x[a_b]",
        "x[a:b]",
        "x[relu]",
        "x[ReLU]",
        "x[RELU]",
        "x[.]",
        f"x[{'a' * 300}]",
        f"x[{'a' * 301}]",
    ]
    files = [path_of(name).name.lower() for name in names]  # as macOS and Windows compare them
    assert len(set(files)) == len(names)
    assert all(len(name) < 140 and not set(name) & set('/\\:*?"<>|') for name in files)
    assert path_of("test_x") != path_of("test_x", "tests/test_b.py")


def test_a_pin_is_a_fixture_or_a_path(tmp_path):
    pin = Pin(tmp_path / "a.csv")
    assert as_pin(pin) is pin
    assert as_pin(str(pin.path)).path == pin.path
    for wrong in (5, None, tmp_path / "pins"):
        with pytest.raises(
            ValueError, match=r"`pin` must be the fixture `pin`, or the path of a \.csv file\. Received"
        ):
            as_pin(wrong)


def test_the_plugin_and_the_pins_load_neither_keras_nor_numpy():
    code = (
        "import sys, pytest, _cnnzoo_pytest\n"
        "assert 'cnnzoo' not in sys.modules\n"
        "from cnnzoo.testing import Pin\n"
        "print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
