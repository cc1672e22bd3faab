"""The engine of pages to draw on, in a real browser, beside Keras: values, gradients, heat maps."""

import base64
import tarfile

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import cnnzoo
from cnnzoo._keras.graph import layer_names, outputs_of
from cnnzoo.data import load_digits
from cnnzoo.play import write_page
from tests.browser import browser, watched  # noqa: F401  # fixtures
from tests.play.explaining import see, unexplained
from tests.play.families import FAMILIES

pytestmark = pytest.mark.slow

SHIPPED = ("lenet1", "lenet5_1998", "lenet5", "resnet20")


def build(name):
    side = FAMILIES[name]
    model = cnnzoo.create_model(name) if side is None else cnnzoo.create_model(name, input_shape=(side, side, 3))
    random = np.random.default_rng(0)  # normalisations that do something
    model.set_weights(
        [each + random.random(each.shape) / 20 if each.ndim == 1 else each for each in model.get_weights()]
    )
    return model


NUMBERS = "(text) => Subject.floats(text)"  # what `text_of` packed
TEXT = """(values) => {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}"""


def text_of(values):
    """Pack float32 values: as numbers, one by one, they take longer to pass to a page than to compute."""
    return base64.b64encode(np.asarray(values, np.float32).tobytes()).decode()


def values_of(text):
    return np.frombuffer(base64.b64decode(text), np.float32)


def largest_difference(page, model, image):
    """Return the largest difference of any layer's values from Keras', relative to the layer's largest, and where."""
    steps, texts = page.evaluate(
        f"""(image) => {{
          const layers = window.cnnzoo.network.steps.map((step) => step.layer);
          return [layers, window.cnnzoo.run(({NUMBERS})(image)).map({TEXT})];
        }}""",
        text_of(image),
    )
    found = [values_of(text) for text in texts]
    last = {layer: number + 1 for number, layer in enumerate(steps)}
    symbols = outputs_of(model, [name for name in layer_names(model) if name in last])
    wanted = keras.Model(model.inputs, list(symbols.values()))([image[None]])
    differences = {
        name: np.abs(found[last[name]] - np.asarray(value).ravel()).max() / max(np.abs(value).max(), 1e-9)
        for name, value in zip(symbols, wanted, strict=True)
    }
    where = max(differences, key=differences.get)
    return differences[where], where


def answers(page, images):
    """Return the class that the page finds for each image."""
    return page.evaluate(
        f"""(texts) => texts.map(({NUMBERS})).map((image) => {{
          const value = window.cnnzoo.run(image).pop();
          return value.indexOf(Math.max(...value));
        }})""",
        [text_of(image) for image in images],
    )


@pytest.mark.parametrize("name", ["lenet1", "lenet5_1998", "lenet5"])
def test_a_thousand_digits_have_the_same_class(watched, tmp_path, name):  # noqa: F811
    run = cnnzoo.training.load_run(name)
    page = watched(write_page(run, tmp_path / "page.html").path)
    _, test = load_digits()
    images = test.images if run.image_size == (32, 32) else test.images[:, 2:30, 2:30]
    assert answers(page, images) == run.model.predict(images, verbose=0).argmax(axis=1).tolist()


def test_a_thousand_photographs_have_the_same_class(watched, tmp_path, datasets):  # noqa: F811
    archive = datasets / "cifar10-jpeg.tar.xz"
    if not archive.is_file():
        pytest.skip("real photographs: cifar10-jpeg.tar.xz beside mnist.npz")
    with tarfile.open(archive) as files:
        names = [member for member in files if member.isfile() and member.name.startswith("test/")][::10]
        pixels = [np.asarray(Image.open(files.extractfile(member)).convert("RGB")) for member in names]
    images = np.stack(pixels).astype(np.float32) / 255
    assert len(images) == 1000
    run = cnnzoo.training.load_run("resnet20")
    page = watched(write_page(run, tmp_path / "page.html").path)
    assert answers(page, images) == run.model.predict(images, verbose=0).argmax(axis=1).tolist()


def test_a_moment_of_the_training_has_its_weights(watched, tmp_path):  # noqa: F811
    options = {"epochs": 1, "snapshots": True, "progress": False}
    run = cnnzoo.training.train("lenet5", out=tmp_path / "run", **options)
    written = write_page(run, tmp_path / "page.html", float32=True)
    page = watched(written.path)
    assert written.snapshots == len(run.snapshots) - 1 > 5  # the last is the end
    model = keras.models.clone_model(run.model)
    image = np.random.default_rng(1).random((32, 32, 1), np.float32)
    assert page.locator("#snapshot-text").inner_text() == "as trained"
    for number in (0, written.snapshots // 2, written.snapshots):
        page.locator("#snapshot").fill(str(number))
        is_end = number == written.snapshots
        model.set_weights(run.model.get_weights() if is_end else run.snapshots[number].read(model))
        difference, where = largest_difference(page, model, image)
        assert difference < (1e-5 if is_end else 1e-3), where


def test_a_separable_convolution_and_broadcasting(watched, tmp_path):  # noqa: F811
    inputs = keras.Input((6, 5, 3))
    maps = layers.SeparableConv2D(7, 3, padding="same", activation="relu", name="separable")(inputs)
    rows, columns = layers.AveragePooling2D((1, 5))(maps), layers.AveragePooling2D((6, 1))(maps)
    joined = layers.Multiply(name="joined")([rows, columns])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D(name="pooled")(joined)))
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(0).random((6, 5, 3), np.float32)
    difference, where = largest_difference(page, model, image)
    assert difference < 1e-5, where
    page.get_by_role("button", name="separable, map 5", exact=True).hover()
    assert "sum of 3 products" in page.locator("#look").inner_text()
    assert page.get_by_role("button", name="pooled: 7 values").is_visible()


