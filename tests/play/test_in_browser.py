"""Pages to draw on, in a real browser, beside Keras."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import cnnzoo
from cnnzoo._keras.graph import layer_names, outputs_of
from cnnzoo.data import load_digits
from cnnzoo.data.picture import read_picture
from cnnzoo.play import write_page
from tests.browser import axe, browser, watched  # noqa: F401  # two are fixtures

pytestmark = pytest.mark.slow

# The smallest network of each family, at images that are small for it
FAMILIES = {
    **{name: None for name in ("lenet1", "lenet5_1998", "lenet5", "resnet20", "squeezenet1_1", "nin_cifar10")},
    **{name: 32 for name in ("wrn_16_4", "densenet_40_12", "shufflenet_v2_x0_5", "mnasnet0_5", "mobilenet_v1")},
    **{name: 32 for name in ("mobilenet_v2", "mobilenet_v3_small", "googlenet", "densenet121")},
}


def build(name):
    side = FAMILIES[name]
    model = cnnzoo.create_model(name) if side is None else cnnzoo.create_model(name, input_shape=(side, side, 3))
    random = np.random.default_rng(0)  # normalisations that do something
    model.set_weights(
        [each + random.random(each.shape) / 20 if each.ndim == 1 else each for each in model.get_weights()]
    )
    return model


def largest_difference(page, model, image):
    """Return the largest difference of any layer's values from Keras', relative to the layer's largest, and where."""
    steps, found = page.evaluate(
        """(image) => {
          const layers = window.cnnzoo.network.steps.map((step) => step.layer);
          return [layers, window.cnnzoo.run(image).map((value) => Array.from(value))];
        }""",
        image.ravel().tolist(),
    )
    last = {layer: number + 1 for number, layer in enumerate(steps)}
    symbols = outputs_of(model, [name for name in layer_names(model) if name in last])
    wanted = keras.Model(model.inputs, list(symbols.values()))([image[None]])
    differences = {
        name: np.abs(np.asarray(found[last[name]]) - np.asarray(value).ravel()).max() / max(np.abs(value).max(), 1e-9)
        for name, value in zip(symbols, wanted, strict=True)
    }
    where = max(differences, key=differences.get)
    return differences[where], where


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_gives_the_values_of_keras(watched, tmp_path, name):  # noqa: F811
    model = build(name)
    page = watched(write_page(model, tmp_path / "page.html", float32=True).path)
    image = np.random.default_rng(1).random(model.input_shape[1:], np.float32)
    difference, where = largest_difference(page, model, image)
    assert difference < 1e-5, where


@pytest.mark.parametrize("name", ["lenet1", "lenet5_1998", "lenet5", "resnet20"])
@pytest.mark.parametrize(("float32", "tolerance"), [(None, 1e-5), (False, 1e-2)])
def test_trained_weights_give_the_values_of_keras(watched, tmp_path, name, float32, tolerance):  # noqa: F811
    run = cnnzoo.training.load_run(name)
    page = watched(write_page(run, tmp_path / "page.html", float32=float32).path)
    image = np.random.default_rng(1).random(run.model.input_shape[1:], np.float32)
    difference, where = largest_difference(page, run.model, image)
    assert difference < tolerance, where


@pytest.mark.parametrize("name", ["lenet1", "lenet5_1998", "lenet5"])
def test_a_thousand_digits_have_the_same_class(watched, tmp_path, name):  # noqa: F811
    run = cnnzoo.training.load_run(name)
    page = watched(write_page(run, tmp_path / "page.html").path)
    _, test = load_digits()
    images = test.images if run.image_size == (32, 32) else test.images[:, 2:30, 2:30]
    found = page.evaluate(
        """(images) => images.map((image) => {
          const value = window.cnnzoo.run(image).pop();
          return value.indexOf(Math.max(...value));
        })""",
        [image.ravel().tolist() for image in images],
    )
    assert found == run.model.predict(images, verbose=0).argmax(axis=1).tolist()


