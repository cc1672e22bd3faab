"""Reading image files."""

import contextlib
import math
import os
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from cnnzoo.data._formats import HOW_TO_READ_HEIF, is_heif, lacks_reader, register_heif

BYTES_PER_PIXEL = 4  # in Pillow's memory, for most modes
JPEG_START, JPEG_SCAN = b"\xff\xd8\xff", b"\xff\xda"  # markers at the start of a file and of a scan
JPEG_SCALES = (8, 4, 2)  # factors by which a JPEG can be reduced while decoding
LEAST_REDUCED = 1.5  # times the final size: with less, fine lines differ from those of a full decode
TURNED = range(5, 9)  # EXIF orientations that swap width and height

# TIFF tags and values
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO = 0  # of PHOTOMETRIC
SIGNED = 2  # of SAMPLE_FORMAT
FORMATS_OF_16_BITS = ("PNG", "PPM")  # which Pillow may read into a 32-bit mode

_LOCK = threading.Lock()  # warning filters are global, and one large image at a time needs enough memory


def read_picture(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None, *, shorter_side: int | None = None
) -> Image.Image:
    """Read an image file, upright. Transparent images are drawn on white, or on black if their content is light.

    Integers of more than 8 bits are scaled by the range of their type; floats must lie in [0, 1]. Of a file with
    several frames, the first is read.

    Args:
        path: A PNG, a JPEG, or another file that Pillow reads.
        size: Final height and width. A JPEG at least 3 times as large is reduced while decoding, which is several times
            faster, and returned in this size. None: full size, except for images of more than 89 megapixels
            (``PIL.Image.MAX_IMAGE_PIXELS``), which are returned at half their size or less.
        shorter_side: In place of ``size``: the final length of the shorter side, where the proportions are kept.

    Returns:
        An image of mode "RGB".

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an image, is damaged, would need more than 716 MB to decode (8 bytes for each of
            ``MAX_IMAGE_PIXELS``), or holds numbers of an unknown range.

    >>> read_picture("missing.png")
    Traceback (most recent call last):
    ...
    FileNotFoundError: No such image: 'missing.png'
    """
    return _read(path, size if shorter_side is None else shorter_side, _without_transparency)


def picture_mode(path: str | os.PathLike[str]) -> str:
    """Decode an image file completely and return its mode ("L" is grey); errors as in ``read_picture``."""
    # Decoding a JPEG at a reduced size is enough to check it
    return _read(path, (1, 1), lambda image: image).mode


