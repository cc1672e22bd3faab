"""Images at the size that they are trained at, kept from one epoch to the next."""

import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import numpy as np
import psutil

FREE_DISK_FRACTION = 0.5  # of what is free where temporary files go: the most that a cache takes there ...
FREE_MEMORY_FRACTION = 0.25  # ... and of the free memory, where temporary files lie in memory
FILE_SYSTEMS_IN_MEMORY = frozenset({"tmpfs", "ramfs"})

FileState = tuple[int, ...]


def file_state(path: str) -> FileState | None:
    """Return what tells that a file was changed or replaced; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class PixelCache:
    """Pixels of image files, in a temporary file that has no name and goes with the cache, or with the process.

    The system holds that file in memory as far as there is room. A place in it is written once, before it is listed,
    so any number of threads may read and write. Where there is no room or no file, images are just not kept. A copy
    (pickled, or in a forked process) begins empty.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Keep images of ``shape``, uint8."""
        self._shape = shape
        self._size = int(np.prod(shape))
        self._begin()
        _CACHES.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, tuple[FileState, int]] = {}
        self._file: int | None = None
        self._used = 0
        self._room: int | None = None  # bytes, not yet known

    def __reduce__(self) -> tuple[type["PixelCache"], tuple[tuple[int, ...]]]:
        """Copy as an empty one."""
        return PixelCache, (self._shape,)

    def read(self, path: str, pixels: np.ndarray) -> bool:
        """Fill ``pixels`` with those kept of ``path``, and tell whether there are: not where the file has changed."""
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
        """Keep ``pixels`` of ``path``, where there is room; ``state`` is that of the file before it was read."""
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
        """Return where there is room for an image."""
        with self._lock:
            if self._room is None:
                self._room = self._open()
            place = self._used
            if place + self._size > self._room:
                return None
            self._used += self._size
            return place

    def _open(self) -> int:
        """Open the file, and return how large it may become."""
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


if hasattr(os, "register_at_fork"):  # two processes would write at the same places of one file
    os.register_at_fork(after_in_child=_begin_all)
