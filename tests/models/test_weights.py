"""Weights from a local file."""

import contextlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo._keras.weight_files import StoredLayer
from cnnzoo.models.weights import load_exactly, load_file, load_weights
from tests.weight_files import write_official


@pytest.fixture(scope="module")
def model():
    return cnnzoo.models.lenet5()


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_weights_come_back_from_a_file(model, tmp_path, suffix):
    path = tmp_path / f"lenet5{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    loaded = cnnzoo.models.lenet5(weights=path)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: '[^']*absent\.weights\.h5'\.$"):
        cnnzoo.models.lenet5(weights=tmp_path / "absent.weights.h5")
    (tmp_path / "absence.weights.h5").touch()
    with pytest.raises(FileNotFoundError, match=r"Did you mean '[^']*absence\.weights\.h5'\?"):
        cnnzoo.models.lenet5(weights=tmp_path / "absent.weights.h5")


def test_a_word_that_names_no_weights_is_refused():
    with pytest.raises(ValueError, match=r"Unknown lenet5 weights 'imagenet'.*mnist"):
        cnnzoo.models.lenet5(weights="imagenet")
    with pytest.raises(ValueError, match=r"There are no published weights of alexnet\..*weights='imagenet'"):
        cnnzoo.models.alexnet(weights="imagenet")
    with pytest.raises(ValueError, match=r"of resnet50 here; `cnnzoo\.pretrained\.load\('resnet50'\)` has Image"):
        cnnzoo.models.resnet50(weights="imagenet")
    with pytest.raises(ValueError, match=r"a file, a run folder or None\. Received: 3"):
        cnnzoo.models.lenet5(weights=3)


def test_weights_that_are_not_there_are_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(keras, "Input", None)
    with pytest.raises(ValueError, match=r"no published weights of alexnet"):
        cnnzoo.models.alexnet(weights="imagenet", num_classes=5)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "weights.txt").write_text("0.5")
    with pytest.raises(ValueError, match=r"ends in \.weights\.h5, \.keras, \.h5"):
        cnnzoo.models.lenet5(weights=tmp_path / "weights.txt")


@pytest.mark.parametrize("name", ["junk.weights.h5", "junk.keras", "junk.h5"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match=name):
        cnnzoo.models.lenet5(weights=tmp_path / name)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_a_backbone_of_another_shape_is_refused(model, tmp_path, suffix):
    path = tmp_path / f"lenet5{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    message = (
        r"does not hold the weights of this lenet5 \(62,006 parameters\): layer 'c1' must have weights of the "
        r"shapes \(5, 5, 3, 6\) and \(6,\), but the file has \(5, 5, 1, 6\) and \(6,\)\. "
        r"By its 61,706 values it looks like the lenet5 of this zoo\."
    )
    with pytest.raises(ValueError, match=message):
        cnnzoo.models.lenet5(input_shape=(32, 32, 3), weights=path)


