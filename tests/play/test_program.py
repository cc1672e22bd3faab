"""The program of a network: what it holds, and what is refused."""

import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.data.catalog import find_source
from cnnzoo.play import write_page
from cnnzoo.play._content import examples_of
from cnnzoo.play._packing import pack
from cnnzoo.play._program import write_program
from cnnzoo.play.page import SCRIPTS, TEMPLATES
from tests.play.families import FAMILIES


def test_a_program_has_every_weight_once():
    program = write_program(cnnzoo.models.lenet5())
    assert program.size == 61_706
    assert len(pack(program.weights, in_full=True).floats) == 4 * 61_706
    assert len(pack(program.weights, in_full=False).levels) == 2 * (61_706 - 236)  # biases are stored in full
    assert [step["layer"] for step in program.steps] == [
        *("c1", "c1", "s2", "c3", "c3", "s4", "c5", "c5", "flatten", "f6", "f6", "output", "output")
    ]
    assert program.steps[-1]["kind"] == "softmax"


def test_a_layer_that_is_called_twice_shares_its_weights():
    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same")
    program = write_program(keras.Model(inputs, layers.Flatten()(shared(shared(inputs)))))
    assert program.size == 3 * 3 * 3 * 3 + 3
    assert program.steps[0]["kernel"] == program.steps[1]["kernel"]


class Own(layers.Layer):
    def call(self, values):
        return values


def model_of(*parts, shape=(8, 8, 3)):
    return keras.Sequential([keras.Input(shape), *parts, layers.Flatten(), layers.Dense(3, name="end")])


def reshaped():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(keras.ops.reshape(inputs, (-1, 4, 16, 3)))))


