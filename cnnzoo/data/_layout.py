"""How a folder of images is laid out: a folder for each class, in parts for training and for testing or without."""

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
HELD_OUT = (("test", "testing"), ("val", "valid", "validation"))  # the first kind that there is
PART_NAMES = frozenset({*TRAINING, *HELD_OUT[0], *HELD_OUT[1]})


@dataclass(frozen=True)
class Layout:
    """Where the folders of the classes lie.

    Attributes:
        train: The folder that holds those of the training images, or of all.
        held_out: The folder that holds those of the images held out; None where a share of ``train`` is.
        unused: Names of the folders beside them that are not used.
    """

    train: Path
    held_out: Path | None = None
    unused: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Path, ...]:
        """The one or two folders that hold those of the classes."""
        return (self.train,) if self.held_out is None else (self.train, self.held_out)

    def describe(self, folder: Path, test_fraction: float) -> str:
        """Say which layout was found in ``folder``, and what is held out."""
        alone = "a folder for each class" if self.train == folder else f"{self.train.name}/ alone"
        if self.held_out is None:
            return f"found {alone}; {test_fraction:.0%} of each class held out"
        unused = f"; not used: {', '.join(f'{printable(name)}/' for name in self.unused)}" if self.unused else ""
        return f"found {self.train.name}/, and {self.held_out.name}/ held out{unused}"


def find_layout(folder: Path) -> Layout:
    """Find out how ``folder`` is laid out, by the names of its folders, in any case of letters.

    With a folder for training and one for testing or for validation, these are the parts; of the latter two, the one
    for testing is held out. A folder for training that is alone holds all images. Otherwise the folders are the
    classes, unless they look like parts.

    Raises:
        ValueError: Folders look like parts, and it cannot be told what they are.
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
            f"'{folder}' has several folders for one part: {', '.join(names)}. Keep one, rename the others."
        )
    return plain[0]


def _refuse_without_classes(folder: Path, train: str, test: str) -> NoReturn:
    """Refuse a part to hold out that has no classes: its images may have no labels."""
    if subfolders(folder / train):
        raise ValueError(
            f"'{folder / test}' must have a folder of images for each class, as '{folder / train}' has. Received: no "
            f"folder. To hold out a share of the training images instead, give '{folder / train}'."
        )
    raise ValueError(
        f"'{folder / train}' and '{folder / test}' must have a folder of images for each class. Received: no folder. "
        f"If '{train}' and '{test}' are classes themselves, rename them."
    )


def _check_no_parts(folder: Path, names: list[str]) -> None:
    """Raise ``ValueError`` where folders taken for classes look like parts: images of all classes in one."""
    inside = {name: _classes_within(folder / name) for name in names}
    nested = [name for name in names if inside[name]]
    parts = [name for name in nested if PART_NAMES.intersection(re.split(r"[^a-z]+", name.casefold()))]
    if len(nested) == len(names) > 1 and len(inside[names[0]]) > 1 and len(set(inside.values())) == 1:
        parts = nested
    if parts:
        raise ValueError(
            f"'{folder}' must have a folder of images for each class, and '{parts[0]}' looks like a part with folders "
            f"of classes: {some(inside[parts[0]])}. Call the parts 'train' and 'test', or give one of them; if "
            f"'{parts[0]}' is a class, rename it, or put its images directly into it."
        )


def _classes_within(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in ``folder`` where it holds nothing but folders."""
    entries = list(visible_entries(folder))
    suffixes = readable_suffixes()
    has_images = any(os.path.splitext(entry.name)[1].lower() in suffixes for entry in entries if entry.is_file())
    return () if has_images else tuple(entry.name for entry in entries if entry.is_dir())


def looks_like_parent(folder: Path) -> bool:
    """Tell whether ``folder`` holds several folders and no images."""
    return len(_classes_within(folder)) > 1


def some(names: Sequence[str]) -> str:
    """Return the first few of ``names``, for a message."""
    return ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
