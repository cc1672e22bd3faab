"""Makes the pictures in images/ anew.

Of `cnnzoo train lenet5`, its samples and the upper part of its report; of `cnnzoo play lenet5`, a seven as it is drawn.

Needs playwright and Chromium.

python docs/pictures.py
"""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import cnnzoo

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1100, 780
SEVEN = ((70, 70), (140, 66), (210, 62), (160, 150), (120, 235))  # corners and stops of the pen, on the board


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = cnnzoo.training.train("lenet5", out=Path(folder, "lenet5"), progress=False)
        shutil.copy(run.path / "samples.png", IMAGES)
        page = cnnzoo.report.write_report(run.path).path
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox", "--disable-gpu"]}
        browser = playwright.chromium.launch(**options)
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        tab.goto(page.as_uri())
        tab.screenshot(path=IMAGES / "report.png")
        draw_seven(browser, cnnzoo.play.write_page("lenet5", Path(folder, "lenet5.html")).path)
        browser.close()


def draw_seven(browser: Browser, page: Path) -> None:
    """Draw a seven, and put what is seen at four moments into one picture."""
    tab = browser.new_page(viewport={"width": 1280, "height": 430})
    tab.goto(page.as_uri())
    box = tab.locator("#board").bounding_box()
    tab.mouse.move(box["x"] + SEVEN[0][0], box["y"] + SEVEN[0][1])
    tab.mouse.down()
    moments = []
    for x, y in SEVEN[1:]:
        tab.mouse.move(box["x"] + x, box["y"] + y, steps=8)
        tab.wait_for_timeout(300)
        shot = tab.screenshot(clip={"x": 0, "y": 80, "width": 1280, "height": 345})
        moments.append(Image.open(io.BytesIO(shot)).convert("RGB"))
    tab.close()
    width, height = moments[0].size
    strip = Image.new("RGB", (2 * width, 2 * height))
    for number, moment in enumerate(moments):
        strip.paste(moment, (number % 2 * width, number // 2 * height))
    strip.resize((width, height)).quantize(64).save(IMAGES / "play.png", optimize=True)


if __name__ == "__main__":
    main()
