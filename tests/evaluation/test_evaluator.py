import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data import ImageFiles, Split
from cnnzoo.evaluation import evaluate, predict_probabilities

NAMES = ("cat", "dog", "owl")
IMAGES = np.zeros((2, 32, 32, 1), np.float32)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_probabilities_from_either_head(activation):
    model = cnnzoo.models.lenet5(classifier_activation=activation)
    probabilities = predict_probabilities(model, np.random.default_rng(0).random((5, 32, 32, 1), dtype="float32"))
    assert isinstance(probabilities, np.ndarray)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("count", [4, 40])  # one batch, and several, which TensorFlow asks for
def test_an_image_that_has_gone_is_named(tmp_path, monkeypatch, count):
    monkeypatch.setattr("cnnzoo.evaluation.evaluator.batch_size_for", lambda size: 8)
    paths = [tmp_path / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.new("L", (32, 32), 128).save(path)
    images = ImageFiles(list(map(str, paths)), (32, 32), 1)
    paths[-1].unlink()
    with pytest.raises(FileNotFoundError, match=rf"{count - 1}\.png"):
        evaluate(cnnzoo.models.lenet5(), Split(images, np.arange(count) % 10), engine="keras")


def test_images_may_be_resized_and_raw():
    model = cnnzoo.models.lenet5()
    raw = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    resized = keras.ops.image.resize(raw.astype(np.float32) / 255, (32, 32), interpolation="bilinear")
    np.testing.assert_allclose(
        predict_probabilities(model, raw, (32, 32)), model.predict(np.asarray(resized), verbose=0), atol=1e-6
    )
    evaluate(model, Split(raw, np.arange(5)), image_size=(32, 32))
    with pytest.raises(ValueError, match=r"must be of shape \(n, 32, 32, 1\)"):
        evaluate(model, Split(raw, np.arange(5)))


@pytest.mark.parametrize("options", [{"include_top": False}, {"include_top": False, "input_shape": (None, None, 1)}])
def test_a_model_that_is_no_classifier_is_refused(options):
    with pytest.raises(ValueError, match=r"to outputs of shape \(n, classes\)"):
        evaluate(cnnzoo.models.lenet5(**options), Split(IMAGES, np.array([0, 1])))


def test_soft_labels_are_refused():
    with pytest.raises(ValueError, match="must be one-hot: one 1 in each row"):
        evaluate(cnnzoo.models.lenet5(), Split(IMAGES, np.full((2, 10), 0.1)))


def test_class_names_must_be_strings():
    with pytest.raises(ValueError, match="must be a list of strings"):
        evaluate(cnnzoo.models.lenet5(), Split(IMAGES, np.array([0, 1])), class_names=range(10))


def test_evaluation_agrees_with_keras(run, digits):
    _, test = digits
    model = keras.models.clone_model(run.model)
    model.set_weights(run.model.get_weights())
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(*test, verbose=0)
    result = evaluate(model, test)
    assert result.accuracy == pytest.approx(accuracy)
    assert result.loss == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("count", [1, 511, 512, 513])
def test_any_number_of_images_gives_what_each_gives_alone(digits, count):
    _, test = digits
    model = cnnzoo.models.lenet5(weights="mnist")
    whole = predict_probabilities(model, np.concatenate([test.images] * 2)[:count])
    assert whole.shape == (count, 10)
    for position in {0, count // 2, count - 1}:
        alone = predict_probabilities(model, test.images[position : position + 1])
        np.testing.assert_allclose(whole[position], alone[0], atol=1e-6)


def test_one_hot_labels_give_the_same(run, digits):
    _, test = digits
    one_hot = Split(test.images, keras.utils.to_categorical(test.labels, 10))
    assert evaluate(run.model, one_hot).accuracy == evaluate(run.model, test).accuracy


def test_pairs_are_taken_as_keras_gives_them(run, digits):
    _, test = digits
    images = (test.images[..., 0] * 255).round().astype(np.uint8)  # of shape (n, height, width)
    for pair in ((images, test.labels), [images, test.labels[:, None]], (images, test.labels.tolist())):
        assert evaluate(run.model, pair).accuracy == evaluate(run.model, test).accuracy


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(np.zeros((2, 28, 28, 1)), np.array([0, 1])), r"`split.images` must be of shape \(n, 32, 32, 1\)"),
        (Split(np.zeros((2, 32, 30)), np.array([0, 1])), r"Received: \(2, 32, 30, 1\)"),
        ((IMAGES,), r"must be a pair of arrays, \(images, labels\)\. Received: builtins.tuple of length 1"),
        (([IMAGES[0], IMAGES[0, 1:]], [0, 1]), "of arrays of different shapes"),
        ((IMAGES.astype(int), [0, 1]), "must be uint8, or float. Received: int64"),
        ((IMAGES, np.array(0)), "Received: 2 images, no labels"),
        (Split(IMAGES, np.array([0])), "Received: 2 images, 1 labels"),
        (Split(IMAGES[:0], np.array([], int)), "n at least 1"),
        (Split(IMAGES, np.array([0, 10])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.array([0, -1])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.array([0.5, 1])), "class numbers from 0 to 9"),
        (Split(IMAGES, np.zeros((2, 9))), r"or one-hot rows of shape \(n, 10\)\. Received labels of shape \(2, 9\)"),
        (Split(IMAGES, np.zeros((2, 10, 1))), "class numbers from 0 to 9"),
    ],
)
def test_what_does_not_fit_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        evaluate(cnnzoo.models.lenet5(), split)


def test_a_name_is_needed_for_each_class():
    with pytest.raises(ValueError, match=r"network has 10 classes, but there are 3 class names .*`num_classes=3`"):
        evaluate(cnnzoo.models.lenet5(), Split(IMAGES, np.array([0, 1])), class_names=NAMES)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (
            np.zeros((32, 32, 1)),
            {},
            r"`images` must be of shape \(n, 32, 32, 1\), n at least 1. Received: \(32, 32, 1, 1\)",
        ),
        (np.zeros((2, 28, 28, 1)), {}, r"Received: \(2, 28, 28, 1\)"),
        (np.zeros((2, 32, 32, 3)), {"image_size": (32, 32)}, r"Received: \(2, 32, 32, 3\)"),
        (np.zeros((0, 32, 32, 1)), {}, r"n at least 1. Received: \(0, 32, 32, 1\)"),
        (np.zeros((2, 32, 32, 1), int), {}, "must be uint8, or float. Received: int64"),
        (np.full((2, 32, 32, 1), np.nan), {}, "must be finite"),
        ([np.zeros((32, 32, 1)), np.zeros((28, 28, 1))], {}, "must be an array of images, all of one shape"),
        (np.zeros((2, 32, 32, 1)), {"scale": "bytes"}, "bytes"),
    ],
)
def test_what_no_probabilities_can_be_predicted_for_is_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        predict_probabilities(cnnzoo.models.lenet5(), images, **options)


def test_a_list_of_images_is_an_array():
    model, images = cnnzoo.models.lenet5(), np.random.default_rng(0).random((3, 32, 32), dtype="float32")
    np.testing.assert_array_equal(predict_probabilities(model, list(images)), predict_probabilities(model, images))
