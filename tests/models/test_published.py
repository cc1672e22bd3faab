"""Weights that torchvision publishes: fetched from a server on loopback, converted, kept, and loaded."""

import contextlib
import functools
import hashlib
import http.server
import json
import re
import shutil
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import cnnzoo
from cnnzoo._keras.cache import torch_home
from cnnzoo._keras.download import cache_folder
from cnnzoo._keras.preprocessing import IMAGENET_DEVIATION, IMAGENET_MEAN
from cnnzoo.data import imagenet_classes, load_folder, prepare_picture
from cnnzoo.evaluation import Classifier
from cnnzoo.models._timm import WEIGHTS as OF_TIMM
from cnnzoo.models._torch_layout import torch_state
from cnnzoo.models._torchvision import WEIGHTS
from cnnzoo.models.published import TORCHVISION
from cnnzoo.pretrained import embed, open_classifier
from cnnzoo.pretrained.opening import open_trained
from cnnzoo.training import Recipe, finetune, load_run
from tests.photographs import write_two_colors
from tests.torch_checkpoints import write_row, write_zip

NAME = "squeezenet1_1"
SMALL = {"input_shape": (64, 64, 3)}
CARD = cnnzoo.model_card(NAME)


@pytest.fixture(scope="module")
def theirs():
    """The network with weights that stand for the published ones, of normalised images."""
    keras.utils.set_random_seed(1)
    return cnnzoo.create_model(NAME, num_classes=1000, **SMALL)


@pytest.fixture(scope="module")
def state(theirs):
    return torch_state(theirs, CARD.torchvision.module)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        self.server.asked.append(self.path)


@pytest.fixture
def server(state, tmp_path, monkeypatch):
    """A server that has the checkpoint, as the card then says; its log of requests is ``server.asked``."""
    folder = tmp_path / "served"
    folder.mkdir()
    content = write_row(folder / "a.pth", state).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=folder))
    weights = replace(
        CARD.weights["imagenet"],
        publisher=replace(TORCHVISION, address=f"http://127.0.0.1:{httpd.server_port}"),
        file=f"{NAME}-{digest[:8]}.pth",
        mebibytes=round(len(content) / 2**20, 3),
        size=None,
        sha256=None,
        resize=80,
        crop=64,
    )
    (folder / "a.pth").rename(folder / weights.file)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(exempt, "127.0.0.1")
    monkeypatch.setitem(CARD.weights, "imagenet", weights)
    httpd.asked, httpd.weights, httpd.folder = [], weights, folder
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def images():
    return np.random.default_rng(0).random((2, 64, 64, 3), dtype="float32")


def normalized(pixels):
    return ((pixels - IMAGENET_MEAN) / IMAGENET_DEVIATION).astype("float32")


def outputs(model, pixels):
    return keras.ops.convert_to_numpy(model(pixels, training=False))


def test_they_are_fetched_once_converted_and_take_plain_images(server, theirs):
    model = cnnzoo.create_model(NAME, weights="ImageNet", **SMALL)
    assert model.output_shape == (None, 1000)
    np.testing.assert_allclose(outputs(model, images()), outputs(theirs, normalized(images())), rtol=1e-4)
    name = server.weights.name
    assert sorted(path.name for path in cache_folder().iterdir() if not path.name.startswith(".")) == [
        f"{name}.json",
        f"{name}.safetensors",
    ]
    note = json.loads((cache_folder() / f"{name}.json").read_text())
    assert note["source"] == server.weights.url
    assert note["source_sha256"].startswith(server.weights.digest)
    assert "BSD-3-Clause" in note["licence"]
    again = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    np.testing.assert_array_equal(outputs(again, images()), outputs(model, images()))
    assert len(server.asked) == 1


@pytest.mark.slow
def test_a_converted_file_that_was_changed_is_fetched_again(server, theirs):
    cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    path = cache_folder() / f"{server.weights.name}.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    model = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    np.testing.assert_allclose(outputs(model, images()), outputs(theirs, normalized(images())), rtol=1e-4)
    assert len(server.asked) == 2


@pytest.mark.slow
@pytest.mark.parametrize("place", [lambda: torch_home() / "hub" / "checkpoints", cache_folder])
def test_a_copy_of_the_users_is_taken_and_stays(server, place):
    copy = place() / server.weights.file
    copy.parent.mkdir(parents=True)
    copy.write_bytes((server.folder / server.weights.file).read_bytes())
    assert cnnzoo.create_model(NAME, weights="imagenet", **SMALL).output_shape == (None, 1000)
    assert copy.is_file()
    assert not server.asked


