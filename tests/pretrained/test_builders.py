import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo import pretrained
from cnnzoo.inspect import layer_table
from tests.weight_files import write_official

# Keras' VGG19 without its head has the layers of this zoo's
MAPS = (Path(__file__).parents[1] / "models" / "golden" / "vgg19.csv").read_text(encoding="utf-8").splitlines()[:22]


def small(**options):
    return cnnzoo.pretrained.vgg19(**{"weights": None, "input_shape": (32, 32, 3), **options})


def test_summary_without_top():
    table = layer_table(cnnzoo.pretrained.vgg19(weights=None))
    assert table.to_csv().splitlines() == MAPS
    assert table.params == 20_024_384


@pytest.mark.slow
def test_summary_with_top():
    table = layer_table(cnnzoo.pretrained.vgg19(weights=None, include_top=True))
    assert table.to_csv().splitlines()[:22] == MAPS
    assert [(row.name, row.type, row.output_shape, row.params) for row in table.rows[21:]] == [
        ("flatten", "Flatten", (25_088,), 0),
        ("fc1", "Dense", (4096,), 102_764_544),
        ("fc2", "Dense", (4096,), 16_781_312),
        ("predictions", "Dense", (1000,), 4_097_000),
    ]
    assert table.params == 143_667_240


def test_options_reach_keras():
    model = small(include_top=True, num_classes=4, classifier_activation=None, name="mine")
    assert (model.name, model.output_shape) == ("mine", (None, 4))
    assert model.layers[-1].activation is keras.activations.linear
    assert small(pooling="avg").output_shape == (None, 512)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_come_from_a_local_file(tmp_path, suffix):
    source = small()
    path = tmp_path / f"vgg19{suffix}"
    (source.save_weights if suffix == ".weights.h5" else source.save)(path)
    loaded = small(weights=path)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), source.get_weights(), strict=True))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' cache, in which any file of weights has the hash that Keras expects: real files would take a network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    real = keras.src.utils.file_utils.get_file

    def get_file(fname, origin, *, cache_subdir, file_hash=None, **options):
        path = tmp_path / cache_subdir / fname
        own_hash = hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else file_hash
        return real(fname, origin, cache_subdir=cache_subdir, file_hash=own_hash, cache_dir=str(tmp_path), **options)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    return tmp_path / "models"


NO_TOP_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"


def test_imagenet_weights_come_from_the_cache_of_keras(cache):
    weights = write_official(cache / NO_TOP_FILE, small())
    assert all(map(np.array_equal, small(weights="imagenet").get_weights(), weights))


def test_a_file_in_the_published_layout_is_loaded(tmp_path):
    weights = write_official(tmp_path / "vgg19.h5", small(include_top=True, num_classes=4))
    loaded = small(include_top=True, num_classes=4, weights=tmp_path / "vgg19.h5")
    assert all(map(np.array_equal, loaded.get_weights(), weights))


