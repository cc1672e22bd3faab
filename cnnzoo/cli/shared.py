"""What the commands share: the application, names of arguments, tables, a quiet start."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cnnzoo.cli.failures import wants_traceback

FAILURE = 2
SOME_FAILED = 1  # of several images; the others are done
INTERNAL = 70  # as programs tell of an error of their own
INTERRUPTED = 130  # as shells count a program that Ctrl-C ended

BAR_WIDTH = 30
WIDTH = 120  # characters, at most, of a table where there is no terminal
UNLIMITED = 10_000

app = typer.Typer(
    help="The classic convolutional networks, exactly as specified, that really learn, on the machine you have.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or lenet5, which ships trained.")]
Data = Annotated[str, typer.Argument(metavar="NAME", help="A data set; `cnnzoo data list` names them.")]
OtherData = Annotated[str | None, typer.Option(help="A data set or a folder.  [default: the run's own]")]
DataPath = Annotated[Path | None, typer.Option(help="A local file or folder in place of the download.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file where it exists.")]
Augment = Annotated[str | None, typer.Option(help="Random changes: flip,crop,color,shift,rotate,distort; or none.")]


class Stopped(Exception):
    """A signal stopped a training in good order; Typer would swallow its own exception, and the message with it."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let a stop by a signal pass Typer, with its message."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(str(error) or "Stopped.") from error


def print_table(table: Table, *, cut: bool = True) -> None:
    """Print ``table``, in a terminal in its width where it may be ``cut``, else as wide as it needs."""
    console = Console(highlight=False)
    if not (console.is_terminal and cut):
        width = console.measure(table, options=console.options.update(width=WIDTH if cut else UNLIMITED)).maximum
        console = Console(highlight=False, width=width)
    console.print(table)


def complain(message: str) -> None:
    """Print an error in one line on standard error, after what standard output has to show."""
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def tell_missing(missing: Sequence[str]) -> None:
    """Print what a page lacks."""
    for sentence in missing:
        print(f"missing: {sentence}", file=sys.stderr)


def tell(lines: Sequence[str]) -> None:
    """Print what to know beside a result, where it is not in the way of a program that reads the result."""
    for line in lines:
        print(line, file=sys.stderr)


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """Return a bar as long as ``share`` of ``width`` characters."""
    return "#" * round(share * width)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what TensorFlow's C++ code writes to standard error while it loads.

    An error lets it out where the user asks for all of it.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            if wants_traceback():
                held.seek(0)
                os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
