"""Random small networks, images and labels, as others make them: equal figures to plain Keras, or a documented error.

    python benchmarks/fuzz.py --models 2000 [--seconds 3000] [--seed 0]

Each network has a beginning (what it does to pixels), a trunk, and an end (probabilities, logits, in some guise); what
these mean is known here by how they were made. What `evaluate`, and of some `gradcam` and `fit`, say of it is compared
with what Keras' own `predict` and losses give for pixels and labels in the form that the network is meant for. Where
the parts do not say what they mean (whole numbers for a network that does not scale them), where they cannot choose one
class, or where labels or pixels are none, a ValueError is expected. A wrong figure, another exception, an error where
there should be none, and a figure where there should be an error all fail the run.
"""

import collections
import random
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from cnnzoo._keras.scale import scale_of
from cnnzoo.data import Split
from cnnzoo.evaluation import evaluate
from cnnzoo.inspect import gradcam
from cnnzoo.training import Recipe, fit

IMAGES = 12
TOLERANCE = {"float32": 2e-3, "mixed_bfloat16": 5e-2, "float64": 2e-3}


def by_hand(values: Any) -> Any:
    values = values - keras.ops.max(values, axis=-1, keepdims=True)
    return keras.ops.exp(values) / keras.ops.sum(keras.ops.exp(values), axis=-1, keepdims=True)


def sigmoid_by_hand(values: Any) -> Any:
    return 1 / (1 + keras.ops.exp(-values))


class Hidden(layers.Layer):
    def call(self, values: Any) -> Any:
        return by_hand(values)


def adapted(largest: float) -> layers.Layer:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).uniform(0, largest, (8, 6, 6, 3)).astype(np.float32))
    return layer


def within(layer: layers.Layer) -> Callable[[Any], Any]:
    return lambda values: keras.Sequential([keras.Input(values.shape[1:]), layer])(values)


# What a network does to pixels first, and the largest pixel that it is meant for; None where its graph does not tell
BEGINNINGS: dict[str, tuple[Callable[[], list[Any]], int | None]] = {
    "plain": (lambda: [], None),
    "padding": (lambda: [layers.ZeroPadding2D(1)], None),
    "frozen": (lambda: [layers.Conv2D(3, 1, trainable=False)], None),
    "rescaling": (lambda: [layers.Rescaling(1 / 255)], 255),
    "to -1": (lambda: [layers.Rescaling(1 / 127.5, offset=-1)], 255),
    "division": (lambda: [lambda values: values / 255.0], 255),
    "lambda": (lambda: [layers.Lambda(lambda values: values / 255.0)], 255),
    "flips": (lambda: [layers.RandomFlip(), layers.Rescaling(1 / 255)], 255),
    "contrast": (lambda: [layers.Rescaling(1 / 255), layers.RandomContrast(0.5)], 255),
    "within": (lambda: [within(layers.Rescaling(1 / 255))], 255),
    "normalized bytes": (lambda: [adapted(255.0)], 255),
    "normalized": (lambda: [adapted(1.0)], 1),
    "centred": (lambda: [lambda values: values * 2 - 1], 1),
    "caffe": (lambda: [lambda values: keras.ops.flip(values, -1) - np.float32([104, 117, 124])], 255),
}

