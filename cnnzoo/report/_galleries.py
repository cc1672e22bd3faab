"""The test images on a report: mistakes, Grad-CAM, feature maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cnnzoo import plots
from cnnzoo._keras.graph import graph_inputs, walk
from cnnzoo._keras.kinds import is_kind
from cnnzoo.data.pixels import to_scale
from cnnzoo.data.resize import resize_into
from cnnzoo.data.split import Dataset, shown_as_pictures
from cnnzoo.evaluation.metrics import Evaluation
from cnnzoo.inspect import gradcam
from cnnzoo.inspect.features import features
from cnnzoo.report._findings import Findings
from cnnzoo.report._pictures import LARGEST_SIDE, image_address, photograph_address

MISTAKES = 24  # shown on the page
OF_A_PAIR = 6  # per pair of classes, so that one pair does not fill the gallery
EXPLAINED = 6  # images with Grad-CAM, half of them classified correctly
SHOWN_LAYERS = 6
MOST_PLACES = 3  # probabilities shown with an image
BATCH_SIZE = 4  # bounds the memory that Grad-CAM needs
HEATED_SIDE = 224  # pixels


class Picture(NamedTuple):
    """A test image on the page.

    Attributes:
        address: The image itself.
        true_name: Its class.
        predicted_name: The predicted class.
        probabilities: The largest probabilities, with class names.
        heated: The image with its Grad-CAM heat map, if there is one.
        file: Its file name, if it is a file.
    """

    address: str
    true_name: str
    predicted_name: str
    probabilities: list[tuple[str, float]]
    heated: str | None = None
    file: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether the prediction is correct."""
        return self.true_name == self.predicted_name


def mistakes(found: Findings) -> dict[str, Any] | None:
    """Return the most confident mistakes, at most a few per pair of classes."""
    evaluation = found.evaluation
    if evaluation is None:
        return None
    chosen: list[int] = []
    shown: dict[tuple[int, int], int] = {}
    for position in evaluation.surest_mistakes(len(evaluation.labels)):
        pair = int(evaluation.labels[position]), int(evaluation.predictions[position])
        shown[pair] = shown.get(pair, 0) + 1
        if shown[pair] <= OF_A_PAIR and len(chosen) < MISTAKES:
            chosen.append(int(position))
    shown_pictures = _pictures(found, chosen)
    pairs = dict.fromkeys((picture.true_name, picture.predicted_name) for picture in shown_pictures)
    return {"all": int((~evaluation.is_right).sum()), "pictures": shown_pictures, "pairs": list(pairs)}


def _pictures(found: Findings, positions: list[int], heat: np.ndarray | None = None) -> list[Picture]:
    if not positions or found.evaluation is None or found.dataset is None or found.model is None:
        return []
    evaluation, images = found.evaluation, _seen(found.model, found.dataset, positions)
    side = LARGEST_SIDE if heat is None else HEATED_SIDE
    blended = [None] * len(images) if heat is None else plots.blend(shown_as_pictures(images), heat)
    files = getattr(found.dataset.test.images, "paths", None)
    return [
        Picture(
            image_address(image, side),
            evaluation.class_names[evaluation.labels[position]],
            evaluation.class_names[evaluation.predictions[position]],
            _largest(evaluation, position),
            None if over is None else image_address(over, side),
            None if files is None else Path(files[position]).name,
        )
        for position, image, over in zip(positions, images, blended, strict=True)
    ]


def _seen(model: keras.Model, dataset: Dataset, positions: list[int]) -> np.ndarray:
    """Return the test images at ``positions`` at the network's input size: float32 in [0, 1]."""
    images = dataset.test.images[np.array(positions)]
    sides = zip(model.input_shape[1:], images.shape[1:], strict=True)
    seen = np.empty((len(images), *(own or side for own, side in sides)), np.float32)
    resize_into(seen, images)
    return seen


def _taken(found: Findings, positions: list[int]) -> np.ndarray:
    """Return the test images at ``positions`` in the network's input range."""
    if found.model is None or found.dataset is None or found.record is None:
        raise ValueError("The run has no network, no record or no images.")
    scale = found.record.data.scale
    seen = _seen(found.model, found.dataset, positions)
    return seen if scale == "raw" else to_scale(seen, scale)


def _largest(evaluation: Evaluation, position: int) -> list[tuple[str, float]]:
    probabilities = evaluation.probabilities[position]
    best = np.argsort(-probabilities, kind="stable")[:MOST_PLACES]
    return [(evaluation.class_names[number], float(probabilities[number])) for number in best]


def explained(found: Findings, missing: list[str]) -> list[Picture]:
    """Return images with Grad-CAM for the predicted class: some correct ones, and the most confident mistakes."""
    evaluation = found.evaluation
    if evaluation is None or found.model is None or found.dataset is None:
        return []
    right = np.flatnonzero(evaluation.is_right)
    _, first = np.unique(evaluation.labels[right], return_index=True)  # of each class
    wrong = evaluation.surest_mistakes(EXPLAINED // 2)
    positions = [int(position) for position in (*right[first][: EXPLAINED - len(wrong)], *wrong)]
    try:
        heat = gradcam(found.model, _taken(found, positions), batch_size=BATCH_SIZE)
    except Exception as error:  # each backend raises its own errors for an unforeseen kind of network
        missing.append(f"Grad-CAM does not work on this network. {error}")
        return []
    return _pictures(found, positions, heat)


def feature_maps(found: Findings, missing: list[str]) -> dict[str, Any] | None:
    """Return the feature maps of one image, a correctly classified one if possible."""
    if found.evaluation is None or found.model is None or found.dataset is None:
        return None
    position = int(found.evaluation.is_right.argmax())
    images = _seen(found.model, found.dataset, [position])
    try:
        channels = _layers_with_maps(found.model)
        names = [*channels]
        outputs = features(found.model, names)(_taken(found, [position]), training=False) if names else {}
    except Exception as error:  # as with Grad-CAM
        missing.append(f"The feature maps cannot be computed. {error}")
        return None
    if not names:
        missing.append("There are no feature maps, because no layer of the network outputs any.")
        return None
    maps = {
        name: np.moveaxis(keras.ops.convert_to_numpy(values), channels[name], -1) for name, values in outputs.items()
    }
    return {
        "chart": photograph_address(plots.feature_maps(maps, shown_as_pictures(images[0]))),
        "layers": names,
        "class": found.evaluation.class_names[found.evaluation.labels[position]],
    }


def _layers_with_maps(model: keras.Model) -> dict[str, int]:
    """Return a few layers whose maps are larger than one pixel, evenly spread over the network: name and channel axis.

    Layers that detect or merge patterns are preferred over those that only prepare or scale.
    """
    calls = [
        call
        for call in walk(model, graph_inputs(model))
        if len(call.outputs[0].shape) == 3 and call.outputs[0].spatial != (1, 1)
    ]
    telling = [call for call in calls if is_kind(call.operation, "convolution", "transposed", "pooling", "merge")]
    axes: dict[str, int] = {}
    for call in telling or calls:
        axes.setdefault(call.name, call.outputs[0].channels + 1)
    names = [*axes]
    places = np.unique(np.linspace(0, len(names) - 1, min(SHOWN_LAYERS, len(names))).round().astype(int))
    return {names[place]: axes[names[place]] for place in places}
