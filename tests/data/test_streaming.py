import gc
import os
import weakref

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.data import AUGMENTATIONS, Split, stream
from cnnzoo.data.resize import resize_into
from cnnzoo.data.streaming import _parallel_calls, plain_batches


def random_split(count=12, side=8, channels=3, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    return Split(images if dtype == np.uint8 else images.astype(np.float32) / 255, np.arange(count) % 3)


def collect(batches):
    """All images and labels of one epoch."""
    images, labels = zip(*((images.numpy(), labels.numpy()) for images, labels in batches), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def eager(split, size):
    """What the loaders give at ``size``."""
    resized = np.empty((len(split.images), *size, split.images.shape[3]), np.float32)
    resize_into(resized, split.images)
    return resized


@settings(max_examples=12)
@given(
    count=st.integers(1, 20), side=st.integers(1, 9), height=st.integers(1, 20), width=st.integers(1, 20),
    channels=st.sampled_from([1, 3]), batch_size=st.integers(1, 7), dtype=st.sampled_from([np.uint8, np.float32]),
)  # fmt: skip
def test_where_nothing_is_random_the_stream_equals_the_eager_path(
    count, side, height, width, channels, batch_size, dtype
):
    split = random_split(count, side, channels, dtype)
    images, labels = collect(stream(split, batch_size=batch_size, image_size=(height, width)))
    np.testing.assert_array_equal(images, eager(split, (height, width)), strict=True)
    np.testing.assert_array_equal(labels, split.labels, strict=True)


def test_both_dtypes_give_the_same_batches():
    streams = [
        stream(random_split(dtype=dtype), batch_size=5, image_size=16, shuffle=True, augment="flip,crop", seed=3)
        for dtype in (np.uint8, np.float32)
    ]
    np.testing.assert_array_equal(*(collect(batches)[0] for batches in streams))


def test_one_hot_labels_stay_with_their_images():
    split = random_split()
    one_hot = Split(split.images, np.eye(3, dtype=np.float32)[split.labels])
    _, labels = collect(stream(one_hot, batch_size=5, shuffle=True, seed=1))
    _, numbers = collect(stream(split, batch_size=5, shuffle=True, seed=1))
    np.testing.assert_array_equal(labels, np.eye(3)[numbers])


def test_an_epoch_holds_every_image_once_in_an_order_of_its_own():
    split = Split(np.arange(50, dtype=np.uint8).reshape(-1, 1, 1, 1), np.arange(50))
    batches = stream(split, batch_size=8, shuffle=True, seed=0)
    first, second = (collect(batches)[1] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist() != list(range(50))


def test_images_and_labels_stay_together_when_shuffled():
    split = Split(np.arange(50, dtype=np.uint8).reshape(-1, 1, 1, 1), np.arange(50))
    images, labels = collect(stream(split, batch_size=8, shuffle=True, seed=5))
    np.testing.assert_array_equal(np.rint(images[:, 0, 0, 0] * 255), labels)


@pytest.mark.parametrize("augment", [(), *AUGMENTATIONS, "flip,crop,color,shift,rotate,distort"])
def test_the_same_seed_gives_the_same_batches_epoch_by_epoch(augment):
    def two_epochs(seed):
        batches = stream(random_split(24), batch_size=7, image_size=12, shuffle=True, augment=augment, seed=seed)
        return [collect(batches)[0] for _ in range(2)]

    first, again, other = two_epochs(4), two_epochs(4), two_epochs(5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


def test_the_number_of_batches_is_known():
    assert stream(random_split(12), batch_size=5).cardinality() == 3


@pytest.mark.slow
def test_keras_trains_on_it(digits):
    train, _ = digits
    part = Split(train.images[:60], train.labels[:60])
    model = cnnzoo.models.lenet5()
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    history = model.fit(stream(part, batch_size=20, shuffle=True), epochs=4, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_large_images_are_shrunk_before_they_are_augmented():
    split = random_split(6, side=40)
    np.testing.assert_array_equal(collect(stream(split, batch_size=4, image_size=16))[0], eager(split, (16, 16)))
    cropped, _ = collect(stream(split, batch_size=4, image_size=16, augment="crop"))
    for before, after in zip(eager(split, (16, 16)), cropped, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        crops = [padded[top : top + 16, left : left + 16] for top in range(5) for left in range(5)]
        assert any(np.allclose(after, crop, atol=1e-6) for crop in crops)


def test_fewer_batches_are_made_at_once_where_they_are_large():
    small, large = (np.broadcast_to(np.uint8(0), (4, side, side, 3)) for side in (32, 2000))
    assert _parallel_calls(128, (32, 32), small) == os.cpu_count()
    assert _parallel_calls(128, (32, 32), large) == 1


def augmented(name, images, seed=0):
    return collect(stream(Split(images, np.zeros(len(images), int)), batch_size=16, augment=name, seed=seed))[0]


def test_flip_mirrors_some_images_and_leaves_the_others():
    images = random_split(64, dtype=np.float32).images
    flipped = augmented("flip", images)
    mirrored = [np.array_equal(after, before[:, ::-1]) for before, after in zip(images, flipped, strict=True)]
    same = [np.array_equal(after, before) for before, after in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 16 <= sum(mirrored) <= 48


def test_crop_moves_by_whole_pixels_and_fills_with_zeros():
    images = random_split(64, side=16, dtype=np.float32).images + np.float32(0.001)
    for before, after in zip(images, augmented("crop", images), strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        crops = [padded[top : top + 16, left : left + 16] for top in range(5) for left in range(5)]
        assert any(np.allclose(after, crop, atol=1e-6) for crop in crops)


def test_crops_are_not_all_alike():
    images = np.zeros((64, 16, 16, 1), np.float32)
    images[:, 8, 8] = 1
    places = {tuple(np.argwhere(image[..., 0] > 0.5)[0]) for image in augmented("crop", images)}
    assert len(places) > 10
    assert {row for row, _ in places} == {column for _, column in places} == {6, 7, 8, 9, 10}


def test_every_crop_is_as_likely():
    images = np.zeros((2000, 16, 16, 1), np.float32)
    images[:, 8, 8] = 1
    rows = augmented("crop", images)[..., 0].max(axis=2).argmax(axis=1)
    assert np.bincount(rows)[6:].min() > 320  # 400 expected, 18 the standard deviation


def test_shift_moves_by_at_most_a_sixteenth():
    images = np.zeros((64, 32, 32, 1), np.float32)
    images[:, 14:18, 14:18] = 1
    grid = np.arange(32)
    for image in augmented("shift", images)[..., 0]:
        assert image.sum() == pytest.approx(16, rel=1e-3)
        centre = [(image.sum(axis=axis) * grid).sum() / image.sum() for axis in (0, 1)]
        assert all(abs(place - 15.5) <= 2.01 for place in centre)


def test_rotate_turns_about_the_centre_by_at_most_ten_degrees():
    images = np.zeros((64, 33, 33, 1), np.float32)
    images[:, 4:7, 16] = 1  # a mark 11 pixels above the centre
    angles = []
    for image in augmented("rotate", images)[..., 0]:
        row, column = (np.array(np.nonzero(image)) * image[np.nonzero(image)]).sum(axis=1) / image.sum()
        assert np.hypot(row - 16, column - 16) == pytest.approx(11, abs=0.2)
        angles.append(np.degrees(np.arctan2(column - 16, 16 - row)))
    assert max(np.abs(angles)) <= 10.3
    assert min(angles) < -5 < 5 < max(angles)


def test_distort_moves_scales_squeezes_and_shears_within_its_reach():
    rows, columns = np.indices((65, 65))
    marks = [(32, 32), (32, 48), (48, 32)]  # a soft one a channel: at the centre, to the right of it, below it
    marked = [np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8) for row, column in marks]
    images = np.repeat(np.stack(marked, axis=-1).astype(np.float32)[np.newaxis], 200, axis=0)
    draws = []
    for image in augmented("distort", images):
        centre, right, below = (
            np.array([(plane * columns).sum(), (plane * rows).sum()]) / plane.sum()
            for plane in np.moveaxis(image, -1, 0)
        )
        to_image = np.column_stack([right - centre, below - centre]) / 16
        (across, shear), (zero, down) = np.linalg.inv(to_image)
        assert zero == pytest.approx(0, abs=2e-3)
        moved = np.linalg.inv(to_image) @ (32 - centre)
        draws.append([np.log(across * down) / 2, np.log(across / down) / 2, shear, *moved / 65])
    reach = np.array([0.1, 0.1, 0.15, 1 / 16, 1 / 16])
    assert (np.abs(draws) <= 1.03 * reach).all()
    assert (np.max(draws, axis=0) > 0.9 * reach).all()
    assert (np.min(draws, axis=0) < -0.9 * reach).all()
    assert np.abs(np.corrcoef(draws, rowvar=False) - np.eye(5)).max() < 0.35  # each is drawn by itself


def test_color_adds_one_shift_an_image_along_the_principal_components():
    rng = np.random.default_rng(0)
    direction = np.array([3.0, 2.0, 1.0]) / np.sqrt(14)
    strength = rng.normal(0, 0.1, (64, 8, 8, 1))
    images = (0.5 + strength * direction).astype(np.float32)
    shifts = augmented("color", images) - images
    assert shifts.std(axis=(1, 2)).max() < 1e-5
    along = shifts[:, 0, 0] @ direction
    np.testing.assert_allclose(shifts[:, 0, 0], along[:, np.newaxis] * direction, atol=1e-4)
    assert along.std() == pytest.approx(0.1 * 0.1, rel=0.4)


def test_color_needs_three_channels():
    with pytest.raises(ValueError, match="'color' needs images of 3 channels"):
        stream(random_split(channels=1), batch_size=4, augment="color")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"image_size": 0}, "`image_size` must be"),
        ({"image_size": (8, 8, 3)}, "`image_size` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"augment": "flop"}, "Unknown augmentation 'flop'. Did you mean 'flip'"),
        ({"augment": ["flip", "spin"]}, "Unknown augmentation 'spin'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        stream(random_split(), **{"batch_size": 4, **options})


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(np.zeros((2, 8, 8), np.uint8), np.zeros(2, int)), "must hold at least one image, of shape"),
        (Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(3, int)), "a label for each"),
        (Split(np.zeros((0, 8, 8, 1), np.uint8), np.zeros(0, int)), "at least one"),
        (Split(np.zeros((2, 8, 8, 1), np.uint8), [0, 1, 2]), "a label for each"),
        (Split(np.zeros((2, 8, 8, 1), np.int32), np.zeros(2, int)), r"must be float in \[0, 1\] or uint8"),
    ],
)
def test_what_is_no_split_of_images_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        stream(split, batch_size=2)


def test_float64_images_become_float32():
    images, _ = collect(stream(Split(np.full((2, 4, 4, 1), 0.25), np.zeros(2, int)), batch_size=2))
    assert images.dtype == np.float32
    assert keras.ops.convert_to_numpy(images).max() == 0.25


@pytest.mark.slow
def test_images_go_with_their_stream():
    """TensorFlow keeps the functions of a stream as long as the program runs."""
    images = np.zeros((6, 8, 8, 1), np.uint8)
    kept = weakref.ref(images)
    first = stream(Split(images, np.zeros(6, np.int64)), batch_size=2).prefetch(1)
    del images
    gc.collect()
    assert [len(batch) for batch, _ in first] == [2, 2, 2]  # while it lives, all is there
    del first
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("batch_size", [4, 50])
@pytest.mark.parametrize("image_size", [None, (7, 9), (40, 40)])
@pytest.mark.parametrize("scale", ["unit", "byte"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_plain_batches_are_those_of_a_stream(batch_size, image_size, scale, dtype):
    images = np.random.default_rng(0).integers(0, 256, (10, 12, 11, 3)).astype(dtype)
    split = Split(images if dtype == np.uint8 else images / np.float32(255), np.arange(10))
    options = {"batch_size": batch_size, "image_size": image_size, "scale": scale}
    wanted = [batch.numpy() for batch, _ in stream(split, **options)]
    found = list(plain_batches(split.images, **options))
    assert len(found) == len(wanted)
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_no_thread_tunes_a_stream():
    """TensorFlow's does so in its sleep, and where it misses that the stream is deleted, that waits until it wakes."""
    assert stream(random_split(), batch_size=4).options().autotune.enabled is False
