"""Your own images: one folder per class, read from disk when needed."""

import copy
import functools
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from cnnzoo._support.arguments import check_number, check_seed
from cnnzoo._support.wording import pluralize, printable
from cnnzoo.data._cache import PixelCache, file_state
from cnnzoo.data._layout import Layout, find_layout, first_few, looks_like_parent, subfolders
from cnnzoo.data._listing import LOOSE, Listing, list_images, parts_below
from cnnzoo.data._listing import passed_over_lines as passed_over_lines
from cnnzoo.data.picture import picture_mode, read_picture
from cnnzoo.data.preparing import cropped_pixels, prepare_picture, resized_pixels, shorter_side_of
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.sampling import sample_fraction
from cnnzoo.data.split import Dataset, Split, take

GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"})


class ImageFiles:
    """Images that stay on disk until they are indexed; otherwise like a uint8 array (n, height, width, channels).

    Indexing returns arrays: ``files[0]`` one image, ``files[:8]`` or ``files[[3, 1]]`` several. Decoded images are
    cached at their final size in an unnamed temporary file, and decoded again only if the image file changes. The cache
    uses at most half of the free temporary space, or a quarter of the free memory if that is in memory; images that do
    not fit are decoded each time.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        size: tuple[int, int],
        channels: int,
        *,
        cached: bool = True,
        shorter_side: int | None = None,
    ) -> None:
        """Represent the files at ``paths``, resized to ``size`` (height, width) with 1 or 3 ``channels``.

        ``cached=False`` decodes them on every access, for images that are read only once. ``shorter_side`` keeps the
        proportions of the images: their shorter side is brought to this length, and the middle is taken.
        """
        self.shorter_side = shorter_side
        self.paths = np.array([os.fspath(path) for path in paths], dtype=object)
        self.shape = (len(self.paths), *size, channels)
        self._cache = PixelCache(self.shape[1:]) if cached else None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int | slice | np.ndarray | list[int]) -> np.ndarray:
        """Read the images at ``index``.

        Raises:
            ValueError: A file was damaged after it was listed.
            FileNotFoundError: A file was removed after it was listed.
        """
        chosen = self.paths[index]
        if isinstance(chosen, str):
            return self._read([chosen])[0]
        return self._read(chosen)

    def _read(self, paths: Sequence[str] | np.ndarray) -> np.ndarray:
        images = np.empty((len(paths), *self.shape[1:]), np.uint8)
        cache = self._cache

        def decode(number: int) -> None:
            path = paths[number]
            state = file_state(path)
            images[number] = self._pixels(path)
            if cache is not None:
                cache.write(path, state, images[number])

        missing = [number for number, path in enumerate(paths) if cache is None or not cache.read(path, images[number])]
        for _ in _decoders(os.getpid()).map(decode, missing):
            pass
        return images

    def _pixels(self, path: str) -> np.ndarray:
        if self.shorter_side is None:
            return resized_pixels(read_picture(path, self.shape[1:3]), self.shape[1:])
        picture = read_picture(path, shorter_side=self.shorter_side)
        return cropped_pixels(picture, self.shape[1:], self.shorter_side)

    def select(self, positions: np.ndarray) -> "ImageFiles":
        """Return the files at ``positions``, unread."""
        selected = copy.copy(self)
        selected.paths = self.paths[positions]
        selected.shape = (len(selected.paths), *self.shape[1:])
        return selected


class DigitFiles(ImageFiles):
    """Image files whose stroke is placed as MNIST's digits are; one without a stroke is black."""

    def _pixels(self, path: str) -> np.ndarray:
        picture = read_picture(path)
        try:
            image = prepare_picture(picture, self.shape[1:], "digit")
        except ValueError:  # it has a single colour
            return np.zeros(self.shape[1:], np.uint8)
        return np.round(image * 255).astype(np.uint8)


@functools.cache
def _decoders(process: int) -> ThreadPoolExecutor:
    """Return this process' threads for decoding images: Pillow decodes outside Python's lock."""
    return ThreadPoolExecutor(os.cpu_count(), "decoder")


