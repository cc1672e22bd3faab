from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.scale import scale_of
from cnnzoo.pretrained import classifier, freeze, unfreeze


def mobilenet(**options):
    return classifier("mobilenetv2", **{"weights": None, "input_shape": (32, 32, 3), "num_classes": 3, **options})


@pytest.mark.slow
def test_only_the_top_learns():
    model = mobilenet()
    assert [weight.path for weight in model.trainable_weights] == ["top/kernel", "top/bias"]
    assert model.output_shape == (None, 3)
    images = np.random.default_rng(0).random((4, 32, 32, 3), dtype=np.float32)
    np.testing.assert_allclose(np.sum(model(images), axis=1), 1, rtol=1e-5)
    before = [weight.numpy().copy() for weight in model.non_trainable_weights]
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, np.array([0, 1, 2, 0]), verbose=0)
    assert all(map(np.array_equal, before, [weight.numpy() for weight in model.non_trainable_weights]))


def test_it_takes_images_as_the_zoo_gives_them():
    model = mobilenet()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    plain = cnnzoo.pretrained.load("mobilenetv2", weights=None, input_shape=(32, 32, 3))
    plain.set_weights([weight.numpy() for weight in model.weights[:-2]])
    maps = plain(keras.applications.mobilenet_v2.preprocess_input(images.copy()))
    expected = keras.ops.softmax(keras.ops.mean(maps, axis=(1, 2)) @ model.weights[-2] + model.weights[-1])
    np.testing.assert_allclose(model(images / 255), expected, rtol=1e-3, atol=1e-5)


def test_a_network_of_the_zoo_is_a_backbone_too():
    backbone = cnnzoo.models.vgg19(include_top=False, input_shape=(32, 32, 3))
    model = classifier(backbone, class_names=["cat", "dog"])
    assert (model.name, model.output_shape, len(model.trainable_weights)) == ("vgg19", (None, 2), 2)


def test_a_run_and_a_network_of_the_zoo_by_name(run):
    images = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    for network, trained in (
        ("lenet5", cnnzoo.models.lenet5(weights="mnist")),
        (run, run.model),
        (run.path, run.model),
    ):
        model = classifier(network, num_classes=4)
        assert (model.output_shape, len(model.trainable_weights)) == ((None, 4), 2)
        maps = trained.get_layer("c5").output
        expected = keras.Model(trained.inputs[0], maps)(images)
        np.testing.assert_array_equal(cnnzoo.backbone(network)(images), expected)
        np.testing.assert_array_equal(keras.Model(model.inputs[0], model.get_layer("c5").output)(images), expected)


def test_networks_in_both_zoos_are_those_of_keras_applications():
    model = classifier("vgg19", num_classes=2, weights=None, input_shape=(32, 32, 3))
    assert "from_unit" in [layer.name for layer in model.layers]


def test_a_new_head_in_place_of_the_old():
    model = cnnzoo.models.lenet5(num_classes=3)
    once = cnnzoo.with_head(model, 5, dropout_rate=0.4)
    twice = cnnzoo.with_head(once, 7)
    assert [layer.name for layer in twice.layers] == [
        *("input", "c1", "s2", "c3", "s4", "c5", "top_pool", "top_dropout", "top")
    ]
    assert (once.output_shape, twice.output_shape) == ((None, 5), (None, 7))
    assert once.get_layer("top_dropout").rate == 0.4
    assert len(twice.trainable_weights) == 8  # frozen by ``freeze`` alone
    assert twice.get_layer("c1") is model.get_layer("c1")


