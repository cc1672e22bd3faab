"""A trained network as a self-contained page that runs it on what one draws."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

import cnnzoo
from cnnzoo._support.files import check_target
from cnnzoo._support.notebook import framed
from cnnzoo._support.pages import script_digest, write_page_text
from cnnzoo._support.wording import memory
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.models.catalog import MODEL_CARDS, list_weights
from cnnzoo.play._content import check_size, content_of, examples_of, snapshots_of
from cnnzoo.pretrained.networks import network_name
from cnnzoo.pretrained.opening import Trained, name_of, open_trained
from cnnzoo.runs.run import Run

LARGEST_FRAMED = 4_000_000  # bytes
FRAME = 900  # pixels of a frame's height
TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = (  # each uses those before it
    *("words.js", "engine.js", "gradients.js", "pixels.js", "painting.js", "arithmetic.js"),
    *("subject.js", "board.js", "layers.js", "quiz.js", "page.js"),
)


@dataclass(frozen=True)
class Page:
    """A page that was written.

    Attributes:
        path: The file.
        size: Its size in bytes.
        snapshots: How many snapshots of the training one can slide through.
    """

    path: Path
    size: int
    snapshots: int

    def _repr_html_(self) -> str | None:
        """Return the page in a frame for a notebook, or where it lies if it is too large; None if it is gone."""
        if not self.path.is_file():
            return None
        if self.size > LARGEST_FRAMED:
            place = html.escape(str(self.path))
            return f"<p>{place} ({memory(self.size)}) is too large for a cell. Open it in a browser.</p>"
        return framed(self.path.read_text(encoding="utf-8"), f"{self.path.name}, to draw on", FRAME)


def write_page(
    network: Trained,
    path: str | os.PathLike[str] | None = None,
    *,
    beside: Trained | None = None,
    float32: bool = False,
    force: bool = False,
) -> Page:
    """Write a page on which one draws, or opens an image, and sees what every layer of a network makes of it.

    The page holds the network and runs it in the browser; it loads nothing from anywhere.

    Args:
        network: A run folder, or a name, as ``cnnzoo predict`` takes them; a ``Run``; a ``Classifier``; or a Keras
            model. The classes are known where this package trained or loaded it; otherwise they have numbers as names.
        path: The file to write; None: the name of the network, or of the run's folder, with ".html", in the working
            directory.
        beside: Another network, which sees the same drawing.
        float32: Whether to store kernels in full precision, or as 16-bit whole numbers with a scale for each map, in
            half the space.
        force: Whether to overwrite an existing file.

    Returns:
        The file and its size.

    Raises:
        ValueError: The network is too large for a page, has a layer that a page cannot show, or takes values that
            images do not have; the message says which. Or ``path`` does not end in ".html".
        FileNotFoundError: ``network`` or ``beside`` names nothing.
        FileExistsError: ``path`` exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    if path is not None:  # before a network is loaded
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"`path` (--out) must be a file that ends in .html. Received: '{path}'")
        check_target(Path(path), force=force)
    opened = []
    for each in (network,) if beside is None else (network, beside):
        _check_size_by_name(each)
        opened.append(open_trained(each))
    names = _names(opened)
    path = check_target(Path("_".join(names).replace("/", "_") + ".html" if path is None else path), force=force)
    networks = [
        content_of(name, classifier, float32=float32) for name, (classifier, _) in zip(names, opened, strict=True)
    ]
    examples_from, examples = examples_of(*opened[0])
    snapshots = snapshots_of(opened[0][1])
    text = _rendered({"networks": networks, "examples": examples, "snapshots": snapshots}, examples_from)
    write_page_text(path, text)
    return Page(path, len(text.encode()), len(snapshots["steps"]) if snapshots else 0)


def _check_size_by_name(network: Trained) -> None:
    """Raise ``ValueError`` where a name is of a network too large for a page: its weights need not be fetched."""
    name = network_name(network) if isinstance(network, str | os.PathLike) else None
    if name in MODEL_CARDS and not list_weights(name):
        check_size(name, MODEL_CARDS[name].params)


def _names(opened: list[tuple[Classifier, Run | None]]) -> list[str]:
    """Return what networks are called on the page: a run by its folder, as far up as is necessary to tell two apart."""
    for depth in (1, 2):
        names = [name_of(classifier, run, depth) for classifier, run in opened]
        if len(set(names)) == len(names):
            return names
    raise ValueError(f"`beside` must be another network or run than the first. Received: {names[0]}, twice")


def _rendered(content: dict[str, Any], examples_from: str) -> str:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return templates.get_template("page.html").render(
        version=cnnzoo.__version__,
        networks=content["networks"],
        examples_from=examples_from,
        is_colour=any(each["program"]["shape"][2] == 3 for each in content["networks"]),
        script=script,
        digest=script_digest(script),
        content=json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    )
