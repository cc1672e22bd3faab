import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnzoo.data.resize import CHUNK_BYTES, check_image_size, resize_bilinear, resize_into

sides = st.integers(1, 90)


def test_chunks_leave_no_seam():
    side = 64
    count = 3 * CHUNK_BYTES // (side * side * 4) // 2  # one and a half chunks
    images = np.random.default_rng(0).integers(0, 256, (count, 2, 2, 1), dtype=np.uint8)
    together, alone = np.empty((count, side, side, 1), np.float32), np.empty((1, side, side, 1), np.float32)
    resize_into(together, images)
    for position in (0, count // 2, count - 1):
        resize_into(alone, images[position : position + 1])
        np.testing.assert_array_equal(together[position], alone[0])


@settings(max_examples=50)
@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), channels=st.sampled_from([1, 3]))
def test_resized_images_are_those_of_tensorflow_bit_for_bit(old, new, channels):
    images = np.random.default_rng(0).random((2, *old, channels), np.float32)
    np.testing.assert_array_equal(resize_bilinear(images, new), tf.image.resize(images, new).numpy())


def test_keras_data_format_does_not_matter():
    images, resized = np.zeros((2, 4, 4, 3), np.uint8), np.ones((2, 8, 8, 3), np.float32)
    keras.config.set_image_data_format("channels_first")
    try:
        resize_into(resized, images)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert not resized.any()


@pytest.mark.parametrize(("size", "sides"), [(8, (8, 8)), ((8, 9), (8, 9)), ([8, 9], (8, 9)), (np.int64(3), (3, 3))])
def test_a_side_or_both(size, sides):
    assert check_image_size(size) == sides
