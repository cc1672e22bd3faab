"""Makes the pictures in images/ anew, from `cnnzoo train lenet5`: its samples, and the upper part of its report.

Needs playwright and Chromium.

python docs/pictures.py
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import cnnzoo

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1100, 780


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
        browser.close()


if __name__ == "__main__":
    main()
