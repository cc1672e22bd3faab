"""Exported files: what they hold, that they run by their scripts, and that nothing is left of those that failed."""

import importlib.util
import json
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import cnnzoo
from cnnzoo._keras.engine import open_core
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.exporting import FORMATS
from cnnzoo.exporting import writing as module

SEVEN = Path(__file__).parents[2] / "examples" / "seven.png"


@pytest.fixture(scope="module")
def run():
    return cnnzoo.training.load_run("lenet1")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return sorted(path.name for path in folder.iterdir())


SMALLEST_INT8 = {"onnx": 0.32, "litert": 0.32, "openvino": 0.68}  # of the size; OpenVINO's .xml has 0.4


def run_script(script, picture, monkeypatch, capsys):
    """Run a script in this process; return the lines that it prints."""
    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    capsys.readouterr()
    runpy.run_path(str(script), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def skip_without(form):
    for package in FORMATS[form].needs:
        if importlib.util.find_spec(package) is None:  # not imported: OpenVINO reports that over the network
            pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("to", FORMATS)
def test_a_format_gives_what_keras_gives(to, run, here):
    skip_without(to)
    exported = cnnzoo.export(run, to=to)
    names = {"savedmodel": ["lenet1_savedmodel"], "openvino": ["lenet1.bin", "lenet1.xml"]}
    assert files(here) == sorted([*names.get(to, [f"lenet1{FORMATS[to].suffix}"]), f"lenet1_{to}.py"])
    seen = exported.verification
    assert (seen.images, seen.origin, seen.agreement) == (1000, "digits that ship with cnnzoo", 1)
    assert seen.difference < 1e-5
    assert seen.accuracy[0] == seen.accuracy[1] > 0.95
    assert exported.size > 4 * run.model.count_params()
    assert json.loads(exported.metadata["class_names"]) == list("0123456789")
    assert exported.metadata["verification"] == str(seen)


@pytest.mark.slow
@pytest.mark.parametrize("options", [*({"to": name} for name in FORMATS), {"layout": "nchw"}, {"int8": True}], ids=str)
def test_the_script_says_what_predict_says(options, here):
    to = options.get("to", "onnx")
    skip_without(to)
    exported = cnnzoo.export("lenet5", **options)
    picture = Image.open(SEVEN).convert("L").rotate(10, fillcolor=255)
    picture.save("picture.png")
    needed = {"savedmodel": {"tensorflow", "keras"}, "keras": {"tensorflow", "keras"}, "torch": {"torch"}}
    forbidden = {"cnnzoo", "keras", "tensorflow", "torch", "scipy", "matplotlib"} - needed.get(to, set())
    (here / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({forbidden})\n")
    command, environment = [sys.executable, exported.script, "picture.png"], {**os.environ, "PYTHONPATH": str(here)}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert not finished.returncode, finished.stderr
    shown = finished.stdout.splitlines()
    (prediction,) = cnnzoo.training.load_run("lenet5").predict("picture.png")
    best = list(prediction.probabilities.items())[:3]
    if options.get("int8"):
        assert shown[0].startswith("7: ")
    else:
        assert shown == [f"{name}: {probability:.1%}" for name, probability in best]


@pytest.mark.parametrize("preparation", ["resize", "crop"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", ["unit", "byte"])
def test_the_script_prepares_photographs_as_predict_does(preparation, channels, scale, here, monkeypatch, capsys):
    inputs = keras.Input((24, 20, channels))
    x = keras.layers.Rescaling(1 / 255)(inputs) if scale == "byte" else inputs
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(x))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    classifier = Classifier(model, ("a", 'the "b"', "c\\d"), (24, 20), preparation, scale)
    exported = cnnzoo.export(classifier, "net.onnx")
    noise = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    Image.fromarray(noise).resize((130, 90)).save("photo.png")
    shown = run_script(exported.script, "photo.png", monkeypatch, capsys)
    (prediction,) = classifier.predict("photo.png")
    assert shown == [f"{name}: {probability:.1%}" for name, probability in prediction.probabilities.items()]


@pytest.mark.parametrize("to", ["onnx", *(pytest.param(to, marks=pytest.mark.slow) for to in ("litert", "openvino"))])
@pytest.mark.parametrize("option", ["float16", "int8"])
def test_smaller_weights_are_smaller_and_nearly_as_good(to, option, run, here):
    skip_without(to)
    if option == "int8" and to == "litert" and sys.platform == "win32":
        pytest.skip("not tried there")
    model = cnnzoo.training.load_run("lenet5")
    whole, small = (
        cnnzoo.export(model, f"{name}{FORMATS[to].suffix}", to=to, **given)
        for name, given in (("a", {}), ("b", {option: True}))
    )
    assert small.size < {"float16": 0.62 if to == "openvino" else 0.54, "int8": SMALLEST_INT8[to]}[option] * whole.size
    assert 0 < small.verification.difference < {"float16": 0.01, "int8": 0.2}[option]
    assert small.verification.accuracy[1] >= small.verification.accuracy[0] - 0.005
    assert small.metadata["precision"] == option


def test_onnx_files_say_what_they_are(run, here):
    exported = cnnzoo.export(run, layout="nchw", opset=17)
    file = onnx.load(exported.path)
    onnx.checker.check_model(file, full_check=True)
    assert file.opset_import[0].version == 17
    session = onnxruntime.InferenceSession(exported.path)
    assert session.get_modelmeta().custom_metadata_map == exported.metadata
    (images,), (output,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.shape, output.name, output.shape) == ("images", ["n", 1, 28, 28], "output", ["n", 10])
    assert exported.metadata["input"] == "images: float32 of shape (n, 1, 28, 28), pixels in [0, 1]"
    assert exported.metadata["paper"].startswith("Y. Le Cun")
    assert {"h1/kernel", "h1/bias"} <= {each.name for each in file.graph.initializer}


@pytest.mark.slow
def test_litert_files_have_the_classes_as_their_own_tools_read_them(run, here):
    skip_without("litert")
    exported = cnnzoo.export(run, to="litert")
    with zipfile.ZipFile(exported.path) as archive:
        assert archive.read("labels.txt").decode().split() == list("0123456789")
        assert json.loads(archive.read("cnnzoo.json")) == exported.metadata


@pytest.mark.slow
def test_metadata_of_the_others(run, here):
    from safetensors import safe_open

    exported = cnnzoo.export(run, to="openvino")
    network = open_core().read_model(exported.path)
    assert network.get_rt_info(["cnnzoo", "network"]).astype(str) == "lenet1"
    exported = cnnzoo.export(run, to="savedmodel")
    assert json.loads((exported.path / "assets.extra" / "cnnzoo.json").read_text()) == exported.metadata
    exported = cnnzoo.export(run, to="keras")
    with zipfile.ZipFile(exported.path) as archive:
        assert json.loads(archive.read("cnnzoo.json")) == exported.metadata
    pytest.importorskip("torch")
    exported = cnnzoo.export(run, to="torch")
    with safe_open(exported.path, "np") as file:
        assert file.metadata() == exported.metadata
    assert oct(exported.path.stat().st_mode) == oct(exported.script.stat().st_mode)


def small(end="softmax", outputs=3, shape=(8, 8, 3), is_known=True):
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(2.0, offset=-1.0)(inputs) if is_known else inputs
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    return keras.Model(inputs, keras.layers.Dense(outputs, activation=end)(x), name="small")


@pytest.mark.parametrize(("end", "outputs"), [("softmax", 3), (None, 3), ("sigmoid", 1), (None, 1)])
def test_models_of_the_user_are_exported_whatever_they_end_with(end, outputs, here, monkeypatch, capsys):
    model = small(end, outputs)
    exported = cnnzoo.export(model)
    assert exported.path == Path("small.onnx")
    assert exported.verification.origin == "random images"
    Image.new("RGB", (8, 8), (200, 10, 70)).save("photo.png")
    shown = run_script(exported.script, "photo.png", monkeypatch, capsys)
    probabilities = {line.split(": ")[0]: float(line.split(": ")[1][:-1]) for line in shown}
    assert sum(probabilities.values()) == pytest.approx(100, abs=0.2)
    image = np.full((1, 8, 8, 3), (200, 10, 70), np.float32) / 255
    output = float(keras.ops.convert_to_numpy(model(image))[0, -1])
    if outputs == 1:
        second = output if end else 1 / (1 + np.exp(-output))
        assert probabilities["1"] == pytest.approx(100 * second, abs=0.06)


def test_images_of_any_size_have_no_script(here):
    exported = cnnzoo.export(small(shape=(None, None, 3)))
    assert exported.script is None
    assert files(here) == ["small.onnx"]
    assert exported.metadata["input"] == "images: float32 of shape (n, any, any, 3), pixels in [0, 1]"


def test_nothing_is_guessed_about_the_pixels_of_a_model(here):
    exported = cnnzoo.export(small(is_known=False))
    assert exported.script is None
    assert exported.metadata["input"] == "images: float32 of shape (n, 8, 8, 3), in the range of its training"


def test_outputs_equal_for_all_images_are_reported(here):
    model = small()
    model.layers[-1].kernel.assign(np.zeros(model.layers[-1].kernel.shape))
    exported = cnnzoo.export(model)
    assert not exported.verification.tells_apart
    assert exported.metadata["verification"].endswith("same outputs for all of them, so this says little.")
    assert cnnzoo.export(small(), "other.onnx").verification.tells_apart


@pytest.mark.parametrize("to", ["onnx", "openvino", "torch"])
def test_a_network_of_whole_numbers_is_compared_on_whole_numbers(here, to):
    skip_without(to)
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    maps = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(inputs))
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    exported = cnnzoo.export(keras.Model(inputs, outputs, name="whole"), to=to)
    assert exported.verification.difference < 1e-5
    assert "pixels in [0, 255]" in exported.metadata["input"]


def test_the_script_imports_what_defines_layers(here):
    inputs = keras.Input((8, 8, 3))
    x = Doubled(name="mine")(keras.layers.Rescaling(2.0, offset=-1.0)(inputs))
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    exported = cnnzoo.export(keras.Model(inputs, x, name="own"), to="keras")
    assert f"import {__name__}  # layers of this network" in exported.script.read_text()


def test_images_for_a_network_of_unknown_pixels_are_refused(here):
    images = np.zeros((40, 8, 8, 3), np.float32)
    for options in ({"images": images}, {"int8": True}):
        with pytest.raises(ValueError, match=r"does not show what pixels it takes.*\(8, 8\), scale=\"unit\"\)"):
            cnnzoo.export(small(is_known=False), **options)
    assert not files(here)


def test_images_that_the_user_gives(here):
    model = small()
    with pytest.raises(
        ValueError, match=r"int8 is calibrated on images like those that small was trained on.*--images"
    ):
        cnnzoo.export(model, int8=True)
    with pytest.raises(ValueError, match=r"int8 takes at least 32 images: half to calibrate by.* Received: 31"):
        cnnzoo.export(model, int8=True, images=np.zeros((31, 8, 8, 3), np.float32))
    assert not files(here)
    images = np.random.default_rng(0).random((40, 8, 8, 3), np.float32)
    exported = cnnzoo.export(model, int8=True, images=images)
    assert (exported.verification.images, exported.verification.origin) == (20, "half of the given images")


def shades(*folders):
    """Write 20 pictures into each folder, dark ones into the first."""
    for folder, level in zip(folders, (40, 200), strict=True):
        Path("photos", folder).mkdir(parents=True)
        for number in range(20):
            Image.new("RGB", (8, 8), (level + number,) * 3).save(Path("photos", folder, f"{number}.png"))


def of_shades():
    """Return a classifier that tells dark pictures from light ones."""
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(pooled), name="shades")
    model.set_weights([np.array([[0.0, 9.0, -9.0]] * 3), np.array([-20.0, -12.0, 12.0])])
    return Classifier(model, ("none", "light", "dark one"), (8, 8))


@pytest.mark.parametrize("int8", [False, True])
def test_given_images_in_folders_of_classes_show_the_accuracy(here, int8):
    shades("dark_one", "Light")
    exported = cnnzoo.export(of_shades(), int8=int8, images="photos")
    assert exported.verification.accuracy == (1.0, 1.0)
    assert "accuracy 100.00% in Keras" in exported.metadata["verification"]


def test_given_images_in_other_folders_show_no_accuracy(here):
    shades("dark_one", "other")
    seen = cnnzoo.export(of_shades(), images="photos").verification
    assert seen.accuracy is None
    assert seen.origin == "the given images, without accuracy, as not every folder is named after a class"
    assert cnnzoo.export(of_shades(), images="photos/other", force=True).verification.origin == "the given images"


def test_a_model_that_was_trained_here_knows_its_classes_and_how_pictures_become_images(here, monkeypatch, capsys):
    model = cnnzoo.models.lenet1(weights="mnist")
    exported = cnnzoo.export(model)
    assert exported.verification.origin == "digits that ship with cnnzoo"
    assert run_script(exported.script, SEVEN, monkeypatch, capsys)[0].startswith("7: ")
    assert json.loads(cnnzoo.export(cnnzoo.models.resnet20(weights="cifar10")).metadata["class_names"])[3] == "cat"
    model.layers[-1].bias.assign(np.ones(10))  # trained on, maybe on something else
    assert cnnzoo.export(model, force=True).metadata["preparation"] == "resize"


def test_a_file_of_keras_is_exported_as_its_model(here):
    small().save("mine.keras")
    assert cnnzoo.export("mine.keras").path == Path("small.onnx")
    Path("run.json").touch()
    with pytest.raises(FileNotFoundError, match=r"'mine\.keras' is a file\. Give the folder of a run"):
        cnnzoo.export("mine.keras", force=True)


def test_a_precision_has_a_file_of_its_own(here, run):
    assert cnnzoo.export(run, float16=True).path == Path("lenet1_float16.onnx")
    assert repr(cnnzoo.export(run, int8=True)).startswith("<Exported lenet1_int8.onnx, ")


def test_scripts_say_what_they_take(here, run, monkeypatch, capsys):
    script = cnnzoo.export(run).script
    Image.new("L", (30, 30), 255).save("white.png")
    with pytest.raises(SystemExit, match="shows no digit: it has a single colour"):
        run_script(script, "white.png", monkeypatch, capsys)
    monkeypatch.setattr(sys, "argv", [str(script)])
    with pytest.raises(SystemExit, match=r"^usage: python lenet1_onnx\.py PICTURE$"):
        runpy.run_path(str(script), run_name="__main__")


def test_images_are_taken_from_all_over_a_folder(here, monkeypatch):
    for name, color in (("a", "black"), ("b", "white")):
        Path("photos", name).mkdir(parents=True)
        for number in range(30):
            Image.new("RGB", (8, 8), color).save(Path("photos", name, f"{number}.png"))
    seen = []
    monkeypatch.setattr(module, "verify", lambda found, wanted, images, *_: seen.append(images.images))
    monkeypatch.setattr("cnnzoo.exporting._images.MOST", 16)
    monkeypatch.setattr(module, "_metadata", lambda *_: {"class_names": "[]"})
    cnnzoo.export(small(), images="photos")
    assert sorted(set(seen[0].ravel().tolist())) == [0, 1]
    assert len(seen[0]) == 16


def test_a_script_of_before_is_not_left(here):
    cnnzoo.export(small(), "net.onnx")
    cnnzoo.export(small(shape=(None, None, 3)), "net.onnx", force=True)
    assert files(here) == ["net.onnx"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_nothing_is_left_when_the_process_is_ended(here):
    code = (
        "import cnnzoo, os, signal\n"
        "from cnnzoo.exporting import writing\n"
        "writing.verify = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "cnnzoo.export('lenet1')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ended.returncode == 143, ended.stderr
    assert not files(here)


def test_networks_that_give_no_numbers_and_classifiers_without_names(here):
    model = small()
    model.layers[-1].bias.assign([np.nan, 0, 0])
    with pytest.raises(ValueError, match=r"gives NaN or infinity in Keras\. Nothing was written"):
        cnnzoo.export(model)
    with pytest.raises(ValueError, match=r"must name the 3 classes of its network\. Received: 2 names"):
        cnnzoo.export(Classifier(small(), ("a", "b"), (8, 8)))
    assert not files(here)


def test_odd_class_names(here, monkeypatch, capsys):
    names = ("고양이", "a\nb", "c\udcff")
    exported = cnnzoo.export(Classifier(small(), names, (8, 8)))
    assert json.loads(exported.metadata["class_names"]) == ["고양이", "a\nb", "c\\xff"]
    Image.new("RGBA", (9, 9), (0, 200, 10, 90)).save("photo.png")
    assert len(run_script(exported.script, "photo.png", monkeypatch, capsys)) == 4


def test_mixed_precision(here):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small()
    finally:
        keras.config.set_dtype_policy("float32")
    assert cnnzoo.export(model).verification.difference < 0.1
    skip_without("litert")
    with pytest.raises(ValueError, match=r"takes networks that compute in float32, and small computes in mixed"):
        cnnzoo.export(model, to="litert")


@keras.saving.register_keras_serializable("test_export")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


class Foreign(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def with_layer(layer):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(layer(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x), name="own")


def test_a_layer_of_the_users_own_is_refused_by_name_where_it_cannot_be_written(here):
    for to in ("onnx", "openvino", "torch"):
        skip_without(to)
        with pytest.raises(ValueError, match=r"export to .* does not support layer 'mine' \(Doubled\)"):
            cnnzoo.export(with_layer(Doubled(name="mine")), to=to)
    with pytest.raises(ValueError, match=r"could not open a file with layer 'mine' \(Foreign\): .*register_keras"):
        cnnzoo.export(with_layer(Foreign(name="mine")), to="keras")
    assert not files(here)


@pytest.mark.slow
def test_tensorflow_writes_layers_of_the_users_own(here):
    for to in ("litert", "savedmodel"):
        skip_without(to)
        assert cnnzoo.export(with_layer(Foreign(name="mine")), to=to).verification.difference < 1e-5


def test_a_file_that_gives_something_else_is_not_left(here):
    """Weights that cancel each other in float32, and do not in float16."""
    inputs = keras.Input((1, 1, 1))
    layer = keras.layers.Dense(2, use_bias=False)
    x = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, layer(keras.layers.Concatenate()([x, x])))
    layer.set_weights([np.array([[2049.0, 1.0], [-2048.0, 1.0]], np.float32)])
    with pytest.raises(
        ValueError, match=r"differs from Keras by .* of the largest output, more than the 0\.05 accepted"
    ):
        cnnzoo.export(model, "net.onnx", float16=True)
    layer.set_weights([np.array([[1e5, 1.0], [1.0, 1.0]], np.float32)])
    with pytest.raises(ValueError, match=r"A weight of .*kernel is beyond what float16 can hold"):
        cnnzoo.export(model, "net.onnx", float16=True)
    assert not files(here)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "onxx"}, r"Unknown format 'onxx'\. Did you mean 'onnx'\?"),
        ({"float16": True, "int8": True}, r"Received both"),
        (
            {"to": "torch", "int8": True},
            r"PyTorch cannot be written as int8\. Formats that can: onnx, litert, openvino",
        ),
        ({"to": "keras", "float16": True}, r"Keras cannot be written as float16\. Formats that can: onnx, litert"),
        ({"layout": "chw"}, r"Unknown layout 'chw'"),
        ({"to": "litert", "layout": "nchw"}, r"takes images in the layout nhwc\. Received: layout='nchw'"),
        ({"to": "torch", "opset": 17}, r"`opset` is for ONNX"),
        ({"opset": 9}, r"`opset` must be one of 17 to 22\. Received: opset=9"),
        ({"to": "savedmodel", "path": "net.onnx"}, r"SavedModel is a folder, and '\.onnx' is the suffix of files"),
        ({"path": "net.xml"}, r"The file must end in \.onnx\. Received: 'net\.xml'"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(options, message, here, run):
    skip_without(options.get("to") if options.get("to") in FORMATS else "onnx")
    with pytest.raises(ValueError, match=message):
        cnnzoo.export(run, **options)
    assert not files(here)


def test_what_names_nothing_and_what_is_not_trained(here):
    with pytest.raises(FileNotFoundError, match=r"There is no run folder 'runs/missing'"):
        cnnzoo.export("runs/missing")
    with pytest.raises(FileNotFoundError, match=r"alexnet does not ship trained"):
        cnnzoo.export("alexnet")
    with pytest.raises(ValueError, match="choose one class per image"):
        cnnzoo.export(small("sigmoid", 3))
    assert not files(here)


def test_a_missing_package_is_named_with_the_extra(here, run, monkeypatch):
    found = module.check_options.__globals__["importlib"].util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else found(name))
    with pytest.raises(ValueError, match=r"ONNX needs onnxruntime, which is not installed: `pip install"):
        cnnzoo.export(run)


def test_another_backend_is_told_what_writes_the_format(here, run, monkeypatch):
    skip_without("litert")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"is written by TensorFlow, and Keras runs on jax.*KERAS_BACKEND=tensorflow"):
        cnnzoo.export(run, to="litert")


