import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.evaluation import Evaluation

NAMES = ("cat", "dog", "owl")


def evaluation(labels, predictions):
    """What a network that is 80 % sure of ``predictions`` gives."""
    probabilities = np.full((len(labels), 3), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predictions] = 0.8
    return Evaluation(NAMES, np.array(labels), probabilities)


def test_it_is_printed_in_a_line():
    assert repr(evaluation([0, 1, 2], [0, 1, 1])) == "<Evaluation: accuracy 66.67% (2/3)>"


def random_evaluation(images=500, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    logits = rng.normal(size=(images, classes)) * 2
    logits[np.arange(images), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Evaluation(tuple(f"class {number}" for number in range(classes)), labels, probabilities.astype(np.float32))


PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


@given(pairs=PAIRS)
def test_figures_agree_with_counting(pairs):
    labels, predictions = zip(*pairs, strict=True)
    result = evaluation(labels, predictions)
    right = sum(label == prediction for label, prediction in pairs)
    assert result.accuracy == pytest.approx(right / len(pairs))
    assert result.loss == pytest.approx(-(right * np.log(0.8) + (len(pairs) - right) * np.log(0.1)) / len(pairs), 1e-5)
    for row in range(3):
        assert result.confusion[row].tolist() == [pairs.count((row, column)) for column in range(3)]
    for number, of_class in enumerate(result.by_class()):
        images, taken_for_it = labels.count(number), predictions.count(number)
        hits = pairs.count((number, number))
        assert (of_class.name, of_class.images) == (NAMES[number], images)
        assert of_class.recall == (pytest.approx(hits / images) if images else None)
        assert of_class.precision == (pytest.approx(hits / taken_for_it) if taken_for_it else None)
        either = images + taken_for_it
        assert of_class.f1 == (pytest.approx(2 * hits / either) if either else None)


def test_figures_of_each_class_counted_by_hand():
    result = evaluation([0, 0, 0, 2], [0, 1, 1, 0])
    assert result.confusion.tolist() == [[1, 2, 0], [0, 0, 0], [1, 0, 0]]
    assert result.by_class() == [("cat", 3, 1 / 2, 1 / 3, 2 / 5), ("dog", 0, 0, None, 0), ("owl", 1, None, 0, 0)]


def test_the_true_class_is_looked_for_among_the_most_probable():
    result = random_evaluation()
    rows = list(zip(result.labels, result.probabilities, strict=True))
    for k in (1, 3, 5):
        found = sum(label in sorted(range(7), key=row.__getitem__, reverse=True)[:k] for label, row in rows)
        assert result.top_k_accuracy(k) == found / 500
    assert result.top_k_accuracy(1) == result.accuracy
    assert result.top_k_accuracy(7) == 1


@given(pairs=PAIRS)
def test_the_first_of_equally_probable_classes_is_the_prediction(pairs):
    labels = np.array([label for label, _ in pairs])
    result = Evaluation(NAMES, labels, np.full((len(labels), 3), 1 / 3, np.float32))
    assert result.top_k_accuracy(1) == result.accuracy == np.mean(labels == 0)
    assert result.top_k_accuracy(2) == np.mean(labels < 2)


def test_the_interval_is_what_resampling_gives():
    result = random_evaluation(images=300)
    drawn = np.random.default_rng(0).choice(result.is_right, (20_000, 300)).mean(axis=1)
    assert result.accuracy_interval() == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.004)
    assert result.accuracy_interval(0.5)[0] > result.accuracy_interval(0.95)[0]


def test_the_interval_is_not_empty_where_all_images_are_right():
    assert evaluation([0] * 10, [0] * 10).accuracy_interval() == pytest.approx((0.025**0.1, 1))
    assert evaluation([0] * 10, [1] * 10).accuracy_interval() == pytest.approx((0, 1 - 0.025**0.1))


def test_calibration_agrees_with_counting():
    result = random_evaluation()
    found = result.calibration(10)
    gaps = 0
    for number in range(10):
        low, high = number / 10, (number + 1) / 10
        bin_ = [
            (confidence, right)
            for confidence, right in zip(result.confidence.tolist(), result.is_right.tolist(), strict=True)
            if low < confidence <= high
        ]
        assert found.counts[number] == len(bin_)
        if not bin_:
            assert np.isnan([found.accuracy[number], found.confidence[number]]).all()
            continue
        confidence, accuracy = np.mean(bin_, axis=0)
        assert (found.confidence[number], found.accuracy[number]) == pytest.approx((confidence, accuracy))
        gaps += len(bin_) * abs(accuracy - confidence)
    assert 0 in found.counts
    assert found.error == pytest.approx(gaps / 500)


def test_a_probability_that_rounding_made_larger_than_one_lies_in_the_last_bin():
    probabilities = np.array([[1.0000001, 0.0]], np.float32)
    found = Evaluation(("cat", "dog"), np.array([0]), probabilities).calibration(10)
    assert found.counts.tolist() == [0] * 9 + [1]


def test_calibration_of_a_network_that_is_right_as_often_as_it_says():
    assert evaluation([0] * 4 + [1], [0] * 5).calibration().error == pytest.approx(0, abs=1e-6)
    assert evaluation([0] * 5, [0] * 5).calibration().error == pytest.approx(0.2)
    sure = Evaluation(NAMES, np.array([0, 1]), np.eye(3, dtype=np.float32)[[0, 0]])
    assert sure.calibration().counts.tolist() == [0] * 14 + [2]
    assert sure.calibration().error == 0.5


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda result: result.top_k_accuracy(0), "`k` must be an integer of at least 1 and at most 3"),
        (lambda result: result.top_k_accuracy(4), "Received: k=4"),
        (lambda result: result.calibration(0), "`bins` must be"),
        (lambda result: result.most_confused(-1), "`pairs` must be"),
        (lambda result: result.surest_mistakes(-1), "`count` must be"),
        (lambda result: result.accuracy_interval(1.0), r"`level` must lie in \(0, 1\)"),
    ],
)
def test_what_is_out_of_range_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(evaluation([0], [0]))


def test_most_confused_pairs_come_first():
    result = evaluation([0, 0, 0, 1, 2, 2], [1, 1, 0, 2, 2, 2])
    assert result.most_confused() == [("cat", "dog", 2), ("dog", "owl", 1)]


def test_showcase_has_each_class_and_then_the_surest_mistakes():
    result = evaluation([1, 0, 2, 0, 1], [1, 0, 2, 1, 0])
    result.probabilities[4] = [0.95, 0.04, 0.01]
    assert result.surest_mistakes().tolist() == [4, 3]
    assert result.showcase().tolist() == [1, 0, 2, 4, 3]
