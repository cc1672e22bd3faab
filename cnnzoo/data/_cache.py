"""A cache of decoded images at their training size, kept from one epoch to the next."""

import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import numpy as np
import psutil

FREE_DISK_FRACTION = 0.5  # the largest fraction of the free temporary space that a cache may use
FREE_MEMORY_FRACTION = 0.25  # the same of the free memory, if temporary files are in memory
FILE_SYSTEMS_IN_MEMORY = frozenset({"tmpfs", "ramfs"})

FileState = tuple[int, ...]


def file_state(path: str) -> FileState | None:
    """Return values that change when a file is changed or replaced; None if there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class PixelCache:
    """The pixels of image files, in an unnamed temporary file that is removed with the cache or the process.

    The operating system keeps that file in memory while there is room. Each position is written once, before it is
    listed, so any number of threads may read and write. If there is no room or no file, images are not cached. A copy
    (pickled, or in a forked process) starts empty.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Create a cache for uint8 images of ``shape``."""
        self._shape = shape
        self._size = int(np.prod(shape))
        self._begin()
        _CACHES.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, tuple[FileState, int]] = {}
        self._file: int | None = None
        self._used = 0
        self._room: int | None = None  # bytes; not known yet

    def __reduce__(self) -> tuple[type["PixelCache"], tuple[tuple[int, ...]]]:
        """Pickle as an empty cache."""
        return PixelCache, (self._shape,)

    def read(self, path: str, pixels: np.ndarray) -> bool:
        """Fill ``pixels`` from the cache; return False if ``path`` is not cached or its file has changed."""
        state, place = self._places.get(path, (None, 0))
        if self._file is None or state is None or state != file_state(path):
            return False
        try:
            kept = os.pread(self._file, self._size, place)
        except OSError:
            return False
        if len(kept) < self._size:
            return False
        pixels[...] = np.frombuffer(kept, np.uint8).reshape(self._shape)
        return True

    def write(self, path: str, state: FileState | None, pixels: np.ndarray) -> None:
        """Cache the ``pixels`` of ``path`` if there is room; ``state`` is the file's state before it was read."""
        place = self._place()
        if state is None or self._file is None or place is None:
            return
        try:
            written = os.pwrite(self._file, pixels.tobytes(), place)
        except OSError:
            written = 0
        if written == self._size:
            self._places[path] = state, place
        else:
            self._room = 0

    def _place(self) -> int | None:
        """Return a free position for an image; None if there is no room."""
        with self._lock:
            if self._room is None:
                self._room = self._open()
            place = self._used
            if place + self._size > self._room:
                return None
            self._used += self._size
            return place

    def _open(self) -> int:
        """Open the file and return its largest size in bytes."""
        if not hasattr(os, "pread"):  # Windows
            return 0
        try:
            room = _room(tempfile.gettempdir())
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed with the cache
        except OSError:
            return 0
        weakref.finalize(self, file.close)
        self._file = file.fileno()
        return room


def _room(folder: str) -> int:
    room = int(FREE_DISK_FRACTION * shutil.disk_usage(folder).free)
    if _file_system(folder) in FILE_SYSTEMS_IN_MEMORY:
        room = min(room, int(FREE_MEMORY_FRACTION * psutil.virtual_memory().available))
    return room


def _file_system(folder: str) -> str:
    """Return the type of the file system that holds ``folder``."""
    types = {each.mountpoint: each.fstype for each in psutil.disk_partitions(all=True)}
    resolved = Path(folder).resolve()
    return next((types[str(parent)] for parent in (resolved, *resolved.parents) if str(parent) in types), "")


_CACHES: "weakref.WeakSet[PixelCache]" = weakref.WeakSet()


def _begin_all() -> None:
    for cache in _CACHES:
        cache._begin()


if hasattr(os, "register_at_fork"):  # otherwise both processes would write to the same positions of one file
    os.register_at_fork(after_in_child=_begin_all)
