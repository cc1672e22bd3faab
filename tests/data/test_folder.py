import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import cnnzoo
from cnnzoo.data import ImageFiles, load_folder, prepare_picture, read_picture, stream
from cnnzoo.data.sampling import subset


def write_images(folder, count, color=True, size=(12, 10), suffix="png"):
    """Write images, each of a shade that tells its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shade = 10 * number
        Image.new("RGB" if color else "L", size, (shade, 0, shade) if color else shade).save(
            folder / f"{number:02}.{suffix}"
        )


@pytest.fixture
def photos(tmp_path):
    """Two classes of ten and five images."""
    write_images(tmp_path / "photos" / "dog", 10)
    write_images(tmp_path / "photos" / "cat", 5, suffix="jpg")
    return tmp_path / "photos"


def test_classes_are_the_folders_in_order(photos):
    dataset = load_folder(photos, 8)
    assert dataset.class_names == ("cat", "dog")
    assert np.bincount(dataset.train.labels).tolist() == [4, 8]
    assert np.bincount(dataset.test.labels).tolist() == [1, 2]
    assert (dataset.train.images.shape, dataset.train.images.dtype) == ((12, 8, 8, 3), np.uint8)
    assert dataset.skipped == ()


def test_it_unpacks_like_every_loader(photos):
    train, test = load_folder(photos, 8)
    assert (len(train.labels), len(test.labels)) == (12, 3)


def test_no_image_is_in_both_splits_and_none_is_lost(photos):
    train, test = load_folder(photos, 8, seed=3)
    paths = [*train.images.paths, *test.images.paths]
    assert sorted(paths) == sorted(str(path) for path in photos.glob("*/*"))


def test_labels_stay_with_their_images(photos):
    for split in load_folder(photos, 8):
        for path, label in zip(split.images.paths, split.labels, strict=True):
            assert ("cat", "dog")[label] in path


def test_the_same_seed_gives_the_same_split(photos):
    first, again, other = (load_folder(photos, 8, seed=seed).train.images.paths.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_folders_for_training_and_test_are_kept_as_they_are(tmp_path):
    for name, count in (("train", 3), ("test", 2)):
        for label in ("a", "b"):
            write_images(tmp_path / name / label, count)
    train, test = load_folder(tmp_path, 8)
    assert (len(train.labels), len(test.labels)) == (6, 4)
    assert all("/train/" in path for path in train.images.paths)


def test_grey_images_have_one_channel_and_one_of_colour_makes_three(tmp_path):
    for label in ("a", "b"):
        write_images(tmp_path / label, 3, color=False)
    assert load_folder(tmp_path, 8).train.images.shape[1:] == (8, 8, 1)
    write_images(tmp_path / "c", 3)
    assert load_folder(tmp_path, 8).train.images.shape[1:] == (8, 8, 3)


def test_images_are_read_like_a_users_picture(photos):
    files = load_folder(photos, (6, 7)).train.images
    expected = prepare_picture(read_picture(files.paths[2]), (6, 7, 3), "resize")
    np.testing.assert_allclose(files[2] / 255, expected, atol=1e-6)


def test_indexing_is_an_arrays(photos):
    files = load_folder(photos, 8).train.images
    everything = files[:]
    assert everything.shape == files.shape
    np.testing.assert_array_equal(files[3], everything[3])
    np.testing.assert_array_equal(files[[5, 1]], everything[[5, 1]])
    np.testing.assert_array_equal(files[::2], everything[::2])


def test_a_subset_stays_on_disk(photos):
    part = subset(load_folder(photos, 8).train, 6)
    assert isinstance(part.images, ImageFiles)
    assert len(part.images) == 6


def test_it_streams_what_it_holds(photos):
    train, _ = load_folder(photos, 8)
    batches = list(stream(train, batch_size=5))
    np.testing.assert_array_equal(
        np.concatenate([images for images, _ in batches]), train.images[:].astype(np.float32) / 255
    )


def test_a_fraction_is_stratified(photos):
    train, _ = load_folder(photos, 8, fraction=0.5)
    assert np.bincount(train.labels).tolist() == [2, 4]


def test_other_files_are_passed_over(photos):
    (photos / "cat" / "notes.txt").write_text("not an image")
    (photos / "cat" / ".hidden.png").write_text("not an image")
    (photos / "README.md").write_text("not a class")
    (photos / ".git").mkdir()
    assert load_folder(photos, 8).class_names == ("cat", "dog")


@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_a_broken_image_is_named_or_skipped_and_listed(photos, damage):
    broken = photos / "dog" / "03.png"
    payload = (photos / "cat" / "01.jpg").read_bytes()
    broken.write_bytes({"empty": b"", "text": b"not an image", "truncated": payload[: len(payload) // 2]}[damage])
    with pytest.raises(ValueError, match=r"dog/03\.png' is not a readable image\. .* Repair or remove it, or skip"):
        load_folder(photos, 8)
    dataset = load_folder(photos, 8, skip_broken=True)
    assert dataset.skipped == (str(broken),)
    assert len(dataset.train.labels) + len(dataset.test.labels) == 14


def test_classes_of_one_size_hold_out_different_positions(tmp_path):
    for name in "abcd":
        write_images(tmp_path / name, 20)
    _, test = load_folder(tmp_path, 2, test_fraction=0.3)
    drawn = {name: [path[-6:] for path in test.images.paths if f"/{name}/" in path] for name in "abcd"}
    assert len({tuple(names) for names in drawn.values()}) == 4


@pytest.mark.slow
def test_a_file_damaged_since_ends_training_by_its_name(photos, tmp_path):
    train, test = load_folder(photos, 32)
    for path in photos.glob("*/*"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="is not a readable image"):
        cnnzoo.training.fit(
            cnnzoo.models.lenet5(input_shape=(32, 32, 3), num_classes=2),
            train,
            test,
            out=tmp_path / "run",
            progress=False,
        )
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="is not a readable image"):
        cnnzoo.evaluation.evaluate(cnnzoo.models.lenet5(input_shape=(32, 32, 3), num_classes=2), test)


def test_a_file_that_has_gone_since_is_named(photos):
    files = load_folder(photos, 8).train.images
    for path in photos.glob("*/*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="No such image"):
        files[0]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*absent'"):
        load_folder(tmp_path / "absent", 8)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one subfolder of images per class, at least two\. Received: no folder$"):
        load_folder(tmp_path, 8)


def test_images_without_folders_are_seen(tmp_path):
    write_images(tmp_path, 3)
    with pytest.raises(ValueError, match=r"Received: no folder, and 3 files$"):
        load_folder(tmp_path, 8)


def test_one_class_is_refused(tmp_path):
    write_images(tmp_path / "cat", 3)
    with pytest.raises(ValueError, match=r"at least two\. Received: cat"):
        load_folder(tmp_path, 8)


def test_a_class_too_small_to_split_is_refused(photos):
    write_images(photos / "owl", 1)
    with pytest.raises(ValueError, match=r"owl' must hold at least 2 readable image\(s\)\. Received: 1"):
        load_folder(photos, 8)


def test_classes_that_differ_are_refused(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/c"):
        write_images(tmp_path / name, 2)
    with pytest.raises(ValueError, match=r"must have the same classes\. Only one of them has: b, c"):
        load_folder(tmp_path, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "`image_size`"),
        ({"fraction": 0}, "`fraction`"),
        ({"test_fraction": 1}, "`test_fraction`"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_arguments_out_of_range_are_refused(photos, options, message):
    with pytest.raises(ValueError, match=message):
        load_folder(photos, **{"image_size": 8, **options})


@settings(max_examples=15)
@given(
    counts=st.lists(st.integers(2, 12), min_size=2, max_size=4), test_fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_any_folder_is_split_with_every_class_in_both_parts(tmp_path_factory, counts, test_fraction, seed):
    folder = tmp_path_factory.mktemp("folder")
    for number, count in enumerate(counts):
        write_images(folder / f"class{number}", count, size=(2, 2))
    train, test = load_folder(folder, 2, test_fraction=test_fraction, seed=seed)
    trained, held_out = (np.bincount(split.labels, minlength=len(counts)) for split in (train, test))
    assert (trained + held_out).tolist() == counts
    assert trained.min() >= 1
    assert held_out.min() >= 1


def test_cropped_images_keep_their_proportions(tmp_path):
    """Large JPEGs are reduced while decoding, turned ones too; all else is as for a single picture."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number, size in enumerate([(60, 40), (700, 500), (30, 90)]):
            picture = Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).resize(size)
            turned = Image.Exif()
            turned[0x0112] = 6  # shown turned by 90 degrees
            picture.save(tmp_path / name / f"{number}.jpg", exif=turned if number == 1 else Image.Exif())
    dataset = load_folder(tmp_path, 32, crop=True)
    assert dataset.preparation == "crop"
    files = dataset.train.images
    assert files.shape[1:] == (32, 32, 3)
    for path, pixels in zip(files.paths, files[:], strict=True):
        whole = prepare_picture(read_picture(path), (32, 32, 3), "crop")
        np.testing.assert_allclose(pixels / 255, whole, atol=0.1 if "1.jpg" in path else 1e-6)
    assert not np.array_equal(files[:], load_folder(tmp_path, 32).train.images[:])