@pytest.mark.parametrize("classes", [10, 5])
def test_a_file_is_known_by_its_values_whatever_its_classes_are(tmp_path, classes):
    cnnzoo.models.lenet5(num_classes=classes).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match=r"values it looks like the lenet5 of this zoo\."):
        cnnzoo.models.vgg11(input_shape=(32, 32, 3), weights=tmp_path / "a.weights.h5")
    cnnzoo.models.lenet5(num_classes=classes, input_shape=(36, 32, 1)).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"The model in it is called 'lenet5'\."):
        cnnzoo.models.vgg11(input_shape=(32, 32, 3), weights=tmp_path / "a.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_of_another_size_of_images_are_refused_unless_the_head_is_new(tmp_path, suffix):
    path, model = tmp_path / f"small{suffix}", cnnzoo.models.lenet5(input_shape=(36, 36, 1))
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    advice = (
        r"If its images had another size, pass their `input_shape`\."
        if suffix == ".weights.h5"
        else r"It was saved for images of 36 x 36 pixels: pass `input_shape=\(36, 36, 1\)`\."
    )
    with pytest.raises(
        ValueError, match=rf"Not all of the head .*'f6'.* {advice} For the backbone alone: `include_top=F"
    ):
        cnnzoo.models.lenet5(weights=path)
    assert equal(cnnzoo.models.lenet5(weights=path, input_shape=(36, 36, 1)), model, "c1", "f6", "output")
    assert equal(cnnzoo.models.lenet5(weights=path, include_top=False), model, "c1", "c5")
    with pytest.warns(UserWarning, match=rf"{advice} Left as initialised: f6, output\."):
        assert equal(cnnzoo.models.lenet5(weights=path, num_classes=5), model, "c1", "c5")


def values(model, *names):
    return [array for name in names for array in model.get_layer(name).get_weights()]


def equal(model, other, *names):
    return all(map(np.array_equal, values(model, *names), values(other, *names)))


@pytest.fixture(scope="module")
def trained():
    return cnnzoo.models.lenet5(weights="mnist")


def test_without_head_it_takes_the_backbone_of_whatever_is_given(trained, model, tmp_path):
    backbone = cnnzoo.models.lenet5(weights="mnist", include_top=False)
    assert equal(backbone, trained, "c1", "c3", "c5")
    assert np.any(values(backbone, "c1")[0] != values(model, "c1")[0])
    cnnzoo.with_head(trained, 3).save(tmp_path / "other.keras")  # a head of other layers
    backbone.save_weights(tmp_path / "backbone.weights.h5")  # none
    for name in ("other.keras", "backbone.weights.h5"):
        loaded = cnnzoo.models.lenet5(weights=tmp_path / name, include_top=False, input_shape=(None, None, 1))
        assert equal(loaded, trained, "c1", "c3", "c5")


def test_the_head_is_loaded_where_it_fits_and_one_warning_names_the_rest(trained):
    message = (
        r"Not all of the head of 'mnist' fits this lenet5: layer 'output' must have weights of the shapes "
        r"\(84, 5\) and \(5,\), but the file has \(84, 10\) and \(10,\)\. Left as initialised: output\.$"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model = cnnzoo.models.lenet5(weights="mnist", num_classes=5)
    assert (len(caught), caught[0].filename) == (1, __file__)
    assert equal(model, trained, "c1", "c3", "c5", "f6")
    assert model.output_shape == (None, 5)
    assert np.std(values(model, "output")[0]) > 0


def test_a_file_of_a_backbone_leaves_the_head(trained, tmp_path):
    cnnzoo.backbone(trained).save_weights(tmp_path / "backbone.weights.h5")
    model = cnnzoo.models.lenet5(weights=tmp_path / "backbone.weights.h5")
    assert equal(model, trained, "c1", "c3", "c5")
    assert not equal(model, trained, "f6")
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_the_classes_are_those_of_the_weights(tmp_path, suffix):
    path, model = tmp_path / f"three{suffix}", cnnzoo.models.lenet5(num_classes=3)
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    assert cnnzoo.models.lenet5(weights=path).output_shape == (None, 3)
    assert cnnzoo.models.lenet5().output_shape == (None, 10)


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("file", ["model.keras", "model.weights.h5"])
def test_a_run_folder_gives_its_weights(tmp_path, kind, file):
    model = cnnzoo.models.lenet5(num_classes=4)
    (model.save if file == "model.keras" else model.save_weights)(tmp_path / file)
    loaded = cnnzoo.models.lenet5(weights=kind(tmp_path))
    assert equal(loaded, model, "c1", "c3", "c5", "f6", "output")
    assert loaded.output_shape == (None, 4)


def test_a_folder_that_is_no_finished_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"' is not a finished run: it has no model\.keras\."):
        cnnzoo.models.lenet5(weights=tmp_path)


@pytest.mark.parametrize("include_top", [True, False])
def test_a_deeper_network_is_not_taken_for_this_one(tmp_path, include_top):
    """All layers of the network are there, of the same shapes, and more of them between."""
    model = cnnzoo.models.lenet5()
    deeper = keras.layers.Conv2D(16, 1, name="c4")(model.get_layer("c3").output)
    for layer in model.layers[4:]:
        deeper = layer(deeper)
    keras.Model(model.inputs[0], deeper).save_weights(tmp_path / "deeper.weights.h5")
    with pytest.raises(ValueError, match="it has an unexpected layer 'c4'"):
        cnnzoo.models.lenet5(weights=tmp_path / "deeper.weights.h5", include_top=include_top)


def test_kernels_of_colours_are_summed_for_grey_images(tmp_path):
    model = cnnzoo.models.lenet5(input_shape=(32, 32, 3))
    model.save_weights(tmp_path / "rgb.weights.h5")
    grey = cnnzoo.models.lenet5(weights=tmp_path / "rgb.weights.h5")
    images = np.random.default_rng(0).random((2, 32, 32, 1), dtype="float32")
    np.testing.assert_allclose(grey(images), model(np.repeat(images, 3, axis=-1)), rtol=1e-4, atol=1e-6)


def test_files_without_names_are_taken_in_order(model, tmp_path):
    path = tmp_path / "unnamed.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None) and None)
    loaded = cnnzoo.models.lenet5(weights=path)
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))
    assert equal(cnnzoo.models.lenet5(weights=path, include_top=False), model, "c1", "c3", "c5")


