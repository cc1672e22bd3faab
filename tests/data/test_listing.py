"""What counts as an image below a folder, and what is told of the rest."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from cnnzoo._support.wording import how_to_install
from cnnzoo.data import load_folder, picture, read_picture
from cnnzoo.data._formats import NEVER, readable_suffixes
from cnnzoo.data._listing import passed_over_lines
from cnnzoo.data.folder import list_image_files, passed_over

HEIC = bytes.fromhex(
    "000000186674797068656963000000006d696631686569630000000000000000"
)  # the first bytes of one, which tell what it is


def put(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), "red").save(path, **options)


@pytest.fixture
def photos(tmp_path):
    """Two classes of three images, to which tests add."""
    folder = tmp_path / "photos"
    for number in range(3):
        put(folder / "cat" / f"{number}.jpg")
        put(folder / "dog" / f"{number}.jpg")
    return folder


@pytest.fixture
def no_heif(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


def both_lists(folder):
    """The images that both functions list, which must be the same."""
    _, names = list_image_files(folder)
    dataset = load_folder(folder, 4)
    loaded = [os.path.relpath(path, folder) for split in dataset for path in split.images.paths]
    assert sorted(loaded) == names
    assert dict(dataset.passed_over) == passed_over(folder)
    return names, dict(dataset.passed_over)


PLAIN = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(3)]


def test_hidden_files_and_folders_are_passed_over_and_told(photos):
    put(photos / "cat" / ".ipynb_checkpoints" / "0-checkpoint.jpg")
    put(photos / "__MACOSX" / "cat" / "._0.jpg", format="JPEG")
    put(photos / "dog" / "@eaDir" / "0.jpg" / "SYNOPHOTO_THUMB_M.jpg")
    for name in (".DS_Store", "._0.jpg"):
        (photos / "cat" / name).write_bytes(b"\0\5\26\7")
    assert both_lists(photos) == (PLAIN, {"hidden folder": 3, "hidden file": 2})


def test_a_folder_below_a_hidden_one_is_no_hidden_folder(photos):
    hidden = photos.rename(photos.with_name(".cache"))
    assert both_lists(hidden) == (PLAIN, {})


def test_subfolders_of_a_class_are_searched(photos):
    put(photos / "cat" / "kittens" / "young" / "9.jpg")
    names, _ = both_lists(photos)
    assert names == [*PLAIN[:3], "cat/kittens/young/9.jpg", *PLAIN[3:]]
    assert load_folder(photos, 4).layout.endswith("; 1 image in subfolders of classes")


def test_links_are_followed(photos, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("cat", "dog"):
        (linked / name).symlink_to(photos / name)
    assert both_lists(linked) == (PLAIN, {})


def test_links_in_a_circle_end(photos):
    (photos / "cat" / "up").symlink_to("..")
    (photos / "dog" / "self").symlink_to("self")
    (photos / "dog" / "gone.jpg").symlink_to("nowhere.jpg")
    assert both_lists(photos) == (PLAIN, {"folder linked twice": 1, "broken link": 2})


def test_folders_are_told_apart_where_the_file_system_numbers_nothing(photos, monkeypatch):
    real = os.stat

    def stat(*given, **options):
        found = real(*given, **options)
        return os.stat_result((found.st_mode, 0, *found[2:]))

    monkeypatch.setattr(os, "stat", stat)
    (photos / "cat" / "up").symlink_to("..")
    assert both_lists(photos) == (PLAIN, {"folder linked twice": 1})


def test_a_folder_that_several_links_lead_to_is_listed_once_by_its_own_path(photos, tmp_path):
    put(tmp_path / "more" / "7.jpg")
    for link in ("cat/a", "cat/b"):
        (photos / link).symlink_to(tmp_path / "more")
    (photos / "cat" / "0-before-dog").symlink_to(photos / "dog")
    names, others = both_lists(photos)
    assert names == [*PLAIN[:3], "cat/a/7.jpg", *PLAIN[3:]]
    assert others == {"folder linked twice": 2}


def test_links_among_many_folders_do_not_multiply(photos):
    for first in range(12):
        for second in range(12):
            (photos / "cat" / str(first)).mkdir(exist_ok=True)
            (photos / "cat" / str(first) / f"to{second}").symlink_to(photos / "cat" / str(second))
    assert both_lists(photos)[0] == PLAIN


def test_two_classes_in_one_place_are_refused(photos):
    (photos / "puppy").symlink_to("dog")
    with pytest.raises(ValueError, match=r"puppy' .* Received: 0; ignored: 1 folder linked twice$"):
        load_folder(photos, 4)


def test_training_and_test_images_in_one_place_are_refused(photos, tmp_path):
    for name in ("train", "test"):
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / "parts" / name).symlink_to(photos)
    with pytest.raises(ValueError, match=r"test/cat' .* Received: 0"):
        load_folder(tmp_path / "parts", 4)


def test_what_is_no_image_is_told_by_suffix_and_number(photos):
    for name in ("cat/a.TXT", "dog/b.txt", "cat/c.json", "dog/Makefile", "README.md"):
        (photos / name).write_text("no image")
    assert both_lists(photos) == (PLAIN, {".txt": 2, ".json": 1, "no suffix": 1, ".md": 1})


def test_images_beside_the_classes_are_told(photos):
    put(photos / "loose.png")
    assert load_folder(photos, 4).passed_over == {"image outside the class folders": 1}
    assert load_folder(photos, 4).notes()[1] == "ignored: 1 image outside the class folders"
    assert passed_over(photos) == {}


def test_the_sentence_has_the_most_frequent_first():
    assert passed_over_lines({"hidden folder": 1, ".txt": 12, "folder linked twice": 3}) == [
        "ignored: 12 files (.txt), 3 folders linked twice, 1 hidden folder"
    ]
    assert passed_over_lines({}) == []
    (many,) = passed_over_lines({f".{number}": 1 for number in range(50)})
    assert many.endswith("1 file (.14), 1 file (.15), 42 others")


def test_a_special_file_is_never_opened(photos):
    os.mkfifo(photos / "cat" / "pipe.jpg")
    assert both_lists(photos) == (PLAIN, {"special file": 1})


def test_a_folder_that_cannot_be_listed_is_named(photos, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if Path(folder).name == "dog":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    for call in (lambda: load_folder(photos, 4), lambda: list_image_files(photos)):
        with monkeypatch.context() as patch:  # ends before what the test leaves is deleted
            patch.setattr(os, "scandir", refuse)
            with pytest.raises(OSError, match=r"The folder '.*dog' cannot be listed \(Permission denied\)"):
                call()


@pytest.mark.parametrize(
    "suffix",
    ["jfif", "jpe", "ppm", "pgm", "pbm", "pnm", "avif", "jp2", "tga", "ico", "qoi", "webp", "bmp", "gif", "png"],
)
def test_every_format_of_pillow_is_read(tmp_path, suffix):
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    mode = {"pgm": "L", "pbm": "1"}.get(suffix, "RGB")
    for name in ("a/0", "a/1", "b/0", "b/1"):
        path = tmp_path / f"{name}.{suffix.upper()}"
        path.parent.mkdir(exist_ok=True)
        Image.new(mode, (16, 16), 1).save(path, format="JPEG" if suffix in ("jfif", "jpe") else None)
    train, test = load_folder(tmp_path, 8)
    assert (len(train.labels), len(test.labels)) == (2, 2)
    assert train.images[0].shape == (8, 8, 3 if mode == "RGB" else 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Pillow leaves some formats in time
def test_whatever_is_taken_for_an_image_can_be_decoded(tmp_path):
    """Every format that Pillow writes as well is written and decoded."""
    suffixes = readable_suffixes()
    assert not suffixes & {".pdf", ".eps", ".ps", ".mpg", ".mpeg", ".h5", ".hdf", ".grib", ".bufr", ".wmf", ".emf"}
    tried = 0
    for suffix, name in Image.registered_extensions().items():
        if suffix in suffixes and name in Image.SAVE and name != "HEIF":
            image = Image.new("1" if name in ("MSP", "XBM") else "P" if name == "BLP" else "RGB", (32, 32))
            image.save(tmp_path / f"a{suffix}", format=name)
            assert read_picture(tmp_path / f"a{suffix}").mode == "RGB", suffix
            tried += 1
    assert tried > 20
    assert {*Image.OPEN} >= NEVER


def test_heic_without_its_reader_is_told_with_the_extra(photos, no_heif):
    for number in range(4):
        (photos / "cat" / f"{number}.HEIC").write_bytes(HEIC)
    assert both_lists(photos) == (PLAIN, {".heic": 4})
    assert load_folder(photos, 4).notes()[1] == (
        "ignored: 4 files (.heic). HEIC files, such as iPhone photographs, need the extra `heic`: "
        f"{how_to_install('heic')}."
    )


def test_a_class_of_heic_alone_says_so(photos, no_heif):
    (photos / "owl").mkdir()
    for number in range(4):
        (photos / "owl" / f"{number}.heic").write_bytes(HEIC)
    message = (
        r"owl' must hold at least 2 readable image\(s\)\. Received: 0; ignored: 4 files \(\.heic\)\. "
        r"HEIC files, such as iPhone photographs, need the extra `heic`: `pip install"
    )
    with pytest.raises(ValueError, match=message):
        load_folder(photos, 4)
    with pytest.raises(ValueError, match=r"Received none: .*; ignored: 4 files \(\.heic\)\. HEIC files"):
        list_image_files(photos / "owl")


def test_a_heic_under_another_name_is_known(photos, no_heif):
    (photos / "cat" / "7.jpg").write_bytes(HEIC)
    for call in (
        lambda: load_folder(photos, 4),
        lambda: list_image_files([photos / "cat" / "7.jpg"]),
        lambda: read_picture(photos / "cat" / "7.jpg"),
    ):
        with pytest.raises(ValueError, match=r"7\.jpg' is a HEIC image\. HEIC files, .* `pip install "):
            call()


def test_heic_is_read_where_its_reader_is_installed(photos):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = Image.new("RGB", (16, 12), (200, 30, 60))
    for name in ("cat/7.heic", "dog/7.HIF", "dog/8.jpg"):
        pillow_heif.from_pillow(image).save(photos / "heic", quality=90)
        (photos / "heic").rename(photos / name)
    names, others = both_lists(photos)
    assert {"cat/7.heic", "dog/7.HIF", "dog/8.jpg"} <= set(names)
    assert others == {}
    read = read_picture(photos / "cat/7.heic")
    assert read.size == (16, 12)
    np.testing.assert_allclose(read.getpixel((8, 6)), (200, 30, 60), atol=8)


def test_the_reader_of_heic_is_not_loaded_for_other_images(photos, monkeypatch):
    monkeypatch.setattr(picture, "register_heif", lambda: pytest.fail("loaded"))
    load_folder(photos, 4)


@pytest.fixture
def bytes_photos(photos):
    """Images and a folder of theirs with names that are not UTF-8, as old archives give them."""
    if sys.platform in ("darwin", "win32"):
        pytest.skip("this system has UTF-8 names only")
    os.rename(photos / "cat" / "0.jpg", os.fsencode(photos / "cat") + b"/caf\xe9.jpg")
    return photos


def test_names_of_images_that_are_not_utf8_are_read(bytes_photos):
    names, _ = both_lists(bytes_photos)
    assert os.fsencode(names[2]) == b"cat/caf\xe9.jpg"


def test_broken_images_with_such_names_can_be_printed(bytes_photos):
    Path(os.fsdecode(os.fsencode(bytes_photos / "cat") + b"/caf\xe9.jpg")).write_bytes(b"")
    dataset = load_folder(bytes_photos, 4, skip_broken=True)
    assert dataset.notes()[1].encode().endswith(rb"cat/caf\xe9.jpg")


def test_a_class_whose_name_is_not_utf8_is_refused_by_name(bytes_photos):
    os.rename(bytes_photos / "cat", os.fsencode(bytes_photos) + b"/ch\xe2t")
    with pytest.raises(ValueError, match=r"Class names must be valid UTF-8\. Received: 'ch\\xe2t', in '.*photos'\."):
        load_folder(bytes_photos, 4)
