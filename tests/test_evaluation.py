import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.evaluation import Evaluation, evaluate, gives_logits, predict_probabilities

NAMES = ("cat", "dog", "owl")


def evaluation(labels, predictions):
    """What a network that is 80 % sure of ``predictions`` gives."""
    probabilities = np.full((len(labels), 3), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predictions] = 0.8
    return Evaluation(NAMES, np.array(labels), probabilities)


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
    for number, name in enumerate(NAMES):
        total = labels.count(number)
        expected = pytest.approx(pairs.count((number, number)) / total) if total else None
        assert result.accuracy_by_class[name] == expected


def test_most_confused_pairs_come_first():
    result = evaluation([0, 0, 0, 1, 2, 2], [1, 1, 0, 2, 2, 2])
    assert result.most_confused() == [("cat", "dog", 2), ("dog", "owl", 1)]


def test_showcase_has_each_class_and_then_the_surest_mistakes():
    result = evaluation([1, 0, 2, 0, 1], [1, 0, 2, 1, 0])
    result.probabilities[4] = [0.95, 0.04, 0.01]
    assert result.showcase().tolist() == [1, 0, 2, 4, 3]


@pytest.mark.parametrize("activation", ["softmax", None])
def test_probabilities_from_either_head(activation):
    model = cnnzoo.models.lenet5(classifier_activation=activation)
    assert gives_logits(model) is (activation is None)
    probabilities = predict_probabilities(model, np.random.default_rng(0).random((5, 32, 32, 1), dtype="float32"))
    assert isinstance(probabilities, np.ndarray)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_evaluation_agrees_with_keras(run, digits):
    _, test = digits
    model = run.model
    loss, accuracy = model.evaluate(*test, verbose=0)
    result = evaluate(model, test)
    assert result.accuracy == pytest.approx(accuracy)
    assert result.loss == pytest.approx(loss, rel=1e-4)


def test_one_hot_labels_give_the_same(run, digits):
    _, test = digits
    one_hot = Split(test.images, keras.utils.to_categorical(test.labels, 10))
    assert evaluate(run.model, one_hot).accuracy == evaluate(run.model, test).accuracy


IMAGES = np.zeros((2, 32, 32, 1), np.float32)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(np.zeros((2, 28, 28, 1)), np.array([0, 1])), r"`split.images` must be of shape \(n, 32, 32, 1\)"),
        (Split(np.zeros((2, 32, 32)), np.array([0, 1])), r"Received: \(2, 32, 32\)"),
        (Split(IMAGES, np.array([0])), "Received: 2 images, 1 labels"),
        (Split(IMAGES[:0], np.array([], int)), "at least one image"),
        (Split(IMAGES, np.array([0, 10])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.array([0, -1])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.array([0.5, 1])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.zeros((2, 9))), "must have 10 columns. Received: 9"),
        (Split(IMAGES, np.zeros((2, 10, 1))), "class numbers from 0 to 9"),
    ],
)
def test_what_does_not_fit_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        evaluate(cnnzoo.models.lenet5(), split)


def test_a_name_is_needed_for_each_class():
    with pytest.raises(ValueError, match=r"a name for each of the 10 classes\. Received: 3 names"):
        evaluate(cnnzoo.models.lenet5(), Split(IMAGES, np.array([0, 1])), class_names=NAMES)