def test_without_network_the_message_says_which_file_to_place_where():
    place = re.escape(str(cache_folder() / "resnet18-f37072fd.pth"))
    told = (
        rf"Place it at '{place}' \(46,830,571 bytes, SHA-256 f37072fd47e89c5e82\w+\), or pass a local file as `weights`"
    )
    with pytest.raises(ConnectionError, match=told):
        cnnzoo.models.resnet18(weights="imagenet")
    with pytest.raises(ConnectionError, match=r"\(about 531,\d+,\d+ bytes, SHA-256 beginning with 8a719046\)"):
        cnnzoo.models.vgg11(weights="imagenet-v1")
    assert not cache_folder().exists() or not [path for path in cache_folder().iterdir() if path.suffix == ".pth"]


def test_a_file_with_another_hash_is_refused(server):
    (server.folder / server.weights.file).write_bytes(bytes((server.folder / server.weights.file).stat().st_size))
    with pytest.raises(ConnectionError, match=r"wrong file \(hash mismatch\)"):
        cnnzoo.create_model(NAME, weights="imagenet", **SMALL)


@pytest.mark.slow
def test_a_new_head_and_no_head(server, theirs):
    with pytest.warns(UserWarning, match=r"Not all of the head of 'imagenet' fits.*Left as initialised: conv10"):
        model = cnnzoo.create_model(NAME, weights="imagenet", num_classes=5, **SMALL)
    assert model.output_shape == (None, 5)
    backbone = cnnzoo.create_model(NAME, weights="imagenet", include_top=False, **SMALL)
    for each in (model, backbone):
        np.testing.assert_array_equal(
            each.get_layer("fire9_expand3x3").kernel, theirs.get_layer("fire9_expand3x3").kernel
        )


@pytest.mark.slow
def test_grey_images_give_what_they_give_as_rgb(server):
    grey = images()[..., :1]
    models = [cnnzoo.create_model(NAME, weights="imagenet", input_shape=(64, 64, channels)) for channels in (1, 3)]
    np.testing.assert_allclose(
        outputs(models[0], grey), outputs(models[1], np.repeat(grey, 3, axis=-1)), rtol=1e-4, atol=1e-7
    )


@pytest.mark.slow
def test_a_saved_network_brings_its_preprocessing_into_the_next(server, tmp_path):
    model = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    model.save(tmp_path / "a.keras")
    again = cnnzoo.create_model(NAME, weights=tmp_path / "a.keras", **SMALL)
    np.testing.assert_array_equal(outputs(again, images()), outputs(model, images()))