def load_folder(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    *,
    fraction: float = 1.0,
    test_fraction: float = 0.2,
    seed: int = 0,
    skip_broken: bool = False,
    crop: bool = False,
) -> Dataset:
    """Load a folder of images with one subfolder per class.

    The layout is ``path/class/*.png``, or ``path/train/class/*.png`` with ``path/test/class/*.png``. The parts may also
    be called training, testing, val, valid or validation, in upper or lower case; a test part is preferred over a
    validation part, which is then not used. A single ``path/train`` is split like a folder without parts. Class folders
    are searched with their subfolders; links are followed, and hidden files are ignored.

    Every file is read once, to find broken files before training starts. The images stay on disk, so a folder may be
    larger than the memory.

    Args:
        path: The folder. The sorted names of its subfolders are the class names.
        image_size: Side, or height and width, in pixels, to resize images to when they are read.
        fraction: Fraction of the training and of the test images to use, in (0, 1], at least one per class.
        test_fraction: Fraction of each class to use for testing, in (0, 1), if there is no test folder.
        seed: Random seed of both samplings.
        skip_broken: Whether to skip and list files that are not readable images, instead of raising an error.
        crop: Whether to keep the proportions of the images and take the middle: the shorter side is brought to 8 / 7 of
            ``image_size``, as most networks of ImageNet are evaluated. False squashes the whole image.

    Returns:
        Splits of ``ImageFiles`` (uint8, one channel if all images are grey, otherwise three) and int64 labels, with
        class names, detected layout, ignored and skipped files; unpacks into (train, test).

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: A folder cannot be listed.
        ValueError: An argument is out of range, there are fewer than two classes, a class is empty or too small to
            split, the parts have different classes or look like classes, a class name is not UTF-8, or a file is broken
            and ``skip_broken`` is false.

    >>> load_folder("missing", 224)
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder 'missing'. Pass a folder with one subfolder per class.
    """
    size = check_image_size(image_size)
    fraction = check_number("fraction", fraction, "(0, 1]")
    test_fraction = check_number("test_fraction", test_fraction, "(0, 1)")
    check_seed(seed)
    folder = _folder_of_classes(path)
    layout = find_layout(folder)
    class_names = _class_names(layout.parts)
    listing = list_images(*layout.parts)
    listed = [_by_class(root, listing, class_names) for root in layout.parts]
    greys, skipped = _inspect([file for files, _ in listed for file in files], skip_broken)
    channels = 1 if all(greys.values()) else 3
    shorter_side = shorter_side_of(size) if crop else None
    splits = [_split(files, labels, greys, (*size, channels), shorter_side) for files, labels in listed]
    for root, split in zip(layout.parts, splits, strict=True):
        _check_classes(root, split, class_names, listing, least=1 if layout.held_out else 2)
    train, test = splits if layout.held_out else _hold_out(splits[0], test_fraction, seed)
    return Dataset(
        sample_fraction(train, fraction, seed=seed),
        sample_fraction(test, fraction, seed=seed),
        class_names,
        "crop" if crop else "resize",
        skipped=skipped,
        layout=_described(folder, layout, listing, test_fraction),
        passed_over=_passed_over(layout, listing),
    )