def unnamed(*, include_top):
    """Twelve convolutions and a classifier, whose names Keras numbers on from the last network."""
    inputs = outputs = keras.Input((16, 16, 3))
    for _ in range(12):
        outputs = keras.layers.Conv2D(4, 3, padding="same")(outputs)
    if include_top:
        outputs = keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(outputs))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_layers_that_keras_named_are_taken_in_order(tmp_path, suffix):
    path, model = tmp_path / f"unnamed{suffix}", unnamed(include_top=True)
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    for include_top in (True, False):
        loaded = unnamed(include_top=include_top)
        load_file(loaded, path)
        assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def copied(layer, prefix):
    return type(layer).from_config(layer.get_config() | {"name": f"{prefix}_{layer.name}"})


def test_the_name_of_a_network_may_begin_those_of_its_layers(trained, tmp_path):
    model = keras.models.clone_model(trained, clone_function=lambda layer: copied(layer, "left"))
    model = keras.Model(model.inputs[0], model.output, name="left")
    load_weights(model, cnnzoo.model_card("lenet5"), "mnist")
    assert all(map(np.array_equal, model.get_weights(), trained.get_weights()))


def test_weights_that_are_cut_short_are_told_as_damage(model, tmp_path, monkeypatch):
    model.save_weights(tmp_path / "lenet5.weights.h5")
    monkeypatch.setattr(StoredLayer, "arrays", lambda layer: (_ for _ in ()).throw(OSError("truncated")))
    with pytest.raises(ValueError, match=r"is damaged: the weights of its layer 'c1' cannot be read \(truncated\)"):
        cnnzoo.models.lenet5(weights=tmp_path / "lenet5.weights.h5")


def test_names_as_older_keras_wrote_them_are_taken(tmp_path):
    network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3))
    older = {
        layer.name: layer.name.replace("bn_Conv1", "bn/Conv1").replace("_BN", "/BatchNorm") for layer in network.layers
    }
    weights = write_official(tmp_path / "older.h5", network, renamed=older)
    loaded = cnnzoo.pretrained.load("mobilenetv2", weights=tmp_path / "older.h5", input_shape=(32, 32, 3))
    assert all(map(np.array_equal, loaded.get_weights(), weights))
    assert sum(name != was for name, was in older.items()) > 40


@settings(max_examples=20)
@given(position=st.integers(0, 200_000), cut=st.booleans(), suffix=st.sampled_from([".weights.h5", ".keras", ".h5"]))
def test_a_spoiled_file_is_read_or_refused(model, tmp_path, position, cut, suffix):
    path = tmp_path / f"spoiled{suffix}"
    if not (tmp_path / f"whole{suffix}").exists():
        (model.save_weights if suffix == ".weights.h5" else model.save)(tmp_path / f"whole{suffix}")
    payload = bytearray((tmp_path / f"whole{suffix}").read_bytes())
    position %= len(payload)
    payload[position:] = b"" if cut else bytes([payload[position] ^ 0xFF]) + payload[position + 1 :]
    path.write_bytes(payload)
    with contextlib.suppress(ValueError):
        cnnzoo.models.lenet5(weights=path)


def test_a_run_of_grey_images_is_not_filled_with_sums_of_colours(tmp_path):
    colour = cnnzoo.models.lenet5(input_shape=(32, 32, 3))
    colour.save_weights(tmp_path / "colour.weights.h5")
    grey = cnnzoo.models.lenet5(weights=tmp_path / "colour.weights.h5")
    np.testing.assert_allclose(
        grey.get_layer("c1").kernel, keras.ops.sum(colour.get_layer("c1").kernel, 2, keepdims=True)
    )
    with pytest.raises(ValueError, match="layer 'c1' must have weights of the shapes"):
        load_exactly(grey, tmp_path / "colour.weights.h5")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_advice_on_a_size_keeps_the_channels(tmp_path, channels):
    cnnzoo.models.lenet5(input_shape=(36, 40, 3)).save(tmp_path / "rgb.keras")
    advice = rf"pass `input_shape=\(36, 40, {channels}\)`"
    with pytest.raises(ValueError, match=advice):
        cnnzoo.models.lenet5(weights=tmp_path / "rgb.keras", input_shape=(32, 32, channels))
    cnnzoo.models.lenet5(weights=tmp_path / "rgb.keras", input_shape=(36, 40, channels))