@pytest.mark.slow
def test_a_weights_file_tells_that_there_was_a_preprocessing(server, tmp_path):
    model = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    model.save_weights(tmp_path / "a.weights.h5")
    again = cnnzoo.create_model(NAME, weights=tmp_path / "a.weights.h5", **SMALL)
    np.testing.assert_array_equal(outputs(again, images()), outputs(model, images()))
    plain = cnnzoo.create_model(NAME, **SMALL)
    plain.save_weights(tmp_path / "b.weights.h5")
    again = cnnzoo.create_model(NAME, weights=tmp_path / "b.weights.h5", **SMALL)
    np.testing.assert_array_equal(outputs(again, images()), outputs(plain, images()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metadata", "changed"),
    [
        ({"mean": "[0, 0, 0]", "std": "[1, 1, 1]"}, lambda pixels: pixels),
        (
            {"mean": "[0.1, 0.2, 0.3]", "std": "[0.5, 0.6, 0.7]"},
            lambda pixels: (pixels - (0.1, 0.2, 0.3)) / (0.5, 0.6, 0.7),
        ),
        ({}, normalized),
    ],
)
def test_a_file_may_say_how_its_images_are_normalised(theirs, state, tmp_path, metadata, changed):
    save_file(state, tmp_path / "a.safetensors", metadata)
    model = cnnzoo.create_model(NAME, weights=tmp_path / "a.safetensors", **SMALL)
    np.testing.assert_allclose(
        outputs(model, images()), outputs(theirs, changed(images()).astype("float32")), rtol=1e-3
    )
    model.save(tmp_path / "a.keras")
    again = cnnzoo.create_model(NAME, weights=tmp_path / "a.keras", **SMALL)
    np.testing.assert_allclose(outputs(again, images()), outputs(model, images()), rtol=1e-4)


@pytest.mark.parametrize(
    "metadata",
    [
        {"mean": "0.5", "std": "0.5"},
        {"mean": "oops", "std": "[1, 1, 1]"},
        {"mean": "[0.5, 0.5, 0.5]"},
        {"mean": "[0, 0, 0]", "std": "[0, 0, 0]"},
        {"mean": "[0.5, 0.5]", "std": "[1, 1]"},
        {"mean": "[0.5]", "std": "[1, 1, 1]"},
        {"mean": "[" * 100_000, "std": "[1, 1, 1]"},
    ],
)
def test_a_normalisation_that_is_none_is_refused(state, tmp_path, metadata):
    save_file(state, tmp_path / "a.safetensors", metadata)
    with pytest.raises(ValueError, match="must have lists of 3 numbers, or for grey images of one, under"):
        cnnzoo.create_model(NAME, weights=tmp_path / "a.safetensors", **SMALL)


@pytest.mark.parametrize("metadata", [{}, {"mean": "[0.1307]", "std": "[0.3081]"}])
def test_a_file_of_a_network_of_grey_images_is_taken(tmp_path, metadata):
    grey = {"input_shape": (64, 64, 1)}
    theirs = cnnzoo.create_model(NAME, num_classes=7, **grey)
    save_file(torch_state(theirs, CARD.torchvision.module), tmp_path / "a.safetensors", metadata)
    warned = pytest.warns(UserWarning, match="a network for grey images, and does not say")
    said = contextlib.nullcontext() if metadata else warned
    with said:
        model = cnnzoo.create_model(NAME, weights=tmp_path / "a.safetensors", **grey)
    pixels = images()[..., :1]
    wanted = outputs(theirs, (pixels - 0.1307) / 0.3081 if metadata else pixels)
    np.testing.assert_allclose(outputs(model, pixels), wanted, rtol=1e-3)
    model.save(tmp_path / "a.keras")
    again = cnnzoo.create_model(NAME, weights=tmp_path / "a.keras", **grey)
    np.testing.assert_allclose(outputs(again, pixels), outputs(model, pixels), rtol=1e-4)
    with pytest.raises(ValueError, match=r"for grey images: build this one with `input_shape=\(height, width, 1\)`"):
        cnnzoo.create_model(NAME, weights=tmp_path / "a.safetensors", **SMALL)
    with contextlib.nullcontext() if metadata else warned:
        assert open_classifier(NAME, weights=tmp_path / "a.safetensors").model.input_shape == (None, 224, 224, 1)


def test_a_normalisation_of_other_channels_is_refused(tmp_path, state):
    save_file(state, tmp_path / "a.safetensors", {"mean": "[0.5]", "std": "[0.5]"})
    with pytest.raises(ValueError, match="have a `mean` of 1 channels, and its kernels take images of 3"):
        cnnzoo.create_model(NAME, weights=tmp_path / "a.safetensors", **SMALL)


def test_a_checkpoint_without_a_head_warns(state, tmp_path):
    path = write_zip(tmp_path / "a.pth", {name: each for name, each in state.items() if "classifier" not in name})
    with pytest.warns(UserWarning, match=r"a\.pth' has no head\. Left as initialised: conv10\."):
        assert cnnzoo.create_model(NAME, weights=path, num_classes=4, **SMALL).output_shape == (None, 4)
    cnnzoo.create_model(NAME, weights=path, include_top=False, **SMALL)


@pytest.mark.parametrize("write", [write_zip, write_row])
def test_a_file_that_was_trained_elsewhere_is_loaded_with_its_classes(tmp_path, write):
    own = cnnzoo.create_model(NAME, num_classes=7, **SMALL)
    state = torch_state(own, CARD.torchvision.module)
    path = write(tmp_path / "a.pth", {"model": {f"module.{name}": each for name, each in state.items()}, "epoch": 3})
    model = cnnzoo.create_model(NAME, weights=path, **SMALL)
    assert model.output_shape == (None, 7)
    np.testing.assert_allclose(outputs(model, images()), outputs(own, normalized(images())), rtol=1e-4)


def test_networks_that_torchvision_calls_otherwise_take_its_files(tmp_path):
    """The classifier of timm's VGGs begins with convolutions; older files of DenseNet have other names."""
    renamed = cnnzoo.model_card("vgg11").torchvision.renamed
    assert renamed("pre_logits.fc1.weight") == "classifier.0.weight"
    assert renamed("features.0.bias") == "features.0.bias"
    renamed = cnnzoo.model_card("densenet121").torchvision.renamed
    assert renamed("features.denseblock1.denselayer2.norm.1.weight") == "features.denseblock1.denselayer2.norm1.weight"
    assert renamed("features.denseblock1.denselayer2.conv2.weight") == "features.denseblock1.denselayer2.conv2.weight"


def test_another_network_is_refused_and_named(tmp_path, state):
    path = write_zip(tmp_path / "a.pth", state)
    with pytest.raises(ValueError, match=r"it has no layer 'conv1_conv'.*looks like the squeezenet1_1 of this zoo"):
        cnnzoo.models.shufflenet_v2_x0_5(weights=path, **SMALL)
    with pytest.raises(ValueError, match=r"resnet50 has no counterpart in torchvision.*is 'resnet50_v1_5'"):
        cnnzoo.models.resnet50(weights=path)
    changed = {name: each for name, each in state.items() if name != "features.3.squeeze.weight"}
    with pytest.raises(ValueError, match="layer 'fire2_squeeze1x1' must have weights of the shapes"):
        cnnzoo.create_model(NAME, weights=write_zip(tmp_path / "b.pth", changed), **SMALL)
    with pytest.raises(ValueError, match="it has an unexpected layer 'layer5'"):
        cnnzoo.create_model(NAME, weights=write_zip(tmp_path / "c.pth", {**state, "layer5.bias": np.zeros(3, "f4")}))


@pytest.mark.slow
def test_a_file_with_auxiliary_classifiers_is_named_too(tmp_path):
    own = cnnzoo.create_model("googlenet_bn", num_classes=7)
    state = torch_state(own, cnnzoo.model_card("googlenet_bn").torchvision.module)
    auxiliary = {"aux1.conv.conv.weight": np.zeros((128, 512, 1, 1), "f4"), "aux2.fc2.bias": np.zeros(7, "f4")}
    with pytest.raises(ValueError, match="it looks like the googlenet_bn of this zoo"):
        cnnzoo.models.resnet18(weights=write_zip(tmp_path / "a.pth", {**state, **auxiliary}))


def test_names_are_suggested_and_other_places_told():
    with pytest.raises(ValueError, match=r"Unknown squeezenet1_1 weights 'imagnet'\. Did you mean 'imagenet'"):
        cnnzoo.create_model(NAME, weights="imagnet")
    with pytest.raises(ValueError, match=r"Unknown squeezenet1_1 weights 'imagenet-v2'\. Did you mean 'imagenet-v1'"):
        cnnzoo.create_model(NAME, weights="imagenet-v2")
    for name, other in (("resnet50", "resnet50_v1_5"), ("alexnet", "alexnet_2014"), ("googlenet", "googlenet_bn")):
        with pytest.raises(ValueError, match=f"Torchvision's network of that name, with its weights, is '{other}'"):
            cnnzoo.create_model(name, weights="imagenet-v1")
    with pytest.raises(
        ValueError, match=r"The weights of 'lenet5' are 'mnist'; it takes no others here\. Received: weights='a\.pth'"
    ):
        open_classifier("lenet5", weights="a.pth")


def test_a_checkpoint_is_no_network(tmp_path, state):
    path = write_zip(tmp_path / "a.pth", state)
    with pytest.raises(
        ValueError, match=r"a\.pth' is a checkpoint of PyTorch, which has only weights\. Name its network"
    ):
        cnnzoo.backbone(path)
    with pytest.raises(ValueError, match=r"or, of a network that torchvision has, in \.pth"):
        cnnzoo.create_model(NAME, weights=path.rename(tmp_path / "a.zip"))


@pytest.mark.slow
def test_a_file_predicts_its_own_classes(tmp_path, state, monkeypatch):
    monkeypatch.setattr("cnnzoo.pretrained.classifying.create_model", lambda name, **given: built(name, given))

    def built(name, given):
        return cnnzoo.create_model(name, **{**given, **SMALL})

    own = torch_state(cnnzoo.create_model(NAME, num_classes=7, **SMALL), CARD.torchvision.module)
    classifier = open_classifier(NAME, weights=write_zip(tmp_path / "a.pth", own))
    assert (classifier.class_names, classifier.identifiers) == (tuple("0123456"), ())
    assert len(open_classifier(NAME, weights=write_zip(tmp_path / "b.pth", state)).class_names) == 1000


@pytest.mark.slow
def test_a_run_as_weights_predicts_as_by_itself(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    write_two_colors(photos, 3, 40)
    options = {"weights": None, "image_size": 48, "recipe": Recipe(epochs=1, batch_size=4), "progress": False}
    run = finetune(NAME, photos, out=tmp_path / "run", **options)
    picture = photos / "red" / "0.png"
    assert open_classifier(NAME, weights=run.path).predict(picture) == run.predict(picture)
    assert open_classifier(NAME, weights=run.path).class_names == ("blue", "red")
    with pytest.raises(ValueError, match="looks like the squeezenet1_1 of this zoo"):
        open_classifier("resnet18", weights=run.path)


def test_every_published_file_ends_in_the_beginning_of_its_hash():
    of_torchvision = [each for rows in WEIGHTS.values() for each in rows]
    for weights in (*of_torchvision, *(each for rows in OF_TIMM.values() for each in rows.values())):
        beginning = weights.name.rpartition("-")[2]
        assert re.fullmatch("[0-9a-f]{8,10}", beginning)
        assert weights.digest.startswith(beginning)
        assert weights.sha256 is None or len(weights.sha256) == 64
        assert weights.size is None or abs(weights.size - weights.mebibytes * 2**20) < weights.publisher.tolerance
        assert 50 < weights.top1 < weights.top5 < 100


def test_the_lengths_of_timms_files_are_those_of_the_networks_values():
    cards = {
        card.torchvision.network: card for card in map(cnnzoo.model_card, cnnzoo.list_models()) if card.torchvision
    }
    for network, sets in OF_TIMM.items():
        values = cards[network].params + cards[network].buffers
        classes = 990 * (512 if network in ("resnet18", "resnet34") else 2048) + 990
        for weights in sets.values():
            assert abs((values + classes) * 4 / 2**20 - weights.mebibytes) < 0.2


def test_a_name_predicts_imagenets_classes_of_the_middle_of_a_photograph(server):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8))
    classifier = open_classifier("SqueezeNet1_1")
    assert (classifier.preparation, classifier.shorter_side, len(classifier.class_names)) == ("crop", 80, 1000)
    (prediction,) = classifier.predict(picture)
    middle = prepare_picture(picture, (64, 64, 3), "crop", 80)
    probabilities = outputs(classifier.model, middle[None])[0]
    assert prediction.label == imagenet_classes()[int(probabilities.argmax())].name
    (squashed,) = open_classifier(NAME, crop=False).predict(picture)
    assert squashed.probabilities != prediction.probabilities


