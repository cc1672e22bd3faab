"""The layouts of a folder of images, and which of them was found."""

import numpy as np
import pytest
from PIL import Image

from cnnzoo.data import load_dataset, load_folder


@pytest.fixture
def lay(tmp_path):
    """Write images of the classes "a" and "b" into each named part, or right there where a slash ends its name."""

    def write(*names, count=3):
        for name in names:
            for folder in [tmp_path / name] if name.endswith("/") else [tmp_path / name / label for label in "ab"]:
                folder.mkdir(parents=True, exist_ok=True)
                for number in range(count):
                    Image.new("RGB", (4, 4)).save(folder / f"{number}.png")
        return tmp_path

    return write


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", "training", "Training"])
@pytest.mark.parametrize("test", ["test", "Testing", "val", "VAL", "valid", "validation"])
def test_parts_are_known_by_the_names_that_people_give_them(lay, train, test):
    dataset = load_folder(lay(train, test), 4)
    assert {path.split("/")[-3] for path in dataset.train.images.paths} == {train}
    assert {path.split("/")[-3] for path in dataset.test.images.paths} == {test}
    assert dataset.class_names == ("a", "b")
    assert dataset.layout == f"layout: {train}/ for training, {test}/ for testing"
    assert dataset.notes() == [dataset.layout]


def test_of_three_parts_the_one_for_testing_is_held_out_and_the_other_not_used(lay):
    dataset = load_folder(lay("train", "val", "test"), 4)
    assert dataset.layout == "layout: train/ for training, test/ for testing; not used: val/"
    assert all("/test/" in path for path in dataset.test.images.paths)
    assert len(dataset.train.labels) == 6


def test_test_images_without_classes_leave_the_validation_images(lay):
    dataset = load_folder(lay("train", "val", "test/"), 4)
    assert dataset.layout == "layout: train/ for training, val/ for testing; not used: test/"


def test_training_images_alone_are_split(lay):
    dataset = load_folder(lay("train"), 4, test_fraction=0.3)
    assert dataset.layout == "layout: only train/; 30% of each class used for testing"
    assert (len(dataset.train.labels), len(dataset.test.labels)) == (4, 2)


def test_a_folder_without_parts_says_so(lay):
    dataset = load_folder(lay("."), 4)
    assert dataset.layout == "layout: one folder per class; 20% of each class used for testing"
    assert load_dataset("digits").notes() == []


@pytest.mark.parametrize("name", ["test", "val", "train", "Training"])
def test_a_class_may_be_called_like_a_part(lay, name):
    dataset = load_folder(lay(f"{name}/", "other/"), 4)
    assert set(dataset.class_names) == {name, "other"}
    assert dataset.layout.startswith("layout: one folder per class")


def test_parts_of_images_without_classes_are_no_classes(lay):
    message = r"train' and '.*test' must have one folder .* If 'train' and 'test' are classes themselves, rename them\."
    with pytest.raises(ValueError, match=message):
        load_folder(lay("train/", "test/"), 4)


def test_test_images_without_classes_are_not_held_out(lay):
    message = r"test' must have one folder .* To hold out a fraction of the training images instead, pass '.*train'\."
    with pytest.raises(ValueError, match=message):
        load_folder(lay("train", "test/"), 4)


@pytest.mark.parametrize(
    "names",
    [
        ("training_set", "test_set"),
        ("seg_train", "seg_test", "seg_pred/"),
        ("train", "samples/"),
        ("test", "val"),
        ("first", "second"),
    ],
)
def test_parts_under_other_names_are_not_taken_for_classes(lay, names):
    with pytest.raises(ValueError, match=r"looks like a part with class folders: a, b\. Name the parts 'train' and"):
        load_folder(lay(*names), 4)


def test_two_folders_for_one_part_are_refused(lay):
    with pytest.raises(ValueError, match=r"several folders for one part: val, validation\. Keep one"):
        load_folder(lay("train", "val", "validation"), 4)


def test_the_plain_names_come_first(lay):
    assert load_folder(lay("train", "test", "testing"), 4).layout.endswith("test/ for testing; not used: testing/")


def test_a_folder_around_the_classes_is_suggested(lay):
    with pytest.raises(ValueError, match=r"Received: photos\. Did you mean '.*photos'\?"):
        load_folder(lay("photos"), 4)


def test_an_empty_part_is_refused(lay):
    folder = lay("train")
    (folder / "test").mkdir()
    with pytest.raises(ValueError, match=r"test' must have one folder of images per class"):
        load_folder(folder, 4)


def test_each_class_is_in_both_parts_of_a_fraction(tmp_path):
    for name, count in (("common", 200), ("rare", 3)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("L", (2, 2)).save(tmp_path / name / f"{number}.png")
    train, test = load_folder(tmp_path, 2, fraction=0.1)
    assert np.bincount(train.labels).tolist() == [16, 1]
    assert np.bincount(test.labels).tolist() == [4, 1]
