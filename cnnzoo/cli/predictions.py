"""Predictions as text, JSON and CSV, printed one by one."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from cnnzoo._support.tables import bar
from cnnzoo.cli.shared import BAR_WIDTH, FAILURE, SOME_FAILED, complain
from cnnzoo.evaluation import Prediction, Unreadable

Outcomes: TypeAlias = Iterator[Prediction | Unreadable]
Print: TypeAlias = Callable[[Outcomes, Sequence[str], int | None], None]

ALL_OF = 10  # if there are at most so many classes, all are shown,
FIRST = 5  # otherwise so many


def print_predictions(outcomes: Outcomes, class_names: Sequence[str], layout: Print, top: int | None) -> int:
    """Print predictions, report unreadable images on standard error, and return the exit code.

    Args:
        outcomes: What to print, one by one.
        class_names: All classes.
        layout: Prints them in a format.
        top: How many classes of each image; None: all of up to ``ALL_OF``, otherwise ``FIRST``.
    """
    read = failed = 0

    def counted() -> Outcomes:
        nonlocal read, failed
        for outcome in outcomes:
            if isinstance(outcome, Unreadable):
                failed += 1
                complain(str(outcome.error))
            else:
                read += 1
            yield outcome

    layout(counted(), class_names, top)
    if not failed:
        return 0
    return SOME_FAILED if read else FAILURE


def print_text(outcomes: Outcomes, class_names: Sequence[str], top: int | None) -> None:
    """Print the probabilities of the most probable classes, each with a bar."""
    shown = top or (FIRST if len(class_names) > ALL_OF else ALL_OF)
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            continue
        first = _first(outcome, shown)
        width = max(map(len, first if shown < len(class_names) else class_names))
        print(f"{outcome.image}: {outcome.label}")
        for name, probability in first.items():
            print(f"  {name:>{width}}  {probability:7.2%}  {bar(probability, BAR_WIDTH)}".rstrip())


def _first(prediction: Prediction, count: int | None) -> dict[str, float]:
    return dict(islice(prediction.probabilities.items(), count))


def print_json(outcomes: Outcomes, class_names: Sequence[str], top: int | None) -> None:
    """Print a list of objects, one per image: ``image`` with ``label`` and ``probabilities``, or with ``error``."""
    separator = "["
    for outcome in outcomes:
        entry: dict[str, Any] = {"image": outcome.image}
        if isinstance(outcome, Unreadable):
            entry |= {"error": str(outcome.error)}
        else:
            entry |= {"label": outcome.label, "probabilities": _first(outcome, top)}
        print(separator, json.dumps(entry), sep="", end="")
        separator = ",\n "
    print("]" if separator != "[" else "[]")


def print_csv(outcomes: Outcomes, class_names: Sequence[str], top: int | None) -> None:
    """Print one row per image: name, label, error (if any), and the probability of each class.

    With ``top``, the names and the probabilities of so many classes in place of those of all.
    """
    count = min(top or 0, len(class_names))
    ranks = [field for rank in range(1, count + 1) for field in (f"class {rank}", f"p {rank}")]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "label", "error", *(ranks if top else (f"p({name})" for name in class_names))])
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            writer.writerow([outcome.image, "", outcome.error, *("" for _ in ranks or class_names)])
            continue
        if top:
            fields = [field for pair in _first(outcome, count).items() for field in pair]
        else:
            fields = [outcome.probabilities[name] for name in class_names]
        writer.writerow([outcome.image, outcome.label, "", *fields])
