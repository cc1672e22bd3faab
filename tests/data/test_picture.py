import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, UnidentifiedImageError

from cnnzoo.data import prepare_picture, read_picture
from cnnzoo.data.picture import picture_mode
from cnnzoo.data.preparing import resized_pixels
from tests.data import tiff

SHAPE = (32, 32, 1)


def stroke(size=(120, 90), ink="black", paper="white", box=(50, 20, 60, 70)):
    """A picture of a vertical stroke."""
    picture = Image.new("RGB", size, paper)
    ImageDraw.Draw(picture).rectangle(box, fill=ink)
    return picture


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK", "I;16", "LA"])
def test_every_mode_is_read_as_rgb(tmp_path, suffix, mode):
    picture = Image.new("L", (9, 7), 0).convert("RGBA" if mode == "P" else "L").convert(mode)
    path = tmp_path / f"picture.{suffix}"
    try:
        picture.save(path)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"Pillow writes no {suffix} of mode {mode}")
    read = read_picture(path)
    assert (read.mode, read.size) == ("RGB", (9, 7))
    assert np.asarray(read).max() < 10


def test_16_bits_a_pixel_keep_their_shades(tmp_path):
    Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert np.asarray(read_picture(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 128, 255]


def test_light_ink_on_a_transparent_ground_stays_visible(tmp_path):
    picture = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    ImageDraw.Draw(picture).rectangle((8, 4, 11, 15), fill=(255, 255, 255, 255))
    picture.save(tmp_path / "light.png")
    pixels = np.asarray(read_picture(tmp_path / "light.png"))
    assert (pixels[0, 0, 0], pixels[10, 10, 0]) == (0, 255)


def test_transparency_lies_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.asarray(read_picture(tmp_path / "clear.png")).min() == 255


def test_a_turned_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").size == (4, 8)


@pytest.mark.parametrize("payload", [b"", b"text", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_image_is_refused(tmp_path, payload):
    (tmp_path / "file.png").write_bytes(payload)
    with pytest.raises(ValueError, match=r"file\.png' is not a readable image\. Expected PNG, JPEG"):
        read_picture(tmp_path / "file.png")


def test_a_truncated_image_is_refused(tmp_path):
    stroke().save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:100])
    with pytest.raises(ValueError, match="is not a readable image"):
        read_picture(tmp_path / "cut.png")


RAMP = np.linspace(0, 1, 5)[np.newaxis]


def whole(type_, bits):
    return np.floor(RAMP * (2**bits - 1)).astype(type_)


TWELVE_BITS = np.array([[0x00, 0x08, 0x00, 0xFF, 0xFF, 0xFF]], "u1")  # 0, 2048, 4095, 4095: two in three bytes
LIGHTNESS = np.dstack([RAMP * 255, 0 * RAMP, 0 * RAMP]).astype("u1")  # 0, 25, 50, 75 and 100 %, without colour


@pytest.mark.parametrize(
    ("pixels", "kind", "options", "expected"),
    [
        (whole("<u2", 16), tiff.UNSIGNED, {}, [0, 63, 127, 191, 255]),
        (whole(">u2", 16), tiff.UNSIGNED, {}, [0, 63, 127, 191, 255]),
        (whole("<u2", 16), tiff.UNSIGNED, {"photometric": tiff.WHITE_IS_ZERO}, [255, 192, 128, 64, 0]),
        (whole("<u4", 32), tiff.UNSIGNED, {}, [0, 63, 127, 191, 255]),
        (whole("i1", 7), tiff.SIGNED, {}, [0, 62, 126, 190, 254]),
        (whole("<i2", 15), tiff.SIGNED, {}, [0, 63, 127, 191, 255]),
        (whole("<i4", 31), tiff.SIGNED, {}, [0, 63, 127, 191, 255]),
        (whole(">i4", 31), tiff.SIGNED, {}, [0, 63, 127, 191, 255]),
        (RAMP.astype("<f4"), tiff.FLOAT, {}, [0, 64, 128, 191, 255]),
        (RAMP.astype(">f4"), tiff.FLOAT, {}, [0, 64, 128, 191, 255]),
        (RAMP.astype("<f4"), tiff.FLOAT, {"photometric": tiff.WHITE_IS_ZERO}, [255, 191, 127, 64, 0]),
        (whole("u1", 8), tiff.UNSIGNED, {"photometric": tiff.WHITE_IS_ZERO}, [255, 192, 128, 64, 0]),
        (TWELVE_BITS, tiff.UNSIGNED, {"bits": 12, "width": 4}, [0, 128, 255, 255]),
        (np.dstack([whole("<u2", 16)] * 3), tiff.UNSIGNED, {"photometric": tiff.RGB}, [0, 63, 127, 191, 255]),
        (LIGHTNESS, tiff.UNSIGNED, {"photometric": tiff.LAB}, [0, 59, 119, 185, 255]),
    ],
)  # fmt: skip
def test_a_tiff_is_scaled_by_the_range_of_its_type(tmp_path, pixels, kind, options, expected):
    tiff.write_tiff(tmp_path / "image.tif", pixels, kind, **options)
    read = np.asarray(read_picture(tmp_path / "image.tif"))
    np.testing.assert_allclose(read[0].astype(int), np.repeat(expected, 3).reshape(-1, 3), atol=1)


@pytest.mark.parametrize(
    ("pixels", "kind", "message"),
    [
        (RAMP.astype("<f4") * 255, tiff.FLOAT, r"contains floats from 0 to 255\. Expected floats from 0 \(black\)"),
        (RAMP.astype("<f4") - 0.25, tiff.FLOAT, r"contains floats from -0\.25 to 0\.75\. Expected floats"),
        (np.array([[0, np.nan]], "<f4"), tiff.FLOAT, r"contains NaN\. Expected floats"),
        (np.array([[0, np.inf]], "<f4"), tiff.FLOAT, r"contains floats from 0 to inf\. Expected floats"),
        (RAMP.astype("<f4") / 1000, tiff.FLOAT, r"would be all black: its largest number is 0\.001\. .* to \[0, 1\]"),
        (whole("i1", 7) - 50, tiff.SIGNED, r"contains negative numbers, down to -50, so its black level is unknown\."),
        (whole("<i2", 15) - 1000, tiff.SIGNED, r"contains negative numbers, down to -1000"),
        (whole("<i4", 8) - 1, tiff.SIGNED, r"contains negative numbers, down to -1"),
        (whole("<i4", 8), tiff.SIGNED, r"would be all black: its largest number is 255\. .* full range of their type"),
        (whole("<u4", 16), tiff.UNSIGNED, r"would be all black: its largest number is 65535"),
        (whole("<u2", 8), tiff.UNSIGNED, r"would be all black: its largest number is 255"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_tell_black_from_white_are_refused(tmp_path, pixels, kind, message):
    tiff.write_tiff(tmp_path / "image.tif", pixels, kind)
    for read in (read_picture, picture_mode):
        with pytest.raises(ValueError, match=r"image\.tif' " + message):
            read(tmp_path / "image.tif")


@pytest.mark.parametrize("type_", ["<f4", "<u2", "<i4"])
def test_what_is_black_stays_black(tmp_path, type_):
    kind = {"f": tiff.FLOAT, "u": tiff.UNSIGNED, "i": tiff.SIGNED}[type_[1]]
    tiff.write_tiff(tmp_path / "image.tif", np.zeros((2, 3), type_), kind)
    assert not np.asarray(read_picture(tmp_path / "image.tif")).any()


def test_a_grey_map_of_16_bits_is_scaled(tmp_path):
    (tmp_path / "grey.pgm").write_bytes(b"P5 5 1 4095\n" + whole(">u2", 12).tobytes())
    assert np.asarray(read_picture(tmp_path / "grey.pgm"))[0, :, 0].tolist() == [0, 63, 127, 191, 255]


def test_what_only_newer_versions_of_pillow_read_is_right_there(tmp_path):
    path = tmp_path / "float.pfm"
    path.write_bytes(b"Pf\n5 1\n-1.0\n" + RAMP.astype("<f4").tobytes())
    check_or_refused(path, [0, 64, 128, 191, 255])
    path = tmp_path / "premultiplied.tif"
    tiff.write_tiff(path, np.dstack([RAMP * 100, RAMP * 255]).astype("u1"), tiff.UNSIGNED, extra=1)
    check_or_refused(path, [255, 216, 177, 138, 100])  # grey 100, from clear to opaque, over white


def check_or_refused(path, expected):
    try:
        Image.open(path).close()
    except UnidentifiedImageError:
        with pytest.raises(ValueError, match="is not a readable image"):
            read_picture(path)
    else:
        np.testing.assert_allclose(np.asarray(read_picture(path))[0, :, 0].astype(int), expected, atol=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_value_of_16_bits(tmp_path, channels):
    # Of 0x8000 only the lower 8 bits, 0, would be black
    pixels = np.array([[0, 0x2000, 0x8000, 0x3000]])
    if channels == 3:
        pixels = np.dstack([pixels] * 3)
    tiff.write_png_of_16_bits(tmp_path / "clear.png", pixels, [0x8000] * channels)
    assert np.asarray(read_picture(tmp_path / "clear.png"))[0, :, 0].tolist() == [0, 0x20, 255, 0x30]


def test_of_several_frames_the_first_is_read(tmp_path):
    frames = [Image.new("L", (3, 2), shade) for shade in (90, 10)]
    for suffix in ("tif", "gif", "webp", "png"):
        path = tmp_path / f"frames.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        assert np.unique(np.asarray(read_picture(path))).tolist() == [90]


def photograph(mode, size=(611, 437)):
    """A picture of bars, of a gradient, and of colour, that no turn or mirror leaves as it is."""
    width, height = size
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    bars = 90 + 60 * np.sign(np.sin(25 * across * (1 + down)))
    pixels = np.stack([bars, 255 * across, 255 * down**2], axis=2)
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_reduced_while_it_is_decoded_is_nearly_that_of_all_its_pixels(tmp_path, mode, progressive, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path, size = tmp_path / "photo.jpg", (45, 60)
    photograph(mode).save(path, quality=90, exif=exif, progressive=progressive)
    reduced = read_picture(path, size)
    assert (reduced.mode, reduced.size) == ("RGB", (60, 45))
    difference = np.abs(np.asarray(reduced).astype(int) - resized_pixels(read_picture(path), (*size, 3)))
    assert difference.mean() < 1
    assert difference.max() <= 12


@pytest.mark.parametrize(("size", "suffix"), [((300, 250), "jpg"), ((40, 50), "png"), ((40, 50), "webp")])
def test_all_pixels_are_read_where_there_is_nothing_to_reduce(tmp_path, size, suffix):
    path = tmp_path / f"photo.{suffix}"
    photograph("RGB").save(path)
    np.testing.assert_array_equal(np.asarray(read_picture(path, size)), np.asarray(read_picture(path)))


def test_a_progressive_jpeg_within_pillows_limit_is_read_in_full(tmp_path, monkeypatch):
    photograph("RGB").save(tmp_path / "photo.jpg", progressive=True, subsampling=0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 611 * 437)
    assert read_picture(tmp_path / "photo.jpg").size == (611, 437)


@pytest.mark.parametrize("frames", [1, 2])
def test_a_jpeg_of_more_than_pillows_limit_is_reduced(tmp_path, monkeypatch, frames):
    path = tmp_path / "phone.jpg"
    picture = photograph("RGB")
    picture.save(path, "MPO", save_all=True, append_images=[picture] * (frames - 1))
    expected = resized_pixels(read_picture(path), (20, 30, 3)).astype(int)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 140_000)  # of 267,007
    assert picture_mode(path) == "RGB"
    assert read_picture(path).size == (306, 219)
    assert read_picture(path, (400, 400)).size == (400, 400)
    assert np.abs(resized_pixels(read_picture(path, (20, 30)), (20, 30, 3)) - expected).mean() < 1


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [*((mode, "png") for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16")), ("RGB", "tif"), ("RGB", "webp")],
)
def test_an_image_of_more_than_pillows_limit_is_halved(tmp_path, monkeypatch, mode, suffix):
    picture = Image.new("RGBA", (300, 200), "white").convert("L" if mode == "I;16" else mode)
    picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257) if mode == "I;16" else picture
    picture.save(tmp_path / f"large.{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    read = read_picture(tmp_path / f"large.{suffix}")
    assert read.size == (150, 100)
    assert np.asarray(read).min() == 255


def test_an_image_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    tiff.write_png(tmp_path / "bomb.png", [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100)))])
    for read in (read_picture, picture_mode):
        with pytest.raises(ValueError, match=r"bomb\.png' is too large: .* Use a smaller image"):
            read(tmp_path / "bomb.png")


@pytest.mark.parametrize("kind", ["progressive", "several scans", "one scan"])
@pytest.mark.parametrize("length", [10_000, 9_000_000])
def test_a_jpeg_of_a_header_that_lies_is_refused(tmp_path, kind, length):
    path = tmp_path / "bomb.jpg"
    photograph("RGB").save(path, progressive=kind == "progressive")
    payload = bytearray(path.read_bytes())
    frame = payload.index(b"\xff\xc2" if kind == "progressive" else b"\xff\xc0")
    payload[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    if kind == "several scans":
        payload[payload.index(b"\xff\xda") + 4] = 1
    path.write_bytes(payload[:10_000] + bytes(length - 10_000))
    if length == 10_000:
        message = "a file of 10,000 bytes cannot hold 65,500 x 65,500 pixels. Use a smaller image."
    elif kind == "one scan":  # needs little memory: it is decoded at an eighth of its size
        message = "is not a readable image"
    else:
        message = "it would need 12,871 MB to decode, more than 716 MB. Use a smaller image."
    for size in (None, (224, 224)):
        with pytest.raises(ValueError, match=rf"bomb\.jpg' .*{re.escape(message)}"):
            read_picture(path, size)


def test_a_limit_that_was_taken_off_is_none(tmp_path, monkeypatch):
    photograph("RGB").save(tmp_path / "photo.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_picture(tmp_path / "photo.jpg").size == (611, 437)


@settings(max_examples=60)
@example(payload=bytes(7) + b"," + bytes(5) + b"\x0b\x00\xf9", head=b"GIF89a")  # a frame of 179 megapixels
@given(
    payload=st.binary(max_size=300), head=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\xff\xd8"])
)
def test_arbitrary_bytes_give_an_image_or_the_documented_error(tmp_path, payload, head):
    (tmp_path / "file.png").write_bytes(head + payload)
    with pytest.raises(ValueError, match=r"is not a readable image|is too large"):
        read_picture(tmp_path / "file.png")


@given(
    width=st.integers(40, 400), height=st.integers(40, 400), left=st.integers(1, 20), top=st.integers(1, 20),
    inverted=st.booleans(),
)  # fmt: skip
def test_a_digit_is_put_as_mnist_puts_it(width, height, left, top, inverted):
    colors = ("white", "black") if inverted else ("navy", "ivory")
    picture = stroke((width, height), *colors, box=(left, top, left + 6, top + 18))
    prepared = prepare_picture(picture, SHAPE, "digit")
    assert (prepared.shape, prepared.dtype) == (SHAPE, np.float32)
    assert (prepared.min(), prepared.max()) == (0, pytest.approx(1, abs=0.02))
    rows, columns = (np.flatnonzero(prepared[..., 0].max(axis=axis) > 0.3) for axis in (1, 0))
    assert rows[-1] - rows[0] + 1 == pytest.approx(20, abs=1)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(15.5, abs=1)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(15.5, abs=1)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_in_mnists_own_form_is_only_padded(digits, inverted):
    _, test = digits
    for image in test.images[:20]:
        pixels = (image[2:30, 2:30, 0] * 255).round().astype(np.uint8)
        picture = Image.fromarray(255 - pixels if inverted else pixels).convert("RGB")
        np.testing.assert_allclose(prepare_picture(picture, SHAPE, "digit"), image, atol=1e-6)


@pytest.mark.parametrize("color", ["white", "black", (120, 120, 130)])
def test_a_picture_of_one_flat_colour_is_refused(color):
    with pytest.raises(ValueError, match="shows no digit"):
        prepare_picture(Image.new("RGB", (50, 50), color), SHAPE, "digit")


@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30, 1)])
def test_resizing_keeps_range_and_channels(shape):
    prepared = prepare_picture(stroke(), shape, "resize")
    assert (prepared.shape, prepared.dtype) == (shape, np.float32)
    assert (prepared.min(), prepared.max()) == (0, 1)


@pytest.mark.parametrize("shape", [(64, 48, 1), (32, 32, 3)])
def test_a_digit_is_made_for_any_input(shape):
    prepared = prepare_picture(stroke(), shape, "digit")
    assert (prepared.shape, prepared.dtype) == (shape, np.float32)
    assert prepared.max() > 0.9
    assert (prepared == prepared[..., :1]).all()


@pytest.mark.parametrize("preparation", ["digit", "resize"])
@pytest.mark.parametrize("shape", [(32, 32, 4), (32, 32), (32, 32, None)])
def test_other_channels_are_refused(preparation, shape):
    with pytest.raises(ValueError, match="with 1 or 3 channels"):
        prepare_picture(stroke(), shape, preparation)


def test_an_unknown_preparation_is_refused():
    with pytest.raises(ValueError, match=r"'digit', 'resize' or 'crop'\. Received: 'squash'"):
        prepare_picture(stroke(), SHAPE, "squash")


@pytest.mark.parametrize(
    ("size", "shorter_side"), [((300, 200), None), ((200, 300), 40), ((33, 77), 32), ((32, 32), 35)]
)
def test_the_middle_is_taken_as_torchvision_takes_it(size, shorter_side):
    """Resize the shorter side with antialiasing, then cut out the middle."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    length = shorter_side or 37  # 8 / 7 of 32
    width, height = (int(length * side / min(size)) for side in size)
    left, top = round((width - 32) / 2), round((height - 32) / 2)
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((left, top, left + 32, top + 32)), np.float32) / 255
    np.testing.assert_array_equal(prepare_picture(picture, (32, 32, 3), "crop", shorter_side), expected)


def test_a_shorter_side_below_that_of_the_network_is_refused():
    with pytest.raises(ValueError, match=r"`shorter_side` must be at least the network's 32 pixels\. Received: 31"):
        prepare_picture(stroke(), SHAPE, "crop", 31)