# What stands behind the logits, and what it makes of them; None where that cannot choose one class
PROBABILITIES, LOGITS = "probabilities", "logits"
ENDS: dict[str, tuple[Callable[[int], list[Any]], str | None]] = {
    "logits": (lambda width: [layers.Dense(width)], LOGITS),
    "linear": (lambda width: [layers.Dense(width), layers.Activation("linear")], LOGITS),
    "temperature": (lambda width: [layers.Dense(width), lambda values: values / 2.5], LOGITS),
    "scaled": (lambda width: [layers.Dense(width), layers.Rescaling(1.5)], LOGITS),
    "normalized": (lambda width: [layers.Dense(width), layers.BatchNormalization()], LOGITS),
    "dropped": (lambda width: [layers.Dense(width), layers.Dropout(0.5)], LOGITS),
    "name": (lambda width: [layers.Dense(width, activation="softmax")], PROBABILITIES),
    "function": (lambda width: [layers.Dense(width, activation=by_hand)], PROBABILITIES),
    "object": (lambda width: [layers.Dense(width, activation=layers.Softmax())], PROBABILITIES),
    "layer": (lambda width: [layers.Dense(width), layers.Softmax()], PROBABILITIES),
    "activation": (lambda width: [layers.Dense(width), layers.Activation("softmax")], PROBABILITIES),
    "operation": (lambda width: [layers.Dense(width), keras.ops.softmax], PROBABILITIES),
    "lambda": (lambda width: [layers.Dense(width), layers.Lambda(by_hand)], PROBABILITIES),
    "by hand": (lambda width: [layers.Dense(width), by_hand], PROBABILITIES),
    "custom": (lambda width: [layers.Dense(width), Hidden()], PROBABILITIES),
    "within": (lambda width: [layers.Dense(width), within(layers.Softmax())], PROBABILITIES),
    "cast": (lambda width: [layers.Dense(width, activation="softmax"), Casting()], PROBABILITIES),
    "dropped softmax": (lambda width: [layers.Dense(width, "softmax"), layers.Dropout(0.5)], PROBABILITIES),
    "smoothed": (lambda width: [layers.Dense(width, "softmax"), lambda v: v * 0.9 + 0.1 / width], PROBABILITIES),
    "sigmoids": (lambda width: [layers.Dense(width, activation="sigmoid")], None),
    "hard sigmoids": (lambda width: [layers.Dense(width), layers.Activation("hard_sigmoid")], None),
}
BINARY_ENDS: dict[str, tuple[Callable[[int], list[Any]], str | None]] = {
    **{name: ENDS[name] for name in ("logits", "linear", "temperature", "scaled", "normalized", "dropped")},
    "sigmoid": (lambda width: [layers.Dense(1, activation="sigmoid")], PROBABILITIES),
    "sigmoid layer": (lambda width: [layers.Dense(1), layers.Activation("sigmoid")], PROBABILITIES),
    "sigmoid operation": (lambda width: [layers.Dense(1), keras.ops.sigmoid], PROBABILITIES),
    "sigmoid lambda": (
        lambda width: [layers.Dense(1), layers.Lambda(lambda v: 1 / (1 + keras.ops.exp(-v)))],
        PROBABILITIES,
    ),
    "constant": (lambda width: [layers.Dense(1), lambda v: keras.ops.exp(v) / keras.ops.exp(v)], None),
    "softmax": (lambda width: [layers.Dense(1, activation="softmax")], None),
}


class Casting(layers.Layer):
    def call(self, values: Any) -> Any:
        return keras.ops.cast(values, "float32")


class Network(NamedTuple):
    model: keras.Model
    largest: int | None
    gives: str | None
    policy: str
    end: str
    name: str


def network(dice: random.Random) -> Network:
    width = dice.choice((1, 2, 3, 3, 7))
    beginning = dice.choice(list(BEGINNINGS))
    ends = BINARY_ENDS if width == 1 else ENDS
    end = dice.choice(list(ends))
    policy = dice.choice(("float32", "float32", "mixed_bfloat16", "float64"))
    can_be_first = policy == "float32" and beginning in ("plain", "rescaling", "division")  # as TensorFlow computes it
    first = dice.random() < 0.2 and can_be_first
    keras.utils.set_random_seed(dice.randrange(10_000))
    keras.config.set_dtype_policy(policy)
    try:
        (begin, largest), (finish, gives) = BEGINNINGS[beginning], ends[end]
        order = {"data_format": "channels_first"} if first else {}
        inputs = outputs = keras.Input((3, 9, 8) if first else (9, 8, 3))
        trunk = [layers.Conv2D(4, 3, activation=dice.choice(("relu", "tanh")), name="maps", **order)]
        if dice.random() < 0.5:
            trunk.append(layers.MaxPooling2D(2, **order))
        trunk.append(layers.GlobalAveragePooling2D(**order) if dice.random() < 0.4 else layers.Flatten())
        steps = [*begin(), *trunk, *finish(width)]
        all_layers = all(isinstance(step, keras.Layer) for step in steps)
        if all_layers and dice.random() < 0.3:
            model = keras.Sequential([inputs, *steps])
        else:
            for step in steps:
                outputs = step(outputs)
            model = keras.Model(inputs, outputs)
    finally:
        keras.config.set_dtype_policy("float32")
    return Network(model, largest, gives, policy, end, f"{beginning} | {end} | {width} | {policy} | {first=}")


