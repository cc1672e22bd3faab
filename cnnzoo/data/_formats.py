"""Which image files can be read on this machine, by their suffixes."""

import importlib
import importlib.util
import os
from collections.abc import Iterable

from PIL import Image, ImageFile

from cnnzoo._support.wording import how_to_install

# Pillow opens these, but decodes them only with other programs (EPS), on Windows (WMF), or not at all (MPEG)
NEVER = frozenset({"EPS", "WMF", "MPEG"})
HEIF_SUFFIXES = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
HEIF_PACKAGE = "pillow_heif"
HOW_TO_READ_HEIF = f"HEIC files, such as iPhone photographs, need the extra `heic`: {how_to_install('heic')}."


def readable_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of the image files that Pillow decodes on this machine.

    They include HEIF if pillow-heif is installed.
    """
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if _is_decoded(name)}
    return frozenset(suffixes | (HEIF_SUFFIXES if _has_heif() else set()))


def _is_decoded(name: str) -> bool:
    if name == "MPO":  # several JPEGs in one file, opened by the JPEG reader
        return True
    if name in NEVER or name not in Image.OPEN:
        return False
    reader = Image.OPEN[name][0]
    return not (isinstance(reader, type) and issubclass(reader, ImageFile.StubImageFile))  # which only identify


def is_heif(path: str | os.PathLike[str]) -> bool:
    """Tell from its first bytes whether a file is a HEIF image, regardless of its name."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS


def register_heif() -> bool:
    """Enable HEIF in Pillow; return False if pillow-heif is not installed."""
    if _has_heif():
        importlib.import_module(HEIF_PACKAGE).register_heif_opener()
        return True
    return False


def lacks_reader(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a HEIF image and pillow-heif is missing."""
    return not _has_heif() and is_heif(path)


def hint_for(suffixes: Iterable[str]) -> str:
    """Return ". " and a sentence on how to read files with these suffixes, or an empty string."""
    return f". {HOW_TO_READ_HEIF}" if not _has_heif() and HEIF_SUFFIXES.intersection(suffixes) else ""


def _has_heif() -> bool:
    return importlib.util.find_spec(HEIF_PACKAGE) is not None
