"""How networks end: every guise of a softmax, a sigmoid and of logits, beside what Keras computes of them."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo._keras.ending import check_classifier, class_probabilities, count_classes, ending_by_graph, find_ending
from cnnzoo.data import Split
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import gradcam, occlusion

IMAGES = np.random.default_rng(0).random((6, 8, 8, 3), dtype=np.float32)


def softmax_of(values):  # a function that Keras does not know by name
    return keras.ops.exp(values) / keras.ops.sum(keras.ops.exp(values), axis=-1, keepdims=True)


class HiddenSoftmax(layers.Layer):
    def call(self, values):
        return softmax_of(values)


class Averaged(layers.Layer):
    def build(self, shape):
        self.weight = self.add_weight(shape=(), initializer="ones")

    def call(self, values):
        return values * self.weight


class WithWeights(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, activation="softmax")

    def call(self, values):
        return self.dense(values)


def network(end, width=4):
    """A network of 4 classes, or of ``width`` outputs, with ``end`` made of its logits."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(5, 3, name="maps")(inputs)
    logits = layers.Dense(width, name="logits")(layers.Flatten()(maps))
    return keras.Model(inputs, end(logits)), keras.Model(inputs, logits)


def nested(logits):
    inner = keras.Input(logits.shape[1:])
    return keras.Model(inner, layers.Softmax()(inner))(logits)


SLOW = pytest.mark.slow

SOFTMAXES = {
    "layer": layers.Softmax(),
    "activation": layers.Activation("softmax"),
    "operation": keras.ops.softmax,
    "lambda": layers.Lambda(softmax_of),
    "function": layers.Activation(softmax_of),
    "custom layer": HiddenSoftmax(),
    "dropout behind": lambda logits: layers.Dropout(0.5)(keras.ops.softmax(logits)),
    "cast behind": lambda logits: keras.ops.cast(keras.ops.softmax(logits), "float32"),
    "reshaped": lambda logits: layers.Flatten()(layers.Softmax()(layers.Reshape((1, 1, 4))(logits))),
    "model within": nested,
}


