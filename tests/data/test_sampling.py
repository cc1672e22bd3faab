import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data import Split
from cnnzoo.data.sampling import hold_out, sample_fraction, sample_indices, subset

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def split_of(*counts):
    """A split whose images are their own numbers, with so many of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return Split(np.arange(len(labels)), labels)


def counts_of(split):
    return np.unique(split.labels, return_counts=True)[1].tolist()


@given(labels=LABELS, seed=st.integers(0, 2**32 - 1), stratified=st.booleans(), data=st.data())
def test_a_sample_is_ascending_without_replacement_and_repeatable(labels, seed, stratified, data):
    size = data.draw(st.integers(len(np.unique(labels)) if stratified else 1, len(labels)))
    drawn = sample_indices(labels, size, seed=seed, stratified=stratified)
    assert drawn.shape == (size,)
    assert (np.diff(drawn) > 0).all()
    assert 0 <= drawn[0] <= drawn[-1] < len(labels)
    np.testing.assert_array_equal(drawn, sample_indices(labels, size, seed=seed, stratified=stratified))


@given(labels=LABELS, seed=st.integers(0, 100), data=st.data())
def test_a_stratified_sample_keeps_the_proportions(labels, seed, data):
    counts = np.unique(labels, return_counts=True)[1]
    size = data.draw(st.integers(len(counts), len(labels)))
    drawn = np.bincount(np.unique(labels, return_inverse=True)[1][sample_indices(labels, size, seed=seed)])
    shares = counts * size / len(labels)
    assert drawn.min() >= 1
    if shares.min() >= 1:  # no class has to be kept at the cost of others
        assert (np.abs(drawn - shares) < 1).all()


@given(per_class=st.integers(1, 20), classes=st.integers(1, 6), share=st.integers(1, 20), seed=st.integers(0, 100))
def test_a_stratified_sample_of_balanced_classes_is_balanced(per_class, classes, share, seed):
    share = min(share, per_class)
    labels = np.repeat(np.arange(classes), per_class)
    assert np.bincount(labels[sample_indices(labels, share * classes, seed=seed)]).tolist() == [share] * classes


def test_seeds_differ():
    labels = np.repeat(np.arange(10), 50)
    assert not np.array_equal(sample_indices(labels, 100, seed=0), sample_indices(labels, 100, seed=1))


@pytest.mark.parametrize("size", [0, 4, 1.5])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match="`size` must be an integer of at least 1 and at most 3"):
        sample_indices(np.zeros(3, int), size)


@given(labels=LABELS, one_hot=st.booleans(), data=st.data())
def test_labels_stay_with_their_images(labels, one_hot, data):
    images = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1)
    form = np.eye(5, dtype=np.float32)[labels] if one_hot else labels
    part = subset(Split(images, form), data.draw(st.integers(len(np.unique(labels)), len(labels))))
    np.testing.assert_array_equal(part.labels, form[part.images[:, 0, 0, 0].astype(int)])


def test_a_rare_class_is_kept_in_a_subset():
    assert counts_of(subset(split_of(200, 3), 20)) == [19, 1]
    assert counts_of(subset(split_of(200, 3, 1, 1), 4)) == [1, 1, 1, 1]


def test_a_subset_too_small_for_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"`size` must be at least 3, one image per class\. Received: size=2"):
        subset(split_of(5, 5, 5), 2)


def test_a_rare_class_is_kept_in_a_fraction():
    assert counts_of(sample_fraction(split_of(200, 3), 0.1)) == [20, 1]
    assert counts_of(sample_fraction(split_of(2, 2, 2), 0.01)) == [1, 1, 1]


@pytest.mark.slow
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), fraction=st.floats(0.001, 1))
def test_a_fraction_of_any_split_keeps_every_class(counts, fraction):
    drawn = np.array(counts_of(sample_fraction(split_of(*counts), fraction)))
    assert len(drawn) == len(counts)
    assert (np.abs(drawn - fraction * np.array(counts)) < 1.5).all()


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), share=st.floats(0.01, 0.99))
def test_every_class_is_in_what_is_held_out_and_in_what_is_left(counts, share):
    split = split_of(*counts)
    if max(counts) == 1:
        with pytest.raises(ValueError, match="needs a class with at least two"):
            hold_out(split, share)
        return
    left, held_out = hold_out(split, share)
    assert np.unique(left.labels).tolist() == list(range(len(counts)))
    assert np.unique(held_out.labels).tolist() == [label for label, count in enumerate(counts) if count > 1]
    assert sorted([*left.images, *held_out.images]) == split.images.tolist()


def test_draws_that_kept_every_class_are_those_of_earlier_releases():
    split = split_of(20, 12, 9)
    assert subset(split, 9, seed=3).images.tolist() == [8, 9, 16, 17, 22, 23, 25, 32, 36]
    assert sample_fraction(split, 0.2, seed=3).images.tolist() == [8, 9, 16, 17, 22, 25, 32, 36]
    assert hold_out(split, 0.2, seed=3)[1].images.tolist() == [8, 9, 16, 17, 22, 25, 32, 36]