def load_labelled(
    path: str | os.PathLike[str],
    image_size: int | tuple[int, int],
    *,
    shorter_side: int | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Load a folder of images with one subfolder per class to evaluate on: its test part, or all where it has none.

    Args:
        path: The folder, see ``load_folder``.
        image_size: Side, or height and width, in pixels, to which images are brought.
        shorter_side: Length to which the shorter side is brought, in pixels, before the middle is taken; None squashes
            the whole image.
        skip_broken: Whether to skip and list files that are not readable images, instead of raising an error.

    Returns:
        What ``load_folder`` returns, without images to train on.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: A folder cannot be listed.
        ValueError: See ``load_folder``.
    """
    size = check_image_size(image_size)
    folder = _folder_of_classes(path)
    root = find_layout(folder).parts[-1]
    class_names, listing = _class_names([root]), list_images(root)
    files, labels = _by_class(root, listing, class_names)
    greys, skipped = _inspect(files, skip_broken)
    split = _split(files, labels, greys, (*size, 3), shorter_side)
    _check_classes(root, split, class_names, listing, least=1)
    return Dataset(
        take(split, np.arange(0)),
        split,
        class_names,
        "resize" if shorter_side is None else "crop",
        skipped=skipped,
        layout="" if root == folder else f"evaluated on: {root}",
        passed_over=listing.passed_over(),
    )


def _folder_of_classes(path: str | os.PathLike[str]) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder '{folder}'. Pass a folder with one subfolder per class.")
    return folder


def list_image_files(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, skip_broken: bool = False
) -> tuple[list[Path], list[str]]:
    """List image files, after reading each once to check it.

    Args:
        source: A folder, searched with its subfolders as in ``load_folder``, or a list of files.
        skip_broken: Whether to skip files that are not readable images, instead of raising an error.

    Returns:
        The files (sorted, for a folder) and their names, relative to the folder. ``passed_over`` counts the other files
        in the folder.

    Raises:
        FileNotFoundError: There is no such folder or file.
        OSError: A folder cannot be listed.
        ValueError: A file is not a readable image, or there are no images.
    """
    if isinstance(source, str | os.PathLike):
        listing = _listed(source)
        named = [(path, path.relative_to(source).as_posix()) for path in listing.images]
        others = _ignored(listing.passed_over())
    else:
        named = [(Path(path), os.fspath(path)) for path in source]
        missing = [path for path, _ in named if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"No such image: '{missing[0]}'")
        others = ""
    readable, _ = _inspect(list(dict.fromkeys(path for path, _ in named)), skip_broken)
    if not readable:
        raise ValueError(f"There must be at least one readable image. Received none: '{source}'{others}")
    kept = [(path, name) for path, name in named if path in readable]
    return [path for path, _ in kept], [name for _, name in kept]


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files in a folder and its subfolders, sorted, without reading them.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: A folder cannot be listed.
    """
    return list(_listed(folder).images)


def passed_over(source: str | os.PathLike[str]) -> dict[str, int]:
    """Count the files and folders of each kind that ``list_image_files`` ignores in a folder.

    ``passed_over_lines`` formats the result.

    Raises:
        FileNotFoundError: There is no such folder.
        OSError: A folder cannot be listed.
    """
    return _listed(source).passed_over()


def names_and_sizes(folder: str | os.PathLike[str], files: Iterable[str]) -> list[tuple[str, int]]:
    """Return the name of each file, relative to ``folder`` if it is below it, and its size in bytes."""
    root = Path(folder)
    return [("/".join(parts_below(root, Path(file))) or file, os.path.getsize(file)) for file in files]


def _listed(source: str | os.PathLike[str]) -> Listing:
    root = Path(source)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder '{root}'. Pass a folder of images.")
    return list_images(root)


def _class_names(roots: Sequence[Path]) -> tuple[str, ...]:
    first, *others = (tuple(subfolders(root)) for root in roots)
    for root, names in zip(roots[1:], others, strict=True):
        if names != first:
            differing = first_few(sorted(set(first) ^ set(names)))
            raise ValueError(f"'{roots[0]}' and '{root}' must have the same classes. Only one of them has: {differing}")
    if len(first) < 2:
        loose = sum(path.is_file() for path in roots[0].iterdir())
        beside = f", and {loose:,} files" if loose else ""
        within = f". Did you mean '{roots[0] / first[0]}'?" if first and looks_like_parent(roots[0] / first[0]) else ""
        raise ValueError(
            f"'{roots[0]}' must have one subfolder of images per class, at least two. Received: "
            f"{', '.join(first) or 'no folder'}{beside}{within}"
        )
    for name in first:
        if printable(name) != name:
            raise ValueError(
                f"Class names must be valid UTF-8. Received: '{printable(name)}', in '{roots[0]}'. Rename the folder."
            )
    return first


def _by_class(root: Path, listing: Listing, class_names: tuple[str, ...]) -> tuple[list[Path], list[int]]:
    """Return the images of the classes in ``root`` with their labels, class by class."""
    numbers = {name: label for label, name in enumerate(class_names)}
    files, labels = [], []
    for path in listing.images:
        inside = parts_below(root, path)
        if len(inside) > 1:
            files.append(path)
            labels.append(numbers[inside[0]])
    return files, labels


def _passed_over(layout: Layout, listing: Listing) -> dict[str, int]:
    loose = sum(path.parent in layout.parts for path in listing.images)
    return listing.passed_over() | ({LOOSE: loose} if loose else {})


def _described(folder: Path, layout: Layout, listing: Listing, test_fraction: float) -> str:
    deep = sum(len(parts_below(part, path)) > 2 for part in layout.parts for path in listing.images)
    nested = f"; {pluralize(deep, 'image')} in subfolders of classes" if deep else ""
    return f"{layout.describe(folder, test_fraction)}{nested}"


def _ignored(others: dict[str, int]) -> str:
    """Return the end of a message about too few images: the ignored files and how to read them."""
    return "".join(f"; {line}" for line in passed_over_lines(others))


def _inspect(files: list[Path], skip_broken: bool) -> tuple[dict[Path, bool], tuple[str, ...]]:
    """Read every file once; return whether each readable one is grey, and the unreadable ones."""
    greys, broken = {}, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
        for file, mode in zip(files, pool.map(_mode_or_error, files), strict=True):
            if isinstance(mode, str):
                greys[file] = mode in GREY_MODES
            elif skip_broken:
                broken.append(str(file))
            else:
                pool.shutdown(cancel_futures=True)
                raise ValueError(
                    f"{mode} Repair or remove it, or skip broken images (`skip_broken`, --skip-broken)."
                ) from mode
    return greys, tuple(broken)


def _mode_or_error(file: Path) -> str | Exception:
    try:
        return picture_mode(file)
    except (ValueError, OSError) as error:
        return error


def _split(
    files: list[Path],
    labels: list[int],
    greys: dict[Path, bool],
    shape: tuple[int, int, int],
    shorter_side: int | None,
) -> Split:
    kept = [(file, label) for file, label in zip(files, labels, strict=True) if file in greys]
    images = ImageFiles((file for file, _ in kept), shape[:2], shape[2], shorter_side=shorter_side)
    return Split(cast(np.ndarray, images), np.array([label for _, label in kept], np.int64))


def _check_classes(root: Path, split: Split, class_names: tuple[str, ...], listing: Listing, least: int) -> None:
    counts = np.bincount(split.labels, minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < least:
            raise ValueError(
                f"'{root / name}' must hold at least {least} readable image(s). Received: {count}"
                f"{_ignored(listing.passed_over(root / name))}"
            )


def _hold_out(split: Split, test_fraction: float, seed: int) -> tuple[Split, Split]:
    """Hold out the same fraction of each class, at least one image and not all of them."""
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(split.labels), bool)
    for label in np.unique(split.labels):
        positions = np.flatnonzero(split.labels == label)
        size = min(max(1, round(test_fraction * len(positions))), len(positions) - 1)
        held_out[random.permutation(positions)[:size]] = True
    return take(split, np.flatnonzero(~held_out)), take(split, np.flatnonzero(held_out))
