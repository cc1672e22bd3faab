import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from cnnzoo.data import prepare_picture, read_picture
from cnnzoo.data.picture import picture_mode

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


def test_an_image_that_would_unpack_to_gigabytes_is_refused(tmp_path, monkeypatch):
    Image.new("1", (400, 400)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    with pytest.raises(ValueError, match=r"bomb\.png' is too large: .* Give a smaller one"):
        read_picture(tmp_path / "bomb.png")
    assert picture_mode(tmp_path / "bomb.png") is None


@settings(max_examples=60)
@given(
    payload=st.binary(max_size=300), head=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\xff\xd8"])
)
def test_arbitrary_bytes_give_an_image_or_the_documented_error(tmp_path, payload, head):
    (tmp_path / "file.png").write_bytes(head + payload)
    with pytest.raises(ValueError, match="is not a readable image"):
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
    with pytest.raises(ValueError, match=r"'digit' or 'resize'\. Received: 'crop'"):
        prepare_picture(stroke(), SHAPE, "crop")
