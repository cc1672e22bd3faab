import contextlib
import dataclasses
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo._keras.cache import keras_home
from cnnzoo.data import Split, cifar10
from cnnzoo.data.cifar10 import CIFAR10_CLASSES, TEST_BATCHES, TRAIN_BATCHES, read_cifar10
from cnnzoo.data.sampling import sample_fraction

BATCHES = (*TRAIN_BATCHES, *TEST_BATCHES)
PER_BATCH = 20


def planes(images):
    """Rows of red, green and blue planes, as both versions store them."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


@pytest.fixture(scope="module")
def batches():
    """Six batches of 20 random images, two a class."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
    return {
        name: (rng.integers(0, 256, (PER_BATCH, 32, 32, 3), dtype=np.uint8), rng.permutation(labels))
        for name in BATCHES
    }


def files(batches, version):
    """The batches' files by name."""
    if version == "bin":
        return {
            f"{name}.bin": np.hstack([labels[:, None], planes(images)]).astype(np.uint8).tobytes()
            for name, (images, labels) in batches.items()
        }
    return {
        name: pickle.dumps({b"data": planes(images), b"labels": labels.tolist()}, protocol=2)
        for name, (images, labels) in batches.items()
    }


@pytest.fixture(params=["bin", "py"])
def folder(request, tmp_path, batches):
    """An unpacked folder of either version."""
    path = tmp_path / f"cifar-10-batches-{request.param}"
    path.mkdir()
    for name, payload in files(batches, request.param).items():
        (path / name).write_bytes(payload)
    return path


def archive(folder, path):
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


@pytest.mark.parametrize("form", ["folder", "parent", "archive"])
def test_every_layout_gives_the_same_images(folder, tmp_path, batches, form):
    path = {"folder": folder, "parent": tmp_path, "archive": archive(folder, tmp_path / "cifar.tar.gz")}[form]
    train, test = cnnzoo.data.load_cifar10(path=path)
    raw = np.concatenate([batches[name][0] for name in TRAIN_BATCHES])
    np.testing.assert_array_equal(train.images, raw.astype(np.float32) / 255, strict=True)
    np.testing.assert_array_equal(train.labels, np.concatenate([batches[name][1] for name in TRAIN_BATCHES]))
    np.testing.assert_array_equal(test.labels, batches["test_batch"][1])
    assert train.labels.dtype == np.int64


def test_a_fraction_is_stratified_and_repeatable(folder):
    train, test = cnnzoo.data.load_cifar10(fraction=0.5, seed=3, path=folder)
    assert np.bincount(train.labels).tolist() == [5] * 10
    assert np.bincount(test.labels).tolist() == [1] * 10
    again, _ = cnnzoo.data.load_cifar10(fraction=0.5, seed=3, path=folder)
    np.testing.assert_array_equal(train.images, again.images)
    other, _ = cnnzoo.data.load_cifar10(fraction=0.5, seed=4, path=folder)
    assert not np.array_equal(train.images, other.images)


@pytest.mark.parametrize("size", [64, (40, 50), 16])
def test_resizing_equals_tensorflows_bilinear(folder, size):
    sides = size if isinstance(size, tuple) else (size, size)
    plain, _ = cnnzoo.data.load_cifar10(path=folder)
    resized, _ = cnnzoo.data.load_cifar10(image_size=size, path=folder)
    assert resized.images.shape == (100, *sides, 3)
    np.testing.assert_allclose(resized.images, tf.image.resize(plain.images, sides).numpy(), atol=1e-6)
    np.testing.assert_array_equal(resized.labels, plain.labels)


def test_one_hot_labels(folder):
    train, _ = cnnzoo.data.load_cifar10(one_hot=True, path=folder)
    assert (train.labels.shape, train.labels.dtype) == ((100, 10), np.float32)


def test_as_a_data_set_its_images_stay_bytes(folder):
    dataset = cnnzoo.data.load_dataset(cnnzoo.data.find_source("cifar10", folder))
    assert [split.images.dtype for split in dataset] == [np.uint8, np.uint8]


def test_there_are_ten_classes():
    assert len(CIFAR10_CLASSES) == 10


@pytest.mark.parametrize("fraction", [0, 1.5, -1, float("nan"), "all"])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(ValueError, match=r"`fraction` must lie in \(0, 1\]"):
        cnnzoo.data.load_cifar10(fraction=fraction)


