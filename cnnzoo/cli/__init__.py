"""The command line: parses, makes one call of the library, prints."""

import io
import logging
import os
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer

import cnnzoo
from cnnzoo._support.wording import sentence
from cnnzoo.cli.failures import (
    TRACEBACK,
    explain,
    is_user_error,
    lacks_backend,
    print_traceback,
    split_words,
    wants_traceback,
)
from cnnzoo.cli.shared import FAILURE, INTERNAL, INTERRUPTED, Stopped, app, complain

# Each module registers its commands, in the order of the help text
from cnnzoo.cli import training, reports, plays, exports, models, pretrained, data  # isort: skip  # noqa: F401

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # Click's class; newer releases of Typer provide it under another name


def main() -> None:
    """Run the command line. Errors that the user can fix are one line, with exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are for programmers
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors != "surrogateescape":
        sys.stdout.reconfigure(errors="backslashreplace")  # an unprintable name must not stop a command
    warnings.showwarning = _show_warning
    words, _ = split_words(sys.argv[1:])
    try:
        code = app(words, prog_name="cnnzoo", standalone_mode=False)
    except USAGE_ERROR as error:
        _fail(f"{sentence(error.format_message())} Add --help for help.", error)
    except ConnectionAbortedError as error:
        complain(str(error))
        os._exit(FAILURE)  # a regular exit would wait for the lost process
    except Stopped as error:
        _fail(str(error), error, INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort) as error:
        _fail("Stopped.", error, INTERRUPTED)
    except Exception as error:
        if message := lacks_backend(error):
            _fail(message, error)
        if is_user_error(error):
            _fail(str(error), error)
        _fail(explain(error), error, INTERNAL)
    sys.exit(code)


def _fail(message: str, error: BaseException, code: int = FAILURE) -> NoReturn:
    if wants_traceback():
        print_traceback(error)
    complain(message)
    sys.exit(code)


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
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Show the full traceback of an error. May be anywhere in the command.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
