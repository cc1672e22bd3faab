"""Networks asked by OpenVINO and by Keras: the same answers, also after the weights have changed."""

import gc
import logging
import subprocess
import sys
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow

import cnnzoo
from cnnzoo._keras import engine
from cnnzoo._keras._monitor import WeightMonitor
from cnnzoo._keras.engine import check_engine, compiled_predictor, predict_on_batch, without_retracing_warnings
from cnnzoo.evaluation import ENGINES, evaluate
from cnnzoo.pretrained import embed, open_classifier
from cnnzoo.training import load_run


@pytest.fixture(autouse=True)
def _automatic(monkeypatch):
    monkeypatch.delenv(engine.DEFAULT)


def small(dtype="float32"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu", dtype=dtype)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu", dtype=dtype)(x)
    x = keras.layers.BatchNormalization(dtype=dtype)(x)
    outputs = keras.layers.Dense(4, activation="softmax", dtype=dtype)(keras.layers.Flatten(dtype=dtype)(x))
    return keras.Model(inputs, outputs, name="small")


def images(count=5):
    return np.random.default_rng(0).random((count, 8, 8, 3), np.float32)


def by_keras(model):
    return np.asarray(keras.ops.convert_to_numpy(model(images(), training=False)))


def is_right(model):
    predictor = compiled_predictor(model, "openvino", precision="float32")
    return bool(np.abs(predictor(images()) - by_keras(model)).max() < 1e-5)


def test_the_answers_for_all_digits_are_the_same():
    run = load_run("lenet5")
    _, test = cnnzoo.data.load_digits()
    exact, fast = (run.predict(test.images, engine=name) for name in ("keras", "openvino"))
    agreed = [one.label == other.label for one, other in zip(exact, fast, strict=True)]
    assert np.mean(agreed) >= 0.995
    exact, fast = (run.evaluate("digits", engine=name) for name in ("keras", "openvino"))
    np.testing.assert_allclose(fast.probabilities, exact.probabilities, atol=1e-5)


