"""The comparison of runs: metrics side by side, curves in one chart, and significance tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnzoo import plots
from cnnzoo._keras.parameters import count_parameters
from cnnzoo._support.files import check_target
from cnnzoo._support.fonts import readers_fonts
from cnnzoo._support.notebook import block, listing
from cnnzoo._support.tables import Column, Table
from cnnzoo._support.wording import format_shape
from cnnzoo.data.folder import ImageFiles
from cnnzoo.evaluation.paired import PairedTest, mcnemar
from cnnzoo.inspect.layers import layer_table
from cnnzoo.recipes.recipe import as_flag
from cnnzoo.report._findings import Findings, find
from cnnzoo.report._page import NOT_KNOWN, write_page
from cnnzoo.report._pictures import chart_address
from cnnzoo.runs.run import Run, find_run, is_shipped

LEVEL = 0.05  # of significance, for each pair


class Row(NamedTuple):
    """The metrics of one run; None if unknown.

    Attributes:
        name: A short name that is unique among the compared runs.
        network: The network's name.
        params: Number of parameters.
        macs: Multiply-accumulates for one image.
        epochs: Number of epochs trained.
        seconds: Training time.
        images: Number of test images.
        accuracy: Test accuracy, in [0, 1].
        interval: The 95 % interval of the accuracy.
        loss: Mean cross-entropy, in nats.
        calibration_error: Expected calibration error, in [0, 1].
    """

    name: str
    network: str
    params: int | None
    macs: int | None
    epochs: int | None
    seconds: float | None
    images: int
    accuracy: float | None
    interval: tuple[float, float] | None
    loss: float | None
    calibration_error: float | None


class Pair(NamedTuple):
    """Two runs side by side.

    Attributes:
        first: Name of the first run.
        second: Name of the second run.
        test: McNemar's test; None unless both were evaluated on the same images.
    """

    first: str
    second: str
    test: PairedTest | None

    @property
    def verdict(self) -> str:
        """The result of the test in words."""
        if self.test is None:
            return "not tested: the test images may differ"
        if self.test.p_value >= LEVEL:
            return "no significant difference"
        return f"{self.first if self.test.only_first > self.test.only_second else self.second} is better"


class Comparison(NamedTuple):
    """Several runs side by side.

    Attributes:
        rows: One row per run.
        pairs: All pairs of runs.
        path: The page.
        missing: Sentences that say what is missing, as on the page; each begins with the run's name.
    """

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    path: Path
    missing: tuple[str, ...]

    def __repr__(self) -> str:
        """Show the runs instead of all figures."""
        return f"<Comparison of {', '.join(row.name for row in self.rows)}: {self.path}>"

    def _repr_html_(self) -> str:
        """Return the figures of the runs and the verdicts on their pairs for a notebook."""
        numbers = (Column(title, is_number=True) for title in ("parameters", "test images", "accuracy", "loss"))
        rows = [
            (
                *(row.name, row.network, _shown(row.params, ","), _shown(row.images, ",")),
                *(_shown(row.accuracy, ".2%"), _shown(row.loss, ".4f")),
            )
            for row in self.rows
        ]
        table = Table((Column("run"), Column("network"), *numbers), rows)
        pairs = (f"{pair.first} and {pair.second}: {pair.verdict}" for pair in self.pairs)
        return block(table.to_html("Comparison"), listing("Pairs:", pairs), listing("Missing:", self.missing))


def _shown(figure: float | None, form: str) -> str:
    return "-" if figure is None else format(figure, form)


def write_comparison(
    runs: Sequence[str | os.PathLike[str] | Run],
    out: str | os.PathLike[str] = "comparison.html",
    *,
    data: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Comparison:
    """Compare runs on one self-contained HTML page, like that of ``write_report``.

    Each pair of runs evaluated on the same images is compared by McNemar's test.

    Args:
        runs: Two or more run folders, runs, or names of networks that ship trained.
        out: The file to write.
        data: A data set or a folder of images to evaluate all runs on; None: the data each was trained on.
        data_path: A local file or folder to use instead of a download.
        force: Whether to overwrite an existing ``out``.

    Returns:
        The metrics, the path of the page, and what is missing from it.

    Raises:
        ValueError: There are fewer than two runs, a run is listed twice, or ``data`` does not fit a network.
        FileNotFoundError: A run does not exist or is not finished.
        FileExistsError: ``out`` exists and ``force`` is false.
        ConnectionError: ``data`` must be downloaded and there is no network connection.
        OSError: The page cannot be written.
    """
    if isinstance(runs, str | os.PathLike | Run):
        raise ValueError(f"`runs` must be a list of run folders, at least two. Received one: '{runs}'")
    paths = [find_run(run).resolve() for run in runs]
    if len(paths) < 2 or len(set(paths)) < len(paths):
        raise ValueError(
            f"`runs` must name at least two different runs. Received: {', '.join(map(str, runs)) or 'none'}"
        )
    names = _names(runs)
    out = check_target(out, force=force)
    found, images, rows = {}, {}, []
    for name, run in zip(names, runs, strict=True):
        found[name] = each = find(run, data, data_path)
        images[name] = None if each.dataset is None else each.dataset.test.images
        rows.append(_row(name, each))
        each.model = each.dataset = None  # hold only one network and its training images in memory
    pairs = tuple(
        Pair(first, second, _test(found[first], found[second]) if _are_same(images[first], images[second]) else None)
        for first, second in combinations(names, 2)
    )
    missing = [f"{name}: {sentence}" for name, each in found.items() for sentence in each.missing]
    write_page(
        "comparison.html",
        out,
        rows=rows,
        other_data=data,
        pairs=pairs,
        curves=_curves(found),
        validated_on=_validated_on(found),
        classes=_classes(found),
        differences=_differences(found),
        missing=missing,
    )
    return Comparison(tuple(rows), pairs, out, tuple(missing))


def _names(runs: Sequence[str | os.PathLike[str] | Run]) -> list[str]:
    """Return a short, unique name for each run: the end of its path, as long as necessary."""
    parts = [_parts(run) for run in runs]
    depth = 1
    while len({each[-depth:] for each in parts}) < len(parts):
        depth += 1
    return [str(Path(*each[-depth:])) for each in parts]


def _parts(run: str | os.PathLike[str] | Run) -> tuple[str, ...]:
    folder = find_run(run)
    if is_shipped(folder):
        return (f"{run.record.model.name if isinstance(run, Run) else run} as shipped",)
    return folder.resolve().parts


def _row(name: str, found: Findings) -> Row:
    record, evaluation = found.record, found.evaluation
    params, macs = _size(found)
    metrics = record.metrics if record else None
    return Row(
        name,
        found.name,
        params,
        macs,
        None if not found.history else len(next(iter(found.history.values()))),
        metrics.train_seconds if metrics else None,
        found.test_size,
        found.accuracy,
        found.interval,
        evaluation.loss if evaluation else metrics.test_loss if metrics else None,
        None if evaluation is None else evaluation.calibration().error,
    )


def _size(found: Findings) -> tuple[int | None, int | None]:
    """Return the parameters and the multiply-accumulates."""
    if found.model is None:
        return None if found.record is None else found.record.model.params, None
    try:
        macs = layer_table(found.model).macs
    except ValueError:
        macs = None
    return count_parameters(found.model).params, macs


def _test(first: Findings, second: Findings) -> PairedTest | None:
    if first.evaluation is None or second.evaluation is None:
        return None
    return mcnemar(first.evaluation, second.evaluation)


def _are_same(one: Any, other: Any) -> bool:
    """Tell whether two runs were evaluated on the same images, possibly at different sizes."""
    if isinstance(one, ImageFiles) and isinstance(other, ImageFiles):
        return np.array_equal(one.paths, other.paths)
    return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(one, other)


def _curves(found: dict[str, Findings]) -> str | None:
    histories = {name: each.history for name, each in found.items() if each.history and each.has_curves}
    with readers_fonts():
        return chart_address(plots.histories(histories)) if histories else None


def _validated_on(found: dict[str, Findings]) -> dict[str, list[str]]:
    """Return the names of the runs whose curves are drawn, by the kind of images they were measured on."""
    with_curves = [(each.validated_on, name) for name, each in found.items() if each.history and each.has_curves]
    return {kind: [name for own, name in with_curves if own == kind] for kind, _ in with_curves}


def _classes(found: dict[str, Findings]) -> dict[str, list[float | None]]:
    """Return each run's recall per class, if all runs have the same classes."""
    evaluations = [each.evaluation for each in found.values() if each.evaluation is not None]
    if len(evaluations) < len(found) or len({evaluation.class_names for evaluation in evaluations}) > 1:
        return {}
    recalls = [[of_class.recall for of_class in evaluation.by_class()] for evaluation in evaluations]
    return dict(zip(evaluations[0].class_names, map(list, zip(*recalls, strict=True)), strict=True))


def _differences(found: dict[str, Findings]) -> dict[str, list[str]]:
    """Return the settings in which the runs differ: recipe, data, seed."""
    set_up = [_set_up(each) for each in found.values()]
    fields = dict.fromkeys(field for each in set_up for field in each)
    values = {field: [as_flag(each[field]) if field in each else NOT_KNOWN for each in set_up] for field in fields}
    return {field: row for field, row in values.items() if len(set(row)) > 1}


def _set_up(found: Findings) -> dict[str, Any]:
    record = found.record
    if record is None:
        return {}
    source = record.data.source
    return {
        "network": record.model.name,
        "input": format_shape(record.model.input_shape),
        "data": "arrays" if source is None else source.path or source.name,
        "fraction": 1.0 if source is None else source.fraction,
        "training images": record.data.train_size,
        "seed": record.seed,
        **{field.replace("_", " "): value for field, value in record.to_json()["recipe"].items()},
        **{field: record.versions.get(field) for field in ("backend", "keras", "tensorflow")},
    }
