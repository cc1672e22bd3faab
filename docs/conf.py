"""Sphinx: the pages beside this file, the example notebooks, and pages that are generated from the package itself."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

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
html_css_files = ["notebooks.css"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks hold the outputs of a run
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
add_module_names = False


IN_TIMM = ("vgg", "resnet", "resnext", "wide_resnet", "densenet", "inception_v3")  # families with torchvision's weights
MOST_LAYERS = 60  # of a network whose layers a page lists


def _models_page() -> str:
    headings = ("name", "network", "year", "input", "smallest image", "parameters", "buffers", "MACs")
    rows = [f"| {' | '.join(headings)} |", "|---|---|---|---|---:|---:|---:|---:|"]
    for name in cnnzoo.list_models(sort="family"):
        card = cnnzoo.model_card(name)
        size = " x ".join(map(str, card.input_shape))
        figures = f"{card.smallest_size} x {card.smallest_size} | {card.params:,} | {card.buffers:,} | {card.macs:,}"
        rows.append(f"| `{name}` | {card.title} | {card.year} | {size} | {figures} |")
    return "\n".join(rows) + "\n"


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
        "models.md": _models_page(),
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


def _copy_notebooks() -> None:
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    NOTEBOOKS.mkdir()
    for notebook in (HERE.parent / "examples").glob("*.ipynb"):
        shutil.copy(notebook, NOTEBOOKS)


def setup(app: object) -> None:
    app.connect("config-inited", _generate)  # before Sphinx looks for the files of `html_extra_path`
