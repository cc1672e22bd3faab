"""The layout of a folder of images: one folder per class, with or without parts for training and testing."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cnnzoo._support.wording import printable
from cnnzoo.data._formats import readable_suffixes
from cnnzoo.data._listing import visible_entries

TRAINING = ("train", "training")
HELD_OUT = (("test", "testing"), ("val", "valid", "validation"))  # in order of preference
PART_NAMES = frozenset({*TRAINING, *HELD_OUT[0], *HELD_OUT[1]})


@dataclass(frozen=True)
class Layout:
    """The folders that contain the class folders.

    Attributes:
        train: The folder with the training images, or with all images.
        held_out: The folder with the test images; None if a fraction of ``train`` is held out.
        unused: Names of other folders next to them, which are not used.
    """

    train: Path
    held_out: Path | None = None
    unused: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Path, ...]:
        """The one or two folders that contain class folders."""
        return (self.train,) if self.held_out is None else (self.train, self.held_out)

    def describe(self, folder: Path, test_fraction: float) -> str:
        """Describe the layout of ``folder`` and what is used for testing."""
        single = "one folder per class" if self.train == folder else f"only {self.train.name}/"
        if self.held_out is None:
            return f"layout: {single}; {test_fraction:.0%} of each class used for testing"
        unused = f"; not used: {', '.join(f'{printable(name)}/' for name in self.unused)}" if self.unused else ""
        return f"layout: {self.train.name}/ for training, {self.held_out.name}/ for testing{unused}"


def find_layout(folder: Path) -> Layout:
    """Detect the layout of ``folder`` from the names of its folders, in upper or lower case.

    If there is a training folder and a test or validation folder, these are the parts; the test folder is preferred
    over the validation folder. A training folder on its own holds all images. Otherwise the folders are the classes,
    unless they look like parts.

    Raises:
        ValueError: Folders look like parts, but it is unclear which.
    """
    names = subfolders(folder)
    training = _called(names, TRAINING)
    testing = [name for kind in HELD_OUT for name in _called(names, kind)]
    if training and testing:
        train = _only(folder, training)
        by_kind = ([name for name in _called(testing, kind) if subfolders(folder / name)] for kind in HELD_OUT)
        found = [names for names in by_kind if names]
        if not found:
            _refuse_without_classes(folder, train, testing[0])
        held_out = _only(folder, found[0])
        return Layout(folder / train, folder / held_out, tuple(name for name in names if name not in (train, held_out)))
    if training and len(names) == 1:
        return Layout(folder / training[0])
    _check_no_parts(folder, names)
    return Layout(folder)


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder``, sorted, without hidden ones."""
    return [entry.name for entry in visible_entries(folder) if entry.is_dir()]


def _called(names: Sequence[str], kind: Sequence[str]) -> list[str]:
    return [name for name in names if name.casefold() in kind]


def _only(folder: Path, names: list[str]) -> str:
    """Return the one of ``names``, or the plain "train" or "test" among them."""
    plain = [name for name in names if name in (TRAINING[0], HELD_OUT[0][0])] or names
    if len(plain) > 1:
        raise ValueError(
            f"'{folder}' has several folders for one part: {', '.join(names)}. Keep one and rename the others."
        )
    return plain[0]


def _refuse_without_classes(folder: Path, train: str, test: str) -> NoReturn:
    """Reject a test part without class folders: its images may have no labels."""
    if subfolders(folder / train):
        raise ValueError(
            f"'{folder / test}' must have one folder of images per class, like '{folder / train}'. Received: no "
            f"folder. To hold out a fraction of the training images instead, pass '{folder / train}'."
        )
    raise ValueError(
        f"'{folder / train}' and '{folder / test}' must have one folder of images per class. Received: no folder. "
        f"If '{train}' and '{test}' are classes themselves, rename them."
    )


def _check_no_parts(folder: Path, names: list[str]) -> None:
    """Raise ``ValueError`` if the supposed class folders look like parts that contain class folders."""
    inside = {name: _classes_within(folder / name) for name in names}
    nested = [name for name in names if inside[name]]
    parts = [name for name in nested if PART_NAMES.intersection(re.split(r"[^a-z]+", name.casefold()))]
    if len(nested) == len(names) > 1 and len(inside[names[0]]) > 1 and len(set(inside.values())) == 1:
        parts = nested
    if parts:
        raise ValueError(
            f"'{folder}' must have one folder of images per class, but '{parts[0]}' looks like a part with class "
            f"folders: {first_few(inside[parts[0]])}. Name the parts 'train' and 'test', or pass one of them; if "
            f"'{parts[0]}' is a class, rename it, or put its images directly into it."
        )


def _classes_within(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in ``folder``; none if it also contains images."""
    entries = list(visible_entries(folder))
    suffixes = readable_suffixes()
    has_images = any(os.path.splitext(entry.name)[1].lower() in suffixes for entry in entries if entry.is_file())
    return () if has_images else tuple(entry.name for entry in entries if entry.is_dir())


def looks_like_parent(folder: Path) -> bool:
    """Tell whether ``folder`` contains several folders and no images."""
    return len(_classes_within(folder)) > 1


def first_few(names: Sequence[str]) -> str:
    """Return the first few of ``names``, for a message."""
    return ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
