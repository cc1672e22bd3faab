import dataclasses
import gzip
import hashlib
import os

import numpy as np
import pytest

import cnnzoo
from cnnzoo.data import mnist
from tests.conftest import idx_bytes


def assert_is_padded(split, raw_images, raw_labels):
    assert split.images.dtype == np.float32
    np.testing.assert_array_equal(split.images[:, 2:30, 2:30, 0], raw_images.astype(np.float32) / 255)
    frame = split.images.copy()
    frame[:, 2:30, 2:30] = 0
    assert not frame.any()
    np.testing.assert_array_equal(split.labels, raw_labels)
    assert split.labels.dtype == np.int64


@pytest.mark.parametrize("layout", ["npz", "idx"])
def test_both_layouts_are_padded_and_scaled(tmp_path, raw_arrays, idx_folder, layout):
    np.savez(tmp_path / "mnist.npz", **raw_arrays)
    train, test = cnnzoo.data.load_mnist(path=tmp_path / "mnist.npz" if layout == "npz" else idx_folder)
    assert_is_padded(train, raw_arrays["x_train"], raw_arrays["y_train"])
    assert_is_padded(test, raw_arrays["x_test"], raw_arrays["y_test"])


def test_splits_unpack_like_keras_tuples(idx_folder):
    (x_train, y_train), (x_test, y_test) = cnnzoo.data.load_mnist(path=idx_folder)
    assert (x_train.shape, y_train.shape) == ((8, 32, 32, 1), (8,))
    assert (x_test.shape, y_test.shape) == ((4, 32, 32, 1), (4,))


def test_one_hot_labels_are_the_lectures_form(idx_folder, raw_arrays):
    train, _ = cnnzoo.data.load_mnist(one_hot=True, path=idx_folder)
    assert (train.labels.shape, train.labels.dtype) == ((8, 10), np.float32)
    np.testing.assert_array_equal(train.labels.argmax(axis=1), raw_arrays["y_train"])
    np.testing.assert_array_equal(train.labels.sum(axis=1), 1)


def test_names_with_a_dot_are_found_too(idx_folder):
    os.rename(idx_folder / "train-labels-idx1-ubyte", idx_folder / "train-labels.idx1-ubyte")
    train, _ = cnnzoo.data.load_mnist(path=idx_folder)
    assert len(train.labels) == 8


def test_a_folder_that_lacks_a_file_is_refused(idx_folder):
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="There is no 't10k-labels-idx1-ubyte'"):
        cnnzoo.data.load_mnist(path=idx_folder)


def test_a_label_must_belong_to_each_image(idx_folder):
    (idx_folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(7, np.uint8)))
    with pytest.raises(ValueError, match=r"a label for each image\. Received: 8 images, 7 labels"):
        cnnzoo.data.load_mnist(path=idx_folder)


def test_a_label_beyond_nine_is_refused(idx_folder):
    (idx_folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.full(8, 10, np.uint8)))
    with pytest.raises(
        ValueError, match=r"idx' is damaged or has another format: labels must lie in 0 to 9\. Received: 10"
    ):
        cnnzoo.data.load_mnist(path=idx_folder)


def test_images_of_another_size_are_refused(idx_folder):
    (idx_folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros((8, 32, 32), np.uint8))))
    with pytest.raises(ValueError, match=r"must hold an array of shape \(n, 28, 28\)\. Received: \(8, 32, 32\)"):
        cnnzoo.data.load_mnist(path=idx_folder)


def test_without_path_a_verified_copy_in_the_keras_cache_is_used(tmp_path, raw_arrays, monkeypatch):
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    np.savez(folder / "mnist.npz", **raw_arrays)
    payload = (folder / "mnist.npz").read_bytes()
    file = dataclasses.replace(mnist.MNIST_NPZ, size=len(payload), sha256=hashlib.sha256(payload).hexdigest())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(mnist, "MNIST_NPZ", file)
    train, _ = cnnzoo.data.load_mnist()
    assert_is_padded(train, raw_arrays["x_train"], raw_arrays["y_train"])


def test_all_of_mnist(datasets):
    train, test = cnnzoo.data.load_mnist(path=datasets / "mnist.npz")
    assert (train.images.shape, test.images.shape) == ((60_000, 32, 32, 1), (10_000, 32, 32, 1))
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert (train.images.min(), train.images.max()) == (0, 1)
