import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data import ImageFiles
from cnnzoo.data.sampling import subset
from cnnzoo.evaluation import predict_probabilities
from cnnzoo.training import Recipe, fit, load_run


@pytest.fixture
def copy(run, tmp_path):
    """A copy of a finished run's folder, to spoil."""
    folder = tmp_path / "run"
    folder.mkdir()
    for file in run.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def pictures(digits, tmp_path):
    """Two hundred held-out digits as a person might draw them: dark on light, large, off the centre."""
    _, test = digits
    paths = []
    for number, image in enumerate(test.images[:200]):
        paper = Image.new("L", (300, 200), 255)
        digit = Image.fromarray((255 - image[2:30, 2:30, 0] * 255).astype(np.uint8)).resize((140, 140))
        paper.paste(digit, (90, 20))
        paths.append(tmp_path / f"{number}.jpg")
        paper.convert("RGB").save(paths[-1])
    return paths


def test_run_folder_is_complete(run):
    assert sorted(path.name for path in run.path.iterdir()) == [
        "confusion.png",
        "curves.png",
        "history.csv",
        "model.keras",
        "run.json",
        "samples.png",
    ]


def test_what_was_written_is_read(run):
    loaded = load_run(run.path)
    assert loaded.history == run.history
    assert loaded.record == run.record
    assert loaded.class_names == tuple("0123456789")
    assert all(map(np.array_equal, loaded.model.get_weights(), run.model.get_weights()))


@pytest.mark.parametrize("name", ["curves.png", "confusion.png", "samples.png"])
def test_pictures_are_pictures(run, name):
    with Image.open(run.path / name) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300


def test_evaluation_of_a_loaded_run_repeats_its_metrics(run):
    evaluation = load_run(run.path).evaluate()
    assert evaluation.accuracy == run.metrics["test_accuracy"]
    assert evaluation.loss == pytest.approx(run.metrics["test_loss"])


def test_evaluation_on_other_data(run, idx_folder):
    assert len(run.evaluate("mnist", idx_folder).labels) == 4


@pytest.mark.slow
def test_a_run_on_the_users_own_images_asks_for_data(digits, tmp_path):
    small = [subset(split, 50) for split in digits]
    run = fit(cnnzoo.models.lenet5(), *small, recipe=Recipe(epochs=1), out=tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match="does not say what data set"):
        run.evaluate()
    assert run.evaluate("digits").class_names == tuple("0123456789")


def test_prediction_recognises_drawn_digits(run, pictures, digits):
    """Drawn on paper and photographed, the digits are recognised about as often as MNIST's own pixels."""
    labels = digits[1].labels[: len(pictures)]
    own_pixels = predict_probabilities(run.model, digits[1].images[: len(pictures)]).argmax(axis=1)
    drawn = [int(prediction.label) for prediction in run.predict(pictures)]
    assert np.mean(drawn == labels) >= np.mean(own_pixels == labels) - 0.03


def test_a_folder_of_drawn_digits_is_evaluated_as_it_is_predicted(run, pictures, digits, tmp_path):
    """On the fifth of each class that is held out."""
    for number, path in enumerate(pictures):
        folder = tmp_path / "drawn" / str(digits[1].labels[number])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    evaluation = run.evaluate(str(tmp_path / "drawn"))
    tested = run.load_data(str(tmp_path / "drawn")).test
    found = [prediction.label for prediction in run.predict(tested.images)]
    assert [run.class_names[number] for number in evaluation.predictions] == found
    assert evaluation.accuracy > 0.85
    whole = run.classifier.evaluate_folder(tmp_path / "drawn")  # all of them
    found = [prediction.label for prediction in run.predict(tmp_path / "drawn")]
    assert [run.class_names[number] for number in whole.predictions] == found


def test_a_folder_for_a_run_that_crops_is_cropped(run, tmp_path):
    for label in range(10):
        (tmp_path / "photos" / str(label)).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (40, 60), (label, 0, number)).save(tmp_path / "photos" / str(label) / f"{number}.png")
    data = replace(run.record.data, preparation="crop")
    cropping = replace(run, record=replace(run.record, data=data))
    assert cropping.load_data(str(tmp_path / "photos")).preparation == "crop"
    assert run.load_data(str(tmp_path / "photos")).preparation == "resize"