def test_vectors_get_a_head_as_they_are():
    backbone = cnnzoo.pretrained.load("mobilenetv2", weights=None, input_shape=(32, 32, 3), pooling="avg")
    assert [layer.name for layer in cnnzoo.with_head(backbone, 2).layers[-2:]] == ["top_dropout", "top"]
    assert cnnzoo.with_head(backbone, 2).layers[-3] is backbone.layers[-1]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_other_channels_are_converted(channels):
    trained = cnnzoo.models.lenet5(weights="mnist")
    model = classifier("lenet5", num_classes=2, input_shape=(32, 32, channels))
    images = np.random.default_rng(0).random((2, 32, 32, channels), dtype=np.float32)
    grey = images @ np.array([[0.2989], [0.587], [0.114]], np.float32) if channels == 3 else images
    vectors = keras.Model(trained.inputs[0], trained.get_layer("c5").output)(grey)[:, 0, 0]
    expected = keras.ops.softmax(vectors @ model.get_layer("top").kernel)
    np.testing.assert_allclose(model(images), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cnnzoo.backbone("lenet"),
            ValueError,
            r"Unknown network, run folder or file 'lenet'\. Did you mean",
        ),
        (lambda: cnnzoo.backbone("runs/absent"), FileNotFoundError, "There is no run folder or file 'runs/absent'"),
        (lambda: cnnzoo.backbone(3), ValueError, r"name of one, a run, a run folder, a file or a Keras model\..*int"),
        (lambda: cnnzoo.backbone("alexnet"), ValueError, "There are no published weights of alexnet"),
        (lambda: cnnzoo.with_head("lenet5", 1), ValueError, "`num_classes` must be an integer of at least 2"),
        (lambda: classifier("runs/a", num_classes=2, input_shape=(32, 32, 1)), ValueError, "`input_shape` is for a"),
        (lambda: classifier("lenet5", num_classes=2, weights="imagenet"), ValueError, "Unknown lenet5 weights"),
        (lambda: classifier("lenet5", num_classes=2, input_shape=(32, 32, 2)), ValueError, "images of 1 channels"),
    ],
)
def test_what_names_no_network_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unfreezing_takes_the_last_blocks_without_batch_normalisation():
    model = mobilenet()
    unfreeze(model, "block_16")
    trained = {layer.name for layer in model.layers if layer.trainable_weights}
    assert {"block_16_expand", "block_16_project", "Conv_1", "top"} <= trained
    assert not any("bn" in name.lower() or name.startswith(("block_15", "block_1_")) for name in trained)


@pytest.mark.parametrize(
    ("options", "received"), [({}, "without preprocessing"), ({"preprocess": True}, r"for \[0, 255\]")]
)
def test_a_backbone_for_other_images_is_refused(options, received):
    backbone = cnnzoo.pretrained.load("mobilenetv2", weights=None, input_shape=(32, 32, 3), **options)
    with pytest.raises(ValueError, match=f"`preprocess=True, scale='unit'`. Received one {received}"):
        classifier(backbone, num_classes=2)


def plain(name="plain"):
    """Two blocks with batch normalisation, all of which trains."""
    layers = [keras.Input((8, 8, 3))]
    for block in (1, 2, 10):
        layers += [keras.layers.Conv2D(2, 3, padding="same", name=f"block{block}_conv")]
        layers += [keras.layers.BatchNormalization(name=f"block{block}_bn")]
    return keras.Sequential(
        [*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, name="top")], name=name
    )


def trained(model):
    """The layers that train, from the paths of their weights."""
    return list(dict.fromkeys(weight.path.split("/")[-2] for weight in model.trainable_weights))


EVERY = ["block1_conv", "block1_bn", "block2_conv", "block2_bn", "block10_conv", "block10_bn", "top"]


@pytest.mark.parametrize(
    ("last_layer", "left"),
    [(None, []), ("block1", EVERY[2:]), ("block2_conv", EVERY[3:]), ("block", ["top"]), ("block10", ["top"])],
)
def test_freezing_takes_the_layers_up_to_the_last(last_layer, left):
    model = plain()
    freeze(model, last_layer)
    assert trained(model) == left


def test_unfreezing_undoes_freezing_but_for_batch_normalisation():
    model = plain()
    freeze(model)
    unfreeze(model, "block2")
    assert trained(model) == ["block2_conv", "block10_conv", "top"]
    unfreeze(model, "block1_conv")
    assert trained(model) == [name for name in EVERY if not name.endswith("bn")]


def test_unfreezing_what_trains_already_is_told():
    model = plain()
    with pytest.warns(UserWarning, match="Nothing was unfrozen: the layers from 'block2' on were trainable already"):
        unfreeze(model, "block2")
    assert trained(model) == EVERY


