"""What a page holds of a network: its program and weights, examples, and snapshots of its training."""

from __future__ import annotations

import base64
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.ending import ending_by_graph
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.data.preparing import shorter_side_of
from cnnzoo.data.split import spread, take
from cnnzoo.data.streaming import plain_batches
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.evaluation.evaluator import evaluate
from cnnzoo.play._packing import pack
from cnnzoo.play._program import Program, write_program
from cnnzoo.pretrained.opening import images_at_hand
from cnnzoo.runs.run import Run
from cnnzoo.runs.snapshots import Snapshot

LARGEST_NETWORK = 50_000_000  # weights: 134 MB as a page, and some seconds for an answer
LARGEST_SNAPSHOTS = 4_000_000  # bytes of the weights of all snapshots
LARGEST_EXAMPLES = 400_000  # bytes of the pixels of all examples
WEIGHTS_PER_BYTE = 5  # of examples, where that gives more bytes: a tenth of what the weights take
MISTAKES = 6
FEWEST_SNAPSHOTS = 2
EVALUATED = 1000  # images, to choose examples from


def check_size(name: str, size: int) -> None:
    """Raise ``ValueError`` where a network has too many weights for a page."""
    if size > LARGEST_NETWORK:
        raise ValueError(
            f"{name} has {size:,} weights, and a page can hold {LARGEST_NETWORK:,}. Take a smaller network, or train "
            "it on smaller images (`image_size`) where dense layers follow the maps."
        )


def content_of(name: str, classifier: Classifier, *, float32: bool) -> dict[str, Any]:
    """Return what the page's script needs of a network, which the page calls ``name``.

    Raises:
        ValueError: The network is too large for a page, has a layer that a page cannot show, or takes values that
            images do not have.
    """
    model = classifier.model
    check_size(model.name, sum(count_parameters(model)))
    program = write_program(model)
    ending = ending_by_graph(model)
    if ending is None:
        raise ValueError(f"The graph of {model.name} does not tell whether it gives probabilities or logits.")
    if classifier.scale == "raw":
        raise ValueError(f"{model.name} was trained on floats of an unknown range, which images do not have.")
    if program.shape[2] not in (1, 3):
        raise ValueError(f"A page takes images of 1 or 3 channels. Received a network with {program.shape[2]}.")
    return {
        "name": name,
        "params": count_parameters(model).params,
        "classes": list(classifier.class_names),
        "kind": ending.kind,
        "scale": classifier.scale,
        "preparation": classifier.preparation,
        "shorterSide": classifier.shorter_side or shorter_side_of((program.shape[0], program.shape[1])),
        "program": {"shape": program.shape, "steps": program.steps},
        "weights": _encoded(program, in_full=float32),
    }


def _encoded(program: Program, *, in_full: bool) -> dict[str, Any]:
    weights = pack(program.weights, in_full=in_full)
    texts = {"levels": _text(weights.levels), "floats": _text(weights.floats)}
    return {"size": weights.size, "kernels": weights.kernels} | texts


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def examples_of(classifier: Classifier, run: Run | None) -> tuple[str, list[dict[str, Any]]]:
    """Return images of each class, and the most confident mistakes, and where they are from.

    Where from: see ``images_at_hand``.
    """
    origin, at_hand = images_at_hand(classifier, run)
    if at_hand is None:
        return "", []
    images = spread(at_hand[1], EVALUATED)
    height, width, channels = classifier.model.input_shape[1:]
    options: dict[str, Any] = {"class_names": classifier.class_names, "image_size": (height, width)}
    evaluation = evaluate(classifier.model, images, **options, scale=classifier.scale, engine="keras")
    largest = max(LARGEST_EXAMPLES, sum(count_parameters(classifier.model)) // WEIGHTS_PER_BYTE)
    chosen = evaluation.showcase(MISTAKES)[: largest // (height * width * channels)]
    if not len(chosen):
        return "", []
    shown = take(images, chosen)
    pixels = np.concatenate([*plain_batches(shown.images, batch_size=len(chosen), image_size=(height, width))])
    levels = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return origin, [
        {"label": int(label), "answer": int(answer), "pixels": _text(image.tobytes())}
        for image, label, answer in zip(levels, shown.labels, evaluation.predictions[chosen], strict=True)
    ]


def snapshots_of(run: Run | None) -> dict[str, Any] | None:
    """Return the weights of a run's snapshots: of all that differ from the end, or of evenly fewer.

    None where there are none, or so few fit that there is nothing to slide through.
    """
    kept = () if run is None else run.snapshots
    if run is None or not kept:
        return None
    copy = keras.models.clone_model(run.model)
    most = LARGEST_SNAPSHOTS // (2 * sum(count_parameters(copy)))
    if most < FEWEST_SNAPSHOTS:
        return None
    if len(kept) > most:
        kept = tuple(kept[round(place)] for place in np.linspace(0, len(kept) - 1, most))
    shown, parts = [], []
    for snapshot in kept:
        if _can_show(snapshot, copy, run.model):
            shown.append(snapshot)
            parts.append(_encoded(write_program(copy), in_full=False))
    if not shown:
        return None
    return {
        "steps": [snapshot.step for snapshot in shown],
        "epochs": [snapshot.epoch for snapshot in shown],
        "weights": parts,
    }


def _can_show(snapshot: Snapshot, copy: keras.Model, model: keras.Model) -> bool:
    """Give ``copy`` the weights of a snapshot; tell whether it has them, and they differ from those of ``model``."""
    try:
        copy.set_weights(snapshot.read(copy))
    except (ValueError, OSError):
        return False
    if not all(np.isfinite(each).all() for each in copy.get_weights()):
        return False
    both = zip(copy.get_weights(), model.get_weights(), strict=True)
    return not all(np.allclose(kept, end, rtol=1e-3, atol=1e-6) for kept, end in both)  # as a snapshot is float16
