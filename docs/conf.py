"""Sphinx: the pages beside this file, the example notebooks, and pages that are generated from the package itself."""

import base64
import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from matplotlib.figure import Figure
from PIL import Image
from sphinx.util import logging

import cnnzoo
from cnnzoo.models.catalog import in_keras_applications
from cnnzoo.recipes.cards import has_recipes

HERE = Path(__file__).parent
GENERATED = HERE / "_generated"
EXTRA = GENERATED / "extra"  # files that the site has as they are
NOTEBOOKS = HERE / "examples"
DATA_COMMANDS = ("data list", "data fetch", "data verify", "data where", "data show")
COMMANDS = (
    *(
        "train",
        "evaluate",
        "predict",
        "report",
        "compare",
        "recipes",
        "list",
        "show",
        "pretrained",
        "finetune",
        "embed",
        "export",
        "play",
    ),
    *DATA_COMMANDS,
)

project = "cnnzoo"
author = "The cnnzoo authors"
copyright = "2026, The cnnzoo authors"
version = release = cnnzoo.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "cnnzoo"
html_extra_path = ["_generated/extra"]
html_static_path = ["_static"]
html_css_files = ["notebooks.css", "site.css"]
html_js_files = ["site.js", "networks.js"]
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks hold the outputs of a run
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
add_module_names = False

logger = logging.getLogger(__name__)

# Parts of pictures that the landing page shows: left, top, right, bottom
PARTS = {
    "curves": (GENERATED / "lecture_1_lenet5-curves.png", (0, 0, 550, 432)),
    "photographs": (GENERATED / "transfer-samples.png", (0, 0, 792, 365)),
    "report": (HERE / "images" / "report.png", (22, 86, 662, 486)),
    "play": (HERE / "images" / "play.png", (0, 0, 640, 345)),
}
KOREAN = "ko/"  # the folder of the pages in Korean
# What a browser loads as it opens a page, from another host
FOREIGN = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|embed|object)\b(?![^>]*\bcanonical\b)[^>]*?
    \b(?:src|srcset|href|data)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""",
    re.IGNORECASE | re.VERBOSE,
)

IN_TIMM = ("vgg", "resnet", "resnext", "wide_resnet", "densenet", "inception_v3")  # families with torchvision's weights
MOST_LAYERS = 60  # of a network whose layers a page lists


def _networks_page() -> str:
    """Return the table of all networks, which `_static/networks.js` lets readers filter and sort."""
    headings = (
        "name",
        "network",
        "family",
        "year",
        "parameters",
        "buffers",
        "MACs",
        "weights",
        "top-1 %",
        "image",
        "least",
    )
    rows = [f"| {' | '.join(headings)} |", "|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|"]
    for card in map(cnnzoo.model_card, cnnzoo.list_models(sort="family")):
        weights = ", ".join(sorted({name.partition("-")[0] for name in card.weights}))
        top1 = f"{card.top1():.3f}" if card.top1() else ""
        size = f"{card.input_shape[0]} | {card.smallest_size}"
        figures = f"{card.params:,} | {card.buffers:,} | {card.macs:,} | {weights} | {top1} | {size}"
        rows.append(f"| `{card.name}` | {card.title} | {card.family} | {card.year} | {figures} |")
    return "\n".join(["````{container} networks", *rows, "````"]) + "\n"


def _zoo_page() -> str:
    """Return a section a paper: its networks, where they differ from it, and how far they are from torchvision's."""
    differences = _by_network("equality.csv")
    published = {name: row for name, row in _by_network("published.csv").items() if row["classes"] == "1000"}
    papers: dict[str, list[Any]] = {}
    for card in map(cnnzoo.model_card, cnnzoo.list_models(sort="family")):
        papers.setdefault(card.paper, []).append(card)
    return "\n\n".join(_paper(cards, differences, published) for cards in papers.values()) + "\n"


def _by_network(file: str) -> dict[str, dict[str, str]]:
    with (HERE / file).open(encoding="utf-8") as rows:
        return {row.pop("network"): row for row in csv.DictReader(rows)}


