"""Formatting of counts, shapes and sizes."""

import os
import shlex
import subprocess
from collections.abc import Sequence

from cnnzoo._support.files import ON_WINDOWS


def pluralize(count: int, noun: str) -> str:
    """Return ``count`` with ``noun`` in the singular or the plural.

    >>> pluralize(1, "epoch"), pluralize(1_000, "image")
    ('1 epoch', '1,000 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra. pip adds it to the cnnzoo that is installed, from wherever that is.

    >>> how_to_install("jax")
    '`pip install "cnnzoo[jax]"`'
    """
    return f'`pip install "cnnzoo[{extra}]"`'


def shell_command(words: Sequence[str]) -> str:
    """Return words as the shell of this system takes them, quoted where that is needed.

    >>> shell_command(["cnnzoo", "train", "lenet5"])
    'cnnzoo train lenet5'
    """
    return subprocess.list2cmdline(words) if ON_WINDOWS else shlex.join(words)


def memory(size: int) -> str:
    """Format a number of bytes.

    >>> memory(23_200_000_000), memory(4_816_896), memory(40)
    ('23.2 GB', '4.8 MB', '40 B')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def sentence(text: str) -> str:
    """Return ``text`` with a final full stop, unless it ends with ".", "?" or "!".

    >>> sentence("no such file"), sentence("Did you mean 'lenet5'?")
    ('no such file.', "Did you mean 'lenet5'?")
    """
    text = text.rstrip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


def format_shape(shape: Sequence[int | None] | None) -> str:
    """Format a shape; ``?`` if it is unknown.

    >>> format_shape((28, 28, 6)), format_shape(None)
    ('28 x 28 x 6', '?')
    """
    return "?" if shape is None else " x ".join(map(str, shape))


def printable(name: str) -> str:
    """Return a file name that can be printed and encoded: bytes that are not UTF-8 are escaped.

    >>> printable("photo.jpg")
    'photo.jpg'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")
