import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data._npz import read_npz


@pytest.fixture
def valid(raw_arrays):
    """The bytes of a small mnist.npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **raw_arrays)
    return buffer.getvalue()


def test_what_was_written_is_read(tmp_path, valid, raw_arrays):
    (tmp_path / "mnist.npz").write_bytes(valid)
    for name, array in read_npz(tmp_path / "mnist.npz").items():
        np.testing.assert_array_equal(array, raw_arrays[name], strict=True)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("x_train", np.zeros((8, 32, 32), np.uint8), r"must be \(n, 28, 28\) uint8\. Received: \(8, 32, 32\) uint8"),
        ("x_test", np.zeros((4, 28, 28), np.float32), "'x_test' must be .* Received: .* float32"),
        ("y_train", np.zeros((8, 1), np.uint8), r"'y_train' must be \(n,\) uint8"),
        ("y_test", np.zeros((0,), np.uint8), r"'y_test' must be \(n,\) uint8"),
        ("y_test", np.uint8(3), r"'y_test' must be \(n,\) uint8"),
        ("x_train", np.asfortranarray(np.zeros((8, 28, 28), np.uint8)), "'x_train' must be"),
    ],
)
def test_an_array_of_another_kind_is_refused(tmp_path, raw_arrays, name, array, message):
    np.savez(tmp_path / "mnist.npz", **{**raw_arrays, name: array})
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "mnist.npz")


def test_a_missing_array_is_named(tmp_path, raw_arrays):
    arrays = {name: array for name, array in raw_arrays.items() if name != "y_test"}
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match="has no array 'y_test'"):
        read_npz(tmp_path / "mnist.npz")


def test_a_pickle_inside_is_not_run(tmp_path, raw_arrays):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    array = np.empty(8, object)
    array[:] = Trap()
    np.savez(tmp_path / "mnist.npz", **{**raw_arrays, "y_train": array})
    (tmp_path / "sprung").unlink(missing_ok=True)
    with pytest.raises(ValueError, match="'y_train' must be"):
        read_npz(tmp_path / "mnist.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("count", "message"),
    [(10**6, r"needs .* bytes\. Received: 100 bytes"), (2**40, "must have at most 1,073,741,824 bytes")],
)
def test_a_header_that_promises_too_much_is_refused(tmp_path, count, message):
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (count, 28, 28)})
        archive.writestr("x_train.npy", header.getvalue() + b"\0" * 100)
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / "mnist.npz")


@given(data=st.data())
def test_a_truncated_file_is_refused(tmp_path, valid, data):
    path = tmp_path / "mnist.npz"
    path.write_bytes(valid[: data.draw(st.integers(0, len(valid) - 1))])
    with pytest.raises(ValueError, match=r"mnist\.npz"):
        read_npz(path)


@given(data=st.data())
def test_a_flipped_byte_gives_arrays_or_the_documented_error(tmp_path, valid, data):
    position, value = data.draw(st.integers(0, len(valid) - 1)), data.draw(st.integers(0, 255))
    path = tmp_path / "mnist.npz"
    path.write_bytes(valid[:position] + bytes([value]) + valid[position + 1 :])
    with contextlib.suppress(ValueError):
        read_npz(path)


@given(header=st.binary(max_size=80))
def test_an_arbitrary_header_gives_the_documented_error(tmp_path, header):
    path = tmp_path / "mnist.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match=r"mnist\.npz"):
        read_npz(path)


@pytest.mark.parametrize("payload", [b"", b"not a zip", pickle.dumps([1]), b"PK\x03\x04"])
def test_a_foreign_file_is_refused(tmp_path, payload):
    (tmp_path / "mnist.npz").write_bytes(payload)
    with pytest.raises(ValueError, match="is not a readable npz file"):
        read_npz(tmp_path / "mnist.npz")