def _paper(cards: list[Any], differences: dict[str, dict[str, str]], published: dict[str, dict[str, str]]) -> str:
    first, unknown = cards[0], dict.fromkeys(("tensorflow", "jax", "torch"), "")
    has_counterpart = any(card.torchvision for card in cards)
    has_thousand = any(card.name in published for card in cards)
    headings, line = "| name | parameters | MACs |", "|---|---:|---:|"
    if has_thousand:
        headings += " parameters, 1,000 classes | MACs, 1,000 classes |"
        line += "---:|---:|"
    if has_counterpart:
        headings += " same as torchvision's | difference: TensorFlow | JAX | PyTorch |"
        line += "---|---:|---:|---:|"
    rows = [headings, line]
    for card in cards:
        row = f"| `{card.name}` | {card.params:,} | {card.macs:,} |"
        if has_thousand:
            figures = published.get(card.name)
            row += "".join(f" {int(figures[each]):,} |" if figures else " |" for each in ("params", "macs"))
        if has_counterpart:
            theirs = f"`{card.torchvision.network}`" if card.torchvision else ""
            row += f" {theirs} | {' | '.join(differences.get(card.name, unknown).values())} |"
        rows.append(row)
    parts = [
        f"## {', '.join(card.title for card in cards)}",
        f"{', '.join(first.authors)}, {first.year}: [{first.paper}]({first.reference}). "
        f"The paper reports on {', '.join(first.datasets)}.",
        "\n".join(rows),
        "Deviations from the paper:",
        "\n".join(_deviations(cards)),
    ]
    table = (HERE.parent / "tests" / "models" / "golden" / f"{first.name}.csv").read_text(encoding="utf-8")
    if table.count("\n") <= MOST_LAYERS:
        parts.append(_block(("show", first.name)).partition("\n\nDeviations")[0] + "\n```")
    else:
        parts.append(f"`cnnzoo show {first.name}` lists its {table.count(chr(10)) - 1} layers.")
    return "\n\n".join(parts)


def _deviations(cards: list[Any]) -> list[str]:
    """List what all networks of a paper deviate in, then what only some of them do."""
    common = [each for each in cards[0].deviations if all(each in card.deviations for card in cards)]
    own = {each: None for card in cards for each in card.deviations if each not in common}
    of = {each: ", ".join(card.title for card in cards if each in card.deviations) for each in own}
    return [f"- {each}" for each in common] + [f"- {of[each]}: {each}" for each in own]


def _weights_page() -> str:
    """Return a table of what torchvision and timm publish, beside what Keras does, and one of the whole hashes."""
    headings = ("network", "`imagenet-`", "file", "MB", "pixels", "top-1", "top-5", "Keras: top-1", "timm")
    rows = [f"| {' | '.join(headings)} |", "|---|---|---|---:|---:|---:|---:|---:|---|"]
    hashes = ["| file | bytes | SHA-256 |", "|---|---:|---|"]
    for card in map(cnnzoo.model_card, cnnzoo.list_models(weights="imagenet", sort="family")):
        other = in_keras_applications(card.name.removesuffix("_v1_5"))
        keras_top1 = cnnzoo.pretrained.pretrained_card(other).top1 if other else ""
        for name, weights in list(card.torchvision.weights.items())[1:]:
            version = name.rpartition("-")[2]
            recipe = {"v1": "tv", "v2": "tv2"}.get(version, version)
            row = (
                f"`{card.name}`",
                f"**{version}**" if weights == card.torchvision.default else version,
                f"[{weights.file}]({weights.url})",
                f"{weights.mebibytes * 1.048576:.0f}",
                str(weights.crop),
                str(weights.top1),
                str(weights.top5),
                str(keras_top1),
                f"`{card.torchvision.network}.{recipe}_in1k`" if card.family in IN_TIMM else "",
            )
            rows.append(f"| {' | '.join(row)} |")
            if weights.sha256:
                size = f"{weights.size:,}" if weights.size else ""
                hashes.append(f"| {weights.file} | {size} | `{weights.sha256}` |")
    return "\n".join([*rows, "", "Whole hashes, where they are known:", "", *hashes]) + "\n"


def _recipes_page() -> str:
    parts = []
    for network in filter(has_recipes, cnnzoo.list_models()):
        parts.append(_block(("recipes", network)).partition("\ndefault: ")[0] + "\n```")
        for name in cnnzoo.training.list_recipes(network):
            card = cnnzoo.training.recipe_card(network, name)
            lines = "".join(f"\n  - {line}" for line in (*card.deviations, *card.results))
            parts.append(f"- **{name}**: {card.source}{lines}")
    return "\n\n".join(parts) + "\n"


def _pretrained_page() -> str:
    headings = "parameters | without head | buffers | depth | top-1 % | top-5 % | MB | CPU ms | GPU ms"
    rows = [f"| name | input | {headings} | images |", "|---|" + "---:|" * 10 + "---|"]
    for card in cnnzoo.pretrained.select_pretrained():
        published = (card.top1, card.top5, card.size_mb, card.cpu_ms, card.gpu_ms)
        values = ("" if value is None else str(value) for value in published)
        counted = (f"{value:,}" for value in (card.params, card.params_no_top, card.buffers))
        name = f"[`{card.name}`]({card.family.reference})"
        row = (name, str(card.input_size), *counted, str(card.depth), *values, card.family.preprocessing)
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows) + "\n"


def _block(words: tuple[str, ...]) -> str:
    """Return what a command prints, under the command, as a code block."""
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    finished = subprocess.run(
        [sys.executable, "-m", "cnnzoo", *words], check=True, capture_output=True, text=True, env=environment
    )
    return f"```console\n$ cnnzoo {' '.join(words)}\n{finished.stdout.strip()}\n```"


