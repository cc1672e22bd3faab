import importlib.util
import re

import pytest

from cnnzoo.data.imagenet import imagenet_classes


def test_classes_are_a_thousand_in_the_order_of_their_identifiers():
    classes = imagenet_classes()
    identifiers, names = zip(*classes, strict=True)
    assert len(set(identifiers)) == len(set(names)) == 1000
    assert list(identifiers) == sorted(identifiers)
    assert all(re.fullmatch(r"n\d{8}", identifier) for identifier in identifiers)
    assert all(name == name.strip() and name for name in names)


@pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")
def test_names_are_those_of_torchvision():
    from tests.models.reference import torchvision

    categories = torchvision.models.ResNet18_Weights.DEFAULT.meta["categories"]
    assert [each.name for each in imagenet_classes()] == categories