def draw(page, points):
    box = page.locator("#board").bounding_box()
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
    page.mouse.up()
    page.wait_for_timeout(200)


SEVEN = ((80, 60), (200, 60), (150, 140), (110, 230))


@pytest.fixture
def lenet(watched, tmp_path):  # noqa: F811
    path = write_page("lenet5", tmp_path / "page.html", float32=True).path
    return lambda **options: watched(path, **options)


def test_what_one_draws_is_read_and_prepared_as_in_python(lenet, tmp_path):
    page = lenet()
    assert page.locator("#answer-0").inner_text() == "Nothing drawn yet."
    draw(page, SEVEN)
    assert page.locator("#answer-0").inner_text().startswith("7, ")
    with page.expect_download() as download:
        page.locator("#save").click()
    download.value.save_as(tmp_path / "drawing.png")
    seen = np.array(page.evaluate("window.cnnzoo.see()")).reshape(32, 32, 1)
    with Image.open(tmp_path / "drawing.png") as picture:
        wanted = cnnzoo.data.prepare_picture(picture.convert("RGB"), (32, 32, 1), "digit")
    assert np.abs(seen - wanted).max() < 0.03
    for button, answer in (("#clear", "Nothing drawn yet."), ("#undo", "7, "), ("#undo", "Nothing drawn yet.")):
        page.locator(button).click()
        page.wait_for_timeout(100)
        assert page.locator("#answer-0").inner_text().startswith(answer)


def test_a_picture_is_opened_and_one_that_is_none_is_refused(lenet, tmp_path):
    page = lenet()
    page.locator("#file").set_input_files("examples/seven.png")
    page.wait_for_timeout(300)
    assert page.locator("#answer-0").inner_text().startswith("7, ")
    (tmp_path / "none.png").write_bytes(b"no picture")
    page.locator("#file").set_input_files(tmp_path / "none.png")
    page.wait_for_timeout(300)
    assert page.locator("#message").inner_text() == "The browser cannot read this file as an image."
    Image.new("RGB", (90, 60), "red").save(tmp_path / "red.png")
    page.locator("#file").set_input_files(tmp_path / "red.png")
    page.wait_for_timeout(300)
    assert "a single colour" in page.locator("#message").inner_text()


def photograph(path, size, mode="RGB"):
    """Write an image with an off-centre stroke, smooth and coloured; "LA" is black on a transparent ground."""
    width, height = size
    down, across = np.mgrid[:height, :width] / [[[height]], [[width]]]
    ink = np.clip(1.5 - 20 * np.abs(across - 0.3 - 0.2 * down), 0, 1) * (np.abs(down - 0.45) < 0.3)
    if mode == "LA":
        levels = np.stack([0 * ink, 255 * ink], axis=-1)
    else:
        levels = 255 * np.stack([ink, ink * (1 - down), ink * across], axis=-1)
    Image.fromarray(levels.astype(np.uint8), mode).save(path)
    return path


def seen_in(page, path, shape):
    page.locator("#file").set_input_files(path)
    page.wait_for_timeout(400)
    assert page.locator("#message").inner_text() == ""
    return np.array(page.evaluate("window.cnnzoo.see()")).reshape(shape)


@pytest.mark.parametrize(("size", "mode"), [((28, 28), "RGB"), ((91, 63), "RGB"), ((120, 200), "LA")])
def test_digits_are_prepared_as_in_python(lenet, tmp_path, size, mode):
    path = photograph(tmp_path / "image.png", size, mode)
    wanted = cnnzoo.data.prepare_picture(read_picture(path), (32, 32, 1), "digit")
    assert np.abs(seen_in(lenet(), path, (32, 32, 1)) - wanted).max() < 0.03


