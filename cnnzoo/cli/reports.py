"""Commands that write reports on runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cnnzoo.cli.shared import DataPath, Force, OtherData, RunArgument, app, print_table, quiet_start, tell_missing

if TYPE_CHECKING:
    from cnnzoo.report.comparison import Comparison, Pair


@app.command()
def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file to write.  [default: report.html in the run folder]")
    ] = None,
    data: OtherData = None,
    data_path: DataPath = None,
    force: Force = False,
) -> None:
    """Write a report on a run: one self-contained HTML page to read, mail or print."""
    with quiet_start():
        from cnnzoo.report import write_report

    written = write_report(run, out, data=data, data_path=data_path, force=force)
    tell_missing(written.missing)
    print(written.path)


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Run folders, or networks that ship trained: lenet5, resnet20."),
    ],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("comparison.html"),
    data: OtherData = None,
    data_path: DataPath = None,
    force: Force = False,
) -> None:
    """Compare runs: metrics, learning curves, and significance tests on the same images."""
    with quiet_start():
        from cnnzoo.report import write_comparison

    comparison = write_comparison(runs, out, data=data, data_path=data_path, force=force)
    _print(comparison)
    tell_missing(comparison.missing)
    print(comparison.path)


def _print(comparison: Comparison) -> None:
    table = Table("run", "network", box=None, pad_edge=False)
    for heading in ("accuracy", "95% interval", "loss", "parameters"):
        table.add_column(heading, justify="right")
    for row in comparison.rows:
        accuracy = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
        interval = "-" if row.interval is None else f"{row.interval[0]:.2%} to {row.interval[1]:.2%}"
        loss = "-" if row.loss is None else f"{row.loss:.4f}"
        params = "-" if row.params is None else f"{row.params:,}"
        table.add_row(Text(row.name), Text(row.network), accuracy, interval, loss, params)
    print_table(table)
    for pair in comparison.pairs:
        print(f"{pair.first}, {pair.second}: {pair.verdict}{_counts(pair)}")


def _counts(pair: Pair) -> str:
    if pair.test is None:
        return ""
    first, second, p_value = pair.test
    return f" (images that only one classifies correctly: first {first:,}, second {second:,}; p = {p_value:.2g})"
