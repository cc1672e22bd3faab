"""What must hold on the other backends of Keras: ``KERAS_BACKEND=jax python -m tests.on_backend RUN OUT``.

Leaves ``heat.npy``, ``maps.npz`` and ``report.html`` in the folder OUT, for the tests to compare.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.engine import compiled_predictor
from cnnzoo._keras.seeds import seeded
from tests.inspect.corner import images, looks_at_a_corner
from tests.inspect.layouts import both, turned
from tests.models import own_layers
from tests.models.smallest import SMALLEST
from tests.without_weights import without_weights

BACKEND = keras.config.backend()


def check_networks():
    for name in SMALLEST:
        with without_weights():
            table = cnnzoo.inspect.layer_table(cnnzoo.create_model(name))
        assert (table.params, table.macs) == (cnnzoo.model_card(name).params, cnnzoo.model_card(name).macs), name
    probabilities = cnnzoo.models.lenet5().predict(np.zeros((2, 32, 32, 1), "float32"), verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert "tensorflow" not in sys.modules, "a network loaded TensorFlow"


def check_equal_to_torchvision():
    """Of a network for each kind of layer that is not in all; the benchmark compares every network."""
    if find_spec("torchvision") is None:
        return
    from tests.models.reference import differences, network, reference

    for name in ("shufflenet_v2_x0_5", "mobilenet_v3_small", "squeezenet1_1"):
        module = cnnzoo.model_card(name).torchvision.module
        worst = max(differences(network(name, (64, 70)), reference(name), module), key=lambda found: found[1])
        assert worst[1] <= 1e-4, (name, worst)


def check_layouts():
    last, first, pictures = both()
    heat = cnnzoo.inspect.gradcam(first, turned(pictures), 1)
    np.testing.assert_allclose(heat, cnnzoo.inspect.gradcam(last, pictures, 1), rtol=0, atol=1e-4)


def check_seeds():
    """Those of JAX have no global state; Keras' own have."""

    def draw():
        own = (__import__("torch").rand(()).item(),) if BACKEND == "torch" else ()
        return *own, float(keras.random.uniform(()))

    keras.utils.set_random_seed(3)
    draw()
    expected = draw()
    keras.utils.set_random_seed(3)
    draw()
    with seeded(0):
        draw()
    assert draw() == expected


def check_engine():
    """OpenVINO answers as the backend does, also after the weights have changed."""
    model = cnnzoo.create_model("lenet5_1998", weights="mnist")
    digits = np.random.default_rng(0).random((4, 32, 32, 1), np.float32)

    def training():
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(digits, np.arange(4), epochs=2, verbose=0)

    def doubled():
        model.get_layer("c1").kernel.assign(model.get_layer("c1").kernel * 2)

    assert compiled_predictor(model, "openvino") is compiled_predictor(model, "openvino")
    for change in (lambda: None, doubled, training, training):
        change()
        exact = keras.ops.convert_to_numpy(model(digits, training=False))
        np.testing.assert_allclose(compiled_predictor(model, "openvino", precision="float32")(digits), exact, atol=1e-5)


if __name__ == "__main__":
    run, out = map(Path, sys.argv[1:])
    check_networks()  # first: the report loads TensorFlow
    check_engine()
    check_layouts()
    check_seeds()
    check_equal_to_torchvision()
    out.mkdir()
    np.savez(out / "maps.npz", **own_layers.outputs())
    np.save(out / "heat.npy", cnnzoo.inspect.gradcam(looks_at_a_corner(), images))
    cnnzoo.report.write_report(run, out / "report.html")
    print(BACKEND)