def test_prediction_gives_every_class_best_first(run, pictures):
    for path, prediction in zip(pictures[:3], run.predict(pictures[:3]), strict=True):
        values = list(prediction.probabilities.values())
        assert prediction.image == str(path)
        assert sorted(prediction.probabilities) == list("0123456789")
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-5)
        assert prediction.label == next(iter(prediction.probabilities))


def test_a_large_photograph_is_predicted_as_it_is_trained_on(run, tmp_path):
    photo = Image.effect_noise((700, 500), 90)
    photo.save(tmp_path / "photo.jpg")
    resized = replace(run, record=replace(run.record, data=replace(run.record.data, preparation="resize")))
    expected = predict_probabilities(run.model, ImageFiles([tmp_path / "photo.jpg"], (32, 32), 1)[:])[0]
    assert list(resized.predict([tmp_path / "photo.jpg"])[0].probabilities.values()) == sorted(expected, reverse=True)


def seven(run):
    """The picture of a seven that the examples hold, and what the network makes of it."""
    path = Path(__file__).parents[2] / "examples" / "seven.png"
    return path, run.predict([path])[0]


@pytest.mark.parametrize(
    "given",
    [
        str,
        lambda path: path,
        lambda path: (path,),
        lambda path: iter([path]),
        lambda path: np.array([str(path)]),
        lambda path: Image.open(path),
        lambda path: [Image.open(path)],
        lambda path: np.asarray(Image.open(path).convert("RGB")),
        lambda path: np.asarray(Image.open(path).convert("L")),
        lambda path: np.asarray(Image.open(path).convert("L"))[..., None],
        lambda path: np.asarray(Image.open(path).convert("L"))[None, ..., None],
        lambda path: np.asarray(Image.open(path).convert("L")) / 255,
        lambda path: [np.asarray(Image.open(path).convert("RGB"))],
        lambda path: ImageFiles([path], (32, 32), 1),
    ],
)
def test_one_image_is_one_prediction_however_it_is_given(run, given):
    path, expected = seven(run)
    (prediction,) = run.predict(given(path))
    assert prediction.label == expected.label == "7"
    assert prediction.probabilities == pytest.approx(expected.probabilities, abs=1e-3)


def test_arrays_of_the_networks_own_size_are_taken_as_they_are(run, digits):
    images = digits[1].images[:20]
    expected = predict_probabilities(run.model, images)
    for given in (images, list(images), (images * 255).round().astype(np.uint8)):
        predictions = run.predict(given)
        assert [prediction.image for prediction in predictions] == [f"image {number}" for number in range(20)]
        rows = [[prediction.probabilities[name] for name in run.class_names] for prediction in predictions]
        np.testing.assert_allclose(rows, expected, atol=1e-3)


def test_a_folder_and_other_things_are_predicted_in_turn(run, tmp_path):
    path, _ = seven(run)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    names = [str(tmp_path / "photos" / name) for name in ("a.png", "deep/b.png")]
    for name in names:
        shutil.copy(path, name)
    predictions = run.predict([path, tmp_path / "photos", Image.open(path), path])
    assert [prediction.image for prediction in predictions] == [str(path), *names, "image 3", str(path)]
    assert {prediction.label for prediction in predictions} == {"7"}


