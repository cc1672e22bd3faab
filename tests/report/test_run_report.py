import json
import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.report import write_comparison, write_report
from cnnzoo.report._galleries import _layers_with_maps
from cnnzoo.report.run_report import _recipe_name
from tests.report.conftest import HOSTILE
from tests.report.reading import Page


def shares(row):
    """The numbers of a row of percentages, as shares."""
    return [float(cell.removesuffix(" %")) / 100 for cell in row]


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return Page(write_report(run.path, tmp_path_factory.mktemp("page") / "report.html").path)


@pytest.mark.slow
def test_the_figures_agree_with_counting(page, run, digits):
    _, test = digits
    probabilities = run.model.predict(test.images, verbose=0)
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == test.labels).sum())
    assert f"Test accuracy {right / 10:.1f} % ({right}/1,000)" in page.text
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (test.labels, predicted), 1)
    _, *rows = page.tables["Metrics per class"]
    for number, row in enumerate(rows):
        hits, images, taken = counts[number, number], counts[number].sum(), counts[:, number].sum()
        assert row[:2] == [str(number), str(images)]
        expected = [hits / taken, hits / images, 2 * hits / (images + taken)]
        assert shares(row[2:]) == pytest.approx(expected, abs=0.0005)
    top_5 = np.mean([label in row.argsort()[-5:] for label, row in zip(test.labels, probabilities, strict=True)])
    assert f"Top-5 accuracy {100 * top_5:.1f} %" in page.text
    loss = -np.log(probabilities[np.arange(1000), test.labels]).mean()
    assert f"Loss {loss:.4f} nats" in page.text
    np.fill_diagonal(counts, 0)
    _, *pairs = page.tables["Pairs most often confused"]
    assert [int(images) for _, _, images in pairs] == sorted(counts.ravel(), reverse=True)[: len(pairs)]
    assert all(counts[int(true), int(taken)] == int(images) for true, taken, images in pairs)
    drawn = np.random.default_rng(0).binomial(1000, right / 1000, 100_000) / 10
    low, high = (float(bound) for bound in re.search(r"95 % interval ([\d.]+) % to ([\d.]+) %", page.text).groups())
    assert (low, high) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.11)
    assert "the most frequent class reaches 10.0 %" in page.text
    assert "the network has learned" in page.text


def test_the_run_is_set_beside_what_is_published(page, run):
    _, row = page.tables["Published results"]
    assert row[:2] == ["default", "98.20 %"]
    low, high = run.evaluate().accuracy_interval()
    better, worse = low > 0.982, high < 0.982
    assert row[2] == ("this run is better" if better else "this run is worse" if worse else "no significant difference")


def test_the_page_tells_how_it_came_about(page, run):
    _, *epochs = page.tables["Learning curves as a table"]
    losses = [float(row[1]) for row in epochs]
    assert losses == pytest.approx(run.history["loss"], abs=1e-4)
    _, *rows = page.tables["Layers"]
    assert sum(int(row[4].replace(",", "")) for row in rows) == 61_706
    assert sum(int(row[5].replace(",", "")) for row in rows) == 416_520
    assert run.record.versions["keras"] in page.text
    assert "cnnzoo train lenet5 --data digits --recipe default --epochs 5 --seed 0" in page.text
    assert "Missing information" not in page.text