@pytest.mark.parametrize("existing", ["lenet1.onnx", "lenet1_onnx.py"])
def test_existing_files_are_kept_without_force(existing, here, run):
    Path(existing).write_text("mine")
    with pytest.raises(FileExistsError, match=rf"'{existing}' already exists and was not overwritten"):
        cnnzoo.export(run)
    assert (files(here), Path(existing).read_text()) == ([existing], "mine")
    assert cnnzoo.export(run, force=True).path.stat().st_size > 1000
    assert files(here) == ["lenet1.onnx", "lenet1_onnx.py"]


@pytest.mark.slow
def test_a_folder_is_replaced_only_if_it_is_a_saved_model(here, run):
    folder = here / "lenet1_savedmodel"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        cnnzoo.export(run, to="savedmodel", force=True)
    assert (folder / "thesis.txt").read_text() == "mine"
    (folder / "thesis.txt").rename(here / "thesis.txt")
    folder.rmdir()
    first = cnnzoo.export(run, to="savedmodel")
    (first.path / "old").touch()
    cnnzoo.export(run, to="savedmodel", force=True)
    assert not (first.path / "old").exists()
    assert files(here) == ["lenet1_savedmodel", "lenet1_savedmodel.py", "thesis.txt"]


def test_nothing_is_left_where_the_disk_is_full(here, run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cnnzoo.exporting._onnx.add_metadata", full)
    with pytest.raises(OSError, match=r"'lenet1\.onnx' cannot be written \(No space left on device\)"):
        cnnzoo.export(run)
    assert not files(here)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_folder_is_told_before_the_work(here, run):
    here.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="is not writable"):
            cnnzoo.export(run)
    finally:
        here.chmod(0o700)


def test_a_missing_folder_is_told_before_a_network_is_loaded(here):
    with pytest.raises(FileNotFoundError, match=r"There is no folder 'none'"):
        cnnzoo.export("runs/missing", "none/net.onnx")


def test_a_name_that_is_no_name_of_python(here, monkeypatch, capsys):
    Image.new("RGB", (8, 8), "teal").save("photo.png")
    exported = cnnzoo.export(small(), 'it\'s "mine".onnx')
    assert len(run_script(exported.script, "photo.png", monkeypatch, capsys)) == 3
