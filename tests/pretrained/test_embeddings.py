import os
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data import ImageFiles, Split, stream
from cnnzoo.pretrained import embed, features, load
from tests.weight_files import lively


@pytest.fixture(scope="module")
def network():
    return lively(load("mobilenet", weights=None, input_shape=(32, 32, 3), preprocess=True, pooling="avg"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    """The images as files, in an order of names that is theirs, the last two in a subfolder."""
    (tmp_path / "photos" / "z").mkdir(parents=True)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(tmp_path / "photos" / ("z" if number > 2 else ".") / f"{number}.png")
    return tmp_path / "photos"


@pytest.mark.slow
def test_it_gives_what_the_network_gives(network, images):
    expected = network.predict(images, verbose=0)
    for batch_size in (None, 2):
        np.testing.assert_allclose(embed(network, images, batch_size=batch_size), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(embed(network, images.astype(np.float32)), expected, rtol=1e-3, atol=1e-5)
    assert expected.std(axis=0).mean() > 0.01


@pytest.mark.slow
def test_a_network_that_takes_one_to_zero(network, images):
    unit = load("mobilenet", weights=None, input_shape=(32, 32, 3), preprocess=True, scale="unit", pooling="avg")
    unit.set_weights(network.get_weights())
    for given in (images, images.astype(np.float32) / 255):
        np.testing.assert_allclose(embed(unit, given), embed(network, images), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_name_a_run_and_its_folder_stand_for_the_backbone(folder, run):
    for model, trained in (("LeNet5", cnnzoo.models.lenet5(weights="mnist")), (run, run.model), (run.path, run.model)):
        vectors = embed(model, folder)
        assert vectors.shape == (5, 120)
        np.testing.assert_allclose(vectors, embed(cnnzoo.backbone(trained), folder), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embed("lenet5", folder, weights=run.path), embed(run, folder), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_digits_are_placed_as_the_network_saw_them(run, tmp_path):
    """As ``predict`` places them: dark on light, and anywhere in the picture."""
    page = Image.new("L", (90, 120), 255)
    seven = Path(__file__).parents[2] / "examples" / "seven.png"
    page.paste(Image.open(seven).convert("L").resize((40, 40)), (40, 70))
    page.save(tmp_path / "7.png")
    seen = run.classifier.prepare(tmp_path / "7.png")[0]
    for network in (run, "lenet5", run.path):
        np.testing.assert_allclose(embed(network, tmp_path), embed(network, seen), atol=0.02)
    assert np.abs(embed(run, tmp_path, crop=False) - embed(run, seen)).max() > 0.1
    Image.new("L", (90, 120), 255).save(tmp_path / "blank.png")
    black = np.zeros((1, 32, 32, 1), np.float32)
    np.testing.assert_allclose(embed(run, tmp_path / "blank.png"), embed(run, black), atol=1e-5)
    with pytest.raises(ValueError, match="`crop` is for photographs"):
        embed(run, tmp_path, crop=True)


@pytest.mark.slow
def test_an_array_is_resized_batch_by_batch(network, images):
    small = images[:, ::2, ::2]
    resized = stream(Split(small, np.zeros(5, np.int64)), batch_size=5, image_size=32)
    expected = network.predict(next(iter(resized))[0].numpy() * 255, verbose=0)
    np.testing.assert_allclose(embed(network, small, image_size=(32, 32)), expected, rtol=1e-3, atol=1e-5)


def test_the_scale_of_a_model_within_is_seen(network, images):
    outer = keras.Sequential([keras.Input((32, 32, 3)), network])
    np.testing.assert_allclose(embed(outer, images), embed(network, images), rtol=1e-3, atol=1e-5)


def test_images_that_were_preprocessed_are_not_warned_of(images):
    plain = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(plain, images.astype(np.float32) - 120)


@pytest.mark.slow
def test_plain_images_are_refused_where_the_preprocessing_is_missing(images):
    raw = load("mobilenet", weights=None, input_shape=(32, 32, 3), pooling="avg")
    for network in (raw, features(raw, "conv1_relu")):
        with pytest.raises(ValueError, match=r"preprocessed for this network.*load\(\.\.\., preprocess=True\)"):
            embed(network, images)
    own = keras.applications.mobilenet.preprocess_input(images.astype(np.float32))
    np.testing.assert_allclose(embed(raw, own), raw.predict(own, verbose=0), rtol=1e-3, atol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(raw, own + 200)  # whatever its values: only the caller knows


def test_a_network_is_traced_once_for_all_calls(images):
    network = load("mobilenet", weights=None, input_shape=(32, 32, 3), preprocess=True)
    embed(network, images)
    traced = network.predict_function.experimental_get_tracing_count()
    for _ in range(3):
        embed(network, images)
    assert network.predict_function.experimental_get_tracing_count() == traced


def test_one_image_needs_an_axis_and_arrays_are_not_files(network, images):
    with pytest.raises(ValueError, match=r"`images\[None\]` makes one image an array of one"):
        embed(network, images[0])
    with pytest.raises(ValueError, match="`images` must be one array"):
        embed(network, list(images))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_an_image(network, images, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1"):
        embed(network, images, batch_size=batch_size)


@pytest.mark.slow
def test_files_are_resized_to_the_size_that_is_given(folder, network):
    by_name = embed("mobilenet", folder, weights=None, image_size=64)
    assert by_name.shape == (5, 1024)
    any_size = lively(load("mobilenet", weights=None, input_shape=(None, None, 3), preprocess=True, pooling="avg"))
    np.testing.assert_allclose(embed(any_size, folder, image_size=32), embed(network, folder), rtol=1e-3, atol=1e-5)
    with pytest.raises(ValueError, match="give `image_size`, as `model` takes any"):
        embed(any_size, folder)
    with pytest.raises(ValueError, match=r"`model` takes images of \(32, 32\). Received: image_size=\(48, 48\)"):
        embed(network, folder, image_size=48)


def test_a_network_of_several_outputs_is_refused(network, images):
    several = features(network, ["conv1", "conv_pw_13"])
    with pytest.raises(ValueError, match="`model` must give one output"):
        embed(several, images)


@pytest.mark.slow
def test_maps_are_averaged(images):
    maps = lively(load("mobilenet", weights=None, input_shape=(64, 32, 3), preprocess=True))
    images = np.concatenate([images, images[::-1]], axis=1)
    np.testing.assert_allclose(
        embed(maps, images), maps.predict(images, verbose=0).mean(axis=(1, 2)), rtol=1e-3, atol=1e-5
    )


def test_a_folder_is_searched_and_written_with_its_names(network, images, folder, tmp_path):
    path = embed(network, folder, out=tmp_path / "features.npz", batch_size=2)
    with np.load(path) as arrays:
        assert arrays["files"].tolist() == ["0.png", "1.png", "2.png", "z/3.png", "z/4.png"]
        assert arrays["features"].dtype == np.float32
        np.testing.assert_allclose(arrays["features"], embed(network, images), rtol=1e-3, atol=1e-5)
    assert not list(tmp_path.glob(".partial*"))


def test_files_keep_their_order_and_may_come_twice(network, images, folder):
    np.testing.assert_allclose(embed(network, folder / "2.png"), embed(network, images[[2]]), rtol=1e-3, atol=1e-5)
    vectors = embed(network, [folder / "2.png", folder / "0.png", folder / "2.png"])
    np.testing.assert_allclose(vectors, embed(network, images[[2, 0, 2]]), rtol=1e-3, atol=1e-5)


def test_the_images_are_read_batch_by_batch(network, folder, monkeypatch):
    sizes = []
    read = ImageFiles.__getitem__

    def watched(self, index):
        images = read(self, index)
        sizes.append(len(images))
        return images

    monkeypatch.setattr(ImageFiles, "__getitem__", watched)
    embed(network, folder, batch_size=2)
    assert sorted(sizes) == [1, 2, 2]


@pytest.mark.slow
def test_values_of_the_wrong_range_are_told_once(network, images):
    unit = load("mobilenet", weights=None, input_shape=(32, 32, 3), preprocess=True, scale="unit", pooling="avg")
    for model, given, told in (
        (network, images / np.float32(255), r"expects pixels in \[0, 255\], but `images` has pixels in \[0, 1\]"),
        (unit, images.astype(np.float32), r"expects pixels in \[0, 1\], but `images` has pixels in \[0, 255\]"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(2):
                embed(model, given)
        assert len(caught) == 1
        with pytest.warns(UserWarning, match=told):
            embed(model, given)


def test_a_broken_file_is_named_or_left_out(network, folder):
    (folder / "1.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"1\.png' is not a readable image"):
        embed(network, folder)
    assert embed(network, folder, skip_broken=True).shape == (4, 1024)


def test_what_else_lies_in_the_folder_is_told(network, folder):
    (folder / "z" / "notes.txt").write_text("no image")
    (folder / ".DS_Store").write_text("no image")
    with pytest.warns(UserWarning, match=r"^ignored: 1 file \(\.txt\), 1 hidden file$"):
        assert embed(network, folder).shape == (5, 1024)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="this system has UTF-8 names only")
def test_names_that_are_not_utf8_come_back(network, folder, tmp_path):
    os.rename(folder / "0.png", os.fsencode(folder) + b"/caf\xe9.png")
    embed(network, folder, out=tmp_path / "f.npz")
    with np.load(tmp_path / "f.npz") as arrays:
        (name,) = (str(name) for name in arrays["files"] if str(name).startswith("caf"))
    assert os.fsencode(name) == b"caf\xe9.png"
    assert (folder / name).is_file()


def test_what_is_missing_or_does_not_fit_is_said_before_anything_is_written(network, images, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken.npz").write_bytes(b"")
    unsized = load("mobilenet", weights=None, input_shape=(None, None, 3))
    for error, message, model, given, out in (
        (FileNotFoundError, "There is no folder 'absent'", network, "absent", None),
        (FileNotFoundError, "No such image: 'absent.png'", network, ["absent.png"], None),
        (ValueError, "at least one readable image. Received none", network, tmp_path / "empty", None),
        (FileExistsError, "taken.npz' already exists and was not overwritten", network, folder, tmp_path / "taken.npz"),
        (FileNotFoundError, "There is no folder", network, folder, tmp_path / "absent" / "features.npz"),
        (ValueError, "ends in .npz", network, folder, tmp_path / "features.csv"),
        (ValueError, r"must be of shape \(n, 32, 32, 3\), n at least 1", network, images[:, :16], None),
        (ValueError, r"must be of shape \(n, 32, 32, 3\), n at least 1", network, images[:0], None),
        (ValueError, "give `image_size`, as `model` takes any", unsized, folder, None),
        (
            ValueError,
            "must give vectors or maps",
            keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Reshape((32, 96))]),
            images,
            None,
        ),
        (ConnectionError, "place it at", "mobilenet", images, None),
    ):
        with pytest.raises(error, match=message):
            embed(model, given, out=out)
    assert not (tmp_path / "features.npz").exists()
