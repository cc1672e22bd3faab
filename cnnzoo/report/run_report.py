"""The report of a run: accuracy, mistakes, explanations, architecture, and how to reproduce it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnzoo import plots
from cnnzoo._support.files import check_target
from cnnzoo._support.fonts import readers_fonts
from cnnzoo._support.notebook import framed
from cnnzoo._support.wording import shell_command
from cnnzoo.evaluation.metrics import TOP, Evaluation
from cnnzoo.inspect.diagram import diagram
from cnnzoo.inspect.layers import LayerTable, layer_table
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.plots.answers import MOST_CLASSES
from cnnzoo.plots.curves import CURVES
from cnnzoo.recipes.cards import RECIPE_CARDS, published_results
from cnnzoo.recipes.recipe import as_flag
from cnnzoo.report._findings import Findings, find
from cnnzoo.report._galleries import explained, feature_maps, mistakes
from cnnzoo.report._page import write_page
from cnnzoo.report._pictures import chart_address, drawing_address
from cnnzoo.runs.record import Record
from cnnzoo.runs.run import Run, find_run, is_shipped

REPORT = "report.html"
PAIRS = 6  # of confused classes to list


class Report(NamedTuple):
    """A page about a run.

    Attributes:
        path: The page.
        missing: Sentences that say what is missing, as on the page.
    """

    path: Path
    missing: tuple[str, ...]

    def _repr_html_(self) -> str:
        """Return the page in a frame for a notebook."""
        return framed(self.path.read_text(encoding="utf-8"), f"report {self.path.name}")


def write_report(
    path: str | os.PathLike[str] | Run,
    out: str | os.PathLike[str] | None = None,
    *,
    data: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Report:
    """Write the report of the run at ``path``: one self-contained HTML page that loads nothing.

    Anything missing from the run folder is listed on the page.

    Args:
        path: The run folder; or a ``Run``; or the name of a network that ships trained, together with ``out``.
        out: The file to write; None writes ``report.html`` into the run folder.
        data: A data set or a folder of images to evaluate the network on; None: the data it was trained on.
        data_path: A local file or folder to use instead of a download.
        force: Whether to overwrite an existing file.

    Returns:
        The path of the page, and what is missing from it.

    Raises:
        FileNotFoundError: There is no such folder, it is not a run folder, or the run is not finished.
        FileExistsError: The file exists and ``force`` is false.
        ValueError: ``out`` is required, the run was not written to a folder, or ``data`` does not fit the network.
        ConnectionError: ``data`` must be downloaded and there is no network connection.
        OSError: The page cannot be written.
    """
    folder = find_run(path)
    if out is None and is_shipped(folder):
        name = folder.name if isinstance(path, Run) else path
        raise ValueError(
            f"'{name}' ships with the package and is not written to. Choose a file for the report with `out`."
        )
    target = check_target(folder / REPORT if out is None else out, force=force)
    found = find(path, data, data_path)
    missing = list(found.missing)
    content = {
        "title": _title(found),
        "folder": str(found.path),
        "record": found.record,
        "verdict": _verdict(found),
        "curves": _curves(found),
        "quality": _quality(found.evaluation),
        "most_classes": MOST_CLASSES,
        "confusion": _confusion(found.evaluation),
        "mistakes": mistakes(found),
        "explained": explained(found, missing),
        "maps": feature_maps(found, missing),
        "layers": _layers(found, missing),
        "recipes": _recipes(found.record),
        "facts": _facts(found.record),
        "command": shell_command(found.record.command) if found.record and found.record.command else None,
        "missing": missing,
    }
    page = write_page("report.html", target, **content)
    return Report(page, tuple(missing))


def _title(found: Findings) -> str:
    if found.record is not None and found.record.finetuned:
        return f"{found.name}, finetuned"
    card = MODEL_CARDS.get(found.name)
    return found.name if card is None else card.title


def _verdict(found: Findings) -> dict[str, Any] | None:
    """Return the accuracy, with chance level and published results for comparison."""
    if found.accuracy is None or found.interval is None or found.record is None:
        return None
    low, _ = found.interval
    chance = _chance(found.evaluation, len(found.record.data.class_names))
    return {
        "accuracy": found.accuracy,
        "interval": found.interval,
        "right": round(found.accuracy * found.test_size),
        "images": found.test_size,
        "chance": chance,
        "has_learned": low > chance,
        "is_recorded": found.evaluation is None,
        "other_data": found.other_data,
        "published": _published(found, found.interval),
    }


def _chance(evaluation: Evaluation | None, classes: int) -> float:
    """Return the accuracy of always predicting the most frequent class; without the images, of random guessing."""
    return 1 / classes if evaluation is None else float(np.bincount(evaluation.labels).max() / len(evaluation.labels))


def _published(found: Findings, interval: tuple[float, float]) -> list[dict[str, Any]]:
    """Return published results of this network on the same data, and how the run compares."""
    record = found.record
    if record is None or record.data.source is None or found.other_data or record.finetuned:
        return []
    source, (height, width, _) = record.data.source, record.model.input_shape
    side = height if height is not None and height == width else 0
    results = published_results(found.name, source.name, source.fraction, side)
    own = _recipe_name(record)
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
    return "this run is worse" if high < accuracy else "no significant difference"


def _curves(found: Findings) -> dict[str, Any] | None:
    history = found.history
    if history is None or not found.has_curves:
        return None
    columns = [name for name in CURVES if name in history]
    return {
        "chart": chart_address(plots.history(history, validated_on=found.validated_on)),
        "validated_on": found.validated_on,
        "columns": columns,
        "rows": list(zip(*(history[name] for name in columns), strict=True)),
    }


def _quality(evaluation: Evaluation | None) -> dict[str, Any] | None:
    """Return the metrics, overall and per class."""
    if evaluation is None:
        return None
    calibration = evaluation.calibration()
    return {
        "loss": evaluation.loss,
        "k": TOP,
        "top_k": evaluation.top_k_accuracy() if len(evaluation.class_names) > TOP else None,
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
    with readers_fonts():
        figure = plots.confusion(evaluation.confusion, evaluation.class_names) if is_drawn else None
    return {
        "chart": None if figure is None else chart_address(figure),
        "pairs": evaluation.most_confused(PAIRS),
        "all_pairs": int(np.count_nonzero(evaluation.confusion) - np.count_nonzero(evaluation.confusion.diagonal())),
        "classes": len(evaluation.class_names),
    }


def _layers(found: Findings, missing: list[str]) -> dict[str, Any] | None:
    """Return the layer table and the diagram of the network."""
    if found.model is None:
        return None
    try:
        table: LayerTable = layer_table(found.model)
        return {"table": table, "drawing": drawing_address(diagram(found.model))}
    except ValueError as error:
        missing.append(f"The layers cannot be listed. {error}")
        return None


def _recipe_name(record: Record) -> str | None:
    """Return the name of the recipe that the run was trained with; None if it was changed."""
    found = (
        name
        for (owner, name), card in RECIPE_CARDS.items()
        if (owner, card.recipe) == (record.model.name, record.recipe)
    )
    return None if record.finetuned else next(found, None)


def _recipes(record: Record | None) -> list[dict[str, Any]]:
    """Return the recipes of the run: one, or one per phase for a fine-tuned network."""
    if record is None:
        return []
    name, written = _recipe_name(record), record.to_json()
    is_finetuned = record.finetuned is not None
    parts = written["finetuned"]["recipes"] if is_finetuned else [written["recipe"]]
    titles = ["Recipe for the head", "Recipe for the unfrozen layers"] if is_finetuned else ["Recipe"]
    return [
        {
            "title": title,
            "name": name,
            "card": RECIPE_CARDS.get((record.model.name, name or "")),
            "is_finetuned": is_finetuned,
            "fields": {key.replace("_", " "): as_flag(value) for key, value in part.items()},
        }
        for title, part in zip(titles, parts, strict=False)
    ]


def _facts(record: Record | None) -> dict[str, Any]:
    """Return how and where the run was computed, as far as recorded."""
    if record is None:
        return {}
    computation = asdict(record.computation)
    computed = {
        "precision used": computation.pop("precision"),
        **computation,
        **record.versions,
        **asdict(record.machine),
    }
    return {name: value for name, value in computed.items() if value is not None}