def heat_of(page, script):
    return np.array(page.evaluate(f"() => {{ const [subject] = window.cnnzoo.subjects; {script} }}"))


OCCLUSION = """
  const steps = subject.occlusion(%d);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return Array.from(step.value);
"""


def prepare(page, image):
    """Let the first network see ``image``, and return the class that it answers."""
    see(page, image)
    return page.evaluate("window.cnnzoo.subjects[0].ranking()[0]")


def uncertain(model):
    """Return an image between two digits, of which a network is not certain."""
    _, test = load_digits()
    image = (test.images[0] + test.images[3]) / 2
    return image if model.input_shape[1] == 32 else image[2:30, 2:30]


@pytest.mark.parametrize("name", FAMILIES)
def test_layers_and_heat_maps_are_those_of_python(watched, tmp_path, name):  # noqa: F811
    model = cnnzoo.training.load_run(name).model if name in SHIPPED else build(name)
    image = np.random.default_rng(1).random(model.input_shape[1:], np.float32)
    page = watched(write_page(model, tmp_path / "short.html").path)
    difference, where = largest_difference(page, model, image)
    assert difference < 1e-3, where
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    difference, where = largest_difference(page, model, image)
    assert difference < 1e-5, where
    if name.startswith("lenet"):
        image = uncertain(model)
    label = prepare(page, image)
    assert unexplained(page) == []
    classes = range(model.output_shape[-1])
    maps = ((each, cnnzoo.inspect.gradcam(model, image[None], each, scale="unit")[0]) for each in classes)
    supported, wanted = next((each, heat) for each, heat in maps if heat.any())  # nothing may support others
    assert wanted.max() == 1
    heat = heat_of(page, f"return Array.from(subject.gradcam(subject.heatLayer(), {supported}));")
    assert np.abs(heat.reshape(wanted.shape) - wanted).max() < 1e-3
    if name in SHIPPED:
        wanted = cnnzoo.inspect.occlusion(model, image[None], label, scale="unit")[0]
        assert np.abs(heat_of(page, OCCLUSION % label).reshape(wanted.shape) - wanted).max() < 1e-3


ENDINGS = [
    (1, "sigmoid", "unit"),
    (1, None, "byte"),
    (3, None, "unit"),
    (3, "log_softmax", "byte"),
    (3, "softmax", "byte"),
]


@pytest.mark.parametrize(("units", "activation", "scale"), ENDINGS)
def test_heat_maps_of_any_ending_are_those_of_python(watched, tmp_path, units, activation, scale):  # noqa: F811
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 12, 3))
    values = layers.Rescaling(1 / 255)(inputs) if scale == "byte" else inputs
    maps = layers.Conv2D(5, 3, activation="relu")(values)
    model = keras.Model(inputs, layers.Dense(units, activation=activation)(layers.Flatten()(maps)))
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(0).random((12, 12, 3), np.float32)
    prepare(page, image)
    images = image[None] * (255 if scale == "byte" else 1)
    for label in range(max(units, 2)):
        heat = heat_of(page, f"return Array.from(subject.gradcam(subject.heatLayer(), {label}));")
        wanted = cnnzoo.inspect.gradcam(model, images, label, scale=scale)[0]
        assert np.abs(heat.reshape(12, 12) - wanted).max() < 1e-3
        wanted = cnnzoo.inspect.occlusion(model, images, label, scale=scale)[0]
        assert np.abs(heat_of(page, OCCLUSION % label).reshape(12, 12) - wanted).max() < 1e-2


FUNCTIONS = ("relu", "relu6", "sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "exponential")
FUNCTIONS += ("hard_sigmoid", "hard_silu", "silu", "leaky_relu", "softmax", "log_softmax")


def test_gradients_through_all_activations_are_those_of_keras(watched, tmp_path):  # noqa: F811
    keras.utils.set_random_seed(2)
    inputs = keras.Input((7, 6, 3))
    first = layers.Conv2D(5, 3, name="first")(inputs)
    maps = layers.Concatenate()([layers.Conv2D(2, 3, activation=name, name=f"by_{name}")(first) for name in FUNCTIONS])
    scaled = layers.Multiply()([layers.Subtract()([maps, layers.ReLU()(maps)]), layers.Maximum()([maps, maps])])
    both = layers.Concatenate()([scaled, maps])
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(both)))
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(0).random((7, 6, 3), np.float32)
    label = prepare(page, image)
    for layer in ("first", *(f"by_{name}" for name in FUNCTIONS)):
        number = page.evaluate(f"window.cnnzoo.subjects[0].layers.find(({{ layer }}) => layer === '{layer}').number")
        heat = heat_of(page, f"return Array.from(subject.gradcam({number}, {label}));").reshape(7, 6)
        wanted = cnnzoo.inspect.gradcam(model, image[None], label, layer=layer, scale="unit")[0]
        assert np.abs(heat - wanted).max() < 1e-3, layer