@pytest.mark.parametrize("size", [0, (32,), (32, 0), 2.5, (1, 2, 3), True])
def test_an_image_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match="`image_size` must be"):
        cnnzoo.data.load_cifar10(image_size=size)


def test_a_missing_batch_is_named(folder):
    next(folder.glob("data_batch_3*")).unlink()
    with pytest.raises(FileNotFoundError, match="lacks the CIFAR-10 batches data_batch_3"):
        read_cifar10(folder)


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: '.*absent'"):
        read_cifar10(tmp_path / "absent")


@pytest.mark.parametrize("payload", [b"", b"\0" * 3072, b"\x0a" + b"\0" * 3072])
def test_a_damaged_binary_batch_is_refused(tmp_path, batches, payload):
    for name, intact in files(batches, "bin").items():
        (tmp_path / name).write_bytes(payload if name == "data_batch_2.bin" else intact)
    with pytest.raises(ValueError, match=r"data_batch_2\.bin' must hold"):
        read_cifar10(tmp_path)


def batch_folder(tmp_path, batches, payload):
    for name, intact in files(batches, "py").items():
        (tmp_path / name).write_bytes(payload if name == "data_batch_1" else intact)
    return tmp_path


def test_a_pickle_that_calls_a_command_is_refused_and_nothing_runs(tmp_path, batches):
    class Trap:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'sprung'}",))

    with pytest.raises(ValueError, match="may not contain"):
        read_cifar10(batch_folder(tmp_path, batches, pickle.dumps({b"data": Trap()})))
    assert not (tmp_path / "sprung").exists()


def test_a_codec_other_than_the_one_pickle_writes_is_refused(tmp_path, batches):
    payload = b"c_codecs\nencode\n(Vabc\nVzlib_codec\ntR."
    with pytest.raises(ValueError, match="may not encode as zlib_codec"):
        read_cifar10(batch_folder(tmp_path, batches, payload))


@settings(max_examples=60)
@given(payload=st.binary(max_size=200))
def test_arbitrary_bytes_as_a_pickle_are_refused(tmp_path, batches, payload):
    with pytest.raises(ValueError, match="data_batch_1"):
        read_cifar10(batch_folder(tmp_path, batches, payload))


@settings(max_examples=60)
@given(payload=st.binary(max_size=200), size=st.sampled_from([200, 3072, 3073, 6146]))
def test_arbitrary_bytes_as_a_binary_batch_are_read_or_refused(tmp_path, batches, payload, size):
    for name, intact in files(batches, "bin").items():
        (tmp_path / name).write_bytes(payload.ljust(size, b"\0") if name == "data_batch_2.bin" else intact)
    with contextlib.suppress(ValueError):
        read_cifar10(tmp_path)


@settings(max_examples=60)
@given(payload=st.binary(max_size=300), head=st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]))
def test_arbitrary_bytes_as_an_archive_are_refused(tmp_path, payload, head):
    (tmp_path / "cifar.tar.gz").write_bytes(head + payload)
    with pytest.raises((ValueError, FileNotFoundError), match=r"cifar\.tar\.gz"):
        read_cifar10(tmp_path / "cifar.tar.gz")


def test_a_truncated_archive_is_refused(folder, tmp_path):
    path = archive(folder, tmp_path / "cifar.tar.gz")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="is not a readable archive"):
        read_cifar10(path)


def test_links_in_an_archive_are_passed_over(tmp_path):
    with tarfile.open(tmp_path / "links.tar.gz", "w:gz") as tar:
        for name in BATCHES:
            link = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link, io.BytesIO())
    with pytest.raises(FileNotFoundError, match="lacks the CIFAR-10 batches"):
        read_cifar10(tmp_path / "links.tar.gz")


def test_raw_pixels_are_kept_on_request(folder, batches):
    train, test = cnnzoo.data.load_cifar10(path=folder, dtype="uint8")
    assert (train.images.dtype, train.labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(test.images, batches["test_batch"][0])


def test_raw_pixels_are_not_resized(folder):
    with pytest.raises(ValueError, match="Pass `image_size` to `stream` instead"):
        cnnzoo.data.load_cifar10(path=folder, dtype="uint8", image_size=64)
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or 'uint8'"):
        cnnzoo.data.load_cifar10(path=folder, dtype="float64")


def test_a_draw_need_not_be_stratified(folder):
    train, _ = cnnzoo.data.load_cifar10(fraction=0.5, stratified=False, seed=1, path=folder)
    assert len(train.labels) == 50
    assert np.bincount(train.labels, minlength=10).tolist() != [5] * 10


@settings(max_examples=30)
@given(fraction=st.floats(0.01, 1), seed=st.integers(0, 2**32 - 1), per_class=st.integers(1, 30))
def test_a_stratified_fraction_is_exactly_balanced_and_in_order(fraction, seed, per_class):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(10), per_class))
    split = Split(np.arange(len(labels)), labels)
    part = sample_fraction(split, fraction, seed=seed)
    counts = np.bincount(part.labels, minlength=10)
    assert counts.max() - counts.min() <= (1 if len(part.labels) < 10 else 0)
    assert (np.diff(part.images) > 0).all()
    np.testing.assert_array_equal(part.labels, labels[part.images])