def shifted():
    inputs = keras.Input((8, 8, 8))
    moved = layers.Conv2D(8, 1)(keras.ops.add(inputs, np.ones((1, 8, 1), np.float32)))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(moved)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: model_of(Own(name="mine")), r"A page cannot show layer 'mine' \(Own\)"),
        (lambda: model_of(layers.Conv2D(2, 3, activation=keras.ops.sin, name="wave")), "'wave'.*its activation is"),
        (lambda: model_of(layers.Conv2D(2, 3, data_format="channels_first", name="first")), "channels_first"),
        (lambda: model_of(layers.BatchNormalization(axis=1, name="rows")), "another axis than the last"),
        (lambda: reshaped(), "it is an operation, not a layer"),
        (lambda: shifted(), "a constant that differs from place to place"),
        (lambda: model_of(layers.Dense(4), shape=(8, 8, 2)), "1 or 3 channels. Received a network with 2"),
        (lambda: cnnzoo.models.alexnet_2014(), "57,044,810 weights, and a page can hold 50,000,000"),
        (lambda: cnnzoo.create_model("resnet20", input_shape=(None, None, 3)), "images of a fixed size"),
    ],
)
def test_what_a_page_cannot_show_is_refused(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_page(make(), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_existing_files_stay(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_page("lenet5", path)
    assert path.read_text() == "mine"
    assert write_page("lenet5", path, force=True).size == path.stat().st_size < 2_000_000


def test_what_is_no_page_and_no_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be a file that ends in \.html"):
        write_page("lenet5", tmp_path / "page.png")
    with pytest.raises(ValueError, match=r"The network must be a run folder.*Received: int"):
        write_page(5)
    assert list(tmp_path.iterdir()) == []


def test_names_are_text(tmp_path):
    from cnnzoo.evaluation import Classifier

    hostile = "</script><script>alert(1)</script>"
    model = cnnzoo.models.lenet5(num_classes=2)
    path = write_page(Classifier(model, (hostile, "b"), (32, 32)), tmp_path / "page.html").path
    assert "<script>alert" not in path.read_text()


def test_a_float32_page_is_larger(tmp_path):
    half, full = (
        write_page("lenet5", tmp_path / f"{name}.html", float32=name == "full").size for name in ("half", "full")
    )
    assert full - half == pytest.approx(2 * 61_470 * 4 / 3, rel=0.02)


def unpacked(packed):
    """Return all weights, as the page computes them."""
    levels, floats = np.frombuffer(packed.levels, "<i2"), np.frombuffer(packed.floats, "<f4")
    parts = []
    for first, size, maps in packed.kernels:
        of_others = first - sum(map(len, parts))
        parts.append(floats[:of_others])
        parts.append((levels[:size].reshape(-1, maps) * floats[of_others : of_others + maps]).ravel())
        levels, floats = levels[size:], floats[of_others + maps :]
    return np.concatenate([*parts, floats])


@pytest.mark.parametrize("factor", [1, 1e-25, 1e30])
def test_kernels_keep_sixteen_bits_of_each_maps_largest_weight(factor):
    model = model_of(layers.Conv2D(4, 3))
    kernel = model.layers[0].kernel
    scales = np.array([1, 1e-5, 1e5, 0]) * factor
    kernel.assign(np.random.default_rng(0).uniform(-1, 1, kernel.shape) * scales)
    program = write_program(model)
    weights = np.concatenate([each.ravel() for each in program.weights])
    assert np.array_equal(unpacked(pack(program.weights, in_full=True)), weights)
    found = unpacked(pack(program.weights, in_full=False))
    errors = np.abs(found - weights)[: 9 * 3 * 4].reshape(-1, 4).max(axis=0)
    assert (errors <= scales / 2**16 * 1.01).all()
    assert found.shape == weights.shape


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = model_of(layers.Conv2D(2, 3, name="first"))
    model.layers[0].kernel.assign(model.layers[0].kernel * np.inf)
    with pytest.raises(ValueError, match=r"'first'.*: its weights contain NaN or infinity"):
        write_page(model, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_networks_of_every_family_are_tried():
    families = {card.family for card in cnnzoo.models.catalog.MODEL_CARDS.values()}
    assert {cnnzoo.model_card(name).family for name in FAMILIES} == families


def test_floats_of_an_unknown_range_are_refused(tmp_path):
    from cnnzoo.evaluation import Classifier

    classifier = Classifier(cnnzoo.models.lenet5(), tuple("0123456789"), (32, 32), scale="raw")
    with pytest.raises(ValueError, match="unknown range, which images do not have"):
        write_page(classifier, tmp_path / "page.html")


def test_a_network_that_is_too_large_is_refused_before_its_weights_are_fetched():
    with pytest.raises(ValueError, match="vgg19 has 139,611,210 weights, and a page can hold 50,000,000"):
        write_page("vgg19")


def test_a_run_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run folder"):
        write_page(tmp_path / "missing")


@pytest.mark.parametrize("name", ["lenet5", "lenet1", "lenet5_1998"])
def test_networks_of_digits_have_examples(tmp_path, name):
    content = write_page(name, tmp_path / "page.html").path.read_text()
    assert content.count('"label":') >= 10


def test_a_network_that_takes_bytes_has_the_mistakes_of_its_own():
    classifier = cnnzoo.training.load_run("lenet5").classifier
    inputs = keras.Input((32, 32, 1))
    of_bytes = keras.Model(inputs, classifier.model(layers.Rescaling(1 / 255)(inputs)))
    both = classifier, replace(classifier, model=of_bytes, scale="byte")
    found = [examples_of(each, None) for each in both]
    assert found[0] == found[1]


def test_examples_are_from_all_over_the_test_images(monkeypatch):
    labels = np.repeat(np.arange(10), 300)
    rng = np.random.default_rng(0)
    test = cnnzoo.data.Split(rng.integers(0, 256, (3000, 32, 32, 1), np.uint8), labels)
    dataset = cnnzoo.data.Dataset(test, test, tuple(map(str, range(10))))
    shipped = cnnzoo.training.load_run("lenet5")
    record = replace(shipped.record, data=replace(shipped.record.data, source=find_source("digits")))
    monkeypatch.setattr(type(shipped), "load_data", lambda *_: dataset)
    origin, examples = examples_of(shipped.classifier, replace(shipped, path=None, record=record))
    assert origin == "test"
    assert [each["label"] for each in examples[:10]] == [*range(10)]


def test_images_too_large_for_examples_leave_them_out(monkeypatch):
    monkeypatch.setattr("cnnzoo.play._content.LARGEST_EXAMPLES", 700)
    shipped = cnnzoo.training.load_run("lenet1")
    assert examples_of(shipped.classifier, shipped) == ("", [])


def test_two_networks_have_names_of_their_own(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run.path, "runs/lenet5")
    page = write_page("runs/lenet5", beside=cnnzoo.training.load_run("lenet5"))
    assert page.path.name == "runs_lenet5_lenet5.html"
    assert "<h1>runs/lenet5, lenet5</h1>" in page.path.read_text(encoding="utf-8")
    shutil.copytree(run.path, "runs/mine")
    assert write_page("runs/mine").path.name == "mine.html"
    for twice in ("lenet5", cnnzoo.training.load_run("lenet5")):
        with pytest.raises(ValueError, match="`beside` must be another network or run than the first"):
            write_page("lenet5", beside=twice)


def test_every_sentence_of_the_page_has_a_translation():
    scripts = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    korean = dict(re.findall(r'"([^"]+)": "([^"]+)"', (TEMPLATES / "words.js").read_text(encoding="utf-8")))
    page = (TEMPLATES / "page.html").read_text(encoding="utf-8")
    chosen = re.findall(r'say\(\s*(?:[\w().]+ \? "([^"]+)" : )?"([^"]+)"', scripts)  # of one sentence, or of two
    said = {each for pair in chosen for each in pair if each} | {*re.findall(r'data-label="([^"]+)"', page)}
    said |= {"values", "kernel", "products", "mean", "largest"}  # which scripts have in variables
    said |= {" ".join(text.split()) for text in re.findall(r"data-say>([^<]+)<", page)}
    assert len(said) > 80
    assert said - set(korean) == set()
    names = {key: sorted(re.findall(r"\{\w+\}", key)) for key in korean}
    assert [key for key, text in korean.items() if sorted(re.findall(r"\{\w+\}", text)) != names[key]] == []
