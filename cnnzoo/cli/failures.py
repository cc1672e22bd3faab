"""Which errors the user can fix, and how the others are reported. Imports no Keras."""

from __future__ import annotations

import dis
import os
import sys
import traceback
from types import TracebackType

from cnnzoo._keras.late import BACKENDS

TRACEBACK = "--traceback"
DEBUG = "CNNZOO_DEBUG"  # the environment variable with the same effect
USER_ERRORS = (ValueError, ArithmeticError)  # raised by cnnzoo, besides OSError and MemoryError
RAISE = dis.opmap["RAISE_VARARGS"]


def split_words(words: list[str]) -> tuple[list[str], bool]:
    """Return the words of a command without ``--traceback``, and whether it was among them.

    >>> split_words(["train", "lenet5", "--traceback"])
    (['train', 'lenet5'], True)
    """
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != TRACEBACK] + words[end:]
    return kept, len(kept) < len(words)


def wants_traceback() -> bool:
    """Tell whether the user asked for full tracebacks."""
    return split_words(sys.argv[1:])[1] or os.environ.get(DEBUG, "0") not in ("", "0")


def is_user_error(error: BaseException) -> bool:
    """Tell whether the user can fix an error: an error of the system, or one raised by a ``raise`` statement in cnnzoo.

    Errors raised by Keras or NumPy, or by Python because of a bug in cnnzoo, are internal errors.
    """
    return isinstance(error, OSError | MemoryError) or (isinstance(error, USER_ERRORS) and _is_raised_by_cnnzoo(error))


def lacks_backend(error: BaseException) -> str | None:
    """Return the message for Keras' failure to find its backend; None for any other error."""
    last = _innermost(error)
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name not in BACKENDS or last is None or not _module(last).startswith("keras."):
        return None
    others = " or ".join(each for each in BACKENDS if each != name)
    return (
        f"Keras' backend, {name}, is not installed: `pip install {name}`, or select {others} with the environment "
        "variable KERAS_BACKEND."
    )


def explain(error: Exception) -> str:
    """Return the message for an internal error, including where it was raised."""
    last = _innermost(error)
    place = "" if last is None else f" in {_module(last)}, line {last.tb_lineno}"
    return (
        f"Internal error: {type(error).__name__}{place}: {str(error) or 'no message'}\n"
        f"This may be a bug in cnnzoo. Run the command again with {TRACEBACK} to see the full traceback."
    )


def print_traceback(error: BaseException) -> None:
    """Print the full traceback to standard error."""
    sys.stdout.flush()
    traceback.print_exception(error, file=sys.stderr)


def _is_raised_by_cnnzoo(error: BaseException) -> bool:
    last = _innermost(error)
    if last is None or _module(last).partition(".")[0] != "cnnzoo":
        return False
    return last.tb_frame.f_code.co_code[last.tb_lasti] == RAISE


def _innermost(error: BaseException) -> TracebackType | None:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last


def _module(place: TracebackType) -> str:
    return str(place.tb_frame.f_globals.get("__name__", "?"))