def test_what_cannot_be_read_is_told_in_its_place(run, tmp_path):
    path, _ = seven(run)
    (tmp_path / "broken.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    bad = [tmp_path / "broken.png", tmp_path / "absent.png", tmp_path / "empty", np.full((40, 40), np.nan)]
    told = list(run.predict_each([path, *bad, path]))
    assert [type(outcome).__name__ for outcome in told] == ["Prediction", *["Unreadable"] * 4, "Prediction"]
    for outcome, part in zip(
        told[1:5],
        ("broken.png' is not", "No such image", "contains no images", "'image 4': An array of floats must lie in"),
        strict=True,
    ):
        assert part in str(outcome.error)
    assert told[0].probabilities == pytest.approx(told[5].probabilities)
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        run.predict([path, tmp_path / "absent.png"])


def test_images_are_read_batch_by_batch(run, monkeypatch):
    path, _ = seven(run)
    read = []
    monkeypatch.setattr("cnnzoo.evaluation.classifier.batch_size_for", lambda shape: 2)
    monkeypatch.setattr(
        "cnnzoo.evaluation.classifier.read_given", lambda path, size: read.append(path) or Image.open(path)
    )
    outcomes = run.predict_each(itertools.repeat(path))
    assert [next(outcomes).label for _ in range(3)] == ["7"] * 3
    assert len(read) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "must be a path, a folder, a Pillow image, an array, or several of these. Received: NoneType"),
        ([3], "must be a path, a folder, a Pillow image, an array, or several of these. Received: int"),
        (np.zeros(3), r"'image 0': An array must be of shape .*\. Received: \(\)"),
        (np.zeros((2, 2, 2, 2, 2), np.uint8), r"must be of shape .*\. Received: \(2, 2, 2, 2, 2\)"),
        (np.zeros((40, 40), np.int64), r"must be uint8, or float in \[0, 1\]\. Received: int64"),
        (np.full((40, 40), 255.0), r"must lie in \[0, 1\]\. Received: values from 255 to 255"),
        (np.zeros((40, 40, 5), np.uint8), r"must have 1 or 3 channels\. .*Received: \(40, 40, 5\)"),
        (Image.new("F", (40, 40), 300.0), r"The image contains floats from 300 to 300\. Expected floats from 0"),
        (np.zeros((0, 32, 32, 1)), "There must be at least one picture"),
    ],
)
def test_what_is_no_image_is_refused(run, given, message):
    with pytest.raises(ValueError, match=message):
        run.predict(given)


def test_nothing_to_predict_is_refused(run):
    with pytest.raises(ValueError, match="at least one picture"):
        run.predict([])


def test_a_flat_picture_is_named(run, tmp_path):
    Image.new("L", (60, 60)).save(tmp_path / "flat.png")
    with pytest.raises(ValueError, match=r"flat\.png': The image shows no digit"):
        run.predict([tmp_path / "flat.png"])


@pytest.mark.parametrize("name", ["model.keras", "history.csv", "run.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a finished run: it has no {name}"):
        load_run(copy)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("model.keras", b"not a zip"),
        ("model.keras", None),
        ("history.csv", b"epoch,loss\n1,low\n"),
        ("history.csv", b""),
        ("history.csv", b"epoch,loss\n1\n"),
        ("run.json", b"{"),
        ("run.json", b"[]"),
        ("run.json", b'{"data": 3}'),
        ("run.json", b'{"data": {}, "metrics": {}}'),
        ("run.json", b'{"data": {"source": null, "class_names": 7, "preparation": "digit"}, "metrics": {}}'),
        ("run.json", b'{"data": {"source": 3, "class_names": ["a"], "preparation": "digit"}, "metrics": {}}'),
        ("run.json", b'{"data": {"source": null, "class_names": ["a"], "preparation": "digit"}, "metrics": []}'),
        ("run.json", b"\xff\xfe"),
    ],
)
def test_a_damaged_file_is_named(copy, name, payload):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2] if payload is None else payload)
    with pytest.raises(ValueError, match=name):
        load_run(copy)


def test_a_record_must_name_every_class(copy):
    record = json.loads((copy / "run.json").read_text())
    record["data"]["class_names"].pop()
    (copy / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"run\.json' must name the 10 classes of the network. Received: 9 names"):
        load_run(copy)


def test_data_with_other_classes_are_refused(run, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("L", (8, 8), 50 * number).save(tmp_path / name / f"{number}.png")
    with pytest.raises(ValueError, match=r"The run knows the classes 0, 1, .*\. Received data with: cat, dog"):
        run.evaluate(tmp_path)


def test_a_model_that_holds_code_is_not_run(copy):
    """Keras' safe mode stays on: a Lambda layer in a run folder is refused."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x)])
    model.save(copy / "model.keras")
    with pytest.raises(ValueError, match=r"model\.keras' cannot be read as a Keras model"):
        load_run(copy)


@pytest.mark.slow
def test_the_record_names_the_path_of_its_data(idx_folder, tmp_path):
    run = cnnzoo.training.train(
        "lenet5", data="mnist", data_path=idx_folder, epochs=1, out=tmp_path / "run", progress=False
    )
    assert run.record.data.source.path == str(idx_folder)
    assert len(load_run(run.path).evaluate().labels) == 4