@pytest.mark.parametrize("name", ["block10", "backbone/block10", "block10_conv"])
def test_layers_of_a_frozen_model_within_are_unfrozen(name):
    keras.utils.set_random_seed(1)  # of all networks, some have maps that no image makes positive
    backbone = keras.Model(*(lambda model: (model.inputs[0], model.layers[-3].output))(plain()), name="backbone")
    backbone.trainable = False
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Flatten()(backbone(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(maps))
    unfreeze(model, name)
    assert trained(model) == ["block10_conv", "head"]
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = {weight.path: weight.numpy().copy() for weight in model.weights}
    model.fit(np.random.default_rng(0).random((4, 8, 8, 3), dtype=np.float32), np.array([0, 1, 0, 1]), verbose=0)
    moved = {weight.path.split("/")[-2] for weight in model.weights if not np.array_equal(before[weight.path], weight)}
    assert moved == {"block10_conv", "head"}


def test_a_model_that_is_frozen_as_a_whole_is_unfrozen():
    model = plain()
    model.trainable = False
    unfreeze(model, "top")
    assert trained(model) == ["top"]


@pytest.mark.parametrize("act", [freeze, unfreeze])
def test_a_block_is_meant_by_its_whole_number(act):
    with pytest.raises(ValueError, match=r"Unknown layer 'block3'\. Did you mean 'block"):
        act(plain(), "block3")


@pytest.mark.parametrize("act", [freeze, unfreeze])
def test_only_layers_of_a_model_are_frozen(act):
    with pytest.raises(ValueError, match=r"`model` must be a Keras model.* Received: 'runs/lenet5'"):
        act("runs/lenet5")
    with pytest.raises(ValueError, match=r"A layer must be given by its name\. Received: 3"):
        act(plain(), 3)


@pytest.mark.parametrize("name", ["block99_expand", ""])
def test_unfreezing_an_unknown_layer_is_refused(name):
    with pytest.raises(ValueError, match=f"Unknown layer '{name}'"):
        unfreeze(mobilenet(), name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "`num_classes` must be an integer of at least 2"),
        ({"num_classes": None, "class_names": ["cat"]}, "`num_classes` must be an integer of at least 2"),
        ({"num_classes": None}, "Give one of `num_classes` and `class_names`. Received none"),
        ({"class_names": ["a", "b"]}, "Give one of `num_classes` and `class_names`. Received both"),
        ({"num_classes": None, "class_names": "cat"}, "`class_names` must be a list of strings"),
        ({"num_classes": None, "class_names": ["cat", "cat"]}, "`class_names` must be different names"),
        ({"class_names": ["cat", "dog", "owl"]}, "Give one of `num_classes` and `class_names`"),
        ({"dropout_rate": 1}, "`dropout_rate`"),
        ({"input_shape": (16, 16, 3)}, "images are too small.* at least 32 x 32"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mobilenet(**options)


def test_a_backbone_must_give_maps_or_vectors():
    backbone = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Reshape((32, 96))])
    with pytest.raises(ValueError, match="The output of `backbone` must be feature maps or vectors"):
        classifier(backbone, num_classes=2, scale="unit")


def test_a_backbone_whose_range_of_pixels_nothing_tells_is_refused():
    inputs = keras.Input((32, 32, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    with pytest.raises(ValueError, match=r"The pixel range of the backbone is unknown.*pass `scale='unit'`"):
        classifier(backbone, num_classes=2)
    model = classifier(backbone, num_classes=2, scale="unit")
    assert scale_of(model) == "unit"
    of_bytes = keras.Model(inputs, keras.layers.Conv2D(2, 3)(keras.layers.Rescaling(1 / 255)(inputs)))
    with pytest.raises(ValueError, match=r"must take images in \[0, 1\].*Received one for \[0, 255\]"):
        classifier(of_bytes, num_classes=2)


def test_a_file_of_keras_applications_is_led_to_its_name(tmp_path):
    model = keras.applications.MobileNetV2((32, 32, 3), weights=None)
    model.save(tmp_path / "mine.keras")
    with pytest.raises(
        ValueError, match=r"is MobileNetV2, pass 'mobilenetv2' with `weights='[^']*mine\.keras'`, to get"
    ):
        classifier(tmp_path / "mine.keras", num_classes=2)
    given = classifier("mobilenetv2", num_classes=2, weights=tmp_path / "mine.keras", input_shape=(32, 32, 3))
    assert scale_of(given) == "unit"


def test_all_is_unfrozen_but_batch_normalisation():
    model = mobilenet()
    unfreeze(model)
    kinds = {type(layer).__name__ for layer in model.layers if layer.weights and not layer.trainable}
    assert kinds == {"BatchNormalization"}


def test_blocks_are_found_in_a_network_with_a_name_of_its_own():
    model = cnnzoo.models.vgg11(input_shape=(32, 32, 3), include_top=False, name="mine")
    freeze(model)
    unfreeze(model, "block5")
    assert {layer.name for layer in model.layers if layer.trainable_weights} == {
        "mine_block5_conv1",
        "mine_block5_conv2",
    }


def test_a_path_is_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cnnzoo.backbone("lenet5").output_shape == (None, 1, 1, 120)
    with pytest.raises(FileNotFoundError, match="There is no run folder or file 'lenet5'"):
        cnnzoo.backbone(Path("lenet5"))