def test_a_model_with_published_weights_knows_its_classes_and_preparation(server, tmp_path):
    model = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    found, _ = open_trained(model)
    alike = {"model": None, "engine": "keras"}
    assert replace(found, **alike) == replace(open_classifier(NAME), **alike)
    smaller, _ = open_trained(cnnzoo.create_model(NAME, weights="imagenet", input_shape=(48, 48, 3)))
    assert (smaller.preparation, smaller.shorter_side, smaller.class_names[281]) == ("crop", None, "tabby")
    model.set_weights([each + 1 for each in model.get_weights()])
    exported = cnnzoo.export(smaller.model, tmp_path / "a.keras", to="keras")
    assert json.loads(exported.metadata["class_names"])[281] == "tabby"
    trained, _ = open_trained(model)
    assert (trained.preparation, trained.class_names[281], trained.identifiers) == ("resize", "281", ())


def test_a_run_crops_where_it_is_asked_to_and_one_of_digits_refuses():
    with pytest.raises(ValueError, match=r"`crop` is for photographs, and 'lenet5' was trained on digits"):
        open_classifier("lenet5", crop=True)
    assert open_classifier("lenet5").preparation == "digit"
    with pytest.raises(FileNotFoundError, match=r"alexnet does not ship trained: train it by `cnnzoo train alexnet`\."):
        open_classifier("alexnet")


