"""A trained network as a self-contained page that runs it on what one draws."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jinja2
import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.ending import check_classifier, count_classes, ending_by_graph
from cnnzoo._keras.parameters import count_parameters
from cnnzoo._keras.scale import scale_of
from cnnzoo._support.files import check_target
from cnnzoo._support.pages import script_digest, write_page_text
from cnnzoo.data.digits import load_digits
from cnnzoo.data.mnist import PADDING
from cnnzoo.data.preparing import shorter_side_of
from cnnzoo.data.split import Split, take
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.evaluation.evaluator import evaluate
from cnnzoo.models.catalog import MODEL_CARDS, list_weights
from cnnzoo.play._program import Program, write_program
from cnnzoo.pretrained.classifying import open_classifier
from cnnzoo.pretrained.networks import network_name
from cnnzoo.runs.run import Run

Playable: TypeAlias = str | os.PathLike[str] | Run | Classifier | keras.Model

LARGEST_NETWORK = 10_000_000  # weights: 27 MB as a page, and half a second and more for an answer
IN_FULL = 300_000  # weights up to which a page has them in full precision
TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = (  # each uses those before it
    *("words.js", "engine.js", "gradients.js", "pixels.js", "painting.js", "arithmetic.js"),
    *("subject.js", "board.js", "page.js"),
)
DIGITS = tuple(map(str, range(10)))
EXAMPLES = 10
MISTAKES = 6


@dataclass(frozen=True)
class Page:
    """A page that was written.

    Attributes:
        path: The file.
        size: Its size in bytes.
    """

    path: Path
    size: int


def write_page(
    network: Playable,
    path: str | os.PathLike[str] | None = None,
    *,
    beside: Playable | None = None,
    float32: bool | None = None,
    force: bool = False,
) -> Page:
    """Write a page on which one draws, or opens an image, and sees what every layer of a network makes of it.

    The page holds the network and runs it in the browser; it loads nothing from anywhere.

    Args:
        network: A run folder, or a name, as ``cnnzoo predict`` takes them; a ``Run``; a ``Classifier``; or a Keras
            model, whose classes have their numbers as names.
        beside: Another network, which sees the same drawing.
        path: The file to write; None: the network's name with ".html", in the working directory.
        float32: Whether to store the weights in full precision, or as float16, in half the space. None: in full up to
            300,000 weights, which makes a page of 1.7 MB.
        force: Whether to overwrite an existing file.

    Returns:
        The file and its size.

    Raises:
        ValueError: The network is too large for a page, has a layer that a page cannot show, or takes values that
            images do not have; the message says which.
        FileNotFoundError: ``network`` names nothing.
        FileExistsError: ``path`` exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    if path is not None:
        check_target(Path(path), force=force)  # before a network is loaded
    classifiers = [_classifier(each) for each in (network, beside) if each is not None]
    default = "_".join(dict.fromkeys(each.model.name for each in classifiers)) + ".html"
    path = check_target(Path(default if path is None else path), force=force)
    text = _rendered([_content(each, float32) for each in classifiers], classifiers)
    write_page_text(path, text)
    return Page(path, len(text.encode()))


def _classifier(network: Playable) -> Classifier:
    if isinstance(network, Classifier):
        return network
    if isinstance(network, Run):
        return network.classifier
    if isinstance(network, keras.Model):
        check_classifier(network)
        names = tuple(map(str, range(count_classes(network))))
        return Classifier(network, names, network.input_shape[1:3], scale=scale_of(network) or "unit")
    name = network_name(network)
    if name in MODEL_CARDS and not list_weights(name):  # with weights for ImageNet, which need not be fetched for this
        _check_size(name, MODEL_CARDS[name].params)
    return open_classifier(network)


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_NETWORK:
        raise ValueError(
            f"{name} has {size:,} weights, and a page can hold {LARGEST_NETWORK:,}. Take a smaller network, or train "
            "it on smaller images (`image_size`) where dense layers follow the maps."
        )


def _content(classifier: Classifier, float32: bool | None) -> dict[str, Any]:
    """Return all that the page's script needs."""
    model = classifier.model
    _check_size(model.name, sum(count_parameters(model)))
    program = write_program(model)
    ending = ending_by_graph(model)
    if ending is None:
        raise ValueError(f"The graph of {model.name} does not tell whether it gives probabilities or logits.")
    if classifier.scale == "raw":
        raise ValueError(f"{model.name} was trained on floats of an unknown range, which images do not have.")
    if program.shape[2] not in (1, 3):
        raise ValueError(f"A page takes images of 1 or 3 channels. Received a network with {program.shape[2]}.")
    in_full = program.size <= IN_FULL if float32 is None else float32
    weights = program.buffer(np.float32 if in_full else np.float16)
    return {
        "name": model.name,
        "classes": list(classifier.class_names),
        "kind": ending.kind,
        "scale": classifier.scale,
        "preparation": classifier.preparation,
        "shorterSide": classifier.shorter_side or shorter_side_of((program.shape[0], program.shape[1])),
        "program": {"shape": program.shape, "steps": program.steps},
        "isHalf": not in_full,
        "weights": base64.b64encode(weights).decode(),
        "examples": _examples(classifier, program),
        "snapshots": None,
    }


def _examples(classifier: Classifier, program: Program) -> list[dict[str, Any]]:
    """Return digits of the test set that ships with the package: one of each class, and the most confident mistakes."""
    if classifier.class_names != DIGITS or classifier.preparation != "digit":
        return []
    test = _digits(program.shape)
    if test is None:
        return []
    evaluation = evaluate(classifier.model, test, class_names=DIGITS, scale=classifier.scale, engine="keras")
    first = [int(np.flatnonzero(test.labels == number)[0]) for number in range(EXAMPLES)]
    chosen = np.array([*first, *evaluation.surest_mistakes(MISTAKES)])
    return _as_examples(take(test, chosen), evaluation.predictions[chosen])


def _digits(shape: tuple[int, ...]) -> Split | None:
    """Return the test digits, as bytes, at the size of MNIST or padded; None where a network takes another."""
    _, (images, labels) = load_digits()
    pixels = np.round(images * 255).astype(np.uint8)
    for each in (pixels, pixels[:, PADDING:-PADDING, PADDING:-PADDING]):
        if each.shape[1:] == shape:
            return Split(each, labels)
    return None


def _as_examples(split: Split, answers: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"label": int(label), "answer": int(answer), "pixels": base64.b64encode(image.tobytes()).decode()}
        for image, label, answer in zip(split.images, split.labels, answers, strict=True)
    ]


def _rendered(contents: list[dict[str, Any]], classifiers: list[Classifier]) -> str:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return templates.get_template("page.html").render(
        version=cnnzoo.__version__,
        networks=contents,
        params=[f"{count_parameters(each.model).params:,}" for each in classifiers],
        is_colour=any(each.model.input_shape[-1] == 3 for each in classifiers),
        script=script,
        digest=script_digest(script),
        content=json.dumps({"networks": contents}, separators=(",", ":")).replace("<", "\\u003c"),
    )
