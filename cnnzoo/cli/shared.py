"""What the commands share: the application, common arguments, tables, quiet imports."""

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

import cnnzoo
from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo.cli.failures import wants_traceback
from cnnzoo.models.catalog import named_network

FAILURE = 2
SOME_FAILED = 1  # some of the images; the others were predicted
INTERNAL = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # the shell convention for Ctrl-C

UNITS = {"K": 1e3, "M": 1e6, "G": 1e9}

BAR_WIDTH = 30
WIDTH = 120  # characters, the largest width of a table without a terminal
UNLIMITED = 10_000

app = typer.Typer(
    help="The classic convolutional networks, exactly as specified, that really learn, on the machine you have.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def tell_of_folder(name: str) -> str:
    """Return ``name``; print a note where a run folder is meant by it, and not the network of the same name."""
    names = {*cnnzoo.list_models(), *PRETRAINED_CARDS}
    if name.lower() in names and named_network(name, names) is None:
        tell([f"note: '{name}' is the run folder of that name here, not the network."])
    return name


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run folder; lenet1, lenet5, lenet5_1998 and resnet20 ship.", callback=tell_of_folder
    ),
]
Data = Annotated[str, typer.Argument(metavar="NAME", help="A data set; see `cnnzoo data list`.")]
OtherData = Annotated[str | None, typer.Option(help="A data set or a folder.  [default: the run's own]")]
DataPath = Annotated[Path | None, typer.Option(help="A local file or folder to use instead of a download.")]
ClassWeight = Annotated[
    str | None, typer.Option(help="balanced: all classes count alike, however many images they have; or none.")
]
Crop = Annotated[
    bool | None,
    typer.Option(
        "--crop/--no-crop",
        help="Keep the proportions of photographs and see the middle, or squash them.  "
        "[default: crop with ImageNet's weights from torchvision or timm; `embed` also as a run was trained]",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", help="Inference engine: keras, openvino, or auto: openvino if installed.  [default: auto]"
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]
MaxParams = Annotated[
    str | None, typer.Option(help="Only networks with at most so many parameters, with their heads: 10M.")
]
Augment = Annotated[
    str | None, typer.Option(help="Augmentations, comma-separated: flip,crop,color,shift,rotate,distort; or none.")
]


class Stopped(Exception):
    """A signal stopped training cleanly. Typer would swallow a KeyboardInterrupt and its message."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turn a KeyboardInterrupt into ``Stopped``, which Typer lets through with its message."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(str(error) or "Stopped.") from error


def print_table(table: Table, *, cut: bool = True) -> None:
    """Print ``table``: with ``cut``, in a terminal, cut to its width; otherwise as wide as necessary."""
    console = Console(highlight=False)
    if not (console.is_terminal and cut):
        width = console.measure(table, options=console.options.update(width=WIDTH if cut else UNLIMITED)).maximum
        console = Console(highlight=False, width=width)
    console.print(table)


def complain(message: str) -> None:
    """Print an error in one line on standard error, after flushing standard output."""
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def tell_missing(missing: Sequence[str]) -> None:
    """Print what is missing from a page."""
    for sentence in missing:
        print(f"missing: {sentence}", file=sys.stderr)


def tell(lines: Sequence[str]) -> None:
    """Print notes to standard error, so that programs can read the result from standard output."""
    for line in lines:
        print(line, file=sys.stderr)


def count(text: str) -> int:
    """Understand "10M" and "4_000_000" as counts."""
    number, factor = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1.0)
    try:
        return int(float(number) * factor)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`--max-params` must be a number like 10M or 500K. Received: '{text}'") from error


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Suppress what TensorFlow's C++ code writes to standard error while it loads.

    If the import fails and the user asked for full tracebacks, it is printed.
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
