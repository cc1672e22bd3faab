"""The contract of networks: those of the zoo keep it, and what breaks it is named."""

import contextlib
import importlib.util
import random
import sys

import keras
import numpy as np
import pytest
from keras.src.backend.common import global_state

import cnnzoo
from cnnzoo._keras.gradients import weight_gradients
from cnnzoo.testing import CHECKS, check_network
from tests.compiled_quickly import COMPILED_QUICKLY
from tests.testing.networks import Broken, L, Stopped, Unregistered, small

BACKENDS = {"backends": "a process for each takes long"}


def failures(builder, *, only=None, **options):
    """Give what is said of each check that fails."""
    skip = BACKENDS if only is None else {name: "not asked for" for name in CHECKS if name != only}
    with pytest.raises(AssertionError) as raised:
        check_network(builder, skip=skip, **options)
    first, *lines, last = str(raised.value).splitlines()
    assert first.startswith("The network '")
    assert last.startswith("Leave out what does not apply, with the reason: `skip={")
    return dict(line.strip().split(": ", 1) for line in lines)


def two_inputs():
    left, right = (keras.Input((8, 8, 1), name=name) for name in ("left", "right"))
    maps = L.Concatenate()([L.Conv2D(2, 3)(left), L.Conv2D(2, 3)(right)])
    return keras.Model([left, right], L.Dense(2, "softmax", dtype="float32")(L.Flatten()(maps)))


def two_outputs():
    images = keras.Input((8, 8, 1))
    maps = L.Conv2D(2, 3)(images)
    return keras.Model(images, [maps, L.Dense(2, "softmax", dtype="float32")(L.Flatten()(maps))])


def starting_at_zero():
    """A residual block whose branch adds nothing at first."""
    images = keras.Input((8, 8, 2))
    branch = L.BatchNormalization(gamma_initializer="zeros")(L.Conv2D(2, 3, padding="same")(images))
    return keras.Model(images, L.Dense(3, dtype="float32")(L.Flatten()(L.Add()([images, branch]))))


@pytest.mark.parametrize(
    "builder",
    [
        small,
        lambda: small(activation=None),
        lambda: small(units=1, activation="sigmoid"),
        lambda: small(units=1, activation=None),
        lambda: small(pool=False, shape=(9, 11, 3)),
        lambda: small(between=[L.Dropout(0.5)]),
        two_inputs,
        two_outputs,
        starting_at_zero,
        lambda: cnnzoo.models.lenet5(include_top=False),
        lambda: keras.Sequential(
            [keras.Input((8, 8, 1), dtype="uint8"), L.Rescaling(1 / 255), L.Flatten(), L.Dense(2, dtype="float32")]
        ),
        lambda: keras.Sequential(
            [keras.Input((8, 8, 1), batch_size=3), L.Flatten(), L.Dense(2, "softmax", dtype="float32")]
        ),
    ],
    ids=[
        "softmax",
        "logits",
        "sigmoid",
        "logit",
        "colour",
        "dropout",
        "joined",
        "two",
        "zero",
        "maps",
        "bytes",
        "batch",
    ],
)
def test_what_is_in_order_passes(builder):
    check_network(builder, skip=BACKENDS)


def test_an_open_size_is_given_and_another_is_tried():
    check_network(lambda: small(shape=(None, None, 1)), input_shape=(12, 12, 1), skip=BACKENDS)
    with pytest.raises(ValueError, match="must have a fixed input size; otherwise pass `input_shape`"):
        check_network(lambda: small(shape=(None, None, 1)))

    def only_square():
        images = keras.Input((None, None, 1))
        maps = L.Permute((2, 1, 3))(images)
        return keras.Model(images, L.GlobalAveragePooling2D()(L.Conv2D(2, 1)(L.Add()([images, maps]))))

    assert "shapes" in failures(only_square, input_shape=(8, 8, 1))


