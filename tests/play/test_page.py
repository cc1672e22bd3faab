"""Pages to draw on, in a real browser: drawing, opening images, and what the page shows of them."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data.picture import read_picture
from cnnzoo.data.split import take
from cnnzoo.data.streaming import plain_batches
from cnnzoo.play import write_page
from tests.browser import axe, browser, settle, sync_api, watched  # noqa: F401  # two are fixtures

pytestmark = pytest.mark.slow


def draw(page, points):
    box = page.locator("#board").bounding_box()
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
    page.mouse.up()
    settle(page)


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
        settle(page)
        assert page.locator("#answer-0").inner_text().startswith(answer)


def test_a_picture_is_opened_and_one_that_is_none_is_refused(lenet, tmp_path):
    page = lenet()
    page.locator("#file").set_input_files("examples/seven.png")
    sync_api.expect(page.locator("#answer-0")).to_contain_text("7, ")
    (tmp_path / "none.png").write_bytes(b"no picture")
    page.locator("#file").set_input_files(tmp_path / "none.png")
    sync_api.expect(page.locator("#message")).to_have_text("The browser cannot read this file as an image.")
    Image.new("RGB", (90, 60), "red").save(tmp_path / "red.png")
    page.locator("#file").set_input_files(tmp_path / "red.png")
    sync_api.expect(page.locator("#message")).to_contain_text("a single colour")


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
    sync_api.expect(page.locator("#answer-0")).not_to_have_text("Nothing drawn yet.")
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


def test_images_that_are_too_large_are_refused(lenet, tmp_path):
    page = lenet()
    Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")  # of few bytes
    page.locator("#file").set_input_files(tmp_path / "large.png")
    refusal = "This image is too large: at most 60 megapixels and 50 MB."
    sync_api.expect(page.locator("#message")).to_have_text(refusal)
    assert page.locator("#answer-0").inner_text() == "Nothing drawn yet."


def test_a_slow_network_waits_for_the_pen_to_rest(watched, tmp_path):  # noqa: F811
    inputs = keras.Input((128, 128, 3))
    maps = inputs
    for _ in range(3):
        options = {"padding": "same", "activation": "relu", "bias_initializer": "ones"}  # zeros would be skipped
        maps = keras.layers.Conv2D(64, 3, **options)(maps)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalMaxPooling2D()(maps)))
    page = watched(write_page(model, tmp_path / "page.html").path)
    page.evaluate(
        """() => {
          const { network } = window.cnnzoo, continued = network.continued.bind(network);
          network.continued = (given) => { window.computed++; return continued(given); };
          window.delays = [];
          document.addEventListener("pointermove", (event) => window.delays.push(performance.now() - event.timeStamp));
        }"""
    )
    for corner in (0, 1):
        box = page.locator("#board").bounding_box()
        page.mouse.move(box["x"] + 30, box["y"] + 100 + 60 * corner)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 100)
        page.evaluate("Object.assign(window, { computed: 0, delays: [] })")  # what went on before has stopped
        page.mouse.move(box["x"] + 200, box["y"] + 100, steps=20)
        page.wait_for_timeout(500)  # the hand hesitates
        page.mouse.move(box["x"] + 30, box["y"] + 200, steps=20)
        delays, computed = page.evaluate("[window.delays.splice(0), window.computed]")
        assert len(delays) >= 40
        assert max(delays) < 200
        assert computed == 0
        assert page.locator("#message").inner_text() == "The answer follows once the pen is lifted."
        page.mouse.up()
        sync_api.expect(page.locator("#mattering-note")).to_contain_text("Tried so far")


def test_images_that_are_too_long_are_refused(lenet, tmp_path):
    page = lenet()
    Image.new("RGB", (1010, 10)).save(tmp_path / "long.png")
    page.locator("#file").set_input_files(tmp_path / "long.png")
    refusal = "This image is too long: at most 100 times its shorter side."
    sync_api.expect(page.locator("#message")).to_have_text(refusal)


def test_pools_can_be_checked_by_hand(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").press("Enter")
    settle(page)
    model = cnnzoo.training.load_run("lenet5").model
    image = np.array(page.evaluate("window.cnnzoo.see()"), np.float32).reshape(1, 32, 32, 1)
    before = np.asarray(keras.Model(model.inputs, model.get_layer("c1").output)([image]))[0]
    page.get_by_role("button", name="s2, map 2", exact=True).focus()
    window = ", ".join(f"{value:.4f}" for value in before[14:16, 14:16, 2].ravel())
    assert f"= the mean of {window}" in page.locator("#look").inner_text()


def test_the_softmax_can_be_checked_by_hand(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7", exact=True).press("Enter")
    settle(page)
    model = cnnzoo.training.load_run("lenet5").model
    image = np.array(page.evaluate("window.cnnzoo.see()"), np.float32).reshape(1, 32, 32, 1)
    before = np.asarray(keras.Model(model.inputs, model.get_layer("f6").output)([image]))[0]
    kernel, bias = model.get_layer("output").get_weights()
    logits = before @ kernel + bias
    page.get_by_role("button", name="output: 10 values").focus()  # by the keyboard: the largest value
    text = page.locator("#look").inner_text()
    assert text.startswith("output, value 7, 7: 0.9")
    assert f"bias {bias[7]:.4f} = {logits[7]:.4f}" in text
    assert f"= exp(that) / {np.exp(logits).sum():.4f}, the sum over all classes" in text


def test_a_zero_channel_says_so(watched, tmp_path):  # noqa: F811
    page = watched(write_page("resnet20", tmp_path / "page.html").path)
    page.get_by_role("button", name="conv3_1_shortcut_zeros, map 31", exact=True).hover()
    assert "= 0, which is added here" in page.locator("#look").inner_text()


def test_a_map_is_switched_off_and_on(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").click()
    settle(page)
    whole = page.locator("#answer-0").inner_text()
    for number in range(6):
        page.get_by_role("button", name=f"c1, map {number}", exact=True).click()
    settle(page)
    assert page.locator("#answer-0").inner_text() != whole
    assert "It is switched off." in page.locator("#look").inner_text()
    assert page.locator("#off").inner_text() == "6 maps are switched off."
    page.locator("#all-on").click()
    settle(page)
    assert page.locator("#off").inner_text() == ""
    assert page.locator("#answer-0").inner_text() == whole
    assert page.locator("#all-on").is_disabled()


def test_the_arithmetic_can_be_checked_by_hand(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7").press("Enter")
    page.get_by_role("button", name="c3, map 2", exact=True).focus()  # by the keyboard: the middle of the map
    settle(page)
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


def test_maps_that_matter_are_switched_off_to_see_by_how_much(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7", exact=True).click()
    lines = page.locator("#mattering button")
    sync_api.expect(lines).to_have_count(8)
    sync_api.expect(page.locator("#mattering-note")).to_have_text("")
    changes = page.evaluate(
        """() => {
          const [{ network, layers, image }] = window.cnnzoo.subjects, found = {};
          const certainty = () => network.run(image).pop()[7], whole = certainty();
          for (const { layer, number, length, isMap } of layers.filter(({ layer }) => "c1 c3 c5 f6".includes(layer))) {
            for (let map = 0; map < length; map++) {
              network.off.set(number, new Set([map]));
              found[`${layer}, ${isMap ? "map" : "value"} ${map}`] = 100 * (certainty() - whole);
            }
            network.off.delete(number);
          }
          return found;
        }"""
    )
    largest = sorted(changes, key=lambda name: -abs(changes[name]))[:8]
    for name, line in zip(largest, lines.all_inner_texts(), strict=True):
        shown, _, change = line.rpartition(": ")
        assert shown == name
        assert float(change.split()[0].replace("\u2212", "-")) == pytest.approx(changes[name], abs=0.051)
    name = lines.first.get_attribute("data-map")
    lines.first.press("Enter")
    assert page.locator("#look strong").inner_text().startswith(largest[0].partition(",")[0])
    sync_api.expect(page.locator("#off")).to_have_text("1 map is switched off.")
    switched = page.locator(f'#mattering [data-map="{name}"]')
    sync_api.expect(switched).to_have_text(f"{largest[0]}: switched off")
    assert page.evaluate("document.activeElement.dataset.map") == name
    switched.press("Enter")
    sync_api.expect(page.locator("#off")).to_have_text("")
    sync_api.expect(lines.first).to_contain_text("points")


def test_the_answer_is_spoken_once_the_drawing_pauses(lenet):
    page = lenet()
    spoken = page.locator("#spoken")
    sync_api.expect(spoken).to_have_text("Nothing drawn yet.")
    shown, told = page.evaluate(
        """() => {
          document.querySelector("#examples button").click();
          for (let frame = 0; frame < 5; frame++) window.cnnzoo.frame();
          return ["answer-0", "spoken"].map((id) => document.getElementById(id).textContent);
        }"""
    )
    assert shown[0].isdigit()
    assert told == "Nothing drawn yet."
    sync_api.expect(spoken).to_have_text(shown)


def test_what_speaks_for_another_class_is_asked(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7", exact=True).click()
    sync_api.expect(page.locator("#heat-note")).to_have_text("Orange marks what supports 7.")
    page.locator("#class").select_option("9")
    settle(page)
    model, (image, *_) = cnnzoo.training.load_run("lenet5").model, page.evaluate("[window.cnnzoo.see()]")
    images = np.array(image, np.float32).reshape(1, 32, 32, 1)
    wanted = cnnzoo.inspect.gradcam(model, images, 9, scale="unit")[0]
    pixels = page.evaluate(
        "Array.from(document.getElementById('heat').getContext('2d').getImageData(0, 0, 32, 32).data)"
    )
    red = np.array(pixels).reshape(32, 32, 4)[..., 0]
    level = 255 * images[0, ..., 0]
    assert np.abs(red - (level + 0.65 * wanted * (230 - level))).max() <= 1.5


def test_occlusion_is_drawn_once_the_drawing_pauses(lenet):
    page = lenet()
    draw(page, SEVEN)
    page.locator("#method").select_option("occlusion")
    sync_api.expect(page.locator("#heat-note")).to_have_text("Orange marks what supports 7.")


def test_two_networks_see_the_same_drawing(watched, tmp_path):  # noqa: F811
    page = watched(write_page("lenet5", tmp_path / "two.html", beside="lenet1").path)
    draw(page, SEVEN)
    for number in (0, 1):
        assert page.locator(f"#answer-{number}").inner_text().startswith("7, ")
    assert page.locator("#agreement").inner_text() == "Both answer 7."
    page.locator("#layers-of-1").check()
    settle(page)
    assert page.evaluate("document.getElementById('seen').width") == 28
    assert page.locator(".layer").count() == page.evaluate("window.cnnzoo.subjects[1].layers.length")
    page.locator("#layers-of-0").check()
    settle(page)
    assert page.evaluate("document.getElementById('seen').width") == 32


def test_one_morphs_from_one_image_to_another(lenet):
    page = lenet()
    seen = []
    page.locator("#keep-0").click()
    assert page.locator("#message").inner_text() == "Draw, or open an image, first."
    for which, name in enumerate(("Example 8: 7", "Example 4: 3")):
        page.get_by_role("button", name=name, exact=True).click()
        settle(page)
        seen.append(np.array(page.evaluate("window.cnnzoo.see()")))
        page.locator(f"#keep-{which}").click()
    page.locator("#morph").fill("25")
    settle(page)
    assert np.array(page.evaluate("window.cnnzoo.see()")) == pytest.approx(0.75 * seen[0] + 0.25 * seen[1], abs=1e-6)


def test_the_quiz_hides_the_answer_and_counts(lenet):
    page = lenet()
    page.locator("#quiz-start").click()
    right = 0
    for count in (1, 2, 3):
        assert not page.locator("#answer-0").is_visible()
        settle(page)
        answer = page.evaluate("window.cnnzoo.subjects[0].ranking()[0]")
        guess = answer if count < 3 else (answer + 1) % 10
        right += guess == answer
        page.locator("#quiz-guesses button").nth(guess).click()
        assert page.locator("#answer-0").is_visible()
        text = page.locator("#quiz-text").inner_text()
        assert text.startswith(f"It says {answer}")
        assert f"{right} of {count}." in text
        if count < 3:
            page.locator("#quiz-next").click()
    page.locator("#quiz-end").click()
    assert page.locator("#quiz-text").inner_text() == ""


def test_a_link_holds_the_drawing(lenet, watched, tmp_path):  # noqa: F811
    page = lenet()
    draw(page, SEVEN)
    drawn = page.evaluate("window.cnnzoo.see()")
    page.locator("#link").click()
    settle(page)
    assert "#drawing=" in page.url
    other = lenet(fragment=page.url.partition("#")[2])
    settle(other)
    assert np.array(other.evaluate("window.cnnzoo.see()")) == pytest.approx(np.array(drawn), abs=0.05)
    page.get_by_role("button", name="Example 8: 7", exact=True).click()
    settle(page)
    page.locator("#link").click()
    other = lenet(fragment=page.url.partition("#")[2])
    settle(other)
    assert other.evaluate("window.cnnzoo.see()") == page.evaluate("window.cnnzoo.see()")
    for damaged in ("drawing=!!", "drawing=W10", "drawing=WyJhIl0=", "image=AAAA", f"drawing={'A' * 4000}"):
        broken = lenet(fragment=damaged)
        settle(broken)
        wanted = "" if damaged == "drawing=W10" else "This link holds no drawing that this page can read."
        assert broken.locator("#message").inner_text() == wanted
        assert broken.locator("#answer-0").inner_text() == "Nothing drawn yet."


def test_examples_are_of_the_runs_own_test_images(watched, tmp_path):  # noqa: F811
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("test", 3)):
        for number, name in enumerate(("<b>dark", "light")):
            folder = tmp_path / "data" / part / name
            folder.mkdir(parents=True)
            for each in range(count):
                levels = rng.integers(120 * number, 120 * number + 100, (32, 32, 3), np.uint8)
                Image.fromarray(levels).save(folder / f"{each}.png")
    run = cnnzoo.training.train(
        "lenet5", data=str(tmp_path / "data"), epochs=2, batch_size=4, out=tmp_path / "run", progress=False
    )
    page = watched(write_page(tmp_path / "run", tmp_path / "page.html").path)
    assert "Of the test images" in page.locator("#examples-part").inner_text()
    page.get_by_role("button", name="Example 1: <b>dark").click()
    settle(page)
    seen = np.array(page.evaluate("window.cnnzoo.see()")).reshape(run.model.input_shape[1:])
    (wanted,) = plain_batches(take(run.load_data().test, np.arange(1)).images, batch_size=1)
    assert np.abs(seen - wanted[0]).max() < 0.003


def test_opening_can_be_undone_and_arrows_without_the_pen_change_nothing(lenet):
    page = lenet()
    draw(page, SEVEN)
    drawn = page.evaluate("window.cnnzoo.see()")
    page.get_by_role("button", name="Example 4: 3", exact=True).click()
    settle(page)
    example = page.evaluate("window.cnnzoo.see()")
    page.locator("#board").focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert page.evaluate("window.cnnzoo.see()") == example
    page.locator("#undo").click()
    page.locator("#undo").click()
    settle(page)
    assert page.evaluate("window.cnnzoo.see()") == drawn


def test_a_notebook_shows_the_page_in_a_frame(watched, tmp_path):  # noqa: F811
    written = write_page("lenet5", tmp_path / "page.html")
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{written._repr_html_()}")
    page = watched(tmp_path / "notebook.html")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Example 8: 7", exact=True).click()
    sync_api.expect(frame.locator("#answer-0")).to_contain_text("7, ")
    frame.locator("#link").click()
    sync_api.expect(frame.locator("#message")).to_contain_text("shown in a frame and has no address")
    assert "too large for a cell" in replace(written, size=50_000_000)._repr_html_()
    assert replace(written, path=tmp_path / "gone.html")._repr_html_() is None


def test_the_quiz_judges_what_it_asked(lenet):
    page = lenet()
    page.locator("#quiz-start").click()
    settle(page)
    answer = page.evaluate("window.cnnzoo.subjects[0].ranking()[0]")
    page.locator("#clear").click()
    settle(page)
    page.locator("#quiz-guesses button").nth(answer).click()
    assert page.locator("#quiz-text").inner_text().startswith(f"It says {answer}. You guessed right: 1 of 1.")


def test_one_draws_by_keyboard(lenet):
    page = lenet()
    page.locator("#board").focus()
    presses = ["ArrowLeft"] * 10 + ["ArrowUp"] * 14 + [" "] + ["ArrowRight"] * 20 + ["ArrowDown"] * 28 + [" "]
    for key in presses:
        page.keyboard.press(key)
    settle(page)
    assert page.locator("#answer-0").inner_text().startswith("7, ")


def test_arrows_walk_from_map_to_map_and_through_a_map(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7", exact=True).press("Enter")
    stops = page.evaluate(
        "[...document.querySelectorAll('.maps')].map((maps) => maps.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert stops == [1] * 7
    page.get_by_role("button", name="c1, map 0", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#look strong").inner_text().startswith("c1, row 14, column 14, map 1")
    page.keyboard.press("Shift+ArrowUp")
    assert page.locator("#look strong").inner_text().startswith("c1, row 13, column 14, map 1")
    page.keyboard.press("End")
    assert page.locator("#look strong").inner_text().startswith("c1, row 14, column 14, map 5")


LIT = """() => {
  const { data } = document.getElementById("board").getContext("2d").getImageData(140, 0, 1, 280);
  return data.filter((level, at) => at % 4 === 0 && level > 127).length;
}"""  # pixels of a column of the board


def test_one_goes_to_a_layer_of_many(watched, tmp_path):  # noqa: F811
    page = watched(write_page("resnet20", tmp_path / "page.html").path)
    layer = page.get_by_role("heading", name="conv4_3_relu")
    assert layer.bounding_box()["y"] > 2000
    page.locator("#jump").select_option("conv4_3_relu")
    page.get_by_role("button", name="Go to this layer").click()
    sync_api.expect(page.get_by_role("button", name="conv4_3_relu, map 0", exact=True)).to_be_focused()
    panel = page.locator("#panel").bounding_box()
    assert panel["y"] + panel["height"] <= layer.bounding_box()["y"] < 1000
    assert not watched(write_page("lenet5", tmp_path / "small.html").path).locator("#jump").is_visible()


def test_the_pressure_of_a_pen_makes_strokes_thicker(lenet):
    page = lenet()
    box = page.locator("#board").bounding_box()
    pen = page.context.new_cdp_session(page)
    widths = []
    for pressure in (0.1, 0.9):
        page.locator("#clear").click()
        for kind, x in (("mousePressed", 60), *(("mouseMoved", x) for x in range(60, 220, 10)), ("mouseReleased", 220)):
            place = {"x": box["x"] + x, "y": box["y"] + 100}
            options = {"button": "left", "buttons": int(kind != "mouseReleased"), "force": pressure}
            pen.send("Input.dispatchMouseEvent", {"type": kind, **place, **options, "pointerType": "pen"})
        settle(page)
        widths.append(page.evaluate(LIT))
    assert widths[1] / widths[0] == pytest.approx(1.3 / 0.5, rel=0.15)


def test_a_picture_of_the_camera_is_taken_if_it_is_allowed(lenet):
    page = lenet()
    page.locator("#camera").click()
    sync_api.expect(page.locator("#message")).to_contain_text("The camera cannot be used (Not")
    assert not page.locator("#video").is_visible()
    page.context.grant_permissions(["camera"])
    page.locator("#camera").click()
    sync_api.expect(page.locator("#camera-part")).to_be_visible()
    sync_api.expect(page.locator("#video")).to_have_js_property("videoWidth", 640)
    page.locator("#take").click()
    settle(page)
    assert page.evaluate("document.getElementById('video').srcObject") is None
    assert page.locator("#answer-0").inner_text() != "Nothing drawn yet."


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animated_image_the_first_frame_is_shown(lenet, tmp_path, kind):
    page = lenet()
    frames = [Image.open("examples/seven.png").convert("L"), Image.new("L", (28, 28))]
    path = tmp_path / f"moving.{kind.lower()}"
    frames[0].save(path, kind, save_all=True, append_images=[frames[1].resize(frames[0].size)], duration=100)
    page.locator("#file").set_input_files(path)
    sync_api.expect(page.locator("#message")).to_have_text("This image is animated; this is its first frame.")
    assert page.locator("#answer-0").inner_text().startswith("7, ")
    frames[0].save(tmp_path / f"still.{kind.lower()}", kind)
    page.locator("#file").set_input_files(tmp_path / f"still.{kind.lower()}")
    sync_api.expect(page.locator("#message")).to_have_text("")


def test_the_language_changes_nothing_else(watched, tmp_path):  # noqa: F811
    options = {"epochs": 1, "snapshots": True, "progress": False}
    run = cnnzoo.training.train("lenet5", out=tmp_path / "run", **options)
    page = watched(write_page(run, tmp_path / "page.html").path)
    page.get_by_role("button", name="Example 8: 7", exact=True).click()
    for place, value in (("#class", "9"), ("#heat-layer", "2")):
        page.locator(place).select_option(value)
    page.locator("#snapshot").fill("1")
    settle(page)
    answer = page.locator("#answer-0").inner_text()
    page.locator("#language").click()
    settle(page)
    assert [page.locator(each).input_value() for each in ("#class", "#heat-layer", "#snapshot")] == ["9", "2", "1"]
    assert "스텝" in page.locator("#snapshot-text").inner_text()
    assert page.locator("#answer-0").inner_text() == answer


def test_the_page_speaks_korean(lenet):
    page = lenet(locale="ko-KR")
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.get_by_role("button", name="예시 8: 7", exact=True).click()
    settle(page)
    page.get_by_role("button", name="c3, 맵 2", exact=True).hover()
    spoken = [each for each in page.locator("[data-say]").all_inner_texts() if re.fullmatch(r"[A-Za-z .,]{9,}", each)]
    assert spoken == []
    assert "곱 150개의 합" in page.locator("#look").inner_text()
    page.locator("#language").click()
    settle(page)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.get_by_role("heading", name="What the network sees").is_visible()
    assert "sum of 150 products" in page.locator("#look").inner_text()


def test_patches_and_kernels_are_drawn_as_they_are(lenet):
    page = lenet()
    page.get_by_role("button", name="Example 8: 7", exact=True).press("Enter")
    page.get_by_role("button", name="c3, map 2", exact=True).focus()
    settle(page)
    model = cnnzoo.training.load_run("lenet5").model
    kernel = model.get_layer("c3").get_weights()[0][..., 2]
    shown, order = page.evaluate(
        """() => {
          const rows = [...document.querySelectorAll(".patches tr")];
          const pixels = (canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, 5, 5).data);
          const numbers = [...rows[0].querySelectorAll("th")].map((each) => Number(each.textContent.split(/[ :]/)[1]));
          return [[...rows[2].querySelectorAll("canvas")].map(pixels), numbers];
        }"""
    )
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    for pixels, number in zip(shown, order, strict=True):
        level = np.array(pixels).reshape(5, 5, 4)[..., 1]  # green is more where the value is larger
        wanted = np.abs(kernel[..., number]) / np.abs(kernel).max() * 130
        assert np.abs(level - wanted).max() <= 1
    assert page.get_by_role("img", name="Kernels of c1").locator("canvas").count() == 6


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
