"""The command line: parses, makes one call of the library, prints."""

import io
import logging
import os
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer

import cnnzoo
from cnnzoo.cli.shared import Stopped, app

# Each brings its commands, in the order of the help
from cnnzoo.cli import training, reports, models, pretrained, data  # isort: skip  # noqa: F401

FAILURE = 2
INTERRUPTED = 130  # as shells count a program that Ctrl-C ended

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # of Click, which newer releases of Typer bring under another name


def main() -> None:
    """Run the command line; what the user can mend is told in one line, with exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are for those who program with it
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that cannot be printed ends no work
    warnings.showwarning = _show_warning
    try:
        code = app(prog_name="cnnzoo", standalone_mode=False)
    except USAGE_ERROR as error:
        _fail(f"{error.format_message().rstrip('.')}. Add --help to see what there is.")
    except ConnectionAbortedError as error:
        _complain(str(error))
        os._exit(FAILURE)  # an orderly end would wait for the process that was lost
    except (ValueError, OSError, MemoryError, ArithmeticError) as error:
        _fail(str(error))
    except Stopped as error:
        _fail(str(error), INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Stopped.", INTERRUPTED)
    sys.exit(code)


def _fail(message: str, code: int = FAILURE) -> NoReturn:
    _complain(message)
    sys.exit(code)


def _complain(message: str) -> None:
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"cnnzoo {cnnzoo.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