def test_a_network_whose_gradient_stops_is_named_with_its_weights():
    found = failures(lambda: small(between=[Stopped()]))
    assert list(found) == ["gradients"]
    assert found["gradients"].startswith("expected a gradient for each of the 6 trainable weights. Received: none, or")
    assert "'c1/kernel', 'c1/bias'" in found["gradients"]
    assert "'out/kernel'" not in found["gradients"]


def test_outputs_that_are_not_finite_are_counted():
    found = failures(lambda: small(between=[Broken()]), only="outputs")
    assert found["outputs"] == "expected finite outputs in inference mode. Received: 12 values of NaN or infinity"


def test_gradients_that_are_not_finite_are_named():
    class Root(keras.layers.Layer):
        def call(self, inputs):
            return keras.ops.sqrt(0 * inputs) + inputs

    assert (
        "expected finite gradients. Received: NaN or infinity for "
        in failures(lambda: small(between=[Root()]), only="gradients")["gradients"]
    )


def test_a_loss_that_grows_is_shown(monkeypatch):
    network = sys.modules["cnnzoo.testing.network"]

    def ascending(*arguments):
        descending = weight_gradients(*arguments)

        def gradients():
            value, arrays = descending()
            return value, [-each for each in arrays]

        return gradients

    monkeypatch.setattr(network, "weight_gradients", ascending)
    found = failures(small, only="learning")["learning"]
    assert found.startswith("expected 3 steps along the gradient to lower the loss, 1.")
    assert found.endswith("after steps of the lengths 0.1, 0.01, 0.001")


def test_a_network_without_weights_that_train_cannot_learn():
    def frozen():
        model = small()
        model.trainable = False
        return model

    found = failures(frozen)
    assert list(found) == ["gradients", "learning"]
    assert found["learning"] == (
        "expected weights that train. Received: a network without any: all are frozen, or there are none"
    )


def test_several_labels_are_not_one_class():
    found = failures(lambda: small(activation="sigmoid"))
    assert list(found) == ["outputs"]
    assert "ValueError: `model` must choose one class per image" in found["outputs"]


def test_a_wrong_shape_is_shown():
    class Lies(keras.layers.Layer):
        def call(self, inputs):
            return inputs

        def compute_output_spec(self, inputs):
            return keras.KerasTensor((None, 7), inputs.dtype)

    def lying():
        images = keras.Input((6,))
        return keras.Model(images, Lies()(images))

    assert failures(lying, only="shapes")["shapes"] == (
        "expected outputs of the shapes (1, 7) for images (1, 6). Received: (1, 6)"
    )


def test_what_keras_cannot_read_back_is_named_with_what_to_do():
    found = failures(lambda: small(between=[Unregistered()]), only="saving")
    assert found["saving"] == (
        "Keras cannot read 'Unregistered' from a file. Decorate it with `@keras.saving.register_keras_serializable()`."
    )


def test_a_loaded_network_that_gives_something_else_is_a_failure():
    @keras.saving.register_keras_serializable("tests")
    class Forgetful(keras.layers.Layer):
        def __init__(self, factor=1.0, **options):
            super().__init__(**options)
            self.factor = factor

        def call(self, inputs):
            return self.factor * inputs

        def get_config(self):
            return {"name": self.name}

    found = failures(lambda: small(between=[Forgetful(5.0)]), only="saving")
    assert found["saving"].startswith(
        "expected the same outputs from the loaded network, within 0.0001 of the largest. Received: a difference of "
    )


def test_mixed_precision_that_is_ignored_or_reaches_the_outputs_is_a_failure():
    def reaches():
        images = keras.Input((6, 6, 1))
        return keras.Model(images, L.Dense(3, "softmax")(L.Flatten()(images)))

    assert failures(reaches, only="mixed_precision")["mixed_precision"].endswith("Received: bfloat16")

    def ignores():
        images = keras.Input((6, 6, 1), dtype="float32")
        return keras.Model(images, L.Dense(3, dtype="float32")(L.Flatten(dtype="float32")(images)))

    assert failures(ignores, only="mixed_precision")["mixed_precision"] == (
        "expected layers that compute in bfloat16 under the policy. Received: none: the builder sets their dtypes"
    )
    model = small()
    assert failures(lambda: model, only="mixed_precision")["mixed_precision"] == (
        "expected a builder that builds another network each time. Received: the same one again"
    )