@pytest.mark.parametrize("name", [name if name == "layer" else pytest.param(name, marks=SLOW) for name in SOFTMAXES])
def test_a_softmax_in_any_form_is_applied_once(name):
    model, logits = network(SOFTMAXES[name])
    labels = np.arange(6) % 4
    logits.compile(
        keras.optimizers.SGD(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    loss, accuracy = logits.evaluate(IMAGES, labels, verbose=0)
    found = evaluate(model, Split(IMAGES, labels))
    assert (found.loss, found.accuracy) == pytest.approx((loss, accuracy), rel=1e-4)
    assert evaluate(logits, Split(IMAGES, labels)).loss == pytest.approx(loss, rel=1e-4)
    np.testing.assert_allclose(gradcam(model, IMAGES, 1), gradcam(logits, IMAGES, 1), atol=1e-5)


@pytest.mark.parametrize("activation", ["softmax", softmax_of, layers.Softmax()], ids=["name", "function", "layer"])
@pytest.mark.parametrize("last", ["dense", "convolution"])
def test_the_activation_of_the_last_layer_may_be_anything(activation, last):
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(5, 3, name="maps")(inputs)
    layer = layers.Dense(4, activation=activation) if last == "dense" else layers.Conv2D(4, 6, activation=activation)
    outputs = layer(layers.Flatten()(maps)) if last == "dense" else layers.Flatten()(layer(maps))
    model = keras.Model(inputs, outputs)
    ending = ending_by_graph(model)
    assert (ending.kind, ending.operation) == ("softmax", layer)
    before = layer.activation
    heat = gradcam(model, IMAGES, 1, "maps")
    assert layer.activation is before
    layer.activation = keras.activations.linear
    np.testing.assert_allclose(heat, gradcam(model, IMAGES, 1, "maps"), atol=1e-5)


@pytest.mark.parametrize(
    "end",
    [
        lambda logits: logits,
        layers.Dense(4),
        layers.Dense(4, activation="relu"),
        layers.Activation("log_softmax"),
        layers.BatchNormalization(),
        layers.Rescaling(0.5),
        lambda logits: logits / 2.0,
        lambda logits: layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1, activation="relu")(logits[:, None, None])),
    ],
)
def test_logits_are_told_by_the_graph(end):
    ending = ending_by_graph(network(end)[0])
    assert (ending.kind, ending.operation) == ("logits", None)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (softmax_of, "softmax"),
        (lambda logits: keras.ops.softmax(logits) * 0.8 + 0.05, "softmax"),
        (lambda logits: keras.ops.softmax(logits) * 0.96 + 0.01, "softmax"),
        (lambda logits: layers.Dense(9, activation="softmax")(logits) * 0.9 + 0.1 / 9, "softmax"),
        (lambda logits: layers.GlobalAveragePooling2D()(layers.Softmax()(logits[:, None, None])), "softmax"),
        (lambda logits: WithWeights()(logits), "softmax"),
        (lambda logits: keras.ops.multiply(logits, logits - 1), "logits"),
    ],
)
def test_values_tell_where_the_graph_does_not(end, kind):
    model, _ = network(end)
    assert ending_by_graph(model) is None
    assert find_ending(model, lambda: model.predict(IMAGES, verbose=0)).kind == kind


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (layers.Activation("sigmoid"), "sigmoid"),
        (keras.ops.sigmoid, "sigmoid"),
        (layers.Lambda(lambda logits: 1 / (1 + keras.ops.exp(-logits))), "sigmoid"),
        (layers.Activation("hard_sigmoid"), "sigmoid"),
        (lambda logits: logits, "logit"),
        (lambda logits: logits / 3.0, "logit"),
        (layers.BatchNormalization(), "logit"),
        (lambda logits: 1 / (1 + keras.ops.exp(-logits)), "sigmoid"),
        (lambda logits: (keras.ops.tanh(logits / 2) + 1) / 2, "sigmoid"),
        (lambda logits: layers.EinsumDense("ab,bc->ac", 1)(logits), "logit"),
        (lambda logits: keras.ops.relu(logits) * 3 - 1, "logit"),
    ],
)
def test_a_single_output_tells_two_classes(end, kind):
    model, _ = network(end, width=1)
    outputs = model.predict(IMAGES, verbose=0)
    assert find_ending(model, lambda: outputs).kind == kind
    assert count_classes(model) == 2
    second = outputs[:, 0] if kind == "sigmoid" else 1 / (1 + np.exp(-outputs[:, 0]))
    np.testing.assert_allclose(class_probabilities(outputs, kind), np.stack([1 - second, second], 1), atol=1e-6)
    labels = (np.arange(6) % 2)[:, None]
    found = evaluate(model, Split(IMAGES, labels))
    assert found.accuracy == np.mean((second > 0.5) == labels[:, 0])
    losses = -np.log(np.where(labels[:, 0] == 1, second, 1 - second))
    assert found.loss == pytest.approx(losses.mean(), rel=1e-4)
    assert found.class_names == ("0", "1")


@pytest.mark.parametrize("kind", ["logits", "logit"])
def test_probabilities_are_no_coarser_than_float32(kind):
    half = keras.ops.convert_to_numpy(keras.ops.cast([[-20.0], [-6.0], [6.0], [20.0]], "bfloat16"))
    outputs = half if kind == "logit" else np.concatenate([np.zeros_like(half), half], axis=1)
    exact = half.astype(np.float64)
    expected = 1 / (1 + np.exp(np.concatenate([exact, -exact], axis=1)))
    np.testing.assert_allclose(class_probabilities(outputs, kind), expected, rtol=1e-5)


@pytest.mark.parametrize("end", [layers.Activation("sigmoid"), lambda logits: logits], ids=["sigmoid", "logit"])
def test_the_maps_of_a_single_output_are_those_of_two(end):
    model, logit = network(end, width=1)
    both = keras.Model(logit.inputs[0], keras.ops.concatenate([-logit.output, logit.output], axis=-1))
    for class_index in (0, 1, None):
        np.testing.assert_allclose(gradcam(model, IMAGES, class_index), gradcam(both, IMAGES, class_index), atol=1e-5)
        heat = occlusion(model, IMAGES, class_index, patch_size=3)
        np.testing.assert_allclose(heat, occlusion(both, IMAGES, class_index, patch_size=3), atol=1e-4)
    assert not np.allclose(gradcam(model, IMAGES, 0), gradcam(model, IMAGES, 1))