@pytest.mark.slow
def test_the_page_needs_nothing_but_itself(page, run_folder):
    assert page.addresses
    assert all(address.startswith("data:") or address == "#main" for address in page.addresses)
    path = write_report(run_folder).path
    assert path == run_folder / "report.html"
    assert path.stat().st_size < 3_000_000
    assert "url(" not in path.read_text()
    path.write_text("older")
    with pytest.raises(FileExistsError, match=r"report\.html' already exists and was not overwritten"):
        write_report(run_folder)
    assert path.read_text() == "older"
    assert write_report(run_folder, force=True) == (path, ())
    assert "Result" in path.read_text()
    assert not [file.name for file in run_folder.iterdir() if file.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told", "still_there"),
    [
        ("run.json", "run.json is not in the run folder, so the report lacks the run's settings", "Learning curves"),
        (
            "history.csv",
            "history.csv is not in the run folder, so the report lacks the learning curves",
            "Grad-CAM explanations",
        ),
        (
            "model.keras",
            "model.keras is not in the run folder, so the report lacks everything computed with the network",
            "These are the results recorded after training",
        ),
    ],
)
@pytest.mark.parametrize("damaged", [False, True])
def test_a_folder_that_lacks_a_file_gives_a_page_that_says_so(run_folder, name, told, still_there, damaged):
    if damaged:
        (run_folder / name).write_text("epoch,loss\n1,{damaged")
        told = told.replace("is not in the run folder", "cannot be read")
    else:
        (run_folder / name).unlink()
    report = write_report(run_folder)
    text = Page(report.path).text
    assert "Missing information" in text
    assert told in text
    assert [sentence for sentence in report.missing if sentence.startswith(told)]
    assert still_there in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    ["model", "data", "recipe", "seed", "begun_by", "metrics", "data/train_size", "data/class_names", "model/name"],
)
def test_a_record_that_lacks_an_entry_is_told(run_folder, lost):
    record = json.loads((run_folder / "run.json").read_text())
    *above, name = lost.split("/")
    del (record[above[0]] if above else record)[name]
    (run_folder / "run.json").write_text(json.dumps(record))
    assert "run.json cannot be read, so the report lacks the run's settings" in Page(write_report(run_folder).path).text


@pytest.mark.slow
def test_figures_that_are_no_numbers_are_told(run_folder):
    record = json.loads((run_folder / "run.json").read_text())
    record["metrics"] |= {"test_loss": None, "train_seconds": None}
    (run_folder / "run.json").write_text(json.dumps(record))
    model = keras.saving.load_model(run_folder / "model.keras", compile=False)
    model.get_layer("output").set_weights([np.full((84, 10), np.nan), np.zeros(10)])
    model.save(run_folder / "model.keras")
    text = Page(write_report(run_folder).path).text
    assert "`model` outputs NaN or infinity for" in text
    assert re.search(r"training time\s*unknown", text)
    assert "nan" not in text


def test_a_recipe_is_known_by_its_fields(run):
    assert _recipe_name(run.record) is None  # five epochs
    assert _recipe_name(replace(run.record, recipe=cnnzoo.training.recipe_card("lenet5").recipe)) == "default"


def test_a_run_from_before_formats_is_reported_on(tmp_path, run_of_format0):
    folder = shutil.copytree(run_of_format0, tmp_path / "tiny")
    text = Page(write_report(folder).path).text
    assert "No single command reproduces this run. In Python, call cnnzoo.training.fit" in text
    assert re.search(r"precision used\s*float32", text)
    assert re.search(r"initializer\s*-", text)


@pytest.mark.slow
def test_a_history_without_curves_is_told(run_folder):
    (run_folder / "history.csv").write_text("epoch,rate\n1,0.1\n")
    text = Page(write_report(run_folder).path).text
    assert "history.csv has none of the columns loss, accuracy" in text
    assert "Learning curves" not in text


@pytest.mark.slow
def test_other_images_are_named_and_not_set_beside_what_is_published(run_folder, tmp_path):
    record = json.loads((run_folder / "run.json").read_text())
    record["data"]["source"]["fraction"] = 0.5
    (run_folder / "run.json").write_text(json.dumps(record))
    text = Page(write_report(run_folder, data="digits").path).text
    assert "Evaluated on the test images of digits, as requested" in text
    assert "No published results" in text


@pytest.mark.slow
def test_data_that_do_not_do_are_refused_before_anything_is_written(run_folder, hostile_run):
    (run_folder / "report.html").write_text("mine")
    with pytest.raises(ValueError, match="The run knows the classes"):
        write_report(run_folder, data=hostile_run.record.data.source.path, force=True)
    with pytest.raises(FileNotFoundError):
        write_report(run_folder, data="mnist", data_path="nope.npz", force=True)
    assert (run_folder / "report.html").read_text() == "mine"


