"""What all builders have in common."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from tests.models.smallest import SMALLEST

SLOW = pytest.mark.slow
FIXED = ["alexnet", "lenet5", "vgg11"]  # a dense layer follows the flattened maps
SMALL = [name if name in (*FIXED, "resnet18") else pytest.param(name, marks=SLOW) for name in SMALLEST]
# A network of each kind of block, for what takes long; ``test_every_builder`` takes all through their lives
EACH = ["lenet5", *(pytest.param(name, marks=SLOW) for name in ("alexnet", "resnet18", "resnet50", "vgg11"))]
SIDES = {name: max(cnnzoo.model_card(name).smallest_size, 32) for name in (*SMALLEST, "resnet50")}
DRAWN_AS_IN_THE_PAPER = ("lenet1", "lenet5_1998")  # by default, where the others have He initialisation
LABELS = np.array([0, 1, 2, 0])


def build(network, **options):
    """Build the network for the smallest images that it takes, three channels, quickly."""
    side = SIDES[network]
    return cnnzoo.create_model(network, **{"input_shape": (side, side, 3), "num_classes": 3, **options})


def takes(network, option):
    return option in inspect.signature(getattr(cnnzoo.models, network)).parameters


def outputs(model, name):
    """What a network gives for a batch, without the time that compiling takes."""
    return keras.ops.convert_to_numpy(model(batch(name), training=False))


def batch(name, size=4):
    side = SIDES[name]
    return np.random.default_rng(0).random((size, side, side, 3), dtype="float32")


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_arguments_are_keywords_with_the_same_defaults(name):
    parameters = inspect.signature(getattr(cnnzoo.models, name)).parameters
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    defaults = {key: parameter.default for key, parameter in parameters.items()}
    assert (
        defaults.items()
        >= {
            "num_classes": None,
            "kernel_initializer": None if name in DRAWN_AS_IN_THE_PAPER else "he_normal",
            "classifier_activation": "softmax",
            "include_top": True,
            "weights": None,
            "name": name,
        }.items()
    )


@pytest.mark.parametrize("name", EACH)
def test_output_is_a_distribution_over_the_classes(name):
    probabilities = outputs(build(name), name)
    assert probabilities.shape == (4, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (probabilities >= 0).all()


@pytest.mark.parametrize("name", EACH)
def test_without_activation_the_output_is_logits(name):
    model, logits_model = build(name), build(name, classifier_activation=None)
    logits_model.set_weights(model.get_weights())
    logits = outputs(logits_model, name)
    np.testing.assert_allclose(keras.ops.softmax(logits), outputs(model, name), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("weightless")
def test_without_top_the_output_is_maps_and_the_size_may_be_open(name):
    model = build(name, include_top=False, input_shape=(None, None, 3))
    assert model.input_shape == (None, None, None, 3)
    assert len(model.output_shape) == 4
    assert not any(isinstance(layer, keras.layers.Dense | keras.layers.Flatten) for layer in model.layers)


@pytest.mark.parametrize("name", [name if name == "lenet5" else pytest.param(name, marks=SLOW) for name in SMALLEST])
def test_a_gradient_reaches_every_weight_and_a_step_along_it_lowers_the_loss(name):
    model, images = build(name), batch(name)
    values = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(LABELS, model(images)))
    gradients = tape.gradient(loss, values)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.any(gradient.numpy() != 0), variable.path
    steps, _ = tf.clip_by_global_norm(gradients, 0.001)
    for value, step in zip(values, steps, strict=True):
        value.assign_sub(step)
    assert tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(LABELS, model(images))) < loss


@pytest.mark.parametrize("name", EACH)
def test_model_survives_saving(name, tmp_path):
    model = build(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded, name), outputs(model, name), strict=True)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("weightless")
def test_under_mixed_precision_the_classifier_stays_float32(name):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy(policy)
    convolution = next(layer for layer in model.layers if "Conv2D" in type(layer).__name__)
    assert convolution.compute_dtype == "bfloat16"
    assert model.layers[-1].compute_dtype == "float32"
    assert model.output.dtype == "float32"


@pytest.mark.parametrize("name", EACH)
def test_equal_layers_start_with_different_kernels_even_from_one_initializer_object(name):
    model = build(name, kernel_initializer=keras.initializers.HeNormal())
    kernels: dict[tuple, list] = {}
    for layer in model.layers:
        if getattr(layer, "kernel", None) is not None and layer.trainable_weights:
            kernels.setdefault(tuple(layer.kernel.shape), []).append(np.asarray(layer.kernel))
    for same_shape in kernels.values():
        assert all(not np.array_equal(same_shape[0], other) for other in same_shape[1:])


def test_a_seed_gives_the_weights_that_it_has_always_given():
    """Recorded accuracies hold for a seed, so the draws must stay the same, layer by layer."""
    keras.utils.set_random_seed(0)
    model = cnnzoo.models.lenet5()
    keras.utils.set_random_seed(0)
    for layer in (layer for layer in model.layers if hasattr(layer, "kernel")):
        drawn = keras.initializers.get("he_normal").clone()(tuple(layer.kernel.shape))
        np.testing.assert_array_equal(layer.kernel, drawn)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("weightless")
def test_initializer_is_he_normal_or_the_users(name):
    for initializer, kind in (("he_normal", keras.initializers.HeNormal), ("zeros", keras.initializers.Zeros)):
        found = [
            getattr(layer, attribute)
            for layer in build(name, kernel_initializer=initializer).layers
            for attribute in ("kernel_initializer", "depthwise_initializer")
            if getattr(layer, attribute, None) is not None
        ]
        assert found
        assert all(isinstance(getattr(each, "initializer", each), kind) for each in found)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("weightless")
def test_smallest_size_is_named_and_works(name):
    side = cnnzoo.model_card(name).smallest_size
    assert build(name, input_shape=(side, side, 3)).output_shape == (None, 3)
    if side == 1:
        return
    for shape in ((side - 1, side, 3), (side, side - 1, 3)):
        with pytest.raises(ValueError, match=rf"must have at least {side} x {side} pixels\. Received: input_shape"):
            build(name, input_shape=shape)


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, r"`num_classes` must be an integer of at least 1\. Received: num_classes=0"),
        ({"num_classes": 2.5}, "`num_classes` must be an integer"),
        ({"input_shape": (224, 224)}, r"`input_shape` must be \(height, width, channels\)"),
        ({"input_shape": 224}, r"`input_shape` must be \(height, width, channels\)"),
        ({"input_shape": (224, 224, 0)}, "`input_shape` must consist of integers of at least 1"),
        ({"input_shape": (224, 224, None)}, "`input_shape` must end with a number of channels"),
        ({"input_shape": (224, -1, 3)}, r"`input_shape` must consist .* Received: input_shape=\(224, -1, 3\)"),
        ({"input_shape": (224.0, 224, 3)}, "`input_shape` must consist of integers"),
        ({"num_classes": 1, "include_top": True}, "A softmax of one class is always 1"),
        ({"kernel_initializer": 5}, "`kernel_initializer` must be an initializer of Keras"),
        (
            {"input_shape": (3, 224, 224)},
            r"`input_shape` must be .* with the channels last\. Received: .*\(3, 224, 224\)",
        ),
        ({"include_top": "no"}, "`include_top` must be True or False. Received: include_top='no'"),
        ({"include_top": None}, "`include_top` must be True or False"),
        ({"classifier_activation": "sofmax"}, "`classifier_activation` must be .* Did you mean 'softmax'?"),
        ({"kernel_initializer": "he_nromal"}, "`kernel_initializer` must be .* Did you mean 'he_normal'?"),
        ({"name": ""}, r"`name` must be a string that is not empty and has no '/'\. Received: name=''"),
        ({"name": "a/b"}, "`name` must be a string that is not empty"),
        ({"name": 5}, "`name` must be a string that is not empty"),
    ],
)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mnasnet0_5", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5"]
)
def test_depthwise_kernels_are_drawn_by_the_inputs_of_one_channel(name):
    """Else images fade to nothing on the way through a network that was not trained."""
    depthwise = [layer for layer in build(name).layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    spread = np.concatenate([np.ravel(layer.kernel) / np.sqrt(2 / layer.kernel_size[0] ** 2) for layer in depthwise])
    assert spread.std() == pytest.approx(1, rel=0.1)
    backbone = build(name, include_top=False)
    maps = keras.ops.convert_to_numpy(backbone(batch(name), training=False))
    assert np.abs(maps).max() > 1e-3  # of 1e-7 with the fan-in of Keras


@pytest.mark.parametrize("name", FIXED)
def test_a_flattened_network_needs_a_fixed_size(name):
    with pytest.raises(ValueError, match="fixed height and width"):
        build(name, input_shape=(None, None, 3))


def test_a_network_that_pools_over_all_places_takes_any_size():
    model = build("resnet18", input_shape=(None, None, 3))
    assert model(np.zeros((1, 1, 1, 3), "float32")).shape == model(np.zeros((1, 40, 33, 3), "float32")).shape == (1, 3)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("weightless")
def test_two_networks_of_a_kind_can_be_joined(name):
    left, right = (build(name, name=side, include_top=False) for side in ("left", "right"))
    assert all(layer.name.startswith("left_") for layer in left.layers)
    joined = keras.Model([left.inputs[0], right.inputs[0]], keras.layers.Concatenate()([left.output, right.output]))
    assert len({layer.name for layer in joined.layers}) == len(joined.layers)


def test_a_named_network_takes_its_own_weights_and_others(tmp_path):
    saved = build("lenet5", name="a", num_classes=7)
    saved.save(tmp_path / "a.keras")
    saved.save_weights(tmp_path / "a.weights.h5")
    for file in ("a.weights.h5", "a.keras"):
        for name in ("a", "b", "lenet5"):
            loaded = build("lenet5", name=name, num_classes=None, weights=tmp_path / file)
            for values, others in zip(saved.get_weights(), loaded.get_weights(), strict=True):
                np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("name", EACH)
def test_weights_fit_whatever_the_model_is_called(name, tmp_path):
    build(name).save_weights(tmp_path / "own.weights.h5")
    own = build(name, weights=tmp_path / "own.weights.h5")
    named = build(name, weights=tmp_path / "own.weights.h5", name="left")
    for values, others in zip(own.get_weights(), named.get_weights(), strict=True):
        np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("name", [name for name in SMALLEST if takes(name, "dropout_rate")])
@pytest.mark.parametrize("rate", [-0.1, 1.0, "half", float("nan")])
def test_dropout_rate_out_of_range_is_refused(name, rate):
    with pytest.raises(ValueError, match=r"`dropout_rate` must lie in \[0, 1\)"):
        build(name, dropout_rate=rate)


@pytest.mark.parametrize("weight_decay", [-1e-4, float("inf"), None])
def test_weight_decay_out_of_range_is_refused(weight_decay):
    with pytest.raises(ValueError, match=r"`weight_decay` must lie in \[0, inf\)"):
        build("vgg11", weight_decay=weight_decay)


def test_channels_first_is_refused_with_the_way_out():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="set_image_data_format"):
            build("lenet5")
    finally:
        keras.config.set_image_data_format("channels_last")


@settings(max_examples=20)
@given(height=st.integers(32, 80), width=st.integers(32, 80), channels=st.integers(1, 5), classes=st.integers(2, 30))
def test_lenet5_builds_for_any_legal_shape(height, width, channels, classes):
    model = cnnzoo.models.lenet5(input_shape=(height, width, channels), num_classes=classes, kernel_initializer="zeros")
    assert model(np.zeros((1, height, width, channels), "float32")).shape == (1, classes)


@pytest.mark.slow
@settings(max_examples=8)
@given(name=st.sampled_from(["alexnet", "vgg11", "resnet18"]), more=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_the_deep_networks_build_for_any_legal_shape(name, more):
    height, width = (SIDES[name] + side for side in more)
    model = build(name, input_shape=(height, width, 2), include_top=False, kernel_initializer="zeros")
    maps = model(np.zeros((1, height, width, 2), "float32"))
    assert maps.shape == (1, *model.output_shape[1:])
    assert min(maps.shape[1:3]) >= 1