def _generate(app: object, config: object) -> None:
    GENERATED.mkdir(exist_ok=True)
    pages = {
        "networks.md": _networks_page(),
        "zoo.md": _zoo_page(),
        "weights.md": _weights_page(),
        "recipes.md": _recipes_page(),
        "pretrained.md": _pretrained_page(),
        "commands.md": "\n\n".join(f"## {name}\n\n{_block((*name.split(), '--help'))}" for name in COMMANDS) + "\n",
    }
    for name, text in pages.items():
        (GENERATED / name).write_text(text, encoding="utf-8")
    _draw()
    EXTRA.mkdir(exist_ok=True)
    cnnzoo.play.write_page("lenet5", EXTRA / "draw_lenet5.html", force=True)
    _copy_notebooks()


def _draw() -> None:
    """Draw the figures of docs/inside.md with the code that the page shows."""
    vgg19 = cnnzoo.create_model("vgg19", kernel_initializer="zeros")
    (GENERATED / "vgg19.svg").write_text(cnnzoo.inspect.diagram(vgg19), encoding="utf-8")
    model = cnnzoo.models.lenet5(weights="mnist")
    images = cnnzoo.data.load_digits()[1].images
    maps = cnnzoo.inspect.features(model, ["c1", "s2", "c3", "s4"])(images[7:8])
    cnnzoo.plots.feature_maps(maps, images[7]).savefig(GENERATED / "maps.png")
    cnnzoo.plots.overlay(images[:6], cnnzoo.inspect.gradcam(model, images[:6])).savefig(GENERATED / "heat.png")
    _draw_accuracies().savefig(GENERATED / "accuracies.png")
    _draw_exports().savefig(GENERATED / "exports.png")
    _write_pictures_of_notebooks()
    for name, (source, part) in PARTS.items():
        with Image.open(source) as picture:
            picture.crop(part).save(GENERATED / f"{name}.png")


def _draw_accuracies() -> Figure:
    """Draw what torchvision's weights reach on ImageNet, over the multiply-accumulates."""
    figures = _by_network("published.csv")
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", xlabel="multiply-accumulates", ylabel="top-1 accuracy on ImageNet, %")
    families = dict.fromkeys(cnnzoo.model_card(name).family for name in cnnzoo.list_models(weights="imagenet"))
    for family, marker in zip(families, itertools.cycle("os^Dv")):
        cards = map(cnnzoo.model_card, cnnzoo.list_models(family=family, weights="imagenet"))
        points = [(int(figures[card.name]["macs"]), card.top1()) for card in cards]
        axes.plot(*zip(*points, strict=True), marker, label=family)
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize="small", loc="lower right")
    return figure


def _draw_exports() -> Figure:
    """Draw how long VGG19 takes to each format, as benchmarks/README.md says."""
    rows = re.findall(
        r"^\| vgg19 \| (\w+) \| [\d.]+ \| ([\d.]+) \|",
        (HERE.parent / "benchmarks" / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if not rows:
        raise ValueError("benchmarks/README.md has no rows of VGG19's exports.")
    params = cnnzoo.model_card("vgg19").params / 1e6
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    names = [cnnzoo.exporting.FORMATS[name].title for name, _ in rows]
    bars = axes.barh(names, [float(seconds) for _, seconds in rows])
    axes.bar_label(bars, fmt="%.0f s", padding=4)
    axes.set(title=f"VGG19, {params:.0f} million parameters: write and verify", xlabel="seconds")
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _write_pictures_of_notebooks() -> None:
    """Write what the cells of the example notebooks show as `NOTEBOOK-CELL.png` or `.svg`."""
    for notebook in (HERE.parent / "examples").glob("*.ipynb"):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            for shown in (output.get("data", {}) for output in cell.get("outputs", ())):
                path = GENERATED / f"{notebook.stem}-{cell['id']}"
                if picture := shown.get("image/png"):
                    path.with_suffix(".png").write_bytes(base64.b64decode(picture))
                elif drawing := shown.get("image/svg+xml"):
                    path.with_suffix(".svg").write_text("".join(drawing), encoding="utf-8")


def _copy_notebooks() -> None:
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    NOTEBOOKS.mkdir()
    for notebook in (HERE.parent / "examples").glob("*.ipynb"):
        shutil.copy(notebook, NOTEBOOKS)


def _make_accessible(app: object, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Say to browsers and screen readers which pages are in Korean, and how high the headings in the sidebar are."""
    if page.startswith(KOREAN):
        context["language"] = "ko"
    sidebar = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = sidebar.replace('role="heading"', 'role="heading" aria-level="2"')


def _check_offline(app: Any, exception: Exception | None) -> None:
    """Warn of each page that loads something from another host: the site must work without a network."""
    for page in [] if exception else Path(app.outdir).rglob("*.html"):
        for address in FOREIGN.findall(page.read_text(encoding="utf-8")):
            logger.warning("%s loads %s from another host", page.relative_to(app.outdir), address)


def setup(app: Any) -> None:
    app.connect("config-inited", _generate)  # before Sphinx looks for the files of `html_extra_path`
    app.connect("html-page-context", _make_accessible, priority=900)  # after furo has made the sidebar
    app.connect("build-finished", _check_offline)