def test_openvino_reports_nothing_over_the_network():
    assert compiled_predictor(small(), "openvino") is not None
    assert "openvino" in sys.modules
    assert engine.TELEMETRY not in sys.modules
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_signals_are_handled_after_several_networks_came_and_went():
    """Within one process: a broken stack for signals would end it."""
    code = """
import gc, os, signal, sys
import numpy as np
import cnnzoo
from cnnzoo._keras.engine import compiled_predictor
for _ in range(3):
    models = [cnnzoo.models.lenet5() for _ in range(2)]
    for model in models:
        compiled_predictor(model, "openvino")(np.zeros((1, 32, 32, 1), np.float32))
    del model
    models.pop(0)
    gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
signal.raise_signal(signal.SIGINT)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "handled\n"), finished.stderr


def test_a_conversion_is_kept_until_a_weight_changes():
    model = small()
    predictor = compiled_predictor(model, "openvino", precision="float32")
    assert compiled_predictor(model, "openvino", precision="float32") is predictor
    assert compiled_predictor(model, precision="float32") is predictor
    model.layers[1].kernel.assign(model.layers[1].kernel * 0.5)
    assert compiled_predictor(model, "openvino", precision="float32") is not predictor
    assert is_right(model)


def trained_by_fit(model):
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images(), np.arange(5) % 4, verbose=0)


def trained_by_another_optimizer(model):
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.apply([tensorflow.ones((3, 3, 8, 8))], [model.layers[2].kernel])


def in_a_compiled_function(model):
    if not hasattr(model, "step"):
        kernel = model.layers[2].kernel.value

        @tensorflow.function
        def step():
            kernel.assign_add(tensorflow.fill(kernel.shape, 0.01))

        model.step = step
    model.step()


@pytest.mark.parametrize(
    "change",
    [
        trained_by_fit,
        trained_by_another_optimizer,
        in_a_compiled_function,
        lambda model: model.set_weights([each + 0.1 for each in model.get_weights()]),
        lambda model: model.layers[2].kernel.value.assign(model.layers[2].kernel + 0.1),
        lambda model: model.layers[2].bias.assign_add(np.ones(8, "float32")),
        lambda model: model.layers[3].moving_mean.assign_add(np.ones(8, "float32")),
    ],
    ids=["fit", "optimizer", "function", "set_weights", "variable of TensorFlow", "assign_add", "buffer"],
)
@pytest.mark.parametrize("is_trainable", [True, False])
def test_every_change_of_the_weights_is_seen(change, is_trainable):
    model = small()
    model.trainable = is_trainable
    if change is trained_by_fit and not is_trainable:
        return
    change(model)  # what is compiled is compiled before
    assert is_right(model)
    before = by_keras(model)
    for _ in range(2):
        change(model)
        assert is_right(model)
    assert np.abs(by_keras(model) - before).max() > 1e-5


def test_a_weight_that_was_changed_in_part_is_right_too(recwarn):
    """TensorFlow copies such a variable whenever it is read, so changes cannot be noticed."""
    model = small()
    for _ in range(2):
        model.layers[2].kernel.value.scatter_nd_update([[0, 0, 0, 0]], [5.0])
        np.testing.assert_allclose(predict_on_batch(model, images(), compiled_predictor(model)), by_keras(model), 1e-5)
    assert "Its weights were changed in part" in str(recwarn.pop(UserWarning).message)


def test_a_change_of_the_layers_is_seen():
    model = small()
    assert is_right(model)
    model.layers[-1].activation = keras.activations.linear
    assert is_right(model)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    model.add(keras.layers.Softmax())
    assert is_right(model)
    model.pop()
    assert is_right(model)


def test_nothing_is_seen_where_nothing_changes():
    model = small()
    monitor = WeightMonitor(model)
    by_keras(model)
    assert monitor.is_reliable
    assert not monitor.has_changed(model)


def test_a_model_that_is_no_longer_used_is_freed():
    model = small()
    assert is_right(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_several_threads_predict_at_once():
    model, failures = small(), []
    predictor, wanted = compiled_predictor(model, "openvino", precision="float32"), by_keras(model)

    def predict():
        try:
            for _ in range(50):
                np.testing.assert_allclose(predictor(images()), wanted, atol=1e-5)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_network_in_mixed_precision_is_taken():
    model = small(dtype="mixed_bfloat16")
    predictor = compiled_predictor(model, "openvino", precision="float32")
    assert np.abs(predictor(images()) - by_keras(model)).max() < 0.02


class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def with_an_unknown_layer():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(Doubled(name="mine")(inputs))
    return keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x), name="unknown")


def test_a_network_that_does_not_convert_runs_in_keras_which_is_said_once(recwarn):
    model = with_an_unknown_layer()
    for precision in ("auto", "float32"):
        found = predict_on_batch(model, images(), compiled_predictor(model, precision=precision))
        np.testing.assert_allclose(found, by_keras(model), rtol=1e-5)
        model.layers[-1].bias.assign(np.ones(4, "float32"))
    (told,) = recwarn.list
    wanted = "unknown runs in Keras instead of OpenVINO. The ONNX export does not support layer 'mine' (Doubled)."
    assert str(told.message) == wanted
    assert told.filename == __file__
    with pytest.raises(ValueError, match=r"OpenVINO cannot run unknown\. .*layer 'mine'.*Use `engine='keras'`"):
        compiled_predictor(model, "openvino")


def test_a_wrong_answer_is_not_taken(monkeypatch, recwarn):
    monkeypatch.setattr(engine, "_compiled", lambda content, precision: lambda images: np.full((len(images), 4), 0.25))
    model = small()
    np.testing.assert_allclose(predict_on_batch(model, images(), compiled_predictor(model)), by_keras(model), rtol=1e-5)
    assert "Its outputs in float32 differ by" in str(recwarn.pop(UserWarning).message)


def test_whatever_fails_keras_runs_the_network(monkeypatch, recwarn):
    def fail(content, precision):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(engine, "_compiled", fail)
    assert compiled_predictor(small()) is None
    assert str(recwarn.pop(UserWarning).message).endswith("The conversion failed: first line")


def test_few_images_are_not_worth_a_conversion():
    model = small()
    assert compiled_predictor(model, images=engine.MANY - 1) is None
    assert compiled_predictor(model, images=1) is not None
    assert compiled_predictor(small(), "openvino", images=1) is not None


def test_an_engine_that_is_no_word_is_refused():
    for given in (None, ["keras"], 1):
        with pytest.raises(ValueError, match="`engine` must be one of auto, keras, openvino"):
            check_engine(given)


def test_without_the_extra_keras_is_asked(monkeypatch):
    monkeypatch.setattr(engine, "NEEDED", ("no_such_package",))
    engine._is_installed.cache_clear()
    assert compiled_predictor(small()) is None
    with pytest.raises(ValueError, match=r"'openvino' is not installed: `pip install \"cnnzoo\[fast\]\"`"):
        check_engine("openvino")
    monkeypatch.undo()
    engine._is_installed.cache_clear()


def test_the_environment_says_what_auto_is(monkeypatch):
    monkeypatch.setenv(engine.DEFAULT, "keras")
    assert compiled_predictor(small()) is None
    assert compiled_predictor(small(), "openvino") is not None
    monkeypatch.setenv(engine.DEFAULT, "fast")
    with pytest.raises(ValueError, match="Unknown engine in CNNZOO_ENGINE 'fast'"):
        compiled_predictor(small())


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


def test_several_networks_are_not_taken_for_one_that_is_traced_again(caplog):
    suspicion = "5 out of the last 5 calls to predict triggered tf.function retracing. Tracing is expensive"
    logger = logging.getLogger("tensorflow")
    with without_retracing_warnings():
        logger.warning(suspicion)
        logger.warning("something else")
    logger.warning(suspicion)
    assert caplog.messages == ["something else", suspicion]
