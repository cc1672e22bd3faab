"""The report of a run: how good it is, where it errs, what it looks at, what it is made of, how to repeat it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cnnzoo import plots
from cnnzoo.evaluation.metrics import Evaluation
from cnnzoo.files import check_new
from cnnzoo.inspect.diagram import diagram
from cnnzoo.inspect.features import features
from cnnzoo.inspect.gradcam import gradcam
from cnnzoo.inspect.layers import LayerTable, layer_table
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.report.findings import Findings, find
from cnnzoo.report.page import write_page
from cnnzoo.report.pictures import chart_address, drawing_address, image_address, photograph_address
from cnnzoo.training.command import command_for, recipe_name
from cnnzoo.training.recipes import RECIPE_CARDS, published_results

REPORT = "report.html"

MISTAKES = 24  # that are shown
OF_A_PAIR = 6  # of one pair of classes, so that one does not fill the gallery
PAIRS = 6
EXPLAINED = 6  # images with Grad-CAM, half of them right
SHOWN_LAYERS = 6
TOP_K = 5
MOST_CLASSES = 40  # that the confusion matrix is drawn for
MOST_PLACES = 3  # probabilities beside an image
BATCH_SIZE = 4  # of images at a time, which bounds the memory for Grad-CAM


class Picture(NamedTuple):
    """A test image on the page.

    Attributes:
        address: The image itself.
        true_name: Its class.
        predicted_name: The class that the network takes it for.
        probabilities: The largest, with the names of the classes.
        heated: The image with Grad-CAM over it; None where there is none.
    """

    address: str
    true_name: str
    predicted_name: str
    probabilities: list[tuple[str, float]]
    heated: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether the class is predicted."""
        return self.true_name == self.predicted_name


