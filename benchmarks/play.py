"""How long a page of `cnnzoo play` takes in Chromium, to run the network and for a whole frame; and its size.

    python benchmarks/play.py [NETWORK ...] [--runs 21]

Networks that ship trained by name, all others untrained, at 32 x 32 pixels or the smallest size that they take. Needs
Playwright and an installed Chromium.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import cnnzoo

NETWORKS = [
    *("lenet1", "lenet5_1998", "lenet5", "resnet20", "squeezenet1_1", "mobilenet_v2", "googlenet", "densenet121"),
    *("resnet18", "vgg11", "alexnet"),
]
SHIPPED = ("lenet1", "lenet5_1998", "lenet5", "resnet20")
TIMED = """(runs) => {
  const { network } = window.cnnzoo, count = network.shapes[0].reduce((product, side) => product * side, 1);
  const image = Array.from({ length: count }, Math.random);
  return [() => window.cnnzoo.run(image), window.cnnzoo.frame].map((act) => Array.from({ length: runs + 5 }, () => {
    const begun = performance.now();
    act();
    return performance.now() - begun;
  }).slice(5));
}"""  # a frame: what is drawn prepared, the network run, answer, Grad-CAM and the maps of all layers drawn


def network(name: str):
    if name in SHIPPED:
        return name
    card = cnnzoo.model_card(name)
    side = max(card.smallest_size, 32)
    return cnnzoo.create_model(name, input_shape=(side, side, card.input_shape[2]))


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--runs", type=int, default=21)
    given = parser.parse_args()
    print("| network | kB of page | ms an image | ms a frame |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in given.networks:
            page = cnnzoo.play.write_page(network(name), Path(folder, f"{name}.html"))
            tab = browser.new_page()
            tab.goto(page.path.as_uri())
            box = tab.locator("#board").bounding_box()
            tab.mouse.move(box["x"] + 60, box["y"] + 60)
            tab.mouse.down()
            tab.mouse.move(box["x"] + 200, box["y"] + 220, steps=10)
            tab.mouse.up()
            image, frame = (statistics.median(times) for times in tab.evaluate(TIMED, given.runs))
            tab.close()
            print(f"| {name} | {page.size / 1000:,.0f} | {image:,.1f} | {frame:,.1f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