class Given(NamedTuple):
    images: np.ndarray
    taken: np.ndarray  # what Keras gets
    is_told: bool  # whether it can be told how to take them
    name: str


def given_images(dice: random.Random, made: Network) -> Given:
    shape = tuple(made.model.inputs[0].shape[1:])
    pixels = np.random.default_rng(dice.randrange(10_000)).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    kind = dice.choice(("bytes", "bytes", "floats", "floats", "float64", "nan", "whole"))
    largest = made.largest or 1
    floats = pixels.astype(np.float32) * np.float32(largest / 255)
    if kind == "bytes":
        return Given(pixels, floats, made.largest is not None, kind)
    if kind == "nan":
        floats[dice.randrange(IMAGES), 0, 0, 0] = dice.choice((np.nan, np.inf))
        return Given(floats, floats, False, kind)
    if kind == "whole":
        return Given(pixels.astype(np.int64), floats, False, kind)
    return Given(floats.astype(np.float64) if kind == "float64" else floats, floats, True, kind)


def given_labels(dice: random.Random, classes: int) -> tuple[Any, np.ndarray, bool, str]:
    """Labels in some form, the numbers that they mean, and whether they mean any."""
    numbers = np.random.default_rng(dice.randrange(10_000)).integers(0, classes, IMAGES)
    numbers[:2] = 0, classes - 1
    rows = np.eye(classes)[numbers]
    forms: dict[str, tuple[Any, bool]] = {
        "int64": (numbers, True),
        "uint8 column": (numbers[:, None].astype(np.uint8), True),
        "floats": (numbers.astype(np.float32), True),
        "float column": (numbers[:, None].astype(np.float64), True),
        "one-hot": (rows, True),
        "whole one-hot": (rows.astype(np.int32), True),
        "list": (numbers.tolist(), True),
        "strings": (np.array([f"class {number}" for number in numbers]), False),
        "from 1": (numbers + 1, False),
        "negative": (numbers - 1, False),
        "soft": (rows * 0.8 + 0.1, False),
        "two at once": (np.minimum(rows + np.roll(rows, 1, axis=1), 1) if classes > 2 else rows * 2, False),
        "none": (rows * 0, False),
        "halves": (numbers + 0.5, False),
        "objects": (np.array([{}] * IMAGES), False),
        "too few": (numbers[:-1], False),
        "a scalar": (np.array(1), False),
        "wide": (np.eye(classes + 1)[numbers], False),
    }
    name = dice.choice([*list(forms)[:7], *forms])  # half of them mean something
    return forms[name][0], numbers, forms[name][1], name


def truth(made: Network, taken: np.ndarray, numbers: np.ndarray) -> tuple[float, float]:
    """Accuracy and loss by Keras' own predict and NumPy."""
    outputs = made.model.predict(taken, verbose=0).astype(np.float64)
    if outputs.shape[1] == 1:
        second = outputs[:, 0] if made.gives == PROBABILITIES else 1 / (1 + np.exp(-outputs[:, 0]))
        outputs = np.stack([1 - second, second], axis=1)
    elif made.gives == LOGITS:
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs /= outputs.sum(axis=1, keepdims=True)
    of_true = outputs[np.arange(IMAGES), numbers]
    return float((outputs.argmax(axis=1) == numbers).mean()), float(-np.log(np.clip(of_true, 1e-7, 1)).mean())


