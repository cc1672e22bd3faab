import contextlib
import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnnzoo.data._idx import read_idx
from tests.conftest import idx_bytes

ARRAYS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6))


@given(array=ARRAYS, gzipped=st.booleans())
def test_what_was_written_is_read(tmp_path, array, gzipped):
    payload = idx_bytes(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(payload) if gzipped else payload)
    np.testing.assert_array_equal(read_idx(path, dimensions=array.ndim), array, strict=True)


@given(array=ARRAYS, gzipped=st.booleans(), data=st.data())
def test_a_truncated_file_is_refused(tmp_path, array, gzipped, data):
    payload = idx_bytes(array)
    payload = gzip.compress(payload) if gzipped else payload
    path = tmp_path / "file"
    path.write_bytes(payload[: data.draw(st.integers(0, len(payload) - 1))])
    with pytest.raises(ValueError, match="file"):
        read_idx(path, dimensions=array.ndim)


@given(payload=st.binary(max_size=64), gzipped=st.booleans())
def test_arbitrary_bytes_give_an_array_or_the_documented_error(tmp_path, payload, gzipped):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(payload) if gzipped else payload)
    with contextlib.suppress(ValueError):
        read_idx(path, dimensions=1)


def test_bytes_beyond_the_shape_are_refused(tmp_path):
    (tmp_path / "long").write_bytes(idx_bytes(np.zeros(3, np.uint8)) + b"\0")
    with pytest.raises(ValueError, match=r"must hold 3 bytes for its shape \(3,\)\. Received: more"):
        read_idx(tmp_path / "long", dimensions=1)


@pytest.mark.parametrize("magic", [b"\0\0\x0d\x01", b"\0\0\x08\x03", b"PK\x03\x04"])
def test_another_magic_number_is_refused(tmp_path, magic):
    (tmp_path / "file").write_bytes(magic + struct.pack(">I", 1) + b"\0")
    with pytest.raises(ValueError, match=f"expected the magic number 0x00000801, found 0x{magic.hex()}"):
        read_idx(tmp_path / "file", dimensions=1)


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((1000, 1000, 1000), "Received: 100"),
        ((2**32 - 1,) * 3, "must hold at most 1,073,741,824 bytes"),
        ((2**30 + 1, 1, 1), "must hold at most"),
    ],
)
def test_a_header_that_promises_too_much_reserves_no_memory(tmp_path, sides, message):
    (tmp_path / "liar").write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">3I", *sides) + b"\0" * 100)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "liar", dimensions=3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_idx(tmp_path / "absent", dimensions=1)