def write_report(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    data: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the report of the run at ``path``: one HTML page that needs no other file and asks nothing of a network.

    What the run folder lacks is said on the page.

    Args:
        path: The run folder; or the name of a network that ships trained, then with ``out``.
        out: The file to write, which must not exist yet. None writes ``report.html`` into the run folder, in place of
            an older one.
        data: A data set, or a folder of images, to evaluate the network on; None takes what it was trained on.
        data_path: A local file or folder in place of the download.

    Returns:
        Where the page is.

    Raises:
        FileNotFoundError: There is no such folder, it holds nothing of a run, or the run is not finished.
        FileExistsError: ``out`` exists.
        ValueError: ``out`` is needed.
        OSError: The page cannot be written there.
    """
    if out is not None:
        check_new(Path(out))
    elif str(path) in MODEL_CARDS and not Path(path).is_dir():
        raise ValueError(f"'{path}' ships with the package, where nothing is written. Give a file for the report.")
    found = find(path, data, data_path)
    missing = list(found.missing)
    content = {
        "name": found.name,
        "title": _title(found),
        "folder": str(found.path),
        "record": found.record,
        "verdict": _verdict(found),
        "curves": _curves(found, missing),
        "quality": _quality(found.evaluation),
        "confusion": _confusion(found.evaluation),
        "mistakes": _mistakes(found),
        "explained": _explained(found, missing),
        "maps": _maps(found, missing),
        "layers": _layers(found, missing),
        "recipe": _recipe(found.record),
        "command": _command(found),
        "missing": missing,
    }
    return write_page("report.html", found.path / REPORT if out is None else Path(out), **content)


def _title(found: Findings) -> str:
    card = MODEL_CARDS.get(found.name)
    return found.name if card is None else card.title


def _verdict(found: Findings) -> dict[str, Any] | None:
    """Return how good the network is, beside chance and what others came to."""
    if found.accuracy is None or found.interval is None or found.record is None:
        return None
    low, _ = found.interval
    chance = _chance(found)
    return {
        "accuracy": found.accuracy,
        "interval": found.interval,
        "right": round(found.accuracy * found.test_size),
        "images": found.test_size,
        "chance": chance,
        "has_learned": low > chance,
        "is_recorded": found.evaluation is None,
        "published": _published(found, found.interval),
    }


def _chance(found: Findings) -> float:
    """Return what always naming the commonest class comes to; one in as many as there are classes, without images."""
    if found.evaluation is not None:
        return float(np.bincount(found.evaluation.labels).max() / len(found.evaluation.labels))
    assert found.record is not None  # noqa: S101
    return 1 / len(found.record["data"]["class_names"])


def _published(found: Findings, interval: tuple[float, float]) -> list[dict[str, Any]]:
    """Return what the recipes for this network come to on the same data, and how the run compares."""
    record = found.record
    if record is None or record["data"]["source"] is None:
        return []
    source, (height, width, _) = record["data"]["source"], record["model"]["input_shape"]
    results = published_results(found.name, source["name"], source["fraction"], height if height == width else 0)
    own = recipe_name(record)
    return [
        {
            "recipe": name,
            "is_own": name == own,
            "accuracy": result.accuracy,
            "source": result.source,
            "compared": _compared(interval, result.accuracy),
        }
        for name, result in results.items()
    ]


def _compared(interval: tuple[float, float], accuracy: float) -> str:
    low, high = interval
    if low > accuracy:
        return "this run is better"
    return "this run is worse" if high < accuracy else "this run is as good, within its interval"


def _curves(found: Findings, missing: list[str]) -> dict[str, Any] | None:
    history = found.history
    if not history:
        return None
    try:
        chart = chart_address(plots.history(history))
    except ValueError as error:
        missing.append(f"The learning curves cannot be drawn. {error}")
        return None
    columns = [name for name in plots.CURVES if name in history]
    last = {name: history[name][-1] for name in columns if history[name]}
    return {
        "chart": chart,
        "columns": columns,
        "rows": list(zip(*(history[name] for name in columns), strict=True)),
    } | {"last": last}


def _quality(evaluation: Evaluation | None) -> dict[str, Any] | None:
    """Return the figures of all classes together and of each."""
    if evaluation is None:
        return None
    calibration = evaluation.calibration()
    top_k = TOP_K if len(evaluation.class_names) > TOP_K else None
    return {
        "loss": evaluation.loss,
        "k": top_k,
        "top_k": None if top_k is None else evaluation.top_k_accuracy(top_k),
        "classes": evaluation.by_class(),
        "calibration": chart_address(plots.calibration(calibration)),
        "error": calibration.error,
        "confidence": float(evaluation.confidence.mean()),
        "accuracy": evaluation.accuracy,
    }


def _confusion(evaluation: Evaluation | None) -> dict[str, Any] | None:
    if evaluation is None:
        return None
    is_drawn = len(evaluation.class_names) <= MOST_CLASSES
    figure = plots.confusion(evaluation.confusion, evaluation.class_names) if is_drawn else None
    return {
        "chart": None if figure is None else chart_address(figure),
        "pairs": evaluation.most_confused(PAIRS),
        "classes": len(evaluation.class_names),
    }


def _mistakes(found: Findings) -> dict[str, Any] | None:
    """Return images that are not recognised: the surest mistakes, few of each pair of classes."""
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
    if not positions or found.evaluation is None:
        return []
    evaluation, images = found.evaluation, found.images_at(positions)
    heated = [None] * len(images) if heat is None else [image_address(each) for each in plots.blend(images, heat)]
    return [
        Picture(
            image_address(image),
            evaluation.class_names[evaluation.labels[position]],
            evaluation.class_names[evaluation.predictions[position]],
            _largest(evaluation, position),
            over,
        )
        for position, image, over in zip(positions, images, heated, strict=True)
    ]


def _largest(evaluation: Evaluation, position: int) -> list[tuple[str, float]]:
    probabilities = evaluation.probabilities[position]
    best = np.argsort(-probabilities, kind="stable")[:MOST_PLACES]
    return [(evaluation.class_names[number], float(probabilities[number])) for number in best]


def _explained(found: Findings, missing: list[str]) -> list[Picture]:
    """Return images with Grad-CAM for the class that is predicted: some that are right, and the surest mistakes."""
    evaluation = found.evaluation
    if evaluation is None or found.model is None:
        return []
    right = [int(position) for position in evaluation.showcase(0) if evaluation.is_right[position]]
    wrong = [int(position) for position in evaluation.surest_mistakes(EXPLAINED // 2)]
    positions = [*right[: EXPLAINED - len(wrong)], *wrong]
    try:
        heat = gradcam(found.model, found.images_at(positions), batch_size=BATCH_SIZE)
    except ValueError as error:
        missing.append(f"Grad-CAM does not work on this network. {error}")
        return []
    return _pictures(found, positions, heat)


def _maps(found: Findings, missing: list[str]) -> dict[str, Any] | None:
    """Return what the layers make of one image, one that is right where there is one."""
    if found.evaluation is None or found.model is None:
        return None
    names = _layers_with_maps(found.model)
    if not names:
        missing.append("There are no feature maps: no layer of the network itself gives maps.")
        return None
    (position,) = [*np.flatnonzero(found.evaluation.is_right)[:1], 0][:1]
    images = found.images_at([position])
    maps = {name: np.asarray(values) for name, values in features(found.model, names)(images, training=False).items()}
    return {
        "chart": photograph_address(plots.feature_maps(maps, images[0])),
        "layers": names,
        "class": found.evaluation.class_names[found.evaluation.labels[position]],
    }


def _layers_with_maps(model: keras.Model) -> list[str]:
    """Return the names of a few layers that give maps of more than one pixel, spread evenly over the flow."""
    names = [
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.Layer)
        and not isinstance(layer, keras.layers.InputLayer | keras.Model)
        and len(getattr(layer.output, "shape", ())) == 4
        and layer.output.shape[1:3] != (1, 1)
    ]
    places = np.unique(np.linspace(0, len(names) - 1, min(SHOWN_LAYERS, len(names))).round().astype(int))
    return [names[place] for place in places]


def _layers(found: Findings, missing: list[str]) -> dict[str, Any] | None:
    """Return the table of the layers, and the network as a drawing."""
    if found.model is None:
        return None
    try:
        table: LayerTable = layer_table(found.model)
        return {"table": table, "drawing": drawing_address(diagram(found.model))}
    except ValueError as error:
        missing.append(f"The layers cannot be listed. {error}")
        return None


def _recipe(record: dict[str, Any] | None) -> dict[str, Any] | None:
    if record is None:
        return None
    name = recipe_name(record)
    card = RECIPE_CARDS.get((record["model"]["name"], name or ""))
    fields = {key.replace("_", " "): _value(value) for key, value in record["recipe"].items()}
    return {"name": name, "card": card, "fields": fields}


def _value(value: Any) -> str:
    """Write a field of a recipe as people read it."""
    if isinstance(value, list):
        return ", ".join(":".join(map(str, item)) if isinstance(item, list) else str(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "the network's own" if value is None else str(value)


def _command(found: Findings) -> str | None:
    if found.record is None:
        return None
    return command_for(found.record, None if found.dataset is None else len(found.dataset.train.labels))
