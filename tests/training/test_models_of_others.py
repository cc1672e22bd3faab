"""Training, and asking, networks and images that this package did not make."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.data import Dataset, Split
from cnnzoo.data.sampling import subset
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import gradcam
from cnnzoo.training import Recipe, fit, load_run

ONE = Recipe(epochs=1, batch_size=20, learning_rate=1e-3, precision="float32")
UNTRAINED = Recipe(epochs=1, batch_size=200, learning_rate=1e-9, precision="float32")
SIDE = 32


@pytest.fixture(scope="module")
def small(digits):
    return tuple(subset(split, size) for split, size in zip(digits, (200, 100), strict=True))


def network(*beginning, end=None, width=10):
    keras.utils.set_random_seed(0)
    inputs = outputs = keras.Input((SIDE, SIDE, 1))
    steps = [layers.Conv2D(4, 5, strides=4, name="maps"), layers.Flatten(), layers.Dense(width, name="logits")]
    for step in (*beginning, *steps, *([] if end is None else [end])):
        outputs = step(outputs)
    return keras.Model(inputs, outputs)


def quick(model, train, test, recipe=ONE, **options):
    return fit(model, train, test, recipe=recipe, progress=False, **options)


def as_ones(split, form=lambda labels: labels[:, None]):
    return Split(split.images, form((split.labels == 1).astype(np.uint8)))


ENDS = {
    "logit": (None, False),
    "sigmoid": (layers.Activation("sigmoid"), True),
    "operation": (keras.ops.sigmoid, True),
    "scaled": (lambda outputs: outputs / 2.0, False),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_single_output_trains_as_keras_trains_it(small, end, smoothing):
    step, is_probability = ENDS[end]
    train, test = map(as_ones, small)
    model = network(end=step, width=1)
    loss = keras.losses.BinaryCrossentropy(from_logits=not is_probability, label_smoothing=smoothing)
    metric = keras.metrics.BinaryAccuracy(threshold=0.5 if is_probability else 0.0)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=[metric])
    expected_loss, expected_accuracy = model.evaluate(*train, verbose=0)
    recipe = Recipe(
        epochs=1, batch_size=200, learning_rate=1e-9, label_smoothing=smoothing, precision="float32", optimizer="sgd"
    )
    run = quick(model, train, test, recipe)
    assert run.history["loss"][0] == pytest.approx(expected_loss, rel=1e-4)
    assert run.history["accuracy"][0] == pytest.approx(expected_accuracy)
    outputs = model.predict(test.images, verbose=0)
    right = (outputs > (0.5 if is_probability else 0)) == test.labels
    assert run.metrics["test_accuracy"] == pytest.approx(right.mean())
    assert 0 < right.mean() < 1


@pytest.mark.slow
def test_a_binary_run_is_whole(small, tmp_path):
    train, test = map(as_ones, small)
    recipe = Recipe(epochs=15, batch_size=20, learning_rate=1e-2, patience=15)
    model = network(end=layers.Activation("sigmoid"), width=1)
    run = quick(model, Dataset(train, test, ("other", "one")), None, recipe, out=tmp_path / "run")
    assert run.metrics["test_accuracy"] > 0.9 > as_ones(test).labels.mean()
    loaded = load_run(tmp_path / "run")
    assert loaded.record.model.num_classes == 2
    (prediction,) = loaded.predict(test.images[int(np.argmax(test.labels))][None])
    assert set(prediction.probabilities) == {"other", "one"}
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    cnnzoo.report.write_report(tmp_path / "run")
    assert evaluate(loaded.model, test).confusion.sum() == 100


@pytest.fixture(scope="module")
def history_of_numbers(small):
    """What a network of one output learns from class numbers in a column."""
    return quick(network(width=1), *map(as_ones, small)).history


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        lambda labels: labels,
        lambda labels: labels.astype(bool),
        lambda labels: labels[:, None].astype(np.float32),
        lambda labels: np.eye(2)[labels],
        list,
    ],
)
def test_labels_of_two_classes_in_any_form_train_alike(small, history_of_numbers, form):
    train, test = (as_ones(split, form) for split in small)
    assert quick(network(width=1), train, test).history == history_of_numbers


@pytest.mark.slow
def test_pairs_as_keras_gives_them(small):
    expected = quick(network(), *small).history
    images, labels = ([split[part] for split in small] for part in (0, 1))
    as_bytes = [(each[..., 0] * 255).round().astype(np.uint8) for each in images]
    columns = [each[:, None].astype(np.uint8) for each in labels]
    for pixels in (images, as_bytes):
        pairs = list(zip(pixels, columns, strict=True))
        history = quick(network(), *pairs).history
        assert {name: pytest.approx(values, rel=1e-5) for name, values in expected.items()} == history


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused_by_number(small, part, value, tmp_path):
    splits = dict(zip(("train", "test"), small, strict=True))
    images = splits[part].images.copy()
    images[7, 0, 0, 0] = value
    splits[part] = Split(images, splits[part].labels)
    with pytest.raises(ValueError, match=f"`{part}.images` must be finite.*in 1 of .* the first at position 7"):
        quick(network(), splits["train"], splits["test"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_weight_that_is_no_number_ends_the_training(small):
    """A ReLU makes 0 of NaN on some machines: the loss stays finite, the network is spoilt."""

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.epoch == 1:
                layer = self.model.get_layer("unused")
                layer.kernel.assign(np.full(layer.kernel.shape, np.nan, np.float32))

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    inputs = keras.Input((SIDE, SIDE, 1))
    unused = layers.Dense(1, name="unused", trainable=False)(layers.Flatten()(inputs))
    unused = keras.ops.where(unused > np.inf, 1.0, 0.0)
    model = keras.Model(inputs, layers.Dense(10)(layers.Flatten()(inputs)) + unused)
    recipe = Recipe(epochs=3, batch_size=20, learning_rate=1e-3, precision="float32")
    with pytest.raises(ArithmeticError, match="Weight 'unused/kernel' is not finite after epoch 2") as caught:
        quick(model, *small, recipe, callbacks=[Spoil()])
    assert all(np.isfinite(weight).all() for weight in model.get_weights())  # those after the first epoch
    assert caught.value.run.record.weights_of_epoch == 1


@pytest.mark.slow
def test_the_networks_own_scale_is_trained_and_asked(small, tmp_path):
    splits = [Split((images * 255).round().astype(np.uint8), labels) for images, labels in small]
    model, training_copy = network(layers.Rescaling(1 / 255)), network()
    run = quick(model, *splits, out=tmp_path / "run")
    plain = quick(training_copy, *splits)
    assert {name: pytest.approx(values, rel=1e-4) for name, values in plain.history.items()} == run.history
    assert run.record.data.scale == "byte"
    assert plain.record.data.scale == "unit"
    loaded = load_run(tmp_path / "run")
    expected = plain.predict(splits[1].images)
    for each, other in zip(loaded.predict(splits[1].images), expected, strict=True):
        assert each.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    np.testing.assert_allclose(
        gradcam(loaded.model, splits[1].images[:4]), gradcam(training_copy, splits[1].images[:4]), atol=1e-3
    )
    found = cnnzoo.report.write_report(tmp_path / "run", force=True)
    assert not any("Grad-CAM" in sentence for sentence in found.missing)


@pytest.mark.slow
def test_a_network_that_was_trained_is_known_to_take_what_it_was_trained_on(small):
    model = network()
    images = (small[1].images * 255).round().astype(np.uint8)
    with pytest.raises(ValueError, match="the network's input range is unknown"):
        evaluate(model, (images, small[1].labels))
    quick(model, *small)
    assert evaluate(model, (images, small[1].labels)).accuracy == evaluate(model, small[1]).accuracy


@pytest.mark.slow
def test_floats_of_a_range_of_their_own(small):
    standardized = [Split((images - 0.3) / 0.4, labels) for images, labels in small]
    model = network()
    run = quick(model, *standardized)
    assert run.record.data.scale == "raw"
    assert run.metrics["test_accuracy"] == evaluate(model, standardized[1]).accuracy
    with pytest.raises(ValueError, match=r"trained on floats that are not pixels in \[0, 1\]"):
        run.predict(small[1].images[:1])
    of_bytes = [Split(images * 255, labels) for images, labels in small]
    with pytest.warns(
        UserWarning, match=r"expects pixels in \[0, 1\], but `(train|test).images` has pixels in \[0, 255\]"
    ) as caught:
        quick(network(), *of_bytes)
    assert caught[0].filename == __file__


def test_colours_cannot_be_changed_beyond_the_range_that_is_known(small):
    images = np.repeat(small[0].images * 255, 3, axis=-1)
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(10)])
    recipe = Recipe(epochs=1, batch_size=20, augment="color", precision="float32")
    split = Split(images, small[0].labels)
    with pytest.raises(ValueError, match=r"'color' needs pixels in \[0, 1\]"):
        quick(model, split, split, recipe, scale="raw")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beginning", "end"),
    [
        ([layers.Lambda(lambda images: images * 2.0)], None),
        ([], layers.Activation(lambda logits: keras.ops.softmax(logits))),
        ([], layers.Softmax()),
        ([], keras.ops.softmax),
        ([layers.Dense(2, activation=lambda values: values * 2.0)], layers.Activation("softmax")),
    ],
)
def test_networks_that_keras_cannot_copy_are_trained(small, beginning, end):
    model = network(*beginning, end=end)
    untouched = network(*beginning, end=end)
    logits = keras.Model(untouched.inputs[0], untouched.get_layer("logits").output)
    logits.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [weight.copy() for weight in model.get_weights()]
    run = quick(model, *small, UNTRAINED)
    assert run.history["loss"][0] == pytest.approx(logits.evaluate(*small[0], verbose=0), rel=1e-4)
    run = quick(model, *small)
    assert any((weight != old).any() for weight, old in zip(model.get_weights(), before, strict=True))
    assert run.metrics["test_accuracy"] == evaluate(model, small[1]).accuracy


@pytest.mark.slow
def test_a_network_with_a_loss_of_the_users_is_trained(small):
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(10)])
    model.compile(loss=lambda labels, outputs: keras.ops.mean(outputs))
    before = model.loss
    quick(model, *small)
    assert model.loss is before


class Untold(layers.Layer):
    def __init__(self, thing):
        super().__init__(name="untold")
        self.thing = object()

    def call(self, values):
        return values


class Subclassed(keras.Model):
    def call(self, images):
        return keras.ops.mean(images, axis=(1, 2))


def tensorflow_dataset():
    import tensorflow

    return tensorflow.data.Dataset.from_tensor_slices(np.zeros((2, 32, 32, 1), np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": lambda: "lenet5"}, r"Received the string 'lenet5'"),
        ({"model": lambda: Subclassed(name="mine")}, "subclassed model .* Received: Subclassed 'mine'"),
        ({"model": lambda: keras.Sequential([layers.Flatten(), layers.Dense(10)])}, r"Start it with `keras\.Input"),
        ({"model": lambda: network(Untold(3))}, r"Layer 'untold' \(Untold\) cannot be copied, but training works on"),
        ({"train": tensorflow_dataset}, r"a tf\.data\.Dataset\. Collect it first: `images, labels = "),
        ({"train": lambda: cnnzoo.data.load_dataset("digits")}, "A data set has its own test images"),
        ({"train": lambda: 3}, r"`train` must be a pair of arrays, \(images, labels\)\. Received: builtins\.int"),
    ],
)
def test_what_cannot_be_trained_gets_one_sentence(small, change, message, tmp_path):
    given = {"model": network, "train": lambda: small[0], **change}
    with pytest.raises(ValueError, match=message):
        quick(given["model"](), given["train"](), small[1], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_that_will_not_be_read_back_is_told_before_the_training(small, tmp_path):
    model = network(layers.Lambda(lambda images: images * 2.0, name="doubled"), end=layers.Activation("softmax"))
    with pytest.warns(UserWarning, match="will not give this network back: doubled holds a Python function"):
        run = quick(model, *small, out=tmp_path / "run")
    assert run.predict(small[1].images[:1])
    with pytest.raises(ValueError, match="doubled"):
        load_run(tmp_path / "run")