@pytest.mark.slow
def test_a_network_of_open_size_is_reported_on(run_folder):
    inputs = keras.Input((None, None, 1))
    maps = keras.layers.Conv2D(4, 3, name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    keras.Model(inputs, keras.layers.Dense(10)(pooled), name="open").save(run_folder / "model.keras")
    page = Page(write_report(run_folder).path)
    assert "Grad-CAM explanations" in page.text
    assert "The layers cannot be listed. `model` must have a fixed input size" in page.text


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A finetuned network that knows 41 classes of noisy photographs, so that pages are as large as they can be."""
    data, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for number in range(41):
        (data / f"kind {number}").mkdir()
        for name in ("one", "two"):
            pixels = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data / f"kind {number}" / f"{name}.jpg")
    options = {"weights": None, "recipe": cnnzoo.training.Recipe(epochs=1), "progress": False}
    return cnnzoo.training.finetune("mobilenetv2", str(data), out=data.parent / "finetuned", **options)


@pytest.mark.slow
def test_a_page_of_many_photographs_and_classes_is_small(photographs, tmp_path):
    path = write_report(photographs.path, tmp_path / "report.html").path
    page = Page(path)
    assert path.stat().st_size < 3_000_000
    assert page.text.startswith("mobilenetv2, finetuned: run report")
    assert "With 41 classes the matrix is too large to read" in page.text
    assert "All 41 classes" in page.text
    assert "Recipe for the head" in page.text
    assert "No published results" in page.text
    right = int(photographs.evaluate().is_right.sum())
    assert page.pictures == 24 + 2 * (min(right, 3) + 3)  # mistakes; and with heat, as many right ones, if there are
    assert "one.jpg" in page.text


@pytest.mark.slow
def test_a_network_that_is_always_right_has_no_mistakes(hostile_run, tmp_path):
    folder = shutil.copytree(hostile_run.path, tmp_path / "run")
    inputs = keras.Input((32, 32, 3))
    brightness = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 1, name="maps")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="end")(brightness), name="bright")  # gives logits
    model.get_layer("maps").set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3)])
    model.get_layer("end").set_weights([np.array([[-33.0, 33.0]] * 3), np.array([39.0, -39.0])])
    model.save(folder / "model.keras")
    page = Page(write_report(folder).path)
    assert "Test accuracy 100.0 % (4/4)" in page.text
    assert "No classes are confused." in page.text
    assert "All test images are classified correctly." in page.text
    assert page.pictures == 2 * 2  # one of each class, with its heat


def test_a_record_alone_gives_the_verdict_it_holds(run_folder, run):
    for name in ("history.csv", "model.keras"):
        (run_folder / name).unlink()
    text = Page(write_report(run_folder).path).text
    assert f"Test accuracy {100 * run.metrics['test_accuracy']:.1f} %" in text
    assert "Random guessing reaches 10.0 %" in text
    (run_folder / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"none of run\.json, history\.csv and model\.keras"):
        write_report(run_folder, force=True)


@pytest.mark.slow
def test_images_that_are_gone_are_told(hostile_run, tmp_path):
    folder = shutil.copytree(hostile_run.path, tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    record["data"]["source"]["path"] = str(tmp_path / "gone")
    (folder / "run.json").write_text(json.dumps(record))
    text = Page(write_report(folder).path).text
    assert "The network cannot be evaluated on the test images: " in text
    assert "These are the results recorded after training" in text
    assert "Architecture" in text


@pytest.mark.slow
def test_names_are_escaped(hostile_run, tmp_path):
    path = write_report(hostile_run.path, tmp_path / "report.html").path
    page, source = Page(path), path.read_text()
    assert all(name in page.text for name in HOSTILE)
    assert "onerror" in source
    assert "<b>" not in source
    assert "<b>" in page.text  # of a file's name
    assert "<img src=x" not in source
    assert page.tags.count("script") == 1
    assert "{{ 7 * 7 }}" in page.text
    assert "<i>run" in page.text
    assert "<i>" not in source


@pytest.mark.slow
def test_what_the_network_does_not_give_is_told(tmp_path):
    rng = np.random.default_rng(0)
    split = Split(rng.random((20, 8, 8, 1), dtype=np.float32), np.arange(20) % 2)
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs)), name="flat")
    recipe = cnnzoo.training.Recipe(epochs=1)
    cnnzoo.training.fit(model, split, split, recipe=recipe, out=tmp_path / "flat", progress=False)
    text = Page(write_report(tmp_path / "flat").path).text
    assert "The network cannot be evaluated on the test images: This run does not say what data set" in text
    assert "No single command reproduces this run. In Python, call cnnzoo.training.fit" in text
    assert "No published results for this network on the same data." in text


@pytest.mark.slow
def test_grad_cam_and_maps_need_layers_with_maps(tmp_path, run_folder):
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(inputs)), name="flat")
    model.save(run_folder / "model.keras")
    text = Page(write_report(run_folder).path).text
    assert "Grad-CAM does not work on this network. `model` must have a layer that outputs feature maps" in text
    assert "There are no feature maps, because no layer of the network outputs any." in text


def test_the_maps_are_of_layers_that_see_patterns_within_models_too():
    inputs = keras.Input((16, 16, 3))
    x, convolutions = keras.layers.Rescaling(2, name="scale")(inputs), [f"conv{number}" for number in range(9)]
    for name in convolutions:
        x = keras.layers.ReLU()(keras.layers.Conv2D(4, 3, padding="same", name=name)(x))
    backbone = keras.Model(inputs, x, name="backbone")
    outer = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(keras.layers.Rescaling(1 / 255)(outer)))
    chosen = _layers_with_maps(keras.Model(outer, pooled))
    assert chosen == {f"backbone/conv{number}": 3 for number in (0, 2, 3, 5, 6, 8)}
    assert _layers_with_maps(keras.Model(inputs, keras.layers.Rescaling(2, name="twice")(inputs))) == {"twice": 3}


def test_the_maps_say_where_their_channels_lie():
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="last")(inputs)
    x = keras.layers.Conv2D(5, 3, data_format="channels_first", name="first")(keras.layers.Permute((3, 1, 2))(x))
    assert _layers_with_maps(keras.Model(inputs, x)) == {"last": 3, "first": 1}


def test_the_page_is_written_where_the_user_says(run, tmp_path):
    out = tmp_path / "mine.html"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match=r"mine\.html' already exists and was not overwritten"):
        write_report(run.path, out)
    assert out.read_text() == "mine"
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*absent' to write 'report\.html' to"):
        write_report(run.path, tmp_path / "absent" / "report.html")
    with pytest.raises(ValueError, match=r"'lenet5' ships with the package and is not written to"):
        write_report("lenet5")
    with pytest.raises(FileNotFoundError, match="There is no run folder 'absent'"):
        write_report("absent")


@pytest.mark.slow
@pytest.mark.parametrize(("patience", "kind", "other"), [(0, "test", "validation"), (3, "validation", "test")])
def test_the_curves_are_named_by_their_images(run_folder, tmp_path, patience, kind, other):
    record = json.loads((run_folder / "run.json").read_text())
    record["recipe"]["patience"] = patience
    record["data"]["validation_size"] = 400
    (run_folder / "run.json").write_text(json.dumps(record))
    text = write_report(run_folder).path.read_text()
    assert f"on training and {kind} images" in text
    assert f">{kind} loss</th>" in text
    assert f">{other} loss</th>" not in text
    assert ("400 validation" in text) == bool(patience)
    assert "1,000 test" in text
    comparison = write_comparison([run_folder, "lenet5"], tmp_path / "both.html").path.read_text()
    if patience:
        assert "validation images for lenet5; test images for lenet5 as shipped." in comparison
    else:
        assert "Solid: test images. Dotted: training images." in comparison


def test_a_run_reports_on_itself_in_a_frame(run, run_folder):
    own = replace(run, path=run_folder)
    for _ in range(2):  # its own report may be written anew
        report = own.report()
    assert report.path == run_folder / "report.html"
    shown = report._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert "<script" not in shown
    with pytest.raises(FileExistsError):
        own.report(report.path)


def test_a_run_without_a_folder_and_what_is_no_run_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="was not written to a folder"):
        replace(run, path=None).report()
    with pytest.raises(ValueError, match="lenet5_mnist' ships with the package"):
        cnnzoo.training.load_run("lenet5").report()
    for wrong in (3, None, [run]):
        with pytest.raises(ValueError, match="must be a run folder, a network's name, or a `Run`"):
            write_report(wrong, tmp_path / "report.html")
    assert list(tmp_path.glob("*.html")) == []


def test_runs_are_compared_by_themselves(run, tmp_path):
    both = write_comparison([run, cnnzoo.training.load_run("lenet5")], tmp_path / "both.html")
    assert [row.name for row in both.rows] == ["lenet5", "lenet5 as shipped"]
