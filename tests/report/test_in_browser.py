"""The pages in a real browser, opened from disk, with no network."""

import pytest

from cnnzoo.report import write_comparison, write_report
from tests.browser import axe, browser, sync_api, watched  # noqa: F401  # two are fixtures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(run, hostile_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {
        "report": write_report(run.path, folder / "report.html").path,
        "hostile": write_report(hostile_run.path, folder / "hostile.html").path,
        "comparison": write_comparison([run.path, hostile_run.path], folder / "comparison.html").path,
    }


@pytest.fixture
def opened(watched, pages):  # noqa: F811
    return lambda name, width=1280, scheme="light": watched(pages[name], width, scheme)


@pytest.mark.parametrize("name", ["report", "hostile", "comparison"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_and_is_accessible(opened, name, width, scheme):
    page = opened(name, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = page.evaluate("[...document.querySelectorAll('main img')].map((i) => i.complete && i.naturalWidth > 0)")
    assert images
    assert all(images)
    for fold in page.locator("summary").all():
        fold.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


def test_the_theme_can_be_chosen(opened):
    page = opened("report")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.press("Enter")
    assert button.text_content() == "Theme: dark"
    assert page.evaluate(ground) == "rgb(20, 23, 26)"
    button.press(" ")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_mistakes_can_be_chosen_by_pair(opened):
    page = opened("report")
    pictures = page.locator("#gallery .picture")
    everything = pictures.count()
    choice = page.get_by_label("Show")
    choice.focus()
    choice.press("ArrowDown")
    pair = choice.input_value()
    assert pair
    shown = [picture.get_attribute("data-pair") for picture in pictures.all() if picture.is_visible()]
    assert set(shown) == {pair}
    count = len(shown)
    assert page.locator("#shown").text_content() == ("1 image shown" if count == 1 else f"{count} images shown")
    choice.select_option("")
    assert sum(picture.is_visible() for picture in pictures.all()) == everything


def test_an_image_can_be_enlarged_and_closed_by_the_keyboard(opened):
    page = opened("report")
    first = page.locator("#gallery .enlarge").first
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert dialog.locator("img").get_attribute("src") == first.locator("img").get_attribute("src")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    first.click()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_tables_unfold_and_the_command_can_be_copied(opened):
    page = opened("report")
    table = page.get_by_role("region", name="Layers", exact=True)
    assert not table.is_visible()
    page.get_by_text("Layer by layer").press("Enter")
    assert table.is_visible()
    button = page.get_by_role("button", name="Copy")
    button.click()
    sync_api.expect(page.locator("#copied")).not_to_be_empty()
    selected = page.evaluate("getSelection().toString()")
    assert selected.startswith("cnnzoo train lenet5 --data digits")


def test_printing_shows_all_of_it(opened):
    page = opened("report", scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.get_by_role("region", name="Layers", exact=True).is_visible()
    assert page.evaluate("document.querySelector('.chart').computedStyleMap().get('filter').toString()") == "none"
