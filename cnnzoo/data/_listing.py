"""The image files below a folder: the same rules for every list of images."""

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnnzoo._support.wording import pluralize, printable
from cnnzoo.data._formats import hint_for, readable_suffixes

# System folders: macOS in archives, Synology (thumbnails), Windows, Linux
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
NO_SUFFIX = "no suffix"
HIDDEN_FILE, HIDDEN_FOLDER = "hidden file", "hidden folder"
BROKEN_LINK = "broken link"
REPEATED = "folder linked twice"
SPECIAL = "special file"
LOOSE = "image outside the class folders"
NAMED_KINDS = 8


@dataclass(frozen=True)
class Listing:
    """The image files below one or several folders.

    Attributes:
        images: The image files, sorted within each folder.
        others: Ignored files and folders, with their kind: a suffix like ".txt", or a word.
    """

    images: tuple[Path, ...]
    others: tuple[tuple[Path, str], ...]

    def passed_over(self, folder: Path | None = None) -> dict[str, int]:
        """Count the ignored files and folders of each kind, in total or below ``folder``."""
        return dict(
            Counter(kind for path, kind in self.others if folder is None or path == folder or parts_below(folder, path))
        )


def list_images(*folders: Path) -> Listing:
    """List the images below ``folders``.

    Subfolders are searched. Links are followed; a folder that can be reached by several paths is listed once, by its
    own path if that is below ``folders``, otherwise by the first link. Hidden files and folders (names beginning with a
    dot) and system folders (``SYSTEM_FOLDERS``) are ignored. Images are recognised by suffix, see
    ``readable_suffixes``.

    Raises:
        OSError: A folder cannot be listed.
    """
    suffixes = readable_suffixes()
    images, others = [], []
    own, links, seen = deque(folders), deque[Path](), set[tuple[int, int] | str]()
    while own or links:
        folder = own.popleft() if own else links.popleft()
        place = _place(folder)
        if place in seen:
            others.append((folder, REPEATED))
            continue
        seen.add(place)
        for entry in visible_entries(folder, others):
            path = folder / entry.name
            if entry.is_dir():
                (links if entry.is_symlink() else own).append(path)
            elif path.suffix.lower() in suffixes:
                images.append(path)
            else:
                others.append((path, printable(path.suffix.lower()) or NO_SUFFIX))
    return Listing(tuple(sorted(images, key=lambda path: path.parts)), tuple(others))


def _place(folder: Path) -> tuple[int, int] | str:
    """Return what tells a folder from all others, by whichever path it is reached."""
    found = os.stat(folder)
    if not found.st_ino:  # some file systems number nothing
        return os.path.realpath(folder)
    return found.st_dev, found.st_ino


def parts_below(folder: Path, path: Path) -> tuple[str, ...]:
    """Return the path components from ``folder`` to ``path``; none if it is not below ``folder``.

    >>> parts_below(Path("photos"), Path("photos/cat/1.jpg"))
    ('cat', '1.jpg')
    """
    depth = len(folder.parts)
    return path.parts[depth:] if path.parts[:depth] == folder.parts else ()


def visible_entries(folder: Path, others: list[tuple[Path, str]] | None = None) -> Iterator[os.DirEntry[str]]:
    """Yield the files and folders in ``folder`` by name; hidden, broken and special entries go to ``others``.

    Raises:
        OSError: The folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise OSError(f"The folder '{folder}' cannot be listed ({error.strerror}).") from error
    for entry in found:
        kind = _kind(entry)
        if kind is None:
            yield entry
        elif others is not None:
            others.append((folder / entry.name, kind))


def _kind(entry: os.DirEntry[str]) -> str | None:
    """Return the reason to ignore an entry; None for a regular file or folder."""
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except OSError:  # a circular link
        return BROKEN_LINK
    if entry.name.startswith(".") or entry.name in SYSTEM_FOLDERS:
        return HIDDEN_FOLDER if is_folder else HIDDEN_FILE
    if is_folder or is_file:
        return None
    return BROKEN_LINK if entry.is_symlink() else SPECIAL


def passed_over_lines(passed_over: Mapping[str, int]) -> list[str]:
    """Return a line that counts ignored files, most frequent first, with a hint on reading them; or no line.

    >>> passed_over_lines({"hidden folder": 3, ".txt": 12})
    ['ignored: 12 files (.txt), 3 hidden folders']
    """
    kinds = sorted(passed_over, key=lambda kind: (-passed_over[kind], kind))
    named = [_counted_kind(kind, passed_over[kind]) for kind in kinds[:NAMED_KINDS]]
    rest = sum(passed_over[kind] for kind in kinds[NAMED_KINDS:])
    text = ", ".join([*named, f"{rest:,} others"] if rest else named)
    return [f"ignored: {text}{hint_for(passed_over)}"] if text else []


def _counted_kind(kind: str, count: int) -> str:
    if kind.startswith(".") or kind == NO_SUFFIX:
        return f"{pluralize(count, 'file')} ({kind})"
    noun, _, rest = kind.partition(" ") if kind in (REPEATED, LOOSE) else (kind, "", "")
    return f"{pluralize(count, noun)} {rest}".rstrip()
