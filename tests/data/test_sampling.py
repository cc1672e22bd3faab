import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data import Split
from cnnzoo.data.sampling import sample_indices, subset

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


@given(labels=LABELS, seed=st.integers(0, 2**32 - 1), stratified=st.booleans(), data=st.data())
def test_a_sample_is_ascending_without_replacement_and_repeatable(labels, seed, stratified, data):
    size = data.draw(st.integers(1, len(labels)))
    drawn = sample_indices(labels, size, seed=seed, stratified=stratified)
    assert drawn.shape == (size,)
    assert (np.diff(drawn) > 0).all()
    assert 0 <= drawn[0] <= drawn[-1] < len(labels)
    np.testing.assert_array_equal(drawn, sample_indices(labels, size, seed=seed, stratified=stratified))


@given(labels=LABELS, seed=st.integers(0, 100), data=st.data())
def test_a_stratified_sample_keeps_the_proportions(labels, seed, data):
    size = data.draw(st.integers(1, len(labels)))
    counts = np.bincount(labels, minlength=5)
    drawn = np.bincount(labels[sample_indices(labels, size, seed=seed)], minlength=5)
    assert (np.abs(drawn - counts * size / len(labels)) < 1).all()


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
    part = subset(Split(images, form), data.draw(st.integers(1, len(labels))))
    np.testing.assert_array_equal(part.labels, form[part.images[:, 0, 0, 0].astype(int)])
