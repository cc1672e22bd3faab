import pytest

import cnnzoo
from cnnzoo.data.catalog import DATA_CARDS


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
    splits = cnnzoo.data.load_dataset("mnist", datasets / "mnist.npz")
    assert [len(split.images) for split in splits] == [card.train_size, card.test_size]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"There is no data set 'minst'\. Did you mean 'mnist'"):
        cnnzoo.data.load_dataset("minst")


def test_the_embedded_digits_take_no_path(tmp_path):
    with pytest.raises(ValueError, match="takes no path"):
        cnnzoo.data.load_dataset("digits", tmp_path)


def test_mnist_takes_a_path(idx_folder):
    train, test = cnnzoo.data.load_dataset("mnist", idx_folder)
    assert (len(train.images), len(test.images)) == (8, 4)