def test_folders_named_after_some_classes_are_evaluated(server, monkeypatch, tmp_path):
    """By name, in any case and with underscores, or by the identifier of WordNet."""
    classes = imagenet_classes()
    random = np.random.default_rng(0)
    for name in ("Golden_Retriever", "n02123045", "great white shark"):
        (tmp_path / "val" / name).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (70, 90, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "val" / name / f"{number}.png")
    model = cnnzoo.create_model(NAME, weights="imagenet", **SMALL)
    names = tuple(each.name for each in classes)
    identifiers = tuple(each.wordnet_id for each in classes)
    classifier = Classifier(model, names, (64, 64), "crop", identifiers=identifiers)
    shutil.copytree(tmp_path / "val", tmp_path / "parted" / "val")
    shutil.copytree(tmp_path / "val", tmp_path / "parted" / "train")
    for folder in (tmp_path / "parted", tmp_path / "val"):
        evaluation = classifier.evaluate_folder(folder)
        assert sorted(evaluation.labels) == [2, 2, 207, 207, 281, 281]
        assert evaluation.probabilities.shape == (6, 1000)
    shutil.copytree(tmp_path / "val" / "n02123045", tmp_path / "val" / "golden retreiver")
    with pytest.raises(ValueError, match=r"Unknown class 'golden retreiver'\. Did you mean 'golden retriever'\?"):
        classifier.evaluate_folder(tmp_path / "val")


