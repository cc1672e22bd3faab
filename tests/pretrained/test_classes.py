import numpy as np
import pytest

from cnnzoo.pretrained import decode


def test_any_list_of_classes():
    rows = decode(np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]]), top=2, class_names=["cat", "dog", "owl"])
    assert rows == [[("dog", 0.5), ("owl", 0.3)], [("cat", 0.9), ("dog", 0.1)]]
    assert len(decode(np.zeros((1, 3)), class_names=list("abc"))[0]) == 3


def test_imagenet_names_ship_with_the_package():
    predictions = np.zeros((1, 1000))
    predictions[0, 207] = 1
    assert decode(predictions, top=1) == [[("golden retriever", 1.0)]]


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="`predictions` must be numbers"):
        decode(np.array([[0.1, np.nan]]), class_names="ab")


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3,), {"class_names": list("abc")}, r"must be of shape \(n, classes\)"),
        ((1, 3), {}, r"must be of shape \(n, 1000\) for ImageNet's classes"),
        ((1, 3), {"class_names": list("ab")}, "a name for each of the 3 classes. Received: 2 names"),
        ((1, 3), {"class_names": list("abc"), "top": 0}, "`top` must be an integer of at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        decode(np.zeros(shape), **options)
