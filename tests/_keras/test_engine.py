"""Networks asked by OpenVINO and by Keras: the same answers, also after the weights have changed."""

import importlib.util
import sys

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras import engine
from cnnzoo._keras._changes import Watch
from cnnzoo._keras.engine import ask_batch, asker, check_engine
from cnnzoo.evaluation import ENGINES, evaluate
from cnnzoo.pretrained import embed, open_classifier
from cnnzoo.training import load_run


@pytest.fixture(autouse=True)
def _automatic(monkeypatch):
    monkeypatch.delenv(engine.DEFAULT)


def small(classes=4):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    outputs = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(inputs, outputs, name="small")


def images(count=5):
    return np.random.default_rng(0).random((count, 8, 8, 3), np.float32)


def by_keras(model):
    return np.asarray(keras.ops.convert_to_numpy(model(images(), training=False)))


def is_asked_as_by_keras(model):
    ask = asker(model, "openvino", exactly=True)
    return bool(np.abs(ask(images()) - by_keras(model)).max() < 1e-5)


def test_the_answers_for_all_digits_are_the_same():
    run = load_run("lenet5")
    _, test = cnnzoo.data.load_digits()
    exact, fast = (run.predict(test.images, engine=name) for name in ("keras", "openvino"))
    agreed = [one.label == other.label for one, other in zip(exact, fast, strict=True)]
    assert np.mean(agreed) >= 0.995
    exact, fast = (run.evaluate("digits", engine=name) for name in ("keras", "openvino"))
    np.testing.assert_allclose(fast.probabilities, exact.probabilities, atol=1e-5)


def test_openvino_reports_nothing_over_the_network():
    assert asker(small(), "openvino") is not None
    assert "openvino" in sys.modules
    assert engine.TELEMETRY not in sys.modules
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_a_conversion_is_kept_until_a_weight_changes():
    model = small()
    ask = asker(model, "openvino", exactly=True)
    assert asker(model, "openvino", exactly=True) is ask
    assert asker(model, exactly=True) is ask
    model.layers[1].kernel.assign(model.layers[1].kernel * 0.5)
    assert asker(model, "openvino", exactly=True) is not ask
    assert is_asked_as_by_keras(model)


def trained_by_fit(model):
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images(), np.arange(5) % 4, verbose=0)


def trained_by_a_loop_of_its_own(model):
    import tensorflow

    optimizer = keras.optimizers.SGD(0.5)

    @tensorflow.function
    def step():
        with tensorflow.GradientTape() as tape:
            loss = tensorflow.reduce_mean(model(images())[:, 0])
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    step()


@pytest.mark.parametrize(
    "change",
    [
        trained_by_fit,
        trained_by_a_loop_of_its_own,
        lambda model: model.set_weights([each + 0.1 for each in model.get_weights()]),
        lambda model: model.layers[1].kernel.value.assign(model.layers[1].kernel + 0.1),
        lambda model: model.layers[1].bias.assign_add(np.ones(8, "float32")),
    ],
    ids=["fit", "loop", "set_weights", "variable of TensorFlow", "assign_add"],
)
def test_every_change_of_the_weights_is_seen(change):
    model = small()
    assert is_asked_as_by_keras(model)
    before = by_keras(model)
    for _ in range(2):  # a compiled function of training is not traced again
        change(model)
        assert is_asked_as_by_keras(model)
    assert np.abs(by_keras(model) - before).max() > 1e-4


def test_training_that_was_compiled_before_is_seen():
    model = small()
    trained_by_fit(model)
    assert is_asked_as_by_keras(model)
    model.fit(images(), np.arange(5) % 4, verbose=0)
    assert is_asked_as_by_keras(model)


def test_a_watch_sees_nothing_where_nothing_changes():
    model = small()
    watch = Watch(model)
    by_keras(model)
    assert not watch.has_changed()


class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def with_an_unknown_layer():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(Doubled(name="mine")(inputs))
    return keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x), name="unknown")


def test_a_network_that_does_not_convert_is_asked_by_keras_which_is_said_once(recwarn):
    model = with_an_unknown_layer()
    for _ in range(2):
        np.testing.assert_allclose(ask_batch(model, images()), by_keras(model), rtol=1e-5)
    (told,) = recwarn.list
    assert "unknown is asked by Keras, not by OpenVINO. The layer 'mine' (Doubled) cannot be" in str(told.message)
    with pytest.raises(ValueError, match=r"OpenVINO cannot take unknown\. The layer 'mine'.*Use `engine='keras'`"):
        asker(model, "openvino")


def test_a_wrong_answer_is_not_taken(monkeypatch, recwarn):
    monkeypatch.setattr(engine, "_compiled", lambda content, precision: lambda images: np.full((len(images), 4), 0.25))
    model = small()
    np.testing.assert_allclose(ask_batch(model, images()), by_keras(model), rtol=1e-5)
    assert "Its answer differs by" in str(recwarn.pop(UserWarning).message)


def test_without_the_extra_keras_is_asked(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert asker(small()) is None
    with pytest.raises(ValueError, match=r"'openvino' is not installed: `pip install 'cnnzoo\[fast\]'`"):
        check_engine("openvino")


def test_the_environment_says_what_auto_is(monkeypatch):
    monkeypatch.setenv(engine.DEFAULT, "keras")
    assert asker(small()) is None
    assert asker(small(), "openvino") is not None
    monkeypatch.setenv(engine.DEFAULT, "fast")
    with pytest.raises(ValueError, match="Unknown engine in CNNZOO_ENGINE 'fast'"):
        asker(small())


def test_an_unknown_engine_is_refused_before_anything_is_read():
    assert list(ENGINES) == ["auto", "keras", "openvino"]
    told = r"Unknown engine 'openvin'\. Did you mean 'openvino'"
    with pytest.raises(ValueError, match=told):
        open_classifier("nothing", engine="openvin")
    with pytest.raises(ValueError, match=told):
        embed("nothing", "nowhere", engine="openvin")
    with pytest.raises(ValueError, match=told):
        cnnzoo.training.finetune("nothing", "nowhere", engine="openvin")
    with pytest.raises(ValueError, match=told):
        evaluate(small(), (images(), np.arange(5) % 4), engine="openvin")


def test_vectors_are_the_same():
    backbone = cnnzoo.backbone(load_run("lenet5"))
    _, test = cnnzoo.data.load_digits()
    exact, fast = (embed(backbone, test.images[:50], engine=name) for name in ("keras", "openvino"))
    assert np.abs(fast - exact).max() <= 0.05 * np.abs(exact).max()
