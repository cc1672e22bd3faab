"""Images of ``ImageFiles`` that were read before come from a temporary file."""

import copy
import errno
import os
import pickle
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from cnnzoo.data import ImageFiles, Split, _cache, folder, stream
from cnnzoo.data.split import take

COUNT, SIZE = 12, (9, 7)
ALL = range(COUNT)


@pytest.fixture
def paths(tmp_path):
    random = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / f"{number:02}.png")
    return sorted(tmp_path.glob("*.png"))


@pytest.fixture
def expected(paths):
    return ImageFiles(paths, SIZE, 3, cached=False)[:]


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that were decoded, in any order."""
    names, read = [], folder.read_picture
    monkeypatch.setattr(folder, "read_picture", lambda path, size: names.append(path[-6:-4]) or read(path, size))
    return names


def test_an_image_is_decoded_once(paths, expected, decoded):
    files = ImageFiles(paths, SIZE, 3)
    for _ in range(3):
        np.testing.assert_array_equal(files[[3, 1]], expected[[3, 1]])
        np.testing.assert_array_equal(files[5], expected[5])
    np.testing.assert_array_equal(files[:], expected)
    assert sorted(decoded) == [f"{number:02}" for number in ALL]


def test_what_is_read_once_need_not_be_kept(paths, expected, decoded):
    files = ImageFiles(paths, SIZE, 3, cached=False)
    np.testing.assert_array_equal(files[:2], files[:2])
    assert sorted(decoded) == ["00", "00", "01", "01"]


def test_nothing_is_kept_where_files_cannot_be_read_at_a_position(paths, expected, decoded, monkeypatch):
    monkeypatch.delattr(os, "pread")  # as on Windows
    files = ImageFiles(paths, SIZE, 3)
    for _ in range(2):
        np.testing.assert_array_equal(files[:2], expected[:2])
    assert sorted(decoded) == ["00", "00", "01", "01"]


def test_every_epoch_of_a_stream_but_the_first_decodes_nothing(paths, decoded):
    split = Split(ImageFiles(paths, SIZE, 3), np.arange(COUNT))
    batches = stream(split, batch_size=5, shuffle=True, augment="flip", seed=1)
    epochs = [[images.numpy() for images, _ in batches] for _ in range(2)]
    assert len(decoded) == COUNT
    anew = stream(Split(split.images[:], split.labels), batch_size=5, shuffle=True, augment="flip", seed=1)
    for epoch in epochs:
        for images, (same, _) in zip(epoch, anew, strict=True):
            np.testing.assert_array_equal(images, same)


def test_a_subset_shares_what_is_kept(paths, expected, decoded):
    whole = Split(ImageFiles(paths, SIZE, 3), np.arange(COUNT))
    part = take(take(whole, np.array([7, 2, 5])), np.array([2, 0]))
    np.testing.assert_array_equal(part.images[:], expected[[5, 7]])
    np.testing.assert_array_equal(whole.images[[7, 5]], expected[[7, 5]])
    assert sorted(decoded) == ["05", "07"]


def test_a_file_that_changes_is_read_again(paths, expected):
    files = ImageFiles(paths, SIZE, 3)
    np.testing.assert_array_equal(files[:], expected)
    Image.new("RGB", (40, 40), "red").save(paths[2])
    os.replace(paths[4], paths[3])
    paths[5].unlink()
    assert np.unique(files[2].reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]
    np.testing.assert_array_equal(files[3], expected[4])
    with pytest.raises(FileNotFoundError, match="No such image"):
        files[5]
    paths[6].write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is not a readable image"):
        files[6]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda files: pickle.loads(pickle.dumps(files))])
def test_a_copy_begins_empty(paths, expected, decoded, copied):
    files = ImageFiles(paths, SIZE, 3)
    files[:3]
    again = copied(files)
    np.testing.assert_array_equal(again[:3], expected[:3])
    np.testing.assert_array_equal(again[:3], expected[:3])
    assert len(decoded) == 6


def test_threads_may_read_at_once(paths, expected):
    files = ImageFiles(paths, SIZE, 3)

    def read(seed):
        order = np.random.default_rng(seed).permutation(COUNT)
        np.testing.assert_array_equal(files[order], expected[order])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(40)))


FORKED = """
import os, sys
import numpy as np
from cnnzoo.data import ImageFiles
files = ImageFiles(sys.argv[1:], (9, 7), 3)
expected = ImageFiles(sys.argv[1:], (9, 7), 3, cached=False)[:]
np.testing.assert_array_equal(files[:6], expected[:6])
children = []
for first in (6, 4, 8):  # each process keeps other images
    child = os.fork()
    if not child:
        for _ in range(2):
            np.testing.assert_array_equal(files[first:], expected[first:])
        np.testing.assert_array_equal(files[:], expected)
        os._exit(0)
    children.append(child)
np.testing.assert_array_equal(files[:], expected)
np.testing.assert_array_equal(files[:], expected)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_process_keeps_its_own(paths):
    finished = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, *paths], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_no_file_is_left_even_after_a_crash(paths, temporary):
    files = ImageFiles(paths, SIZE, 3)
    files[:]
    assert files._cache._used == files[:].nbytes
    assert list(temporary.iterdir()) == []
    file = files._cache._file
    del files
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def fails(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("write", [fails, lambda file, pixels, place: len(pixels) - 1])
def test_a_full_disk_means_decoding(paths, expected, decoded, monkeypatch, write):
    files = ImageFiles(paths, SIZE, 3)
    files[:4]
    monkeypatch.setattr(os, "pwrite", write)
    for _ in range(2):
        np.testing.assert_array_equal(files[:], expected)
    assert len(decoded) == 4 + 2 * (COUNT - 4)


def test_a_disk_that_cannot_be_read_means_decoding(paths, expected, monkeypatch):
    files = ImageFiles(paths, SIZE, 3)
    files[:]
    for read in (fails, lambda file, length, place: b""):
        monkeypatch.setattr(os, "pread", read)
        np.testing.assert_array_equal(files[:], expected)


def test_no_folder_for_temporary_files_means_decoding(paths, expected, temporary):
    temporary.rmdir()
    files = ImageFiles(paths, SIZE, 3)
    for _ in range(2):
        np.testing.assert_array_equal(files[:], expected)


def test_what_does_not_fit_is_decoded(paths, expected, decoded, monkeypatch):
    monkeypatch.setattr(_cache, "_room", lambda folder: 3 * expected[0].nbytes + 10)
    files = ImageFiles(paths, SIZE, 3)
    for _ in range(2):
        np.testing.assert_array_equal(files[:], expected)
    assert len(decoded) == 2 * COUNT - 3


@pytest.mark.parametrize(("in_memory", "room"), [("/mnt/ram", 50), ("/mnt/ram/b", 500), ("/mnt/r", 500)])
def test_the_room_is_half_of_the_free_disk_or_a_quarter_of_the_free_memory(monkeypatch, in_memory, room):
    types = {"/": "ext4", "/mnt": "xfs", in_memory: "tmpfs"}
    mounts = [SimpleNamespace(mountpoint=place, fstype=type_) for place, type_ in types.items()]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=200))
    monkeypatch.setattr(_cache.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    assert _cache._room("/mnt/ram/a") == room
