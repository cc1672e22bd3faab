import numpy as np
import pytest

from cnnzoo.data.labels import check_labels, class_numbers

NUMBERS = np.array([2, 0, 1, 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("form", ["numbers", "column", "one-hot", "list"])
def test_every_form_gives_the_same_numbers(form, dtype):
    forms = {
        "numbers": NUMBERS.astype(dtype),
        "column": NUMBERS[:, None].astype(dtype),  # as keras.datasets.cifar10 gives them
        "one-hot": np.eye(3, dtype=dtype)[NUMBERS],
        "list": NUMBERS.astype(dtype).tolist(),
    }
    checked = check_labels(forms[form], 3, "labels")
    assert (checked.dtype, checked.tolist()) == (np.dtype(np.int64), NUMBERS.tolist())
    assert class_numbers(np.asarray(forms[form])).tolist() == NUMBERS.tolist()


def test_two_classes_in_every_form():
    expected = [0, 1, 1]
    for labels in (expected, np.array(expected)[:, None], np.array(expected, bool), np.eye(2)[expected]):
        assert check_labels(labels, 2, "labels").tolist() == expected
        assert class_numbers(np.asarray(labels)).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "dog"], r"Received strings such as 'cat'\. Number them: `class_names, labels = np\.unique"),
        (np.array(["cat", 1], object), "Received strings such as 'cat'"),
        (np.array([{}, {}]), "Received an array of object"),
        ([1, 2, 3], r"from 0 to 2\. Received numbers from 1 to 3\. Subtract 1: class numbers start at 0"),
        ([0, 1, 3], "Received numbers from 0 to 3$"),
        ([-1, 0, 1], "Received numbers from -1 to 1"),
        ([0.5, 1.0], r"fractional numbers, such as 0\.5"),
        ([np.nan, 1.0], "fractional numbers, such as nan"),
        (np.full((2, 3), 1 / 3), r"must be one-hot.*Received 2 other rows, the first at position 0"),
        (np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]]), "Received 2 other rows, the first at position 1: "),
        (np.zeros((2, 4)), r"or one-hot rows of shape \(n, 3\)\. Received labels of shape \(2, 4\)"),
        (np.zeros((2, 3, 1)), r"Received labels of shape \(2, 3, 1\)"),
    ],
)
def test_what_only_looks_like_labels_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, 3, "labels")