@pytest.fixture
def photos(tmp_path):
    """Three wide pictures of each of two colours, whose left and right edges have another."""
    for name, color in (("blue", (40, 60, 200)), ("red", (200, 50, 40))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((80, 240, 3), color, np.uint8)
            pixels[:, :70] = pixels[:, -70:] = 40 * number
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.mark.slow
def test_finetuning_and_embedding_see_the_middle_of_photographs(server, photos, tmp_path):
    options = {"image_size": 64, "epochs": 1, "progress": False}
    run = finetune(NAME, photos, out=tmp_path / "run", **options)
    assert (run.record.data.preparation, run.record.data.source.crop) == ("crop", True)
    assert "--crop" not in run.record.command
    assert load_run(run.path).classifier.preparation == "crop"
    assert run.load_data().preparation == "crop"
    squashed = finetune(NAME, photos, out=tmp_path / "squashed", crop=False, **options)
    assert (squashed.record.data.preparation, squashed.record.data.source.crop) == ("resize", False)
    assert "--no-crop" in squashed.record.command
    file = tmp_path / "initial.weights.h5"
    cnnzoo.create_model(NAME, include_top=False, **SMALL).save_weights(file)
    assert not finetune(NAME, photos, weights=file, out=tmp_path / "own", **options).record.data.source.crop
    backbone = cnnzoo.create_model(NAME, weights="imagenet", include_top=False, **SMALL)
    middles = np.stack([load_folder(photos, 64, crop=True).train.images[0]])
    vectors = embed(NAME, [load_folder(photos, 64, crop=True).train.images.paths[0]], image_size=64)
    np.testing.assert_allclose(vectors, embed(backbone, middles), rtol=1e-3, atol=1e-5)
    with pytest.raises(ValueError, match=r"`crop` is for folders of images, not for 'digits'"):
        finetune(NAME, "digits", crop=True, **options)


def test_weights_that_only_this_zoo_has_are_of_its_network_where_keras_has_one_of_that_name():
    """Of vgg19, which both have; and of resnet50, whose weights are those of another name here."""
    with pytest.raises(ConnectionError, match=r"vgg19-dcbb9e9d\.pth could not be downloaded"):
        open_classifier("vgg19", weights="imagenet-v1")
    with pytest.raises(ConnectionError, match=r"vgg19-dcbb9e9d\.pth could not be downloaded"):
        embed("vgg19", np.zeros((1, 224, 224, 3), np.uint8), weights="imagenet-v1")
    told = "Torchvision's network of that name, with its weights, is 'resnet50_v1_5'"
    with pytest.raises(ValueError, match=told):
        open_classifier("resnet50", weights="imagenet-a1")
    with pytest.raises(ValueError, match=told):
        embed("resnet50", np.zeros((1, 224, 224, 3), np.uint8), weights="imagenet-a1")


def test_a_network_that_ships_takes_the_name_of_its_weights():
    assert open_classifier("lenet1", weights="MNIST").class_names == tuple("0123456789")
    with pytest.raises(ValueError, match=r"The weights of 'resnet20' are 'cifar10'; it takes no others here"):
        open_classifier("resnet20", weights="imagenet")