def in_archive(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, payload in members:
            member = tarfile.TarInfo(name)
            member.size = len(payload)
            tar.addfile(member, io.BytesIO(payload))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_is_read(tmp_path, batches, mode):
    path = in_archive(tmp_path / "cifar", files(batches, "bin").items(), mode)
    np.testing.assert_array_equal(read_cifar10(path)[1][0], batches["test_batch"][0])


def test_names_that_climb_out_of_the_archive_write_nothing(tmp_path, batches):
    climbing = [(f"../../{name}", payload) for name, payload in files(batches, "bin").items()]
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    read_cifar10(in_archive(inner / "cifar.tar.gz", [*climbing, ("/tmp/../absolute", b"x")]))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "cifar.tar.gz"]


def test_an_archive_that_unfolds_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnzoo.data.cifar10.LARGEST_ARCHIVE", 1 << 20)
    bomb = in_archive(tmp_path / "bomb.tar.gz", [("padding", bytes(4 << 20))])
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ValueError, match="it unpacks to more than 1,048,576 bytes"):
        read_cifar10(bomb)


def test_a_batch_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnzoo.data.cifar10.LARGEST_BATCH", 1 << 20)
    with pytest.raises(ValueError, match=r"data_batch_1\.bin is too large"):
        read_cifar10(in_archive(tmp_path / "bomb.tar.gz", [("data_batch_1.bin", bytes(2 << 20))]))
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(2 << 20))
    with pytest.raises(ValueError, match="is too large for a CIFAR-10 batch"):
        read_cifar10(tmp_path)


@pytest.mark.parametrize("labels", [[[0] * 10] * 20, ["cat"] * 20, [[]] * 20, [2.5] * 20, None, {}])
def test_labels_in_a_pickle_must_be_a_flat_list_of_numbers(tmp_path, batches, labels):
    payload = pickle.dumps({b"data": planes(batches["data_batch_1"][0]), b"labels": labels}, protocol=2)
    with pytest.raises(ValueError, match="data_batch_1"):
        read_cifar10(batch_folder(tmp_path, batches, payload))


def test_a_copy_in_the_keras_cache_is_read(tmp_path, batches, monkeypatch):
    """Keras keeps the Python version under a name of its own."""
    path = in_archive(tmp_path / "cifar.tar.gz", files(batches, "py").items())
    payload = path.read_bytes()
    file = dataclasses.replace(cifar10.CIFAR10_PYTHON, size=len(payload), sha256=hashlib.sha256(payload).hexdigest())
    monkeypatch.setattr(cifar10, "CIFAR10_FILES", (cifar10.CIFAR10_BINARY, file))
    cached = keras_home() / "datasets" / "cifar-10-batches-py-target_archive"
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    assert len(cnnzoo.data.load_cifar10()[0].labels) == 100


def test_a_pickled_view_that_repeats_a_few_bytes_is_refused(tmp_path, batches):
    class View:
        def __reduce__(self):
            return np.ndarray, ((4_000_000, 3072), np.dtype(np.uint8), b"\0", 0, (0, 0))

    payload = pickle.dumps({b"data": View(), b"labels": [0]}, protocol=2)
    assert len(payload) < 1_000
    with pytest.raises(ValueError, match="data_batch_1"):
        read_cifar10(batch_folder(tmp_path, batches, payload))


def test_raw_pixels_stream_like_the_resized_images_load(folder):
    eager, _ = cnnzoo.data.load_cifar10(fraction=0.5, image_size=64, path=folder)
    raw, _ = cnnzoo.data.load_cifar10(fraction=0.5, path=folder, dtype="uint8")
    streamed = list(cnnzoo.data.stream(raw, batch_size=7, image_size=64))
    np.testing.assert_array_equal(np.concatenate([images for images, _ in streamed]), eager.images)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in streamed]), eager.labels)