def test_a_single_dense_layer_of_another_size_is_no_new_head(tmp_path):
    def flat(side, classes):
        inputs = keras.Input((side, side, 1))
        maps = keras.layers.Conv2D(2, 3, name="maps")(inputs)
        outputs = keras.layers.Dense(classes, "softmax", name="top")(keras.layers.Flatten()(maps))
        return keras.Model(inputs, outputs, name="flat")

    flat(8, 4).save(tmp_path / "flat.keras")
    with pytest.raises(ValueError, match=r"pass `input_shape=\(8, 8, 1\)`"):
        load_file(flat(9, 4), tmp_path / "flat.keras")
    with pytest.warns(UserWarning, match="Left as initialised: top"):
        load_file(flat(9, 5), tmp_path / "flat.keras")


@pytest.mark.parametrize(("classes", "top"), [(1000, "with its head"), (5, "of other classes")])
def test_a_network_of_keras_is_known_by_its_values(tmp_path, classes, top):
    keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=classes).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match=f"looks like .*MobileNetV2 of Keras Applications {top}"):
        cnnzoo.models.lenet5(weights=tmp_path / "a.weights.h5")


def test_the_head_of_fine_tuning_is_taken_where_it_is_the_networks_own(tmp_path):
    small = {"input_shape": (32, 32, 3)}
    tuned = cnnzoo.with_head(cnnzoo.models.resnet18(**small), 3)
    tuned.save(tmp_path / "finetuned.keras")
    own = cnnzoo.models.resnet18(weights=tmp_path / "finetuned.keras", **small)
    images = np.random.default_rng(0).random((2, 32, 32, 3), dtype="float32")
    np.testing.assert_array_equal(own(images, training=False), tuned(images, training=False))


@pytest.mark.slow
def test_weights_of_a_network_that_strides_elsewhere_are_refused(tmp_path):
    zeros = {"kernel_initializer": "zeros"}  # random values take longer
    options = {"input_shape": (32, 32, 3), "include_top": False, **zeros}
    cnnzoo.models.resnet50(**options).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"of another network: 'conv3_1_1_conv' has strides of \(2, 2\) in 'resnet50'"):
        cnnzoo.models.resnet50_v1_5(weights=tmp_path / "a.keras", **options)
    cnnzoo.models.resnet50(weights=tmp_path / "a.keras", name="own", **options)


def test_what_is_not_loaded_is_drawn_as_it_is_without_weights(tmp_path):
    """The same seed gives the same new head, and the layers have the initializers that were asked for."""
    small = {"input_shape": (32, 32, 3)}
    cnnzoo.models.mobilenet_v2(**small).save_weights(tmp_path / "a.weights.h5")
    keras.utils.set_random_seed(3)
    drawn = cnnzoo.models.mobilenet_v2(num_classes=4, **small)
    keras.utils.set_random_seed(3)
    with pytest.warns(UserWarning, match="Left as initialised: predictions"):
        loaded = cnnzoo.models.mobilenet_v2(num_classes=4, weights=tmp_path / "a.weights.h5", **small)
    np.testing.assert_array_equal(loaded.get_layer("predictions").kernel, drawn.get_layer("predictions").kernel)
    assert not np.array_equal(loaded.get_layer("first_conv").kernel, drawn.get_layer("first_conv").kernel)
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in drawn.layers]


@pytest.mark.parametrize(("saved", "built"), [("vgg11", "vgg11_lrn"), ("vgg11_lrn", "vgg11")])
def test_weights_of_a_network_that_normalises_responses_otherwise_are_refused(tmp_path, saved, built):
    options = {"input_shape": (32, 32, 3), "include_top": False}
    cnnzoo.create_model(saved, **options).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=f"of another network: '{saved}' (normalises|does not normalise) responses"):
        cnnzoo.create_model(built, weights=tmp_path / "a.keras", **options)
    cnnzoo.create_model(saved, weights=tmp_path / "a.keras", name="own", **options)


def test_a_head_of_other_layers_and_as_many_classes_is_refused(tmp_path, trained):
    cnnzoo.with_head(trained, 3).save(tmp_path / "finetuned.keras")
    with pytest.raises(
        ValueError, match=r"has no layer 'f6'\. For the network as it was saved, use `cnnzoo.training.load"
    ):
        cnnzoo.models.lenet5(weights=tmp_path / "finetuned.keras")
    with pytest.warns(UserWarning, match=r"Left as initialised: f6, output\."):
        assert equal(cnnzoo.models.lenet5(weights=tmp_path / "finetuned.keras", num_classes=4), trained, "c1", "c5")


def test_a_network_with_weights_is_saved_and_read_without_a_warning(tmp_path):
    cnnzoo.models.lenet5(weights="mnist").save(tmp_path / "a.keras")
    assert keras.saving.load_model(tmp_path / "a.keras").compiled  # warnings are errors here
