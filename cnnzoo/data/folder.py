"""Your own images: a folder a class, read from disk as they are needed."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from cnnzoo.arguments import check_number, check_seed
from cnnzoo.data.picture import picture_mode, read_picture, resized_pixels
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.sampling import sample_fraction
from cnnzoo.data.split import Dataset, Split, take

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
SPLITS = ("train", "test")
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"})


class ImageFiles:
    """Images that stay on disk until they are indexed; like a uint8 array of shape (n, height, width, channels).

    Indexing gives arrays: ``files[0]`` one image, ``files[:8]`` or ``files[[3, 1]]`` several.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, paths: Iterable[str | os.PathLike[str]], size: tuple[int, int], channels: int) -> None:
        """Stand for the files at ``paths``, resized to ``size`` (height, width) with 1 or 3 ``channels``."""
        self.paths = np.array([os.fspath(path) for path in paths], dtype=object)
        self.shape = (len(self.paths), *size, channels)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int | slice | np.ndarray | list[int]) -> np.ndarray:
        """Read the images at ``index``.

        Raises:
            ValueError: A file has been damaged since it was listed.
            FileNotFoundError: A file has gone since it was listed.
        """
        chosen = self.paths[index]
        if isinstance(chosen, str):
            return resized_pixels(read_picture(chosen), self.shape[1:])
        pixels = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        for position, path in enumerate(chosen):
            pixels[position] = resized_pixels(read_picture(path), self.shape[1:])
        return pixels

    def select(self, positions: np.ndarray) -> "ImageFiles":
        """Return the files at ``positions``, unread."""
        return ImageFiles(self.paths[positions], self.shape[1:3], self.shape[3])


def load_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    *,
    fraction: float = 1.0,
    test_fraction: float = 0.2,
    seed: int = 0,
    skip_broken: bool = False,
) -> Dataset:
    """Load images that lie in a folder a class.

    The layout is ``path/class/*.png``, or ``path/train/class/*.png`` beside ``path/test/class/*.png``. Every file is
    read once, to find broken ones before training does; after that the images stay on disk, so a folder may be larger
    than the memory.

    Args:
        path: The folder. The names of its subfolders, sorted, are the classes.
        image_size: Side, or height and width, in pixels, that images are resized to when they are read.
        fraction: Share of the training and of the test images to use, in (0, 1], stratified.
        test_fraction: Share of each class to hold out, in (0, 1), where there are no ``train`` and ``test`` folders.
        seed: Seed of both draws.
        skip_broken: Whether files that are no readable images are left out and listed, instead of raising.

    Returns:
        Splits of ``ImageFiles`` (uint8, one channel when every image is grey, else three) and int64 labels, with the
        class names and the skipped files; unpacks into (train, test).

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: An argument is out of range, there are fewer than two classes, a class is empty or too small to
            split, ``train`` and ``test`` have other classes, or a file is broken and ``skip_broken`` is off.

    >>> load_folder("missing", 224)
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder 'missing'. Give one with a folder of images for each class.
    """
    size = check_image_size(image_size)
    fraction = check_number("fraction", fraction, "(0, 1]")
    test_fraction = check_number("test_fraction", test_fraction, "(0, 1)")
    check_seed(seed)
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder '{folder}'. Give one with a folder of images for each class.")
    is_split = all((folder / name).is_dir() for name in SPLITS)
    roots = [folder / name for name in SPLITS] if is_split else [folder]
    class_names = _class_names(roots)
    listed = [_list_images(root, class_names) for root in roots]
    greys, skipped = _inspect([file for files, _ in listed for file in files], skip_broken)
    channels = 1 if all(greys.values()) else 3
    splits = [_split(files, labels, greys, size, channels) for files, labels in listed]
    for root, split in zip(roots, splits, strict=True):
        _check_classes(root, split, class_names, least=1 if is_split else 2)
    train, test = splits if is_split else _hold_out(splits[0], test_fraction, seed)
    return Dataset(
        sample_fraction(train, fraction, seed=seed),
        sample_fraction(test, fraction, seed=seed),
        class_names,
        skipped=skipped,
    )


