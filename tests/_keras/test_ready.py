import contextlib

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.ready import compile_classifier
from cnnzoo.data.sampling import subset
from cnnzoo.data.split import Split
from cnnzoo.evaluation import evaluate
from cnnzoo.pretrained import classifier, load
from cnnzoo.training import Recipe, fit, load_run

ON_PYTORCH = pytest.mark.skipif(
    keras.config.backend() == "torch", reason="PyTorch's exporters fail on the networks for reasons of their own"
)
SMALL = {"weights": None, "input_shape": (32, 32, 3)}


def small(*ending):
    return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), *ending])


def images(classes, count=40):
    draw = np.random.default_rng(0)
    return Split(draw.random((count, 6, 6, 1), np.float32), draw.integers(0, classes, count))


def assert_evaluates(model, split):
    own = evaluate(model, split, scale="unit")
    assert model.evaluate(*split, verbose=0) == pytest.approx([own.loss, own.accuracy], rel=1e-4)


@pytest.mark.parametrize(
    ("classes", "ending"),
    [
        (3, [keras.layers.Dense(3, "softmax")]),
        (3, [keras.layers.Dense(3), keras.layers.Activation(keras.ops.softmax)]),
        (3, [keras.layers.Dense(3)]),
        (2, [keras.layers.Dense(1, "sigmoid")]),
        (2, [keras.layers.Dense(1)]),
    ],
    ids=["softmax", "operation", "logits", "sigmoid", "logit"],
)
def test_evaluate_of_keras_gives_the_same_figures_however_a_network_ends(classes, ending):
    model = small(*ending)
    compile_classifier(model)
    assert_evaluates(model, images(classes))


def test_a_network_of_which_the_graph_does_not_tell_the_ending_is_left():
    model = small(keras.layers.Dense(2, "softmax"), keras.layers.Rescaling(0.8, 0.1))
    compile_classifier(model)
    assert not model.compiled


def test_what_the_user_compiled_is_left():
    model = small(keras.layers.Dense(2, "softmax"))
    optimizer = keras.optimizers.SGD()
    model.compile(optimizer, loss="mse")
    fit(model, images(2), images(2), recipe=Recipe(epochs=1, normalize=False), progress=False)
    assert (model.optimizer, model.loss) == (optimizer, "mse")


def test_a_trained_network_evaluates_itself():
    model = small(keras.layers.Dense(2))
    run = fit(model, images(2), images(2), recipe=Recipe(epochs=1, normalize=False), progress=False)
    loss, accuracy = run.model.evaluate(*images(2), verbose=0)
    assert run.metrics["test_loss"] == pytest.approx(loss, rel=1e-4)
    assert run.metrics["test_accuracy"] == pytest.approx(accuracy)


@pytest.mark.slow
def test_networks_that_ship_or_were_loaded_evaluate_themselves(run, digits):
    test = subset(digits[1], 50)
    for model in (load_run("lenet5").model, load_run(run.path).model, cnnzoo.models.lenet5(weights="mnist")):
        assert_evaluates(model, test)


HANDED_OUT = {
    "plain": cnnzoo.models.lenet5,
    "shipped": lambda: cnnzoo.models.lenet5(weights="mnist"),
    "of a run": lambda: load_run("lenet5").model,
    "of Keras Applications": lambda: load("mobilenetv2", **SMALL),
    "classifier": lambda: classifier("mobilenetv2", num_classes=2, **SMALL),
    "of open size": lambda: cnnzoo.models.vgg19(include_top=False, input_shape=(None, None, 3)),
}


@pytest.mark.slow
@ON_PYTORCH
@pytest.mark.parametrize("build", HANDED_OUT.values(), ids=HANDED_OUT)
def test_networks_are_exported_to_onnx_at_once(build, tmp_path):
    with contextlib.suppress(ImportError):  # of the converter, which Keras asks for when all else is right
        build().export(tmp_path / "network.onnx", format="onnx", verbose=False)


@ON_PYTORCH
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX's exporter, where Keras runs on it
def test_an_exported_network_gives_what_the_network_does(tmp_path, digits):
    tensorflow = pytest.importorskip("tensorflow")
    model, pixels = load_run("lenet5").model, digits[1].images[:4]
    model.export(tmp_path / "network", format="tf_saved_model", verbose=False)
    exported = tensorflow.saved_model.load(tmp_path / "network")
    np.testing.assert_allclose(exported.serve(pixels), model.predict(pixels, verbose=0), atol=1e-6)


def test_keras_applications_with_weights_and_dense_layers_are_compiled(tmp_path):
    options = {"include_top": True, "num_classes": 3, **SMALL}
    plain = load("mobilenetv2", **options)
    plain.save_weights(tmp_path / "own.weights.h5")
    loaded = load("mobilenetv2", **{**options, "weights": tmp_path / "own.weights.h5"})
    assert (plain.compiled, loaded.compiled) == (False, True)