@pytest.mark.parametrize("size", [(33, 50), (500, 333), (37, 37)])
@pytest.mark.parametrize("preparation", ["resize", "crop"])
def test_photographs_are_prepared_as_in_python(watched, tmp_path, size, preparation):  # noqa: F811
    classifier = replace(cnnzoo.training.load_run("resnet20").classifier, preparation=preparation)
    page = watched(write_page(classifier, tmp_path / "page.html").path)
    path = photograph(tmp_path / "image.png", size)
    wanted = cnnzoo.data.prepare_picture(read_picture(path), (32, 32, 3), preparation)
    assert np.abs(seen_in(page, path, (32, 32, 3)) - wanted).max() < 0.01


def test_images_that_are_too_long_are_refused(lenet, tmp_path):
    page = lenet()
    Image.new("RGB", (1010, 10)).save(tmp_path / "long.png")
    page.locator("#file").set_input_files(tmp_path / "long.png")
    page.wait_for_timeout(300)
    assert page.locator("#message").inner_text() == "This image is too long: at most 100 times its shorter side."


def test_pools_and_the_softmax_can_be_checked_by_hand(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").press("Enter")
    page.wait_for_timeout(100)
    model = cnnzoo.training.load_run("lenet5").model
    image = np.array(page.evaluate("window.cnnzoo.see()"), np.float32).reshape(1, 32, 32, 1)
    before = np.asarray(keras.Model(model.inputs, model.get_layer("c1").output)([image]))[0]
    page.get_by_role("button", name="s2, map 2", exact=True).focus()
    window = ", ".join(f"{value:.4f}" for value in before[14:16, 14:16, 2].ravel())
    assert f"= the mean of {window}" in page.locator("#look").inner_text()


def test_a_zero_channel_says_so(watched, tmp_path):  # noqa: F811
    page = watched(write_page("resnet20", tmp_path / "page.html").path)
    page.get_by_role("button", name="conv3_1_shortcut_zeros, map 31", exact=True).hover()
    assert "= 0, which is added here" in page.locator("#look").inner_text()


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
    assert "relu(sum of 3 products" in page.locator("#look").inner_text()
    assert page.get_by_role("button", name="pooled: 7 values").is_visible()


def test_a_map_is_switched_off_and_on(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").click()
    page.wait_for_timeout(100)
    whole = page.locator("#answer-0").inner_text()
    for number in range(6):
        page.get_by_role("button", name=f"c1, map {number}", exact=True).click()
    page.wait_for_timeout(100)
    assert page.locator("#answer-0").inner_text() != whole
    assert "It is switched off." in page.locator("#look").inner_text()
    assert page.locator("#off").inner_text() == "6 maps are switched off."
    page.locator("#all-on").click()
    page.wait_for_timeout(100)
    assert page.locator("#off").inner_text() == ""
    assert page.locator("#answer-0").inner_text() == whole
    assert page.locator("#all-on").is_disabled()


def test_the_arithmetic_can_be_checked_by_hand(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").press("Enter")
    page.get_by_role("button", name="c3, map 2", exact=True).focus()  # by the keyboard: the middle of the map
    page.wait_for_timeout(100)
    model = cnnzoo.training.load_run("lenet5").model
    image = np.array(page.evaluate("window.cnnzoo.see()"), np.float32).reshape(1, 32, 32, 1)
    maps = keras.Model(model.inputs, [model.get_layer("s2").output, model.get_layer("c3").output])([image])
    before, after = (np.asarray(each)[0] for each in maps)
    kernel, bias = model.get_layer("c3").get_weights()
    products = before[5:10, 5:10] * kernel[..., 2]
    text = page.locator("#look").inner_text()
    assert text.startswith(f"c3, row 5, column 5, map 2: {after[5, 5, 2]:.4f}")
    assert f"sum of 150 products {products.sum():.4f} + bias {bias[2]:.4f}" in text
    largest = products.ravel()[np.abs(products).argmax()]
    assert f"{largest:.4f}" in text
    assert "It depends on rows 10 to 23, columns 10 to 23 of the image." in text


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_and_is_accessible(lenet, width, scheme):
    page = lenet(width=width, scheme=scheme)
    draw(page, SEVEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    assert [
        (each["id"], each["nodes"][0]["html"]) for each in violations if each["impact"] in ("serious", "critical")
    ] == []
