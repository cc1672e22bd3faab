"""Predictions as text, JSON and CSV, printed one by one."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from cnnzoo.cli.shared import FAILURE, SOME_FAILED, bar, complain
from cnnzoo.evaluation import Prediction, Unreadable

Outcomes: TypeAlias = Iterator[Prediction | Unreadable]
Print: TypeAlias = Callable[[Outcomes, Sequence[str]], None]


def print_predictions(outcomes: Outcomes, class_names: Sequence[str], layout: Print) -> int:
    """Print predictions, report unreadable images on standard error, and return the exit code."""
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

    layout(counted(), class_names)
    if not failed:
        return 0
    return SOME_FAILED if read else FAILURE


def print_text(outcomes: Outcomes, class_names: Sequence[str]) -> None:
    """Print the probability of every class, with a bar, the most probable first."""
    width = max(map(len, class_names))
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            continue
        print(f"{outcome.image}: {outcome.label}")
        for name, probability in outcome.probabilities.items():
            print(f"  {name:>{width}}  {probability:7.2%}  {bar(probability)}".rstrip())


def print_json(outcomes: Outcomes, class_names: Sequence[str]) -> None:
    """Print a list of objects, one per image: ``image`` with ``label`` and ``probabilities``, or with ``error``."""
    separator = "["
    for outcome in outcomes:
        entry: dict[str, Any] = {"image": outcome.image}
        if isinstance(outcome, Unreadable):
            entry |= {"error": str(outcome.error)}
        else:
            entry |= {"label": outcome.label, "probabilities": outcome.probabilities}
        print(separator, json.dumps(entry), sep="", end="")
        separator = ",\n "
    print("]" if separator != "[" else "[]")


def print_csv(outcomes: Outcomes, class_names: Sequence[str]) -> None:
    """Print one row per image: name, label, error (if any), and the probability of each class."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "label", "error", *(f"p({name})" for name in class_names)])
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            writer.writerow([outcome.image, "", outcome.error, *("" for _ in class_names)])
        else:
            writer.writerow([outcome.image, outcome.label, "", *(outcome.probabilities[name] for name in class_names)])