def _read(
    path: str | os.PathLike[str], size: tuple[int, int] | int | None, finish: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Return an upright image with 8 bits per channel, after applying ``finish``.

    ``size`` is the final height and width, or the length of the shorter side.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such image: '{path}'")
    try:
        with _open(path) as image:
            return finish(ImageOps.exif_transpose(_decode(image, size)))
    except Image.DecompressionBombError as error:
        raise ValueError(f"'{path}' is too large: {error} Use a smaller image.") from error
    except _UnknownRangeError as error:
        raise ValueError(f"'{path}' {error}") from error
    except Exception as error:  # Pillow's many readers can raise anything for a damaged file
        if lacks_reader(path):
            raise ValueError(f"'{path}' is a HEIC image. {HOW_TO_READ_HEIF}") from error
        raise ValueError(
            f"'{path}' is not a readable image. Expected PNG, JPEG or another format that Pillow reads."
        ) from error


def _open(path: Path) -> Image.Image:
    """Open an image; except for JPEGs, Pillow rejects more than twice its ``MAX_IMAGE_PIXELS``."""
    with path.open("rb") as file:
        is_jpeg = file.read(len(JPEG_START)) == JPEG_START
    if is_jpeg:  # its memory depends on how much it is reduced
        return JpegImagePlugin.jpeg_factory(os.fspath(path))  # type: ignore[arg-type]
    with _alone():
        try:
            return Image.open(path)
        except UnidentifiedImageError:
            if is_heif(path) and register_heif():
                return Image.open(path)
            raise


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one thread at a time open or decode an image, without Pillow's warning about its size."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _decode(image: Image.Image, size: tuple[int, int] | int | None) -> Image.Image:
    """Decode an image to 8 bits per channel, not yet upright; reduce a JPEG to ``size`` if possible."""
    limit = BYTES_PER_PIXEL * (Image.MAX_IMAGE_PIXELS or math.inf)
    wanted, box, needed = None, None, 0.0
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if BYTES_PER_PIXEL * image.width * image.height > limit:
            _check_length(image)
        needed = _coefficient_bytes(image)
        if isinstance(size, int):
            wanted = with_shorter_side(image, size)
        elif size is not None:
            is_turned = image.getexif().get(ExifTags.Base.Orientation) in TURNED
            wanted = size if is_turned else size[::-1]
        box = _draft(image, wanted, limit)
    pixels = BYTES_PER_PIXEL * image.width * image.height
    needed = max(needed, pixels)
    if needed > 2 * limit:
        raise Image.DecompressionBombError(
            f"it would need {needed / 1e6:,.0f} MB to decode, more than {2 * limit / 1e6:,.0f} MB."
        )
    with _alone() if needed > limit else contextlib.nullcontext():
        image.load()
        if wanted is not None and box is not None:
            reduced = image if image.mode == "L" else image.convert("RGB")
            return reduced.resize(wanted, Image.Resampling.BILINEAR, box=box)
        plain = _in_8_bits(image)
        return _halved(plain) if pixels > limit else plain


def _check_length(image: JpegImagePlugin.JpegImageFile) -> None:
    """Reject a JPEG that is too short for its declared size: a block of 8 x 8 pixels needs at least one bit."""
    length = 0 if image.fp is None else os.fstat(image.fp.fileno()).st_size
    if 8 * length < image.width * image.height / 64:
        raise Image.DecompressionBombError(
            f"a file of {length:,} bytes cannot hold {image.width:,} x {image.height:,} pixels."
        )


def _draft(
    image: JpegImagePlugin.JpegImageFile, wanted: tuple[int, int] | None, limit: float
) -> tuple[float, float, float, float] | None:
    """Make Pillow reduce a JPEG while decoding; return the box that the image covers in the result, if it is reduced.

    It is reduced to no less than ``LEAST_REDUCED`` times ``wanted`` (width, height), or further if its pixels would
    need more than ``limit`` bytes.
    """
    width, height = image.size
    most = 1.0 if wanted is None else min(width / wanted[0], height / wanted[1]) / LEAST_REDUCED
    needed = math.sqrt(BYTES_PER_PIXEL * width * height / limit)
    scale = next((scale for scale in JPEG_SCALES if scale <= most or scale < 2 * needed), 1)
    drafted = image.draft(None, (width // scale, height // scale)) if scale > 1 else None
    return None if drafted is None else drafted[1]


def _coefficient_bytes(image: JpegImagePlugin.JpegImageFile) -> float:
    """Return the memory for decoding a JPEG besides its pixels: all its coefficients, unless it has a single scan."""
    if not image.info.get("progressive") and _has_all_in_first_scan(image):
        return 0
    widest, highest = (max(layer[axis] for layer in image.layer) for axis in (1, 2))
    samples = sum(layer[1] * layer[2] for layer in image.layer) / (widest * highest)
    return 2 * samples * image.width * image.height


def _has_all_in_first_scan(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Tell whether the first scan of a JPEG has all its components; False if unknown, as for MPO."""
    components = len(image.layer)
    header = JPEG_SCAN + struct.pack(">HB", 6 + 2 * components, components)
    start = image.fp.tell() - len(header) - 2 * components - 3 if image.fp is not None else -1  # Pillow has read it
    if image.fp is None or start < 0:
        return False
    image.fp.seek(start)
    return image.fp.read(len(header)) == header


def _halved(image: Image.Image) -> Image.Image:
    """Halve a large image, because the next steps copy it."""
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.reduce(2)


class _UnknownRangeError(ValueError):
    """The range of an image's numbers is unknown, so black and white are undefined."""


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Scale the numbers of an image to 8 bits: integers by the range of their type, floats from [0, 1]."""
    tags = getattr(image, "tag_v2", {})  # of TIFF
    signed = tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    if image.mode[0] not in "IF" and not signed:
        return image
    values = np.asarray(image)
    if image.mode == "F":
        levels = _levels_of_floats(values)
    elif tags:
        levels = _levels_of_integers(values, tags[BITS_PER_SAMPLE][0], signed)
    elif image.mode == "I" and image.format not in FORMATS_OF_16_BITS:
        levels = _levels_of_integers(values, 32, signed=True)
    else:
        levels = _levels_of_integers(values, 16, signed=False)
    if not levels.any() and values.any():
        full_range = "[0, 1]" if image.mode == "F" else "the full range of their type"
        raise _UnknownRangeError(
            f"would be all black: its largest number is {values.max():g}. Scale its numbers to {full_range}, or save "
            "the image with 8 bits."
        )
    grey = Image.fromarray(255 - levels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else levels)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    grey.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return grey


def _levels_of_integers(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    if signed and bits == 8:
        values = values.view(np.int8)  # Pillow reads them as unsigned
    elif not signed and bits == 32:
        values = values.view(np.uint32)  # Pillow reads them as signed
    if values.min() < 0:
        raise _UnknownRangeError(
            f"contains negative numbers, down to {values.min()}, so its black level is unknown. Save it with 8 or 16 "
            "bits, unsigned."
        )
    if signed and bits == 8:
        return values.view(np.uint8) << 1
    return (values >> (bits - signed - 8)).astype(np.uint8)


def _levels_of_floats(values: np.ndarray) -> np.ndarray:
    least, largest = values.min(), values.max()  # NaN if there is one
    if not (least >= 0 and largest <= 1):
        held = "NaN" if np.isnan(least) else f"floats from {least:g} to {largest:g}"
        raise _UnknownRangeError(
            f"contains {held}. Expected floats from 0 (black) to 1 (white): scale them, or save the image with 8 or 16 "
            "bits."
        )
    scaled = values * 255
    levels: np.ndarray = np.rint(scaled, out=scaled).astype(np.uint8)
    return levels


def with_shorter_side(picture: Image.Image, length: int) -> tuple[int, int]:
    """Return width and height in the proportions of ``picture`` whose shorter one is ``length``."""
    width, height = picture.size
    least = min(width, height)
    return length * width // least, length * height // least


def _without_transparency(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    transparent = image.info.get("transparency")
    if isinstance(transparent, tuple) and max(transparent) > 255:  # 16 bits, but Pillow keeps 8 of the pixels
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    rgba = image.convert("RGBA")
    drawn = np.asarray(rgba.convert("L"))[np.asarray(rgba)[..., 3] > 127]
    ground = "black" if drawn.size and drawn.mean() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", rgba.size, ground), rgba).convert("RGB")


def upright_picture(image: Image.Image) -> Image.Image:
    """Convert a Pillow image to the form that ``read_picture`` returns.

    Raises:
        ValueError: It cannot be decoded, or the range of its numbers is unknown.
    """
    try:
        return _without_transparency(ImageOps.exif_transpose(_in_8_bits(image)))
    except _UnknownRangeError as error:
        raise ValueError(f"The image {error}") from error
    except Exception as error:  # Pillow's many readers can raise anything for a damaged file
        raise ValueError("The image cannot be decoded.") from error