@pytest.mark.parametrize(
    ("end", "width", "message"),
    [
        (
            layers.Activation("sigmoid"),
            4,
            r"scores each of its 4 outputs independently, as for multi-label classification: Activation",
        ),
        (layers.Activation("hard_sigmoid"), 4, "must choose one class per image"),
        (layers.Dense(1, activation="softmax"), 1, "the softmax of a single value is always 1"),
    ],
)
def test_what_cannot_choose_one_class_is_refused(end, width, message):
    model, _ = network(end, width)
    with pytest.raises(ValueError, match=message):
        evaluate(model, Split(IMAGES, np.zeros(6, int)))
    with pytest.raises(ValueError, match=message):
        gradcam(model, IMAGES)


def test_a_single_output_that_the_graph_does_not_tell_is_refused():
    """Its values may lie in [0, 1] and be logits."""
    model, _ = network(lambda logits: Averaged()(logits), width=1)
    with pytest.raises(ValueError, match="does not show whether its single output is a probability or a logit"):
        evaluate(model, Split(IMAGES, np.arange(6) % 2))


def test_outputs_that_are_not_finite_are_no_figure():
    model, _ = network(layers.Softmax())
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(ValueError, match="outputs NaN or infinity for 6 of 6 images"):
        evaluate(model, Split(IMAGES, np.arange(6) % 4))


def test_a_softmax_within_the_network_stays():
    shared = layers.Softmax()
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, name="maps")(inputs)
    outputs = keras.Model(inputs, shared(layers.Dense(4, name="last")(layers.Flatten()(shared(maps)))))
    logits = keras.Model(inputs, outputs.get_layer("last").output)
    np.testing.assert_allclose(gradcam(outputs, IMAGES, 1, "maps"), gradcam(logits, IMAGES, 1, "maps"), atol=1e-5)


def test_the_networks_of_the_zoo():
    for name in ("lenet5", "alexnet"):
        for activation, kind in (("softmax", "softmax"), (None, "logits")):
            model = cnnzoo.create_model(name, classifier_activation=activation, kernel_initializer="zeros")
            assert ending_by_graph(model).kind == kind


class Subclassed(keras.Model):
    def call(self, images):
        return keras.ops.mean(images, axis=(1, 2))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("lenet5", r"must be a Keras model\. Received the string 'lenet5'\. Build it with `cnnzoo\.create_model`"),
        (None, "must be a Keras model. Received: NoneType"),
        (keras.Sequential([layers.Dense(2)]), r"must be built.*Start it with `keras\.Input\(shape\)`"),
        (Subclassed(), "the layer graph of a subclassed model is unknown"),
        (keras.Sequential([keras.Input((3,)), layers.Dense(2)]), r"must map images of shape \(n, height"),
    ],
)
def test_what_is_no_classifier_of_images_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        check_classifier(model)


def test_several_inputs_or_outputs_are_refused():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    flat = layers.Flatten()(first)
    for model in (
        keras.Model([first, second], layers.Flatten()(first + second)),
        keras.Model(first, [layers.Dense(2)(flat), layers.Dense(3)(flat)]),
        keras.Model(first, {"a": layers.Dense(2)(flat), "b": layers.Dense(3)(flat)}),
    ):
        with pytest.raises(ValueError, match="must map images"):
            check_classifier(model)


def test_an_activation_that_is_replaced_is_noticed():
    model = cnnzoo.models.lenet5()
    assert ending_by_graph(model).kind == "softmax"
    model.layers[-1].activation = keras.activations.linear
    assert ending_by_graph(model).kind == "logits"


def test_a_layer_that_is_added_is_noticed():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    assert ending_by_graph(model).kind == "logits"
    model.add(keras.layers.Softmax())
    assert ending_by_graph(model).kind == "softmax"


def test_what_is_known_of_a_model_goes_with_it():
    model = cnnzoo.models.lenet5()
    ending_by_graph(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