def list_image_files(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, skip_broken: bool = False
) -> tuple[list[Path], list[str]]:
    """List image files, each of which has been read once.

    Args:
        source: A folder, searched with its subfolders, or the files themselves.
        skip_broken: Whether files that are no readable images are left out instead of raising.

    Returns:
        The files, those of a folder sorted, and their names, relative to the folder.

    Raises:
        FileNotFoundError: There is no such folder, or no such file.
        ValueError: A file is no readable image, or there is none.
    """
    if isinstance(source, str | os.PathLike):
        named = [(path, path.relative_to(source).as_posix()) for path in image_paths(source)]
    else:
        named = [(Path(path), os.fspath(path)) for path in source]
        missing = [path for path, _ in named if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"No such image: '{missing[0]}'")
    readable, _ = _inspect(list(dict.fromkeys(path for path, _ in named)), skip_broken)
    if not readable:
        raise ValueError(f"There must be at least one readable image. Received none: '{source}'")
    kept = [(path, name) for path, name in named if path in readable]
    return [path for path, _ in kept], [name for _, name in kept]


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files in a folder and its subfolders by their names, unread and sorted.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder '{root}'. Give one with images.")
    return sorted(path for path in root.rglob("*") if _is_image_name(path))


def _class_names(roots: list[Path]) -> tuple[str, ...]:
    first, *others = (_subfolders(root) for root in roots)
    for root, names in zip(roots[1:], others, strict=True):
        if names != first:
            differing = ", ".join(sorted(set(first) ^ set(names)))
            raise ValueError(f"'{roots[0]}' and '{root}' must have the same classes. Only one has: {differing}")
    if len(first) < 2:
        loose = sum(path.is_file() for path in roots[0].iterdir())
        beside = f", and {loose:,} files beside them" if loose else ""
        raise ValueError(
            f"'{roots[0]}' must have a folder of images for each class, at least two. Received: "
            f"{', '.join(first) or 'no folder'}{beside}"
        )
    return first


def _subfolders(root: Path) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")))


def _list_images(root: Path, class_names: tuple[str, ...]) -> tuple[list[Path], list[int]]:
    files, labels = [], []
    for label, name in enumerate(class_names):
        images = sorted(file for file in (root / name).iterdir() if _is_image_name(file))
        files += images
        labels += [label] * len(images)
    return files, labels


def _is_image_name(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _inspect(files: list[Path], skip_broken: bool) -> tuple[dict[Path, bool], tuple[str, ...]]:
    """Read every file once: tell of each readable one whether it is grey, and list the others."""
    greys, broken = {}, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
        for file, mode in zip(files, pool.map(picture_mode, files), strict=True):
            if mode is not None:
                greys[file] = mode in GREY_MODES
            elif skip_broken:
                broken.append(str(file))
            else:
                pool.shutdown(cancel_futures=True)
                raise ValueError(
                    f"'{file}' is not a readable image. Mend or remove it, or skip broken images (`skip_broken`, "
                    "--skip-broken)."
                )
    return greys, tuple(broken)


def _split(
    files: list[Path], labels: list[int], greys: dict[Path, bool], size: tuple[int, int], channels: int
) -> Split:
    kept = [(file, label) for file, label in zip(files, labels, strict=True) if file in greys]
    images = ImageFiles((file for file, _ in kept), size, channels)
    return Split(cast(np.ndarray, images), np.array([label for _, label in kept], np.int64))


def _check_classes(root: Path, split: Split, class_names: tuple[str, ...], least: int) -> None:
    counts = np.bincount(split.labels, minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < least:
            raise ValueError(f"'{root / name}' must hold at least {least} readable image(s). Received: {count}")


def _hold_out(split: Split, test_fraction: float, seed: int) -> tuple[Split, Split]:
    """Draw the same share of each class, at least one image and not all, to be held out."""
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(split.labels), bool)
    for label in np.unique(split.labels):
        positions = np.flatnonzero(split.labels == label)
        size = min(max(1, round(test_fraction * len(positions))), len(positions) - 1)
        held_out[random.permutation(positions)[:size]] = True
    return take(split, np.flatnonzero(~held_out)), take(split, np.flatnonzero(held_out))