def check_evaluation(made: Network, given: Given, labels: Any, numbers: np.ndarray) -> None:
    found = evaluate(made.model, (given.images, labels))
    accuracy, loss = truth(made, given.taken, numbers)
    tolerance = TOLERANCE[made.policy]
    if (
        abs(found.loss - loss) > tolerance * max(1, loss)
        or abs(found.accuracy - accuracy) > 1.5 / IMAGES * (made.policy == "mixed_bfloat16") + 1e-9
    ):
        raise AssertionError(f"accuracy {found.accuracy} for {accuracy}, loss {found.loss} for {loss}")


# Grad-CAM cannot take these apart, and takes the gradient of the logarithm instead
INSEPARABLE = ("by hand", "smoothed", "constant")


def check_heat(made: Network, given: Given) -> None:
    """Compare Grad-CAM of probabilities with that of the logits that they are made of."""
    if made.gives != PROBABILITIES or made.end in INSEPARABLE:
        return
    heat = gradcam(made.model, given.images[:3], 0, "maps")
    last = next(layer for layer in reversed(made.model.layers) if isinstance(layer, layers.Dense))
    activation, last.activation = last.activation, keras.activations.linear
    try:
        logits = keras.Model(made.model.inputs[0], last.output)
        expected = gradcam(logits, given.images[:3], 0, "maps")
    finally:
        last.activation = activation
    if np.abs(heat - expected).max() > 0.02:
        raise AssertionError(f"heat is off by {np.abs(heat - expected).max()}")


def check_training(made: Network, given: Given, labels: Any, numbers: np.ndarray) -> None:
    """Compare the loss of a training that changes nothing with that of Keras."""
    if made.policy != "float32" or "flips" in made.name or "contrast" in made.name or "dropped" in made.name:
        return
    if made.end == "normalized" or made.model.inputs[0].shape[1] == 3:
        return  # batch normalisation works otherwise in training; channels first are refused
    _, loss = truth(made, given.taken, numbers)
    recipe = Recipe(epochs=1, batch_size=IMAGES, learning_rate=1e-9, precision="float32")
    split = Split(given.images, labels)
    run = fit(made.model, split, split, recipe=recipe, progress=False)
    if abs(run.history["loss"][0] - loss) > 2e-3 * max(1, loss):
        raise AssertionError(f"training loss {run.history['loss'][0]} for {loss}")


def fuzz(count: int, seconds: float, seed: int) -> bool:
    """Try ``count`` networks; tell whether all was as expected."""
    dice = random.Random(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    start = time.perf_counter()
    warnings.simplefilter("ignore")
    for tried in range(count):
        if time.perf_counter() - start > seconds:
            outcomes["TIME RAN OUT"] += 1
            break
        made = network(dice)
        given = given_images(dice, made)
        classes = max(int(made.model.outputs[0].shape[-1]), 2)
        labels, numbers, means_any, form = given_labels(dice, classes)
        told = scale_of(made.model)
        expected = {None: None, 1: "unit", 255: "byte"}[made.largest]
        if told != expected:
            outcomes["WRONG range"] += 1
            print(f"{tried}: {made.name}: range {told} for {expected}")
        should_work = made.gives is not None and given.is_told and means_any
        what = f"{tried}: {made.name}, images {given.name}, labels {form}"
        try:
            check_evaluation(made, given, labels, numbers)
            if should_work:
                if tried % 4 == 0:
                    check_heat(made, given)
                if tried % 10 == 0:
                    check_training(made, given, labels, numbers)
            outcome = "equal" if should_work else "NOT REFUSED"
        except ValueError as error:
            outcome = "REFUSED" if should_work else "refused"
            if should_work:
                print(f"{what}: {error}")
        except AssertionError as error:
            outcome = "WRONG"
            print(f"{what}: {error}")
        except Exception:
            outcome = "UNDOCUMENTED"
            print(what)
            traceback.print_exc()
        if outcome == "NOT REFUSED":
            print(f"{what}: should be refused")
        outcomes[outcome] += 1
        if tried % 50 == 49:
            keras.backend.clear_session()
            print(f"{tried + 1:,} networks, {time.perf_counter() - start:.0f} s: {dict(outcomes)}", flush=True)
    print(f"{sum(outcomes.values()):,} networks in {time.perf_counter() - start:.0f} s: {dict(outcomes)}")
    return set(outcomes) <= {"equal", "refused"}