class Weights(BaseHTTPRequestHandler):
    """Serves one file, whatever the address."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.payload)))
        self.end_headers()
        self.wfile.write(self.server.payload)

    def log_message(self, *args):
        pass


@pytest.mark.slow
def test_imagenet_weights_are_downloaded_and_verified(tmp_path, monkeypatch):
    """Keras' own download from a server on loopback, of EfficientNetB0: its address and hashes can be changed."""
    network = "keras.src.applications.efficientnet"
    source = pretrained.load("efficientnetb0", weights=None, input_shape=(32, 32, 3))
    weights = write_official(tmp_path / "weights.h5", source)
    payload = (tmp_path / "weights.h5").read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), Weights) as server:
        server.payload = payload
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(f"{network}.BASE_WEIGHTS_PATH", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(f"{network}.WEIGHTS_HASHES", {"b0": ("", hashlib.md5(payload).hexdigest())})
        (tmp_path / "keras").mkdir()  # elsewhere, Keras takes another place
        monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("urllib.request._opener", None)  # remembers the proxies
        loaded = pretrained.load("efficientnetb0", input_shape=(32, 32, 3))
        server.shutdown()
    assert all(map(np.array_equal, loaded.get_weights(), weights))
    assert (tmp_path / "keras" / "models" / "efficientnetb0_notop.h5").is_file()


@pytest.mark.parametrize(
    ("network", "include_top", "file"),
    [
        ("vgg19", False, NO_TOP_FILE),
        ("vgg19", True, "vgg19_weights_tf_dim_ordering_tf_kernels.h5"),
        ("mobilenetv2", False, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        pytest.param("nasnetmobile", False, "nasnet_mobile_no_top.h5", marks=pytest.mark.slow),
    ],
)
def test_without_network_the_error_says_where_to_place_which_file(network, include_top, file):
    with pytest.raises(ConnectionError, match=rf"download https://\S+ elsewhere and place it at '\S+/models/{file}'"):
        pretrained.load(network, include_top=include_top)


def damaged(tmp_path, kind):
    path = tmp_path / "weights.h5"
    if kind == "of another network":
        write_official(path, keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3)))
    elif kind == "with a layer renamed":
        write_official(path, small(), renamed={"block3_conv4": "conv3_4"})
    elif kind == "with another shape":
        write_official(path, small(input_shape=(32, 32, 1)))
    elif kind == "with a layer more":
        model = small()
        deeper = keras.layers.Conv2D(512, 1, name="block5_conv5")(model.get_layer("block5_conv4").output)
        write_official(path, keras.Model(model.inputs[0], deeper))
    else:
        write_official(path, small())
        path.write_bytes(path.read_bytes()[: 100_000 if kind == "cut short" else 0])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "of another network",
            "has no layer 'block3_conv4'.*14,714,688 values it looks like VGG16 without its",
        ),
        (
            "with a layer renamed",
            "it has no layer 'block3_conv4'.*20,024,384 values it looks like VGG19 without",
        ),
        (
            "with another shape",
            r"layer 'block1_conv1' must have .* shapes \(3, 3, 3, 64\) and \(64,\), but the file has \(3, 3, 1, 64\)",
        ),
        ("with a layer more", "it has an unexpected layer 'block5_conv5'"),
        ("cut short", "cannot be read as Keras weights: it is damaged, truncated or another kind of file"),
        ("empty", "cannot be read as Keras weights"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_loaded(tmp_path, kind, message):
    with pytest.raises(ValueError, match=message):
        small(weights=damaged(tmp_path, kind))


def test_a_file_with_a_head_gives_its_backbone(tmp_path):
    model = small(include_top=True)
    write_official(tmp_path / "whole.h5", model)
    loaded = small(weights=tmp_path / "whole.h5")
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


@pytest.mark.slow
def test_layers_that_keras_named_itself_are_told_by_their_shapes(tmp_path):
    """InceptionV3's convolutions are numbered through the session, so another session's file has other names."""
    source = pretrained.load("inceptionv3", weights=None, input_shape=(75, 75, 3))
    source.save_weights(tmp_path / "inception.weights.h5")
    loaded = pretrained.load("inceptionv3", weights=tmp_path / "inception.weights.h5", input_shape=(75, 75, 3))
    assert source.layers[1].name != loaded.layers[1].name
    assert all(map(np.array_equal, loaded.get_weights(), source.get_weights()))


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["byte", "unit"])
def test_preprocessing_in_the_graph_is_that_of_keras(scale):
    plain = pretrained.load("densenet121", weights=None, input_shape=(32, 32, 3), pooling="avg")
    whole = pretrained.load(
        "densenet121", weights=None, input_shape=(32, 32, 3), pooling="avg", preprocess=True, scale=scale
    )
    whole.set_weights(plain.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = plain(keras.applications.densenet.preprocess_input(images.copy()))
    np.testing.assert_allclose(whole(images / 255 if scale == "unit" else images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_network_with_preprocessing_loads_the_files_of_one_without(tmp_path):
    plain = pretrained.load("efficientnetb0", weights=None, input_shape=(32, 32, 3))
    for name in ("plain.weights.h5", "plain.h5"):
        (plain.save_weights if name.endswith(".weights.h5") else plain.save)(tmp_path / name)
        whole = pretrained.load("efficientnetb0", weights=tmp_path / name, input_shape=(32, 32, 3), preprocess=True)
        assert all(map(np.array_equal, whole.get_weights(), plain.get_weights()))


def test_grey_images_are_taken_with_preprocessing():
    model = pretrained.load("mobilenet", weights=None, input_shape=(32, 32, 1), preprocess=True)
    assert model.input_shape == (None, 32, 32, 1)
    card = pretrained.pretrained_card("mobilenet")
    assert model.count_params() == card.params_no_top + card.buffers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (31, 32, 3)}, "images are too small.* at least 32 x 32"),
        ({"num_classes": 0}, "`num_classes`"),
        ({"scale": "unit"}, "give `preprocess=True`, too. Received: scale='unit'"),
        (
            {"weights": True},
            "`weights` must be .* a file, a run folder or None. Received: True",
        ),
        ({"pooling": "sum"}, "`pooling` must be None, 'avg' or 'max'"),
        ({"weights": "imagenet", "input_shape": (64, 64, 1)}, "ImageNet weights and preprocessing take 3 channels"),
        ({"preprocess": True, "input_shape": (64, 64, 2)}, "ImageNet weights and preprocessing take 3 channels"),
        ({"weights": "imagenet", "include_top": True}, r"take 1000 classes and input_shape=\(224, 224, 3\)"),
        ({"weights": "imagenet", "include_top": True, "input_shape": (224, 224, 3), "num_classes": 10}, "take 1000"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_a_network_of_the_zoo_is_told_where_it_is():
    with pytest.raises(ValueError, match=r"build it with `cnnzoo.models.alexnet`"):
        pretrained.load("alexnet")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        small(weights=tmp_path / "absent.h5")


@pytest.mark.parametrize(
    "network",
    [
        pytest.param("mobilenet", marks=pytest.mark.slow),  # whose classifier is a convolution
        pytest.param("mobilenetv3small", marks=pytest.mark.slow),  # whose head has two
        pytest.param("convnexttiny", marks=pytest.mark.slow),  # whose layers are called after the model
    ],
)
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_file_that_keras_saved_fits_with_and_without_the_head(tmp_path, network, suffix):
    build = getattr(keras.applications, pretrained.pretrained_card(network).title)
    source = build(weights=None, classes=7, input_shape=(224, 224, 3))
    path = tmp_path / f"weights{suffix}"
    (source.save_weights if suffix == ".weights.h5" else source.save)(path)
    whole = pretrained.load(network, weights=path, include_top=True, name="mine")
    assert whole.output_shape == (None, 7)
    assert all(map(np.array_equal, whole.get_weights(), source.get_weights()))
    maps = pretrained.load(network, weights=path)
    assert all(map(np.array_equal, maps.get_weights(), source.get_weights()))  # the head's come last
    with pytest.warns(UserWarning, match="Not all of the head"):
        other = pretrained.load(network, weights=path, include_top=True, num_classes=3)
    assert other.output_shape == (None, 3)