def test_an_error_in_a_layer_is_the_cause():
    class Raises(keras.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                raise KeyError("of the user")
            return inputs

    with pytest.raises(AssertionError, match=r"\n  outputs: KeyError: .*of the user") as raised:
        check_network(lambda: small(between=[Raises()]), skip=BACKENDS)
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_builder_that_raises_is_named():
    def mine():
        raise ValueError("units=-1")

    with pytest.raises(AssertionError, match=r"^The builder 'mine' raised an error\. ValueError: units=-1$") as raised:
        check_network(mine)
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("builder", "skip", "message"),
    [
        (small, {"shape": "no"}, r"Unknown check 'shape'\. Did you mean 'shapes'\? Available: shapes, outputs"),
        (small, {"shapes": " "}, r"`skip` must give the reason for leaving out 'shapes'\. Received: ' '"),
        (small, {"shapes": True}, r"`skip` must give the reason for leaving out 'shapes'\. Received: True"),
        (small, dict.fromkeys(CHECKS, "no"), r"`skip` must leave something to check\. Received: all checks"),
        (small, ["shapes"], r"`skip` must be a dictionary of reasons by check\. Received: \['shapes'\]"),
        ("lenet5", {}, r"`builder` must be a function that builds the network, .*\. Received: str"),
        (lambda: None, {}, r"`model` must be a Keras model\. Received: NoneType"),
    ],
)
def test_wrong_arguments_are_refused(builder, skip, message):
    with pytest.raises(ValueError, match=message):
        check_network(builder, skip=skip)


def test_a_model_is_no_builder_and_a_subclassed_one_has_no_graph():
    with pytest.raises(ValueError, match=r"`builder` must be a function .* Received: Functional"):
        check_network(small())

    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="the layer graph of a subclassed model is unknown"):
        check_network(Subclassed)


@pytest.mark.parametrize(
    "builder", [small, lambda: small(between=[Stopped()]), lambda: 1 / 0], ids=["good", "bad", "raises"]
)
def test_global_state_is_as_before_even_after_a_failure(builder):
    def draw():
        return random.random(), np.random.random(), float(keras.random.uniform(()))

    def start():
        keras.utils.set_random_seed(3)
        global_state.set_global_attribute("global_seed_generator", None)  # older releases of Keras would keep it
        draw()

    start()
    expected, policy = draw(), keras.config.dtype_policy()
    start()
    with contextlib.suppress(AssertionError):
        check_network(builder, skip=BACKENDS)
    assert draw() == expected
    assert keras.config.dtype_policy() is policy


@pytest.mark.slow
def test_it_gives_the_same_on_every_backend_that_is_installed(monkeypatch):
    for name, value in COMPILED_QUICKLY.items():
        monkeypatch.setenv(name, value)
    check_network(lambda: small(between=[Stopped()]), skip={name: "not asked for" for name in CHECKS[:-1]})
    others = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
    if not others:
        pytest.skip("only TensorFlow is installed")
    found = failures(lambda: small(between=[OtherElsewhere()]), only="backends")
    assert found["backends"].startswith(f"expected the same outputs from {others[0]}, within 0.0001 of the largest.")
    found = failures(lambda: small(between=[Unregistered()]), only="backends")
    assert "Keras cannot read 'Unregistered' from a file" in found["backends"]


@keras.saving.register_keras_serializable("tests")
class OtherElsewhere(keras.layers.Layer):
    """Computes something else on other backends."""

    def call(self, inputs):
        return inputs if keras.config.backend() == "tensorflow" else 2 * inputs


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["lenet5_1998", "resnet20", "mobilenet_v3_small"])
def test_the_networks_of_the_zoo_keep_it(name):
    card = cnnzoo.model_card(name)
    side = max(card.smallest_size, 32)
    shape = (side, side, card.input_shape[2])
    check_network(lambda: cnnzoo.create_model(name, input_shape=shape), skip=BACKENDS)
