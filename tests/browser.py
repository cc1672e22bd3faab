"""A real browser for pages, opened from disk, with no network."""

import os
import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra cnnzoo[test]")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the extra cnnzoo[test]")

sync_api.expect.set_options(timeout=20_000)  # milliseconds: a busy machine takes long

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS.append("--use-fake-device-for-media-stream")  # a camera


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        assert "CI" not in os.environ  # where it must be tested
        pytest.skip(f"a browser: none of {', '.join(NAMES)} is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def watched(browser):
    """A function that opens a page; in the end nothing may have gone wrong with any."""
    told, contexts = [], []

    def open_page(path, width=1280, scheme="light", locale="en-US", fragment=""):
        viewport = {"width": width, "height": 900}
        options = {"viewport": viewport, "color_scheme": scheme, "locale": locale}
        contexts.append(browser.new_context(**options, offline=True))
        page = contexts[-1].new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("requestfailed", lambda request: told.append(request.url))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda request: None if request.url[:5] in local else told.append(request.url))
        page.goto(f"{path.as_uri()}#{fragment}" if fragment else path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == [], told


def settle(page):
    """Wait until what was done is shown: a page to draw on computes in the next frame, also the first time."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
