import dataclasses
import hashlib

import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.download import cache_folder
from cnnzoo.data.catalog import DATA_CARDS, DataSource, find_source, load_dataset, local_copies
from cnnzoo.data.mnist import MNIST_NPZ


@pytest.mark.parametrize("name", cnnzoo.data.list_datasets())
def test_card_is_complete(name):
    card = cnnzoo.data.data_card(name)
    assert DATA_CARDS[name] is card
    assert len(card.class_names) == 10
    assert card.preparation in ("digit", "resize")


def test_card_agrees_with_the_embedded_digits(digits):
    card = cnnzoo.data.data_card("digits")
    assert [len(split.images) for split in digits] == [card.train_size, card.test_size]


def test_card_agrees_with_mnist(datasets):
    card = cnnzoo.data.data_card("mnist")
    splits = cnnzoo.data.load_dataset(find_source("mnist", datasets / "mnist.npz"))
    assert [len(split.images) for split in splits] == [card.train_size, card.test_size]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown folder or data set 'minst'\. Did you mean 'mnist'"):
        cnnzoo.data.load_dataset("minst")


def test_the_embedded_digits_take_no_path(tmp_path):
    with pytest.raises(ValueError, match="does not accept a path"):
        find_source("digits", tmp_path)


def test_mnist_takes_a_path(idx_folder):
    train, test = load_dataset(find_source("mnist", idx_folder))
    assert (len(train.images), len(test.images)) == (8, 4)


def test_a_new_data_set_needs_only_a_card(monkeypatch, digits):
    card = dataclasses.replace(DATA_CARDS["digits"], name="new", load=lambda path: digits)
    monkeypatch.setitem(DATA_CARDS, "new", card)
    dataset = load_dataset(DataSource("new", fraction=0.5))
    assert [len(split.images) for split in dataset] == [2_000, 500]
    assert (dataset.class_names, dataset.preparation) == (card.class_names, card.preparation)


def test_a_fraction_is_taken_of_both_splits():
    train, test = load_dataset(DataSource("digits", fraction=0.1, seed=1))
    assert np.bincount(train.labels).tolist() == [40] * 10
    assert np.bincount(test.labels).tolist() == [10] * 10


def test_a_folder_is_told_by_its_path(tmp_path):
    assert find_source(tmp_path) == DataSource("folder", str(tmp_path))
    assert find_source(DataSource("mnist")) == DataSource("mnist")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        find_source(tmp_path / "absent")
    with pytest.raises(ValueError, match="cannot be combined with another path"):
        find_source(tmp_path, tmp_path)


def test_a_data_set_of_the_same_name_goes_before_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert find_source("mnist").name == "mnist"
    assert find_source("./mnist").name == "folder"


def test_a_source_must_name_a_data_set():
    with pytest.raises(ValueError, match="Unknown data set 'imagenet'"):
        load_dataset(DataSource("imagenet"))


def test_local_copies_are_verified(monkeypatch):
    assert [copy.state for copy in local_copies("mnist")] == ["absent", "absent"]
    cache_folder().mkdir(parents=True)
    (cache_folder() / "mnist.npz").write_bytes(b"broken off")
    assert [copy.state for copy in local_copies("mnist")] == ["absent", "damaged"]
    assert local_copies("digits") == []


def test_what_ships_with_the_package_is_not_fetched():
    with pytest.raises(ValueError, match="ships with the package"):
        cnnzoo.data.fetch_dataset("digits")


def test_fetching_gives_the_verified_copy(monkeypatch):
    payload = b"published"
    file = dataclasses.replace(MNIST_NPZ, size=len(payload), sha256=hashlib.sha256(payload).hexdigest())
    monkeypatch.setitem(DATA_CARDS, "mnist", dataclasses.replace(DATA_CARDS["mnist"], files=(file,)))
    cache_folder().mkdir(parents=True)
    (cache_folder() / "mnist.npz").write_bytes(payload)
    assert cnnzoo.data.fetch_dataset("mnist") == cache_folder() / "mnist.npz"
    assert [copy.state for copy in local_copies("mnist")] == ["absent", "verified"]
