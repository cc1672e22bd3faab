"""Pins: the tables that tests compare networks with, as CSV files. Imports no Keras."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cnnzoo._support.files import write_whole

FOLDER = "pins"
COMMAND = "pytest --update-pins"
LONGEST = 120  # characters of the name of a file
DIGITS = 8  # of a hash that tells names apart which would be the same as names of files


class Row(NamedTuple):
    """A line of a pin; all cells are text.

    Attributes:
        layer: The layer's name, as in ``layer_table``; names that Keras numbered itself are numbered in the order of
            the network. "(input)" and "(output)" are the network's own.
        type: Its class; of the output, how the network ends: "softmax", "logits", "sigmoid", "logit", "features"...
        output_shape: Without the batch axis, as "28x28x6"; "?" is an open side.
        params: Parameters.
        trainable: Those of them that are not frozen.
        buffers: Values that are stored but not trained.
        macs: Multiply-accumulates.
        kernel_size: Of a convolution or pooling layer.
        strides: Of a convolution or pooling layer.
        dtype: The layer's dtype policy, such as "mixed_bfloat16"; of inputs, outputs and operations, the dtype.
    """

    layer: str
    type: str
    output_shape: str
    params: str = ""
    trainable: str = ""
    buffers: str = ""
    macs: str = ""
    kernel_size: str = ""
    strides: str = ""
    dtype: str = ""


Rows: TypeAlias = Sequence[Row]


@dataclass
class Pin:
    """The file that a test compares a network with; the fixture ``pin`` of cnnzoo's pytest plugin gives one.

    Attributes:
        path: The CSV file.
        update: Whether to write it anew.
        remedy: What makes the file, for messages.
        was_written: Whether it was written.
    """

    path: Path
    update: bool = False
    remedy: str = "delete the file and run the test again"
    was_written: bool = field(default=False, init=False)
    _is_used: bool = field(default=False, init=False, repr=False)

    @classmethod
    def of_test(cls, file: Path, name: str, *, update: bool) -> Pin:
        """Return the pin of a test: ``pins/FILE.TEST.csv`` beside the file of the test.

        Args:
            file: The file of the test.
            name: The test's name, with that of its class, and its parameters.
            update: See ``Pin``.
        """
        path = file.parent / FOLDER / f"{_file_name(f'{file.stem}.{name}')}.csv"
        return cls(path, update, f"run `{COMMAND}`")

    @property
    def shown(self) -> Path:
        """The path, from the working directory if it lies there."""
        return self.path.relative_to(Path.cwd()) if self.path.is_relative_to(Path.cwd()) else self.path

    def use(self) -> None:
        """Note that a network is compared with this pin.

        Raises:
            ValueError: Another one was.
        """
        if self._is_used:
            raise ValueError(
                "The fixture `pin` is for one network, and this test has already compared one with it. Write a test "
                "for each network, for example with `pytest.mark.parametrize`, or give a path of its own."
            )
        self._is_used = True

    def read(self) -> Rows | None:
        """Return the pinned rows; None where the file is to be written.

        Raises:
            ValueError: The file is damaged, or not a pin.
            FileNotFoundError: There is no such file, and it must not be written.
        """
        if self.update:
            return None
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets begin it with a mark
                return self._parse(list(csv.reader(file, strict=True)))
        except FileNotFoundError:
            if is_ci():
                raise FileNotFoundError(
                    f"There is no pin '{self.shown}', and none is written on CI (the environment variable CI "
                    "is set). Run the test on your own machine, look at the file, and commit it."
                ) from None
            return None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self._named()} cannot be read ({error}). {self._repair()}") from error

    def write(self, rows: Rows) -> None:
        """Write the file, unless it has these rows already.

        Raises:
            OSError: It cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
        content = text.getvalue().encode()
        try:
            if self.path.is_file() and self.path.read_bytes() == content:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, lambda path: path.write_bytes(content))
        except OSError as error:
            raise OSError(
                f"The pin '{self.shown}' cannot be written ({error.strerror or error}). Make its folder "
                "writable, or make the pin in a checkout of your own and commit it."
            ) from error
        self.was_written = True

    def _parse(self, lines: list[list[str]]) -> Rows:
        if not lines:
            raise ValueError(f"{self._named()} is empty. {self._repair()}")
        if tuple(lines[0]) != Row._fields:
            raise ValueError(
                f"{self._named()} has other columns than {', '.join(Row._fields)}: it is another file, or of another "
                f"release of cnnzoo. {self._repair()}"
            )
        for number, cells in enumerate(lines[1:], start=2):
            if len(cells) != len(Row._fields):
                raise ValueError(
                    f"{self._named()} is damaged: line {number} has {len(cells)} cells, not {len(Row._fields)}. "
                    f"{self._repair()}"
                )
        return [Row(*cells) for cells in lines[1:]]

    def _named(self) -> str:
        return f"The pin '{self.shown}'"

    def _repair(self) -> str:
        return f"Take it from version control again, or {self.remedy}."


def as_pin(pin: Pin | str | os.PathLike[str]) -> Pin:
    """Return ``pin``, or the pin at this path.

    Raises:
        ValueError: It is neither, or does not end in ".csv".
    """
    if isinstance(pin, Pin):
        return pin
    if not isinstance(pin, str | os.PathLike) or Path(pin).suffix != ".csv":
        raise ValueError(f"`pin` must be the fixture `pin`, or the path of a .csv file. Received: {pin!r}")
    return Pin(Path(pin))


def is_ci() -> bool:
    """Tell whether the tests run on a server for continuous integration: all of these set the variable CI."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _file_name(name: str) -> str:
    """Return ``name`` as the name of a file, for any test, on any system; different names give different ones.

    >>> _file_name("test_zoo.test_lenet5[32-True]")
    'test_zoo.test_lenet5[32-True]-34f2f396'
    """
    safe = re.sub(r"[^\w.\[\]-]+", "_", name, flags=re.ASCII)
    parameters = safe.partition("[")[2]  # here it matters that macOS and Windows do not tell "relu" from "ReLU"
    if safe == name and parameters == parameters.lower() and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:DIGITS]
    return f"{safe[: LONGEST - DIGITS - 1]}-{digest}"
