"""The networks that torchvision has, too: with its weights they give what it gives, layer by layer.

Here the smallest network of each paper, at one size; ``benchmarks/torchvision_equality.py`` compares all, at three
sizes and on every backend.
"""

import importlib.util

import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.parameters import count_of_layer, flat_layers
from cnnzoo.models.weights import load_state

if not importlib.util.find_spec("torchvision"):
    pytest.skip("torchvision is not installed", allow_module_level=True)

from tests.models import reference

TOLERANCE = 1e-4  # of the largest value

COUNTERPARTS = [card for card in map(cnnzoo.model_card, cnnzoo.list_models()) if card.torchvision]
SMALLEST = {card.paper: card.name for card in sorted(COUNTERPARTS, key=lambda card: -card.params)}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALLEST.values()))
def test_every_layer_gives_what_it_gives_in_torchvision_and_weights_go_back_unchanged(name):
    theirs, card = reference.reference(name), cnnzoo.model_card(name)
    size = reference.sizes(card)[-1]
    ours = reference.network(name, size)
    found = reference.differences(ours, theirs, card.torchvision.module)
    first = next((each for each in found if not each[1] <= TOLERANCE), None)
    assert first is None, f"{size}: the first layer that differs, and by how much"
    assert reference.is_returned(ours, theirs, card.torchvision.module)


@pytest.mark.slow
def test_bottlenecks_as_published_give_what_theirs_give_with_the_strides_moved():
    """The 1 x 1 convolutions stride, not the 3 x 3: the only difference between ``resnet50`` and ``resnet50_v1_5``."""
    theirs = reference.reference("resnet50_v1_5")
    for stage in (theirs.layer2, theirs.layer3, theirs.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    module = cnnzoo.model_card("resnet50_v1_5").torchvision.module
    found = list(reference.differences(reference.network("resnet50", (64, 70)), theirs, module))
    assert max(difference for _, difference in found) <= TOLERANCE, found


@pytest.mark.slow
@pytest.mark.parametrize("card", COUNTERPARTS, ids=[card.name for card in COUNTERPARTS])
@pytest.mark.usefixtures("weightless")
def test_each_layer_has_a_module_of_as_many_parameters(card):
    with reference.torch.device("meta"):
        theirs = reference.reference(card.name)
    ours = cnnzoo.create_model(card.name, num_classes=7)
    parameters = {name: sum(each.numel() for each in of.parameters()) for name, of in theirs.named_modules()}
    leaves = {name for name, of in theirs.named_modules() if next(of.parameters(recurse=False), None) is not None}
    found = {card.torchvision.module(layer.name): layer for layer in flat_layers(ours) if layer.weights}
    assert {name: count_of_layer(layer).params for name, layer in found.items()} == {
        name: parameters[name] for name in leaves
    }


def test_weights_of_another_network_are_refused_before_any_is_loaded():
    ours = cnnzoo.models.resnet18(input_shape=(32, 32, 3), num_classes=7)
    before = ours.get_weights()
    card = cnnzoo.model_card("resnet18")
    state = dict(reference.state_of(reference.reference("resnet18")))
    kernel = state.pop("conv1.weight")
    for changed, message in (
        (state, "it has no layer 'conv1_conv'"),
        ({**state, "conv1.weight": kernel, "extra.weight": kernel}, "it has an unexpected layer 'extra'"),
        ({**state, "conv1.weight": kernel[:, :1]}, r"'conv1_conv' must have weights of the shapes \(7, 7, 3, 64\)"),
    ):
        with pytest.raises(ValueError, match=message):
            load_state(ours, changed, card.torchvision, card.head)
    assert all(map(np.array_equal, before, ours.get_weights()))


@pytest.mark.parametrize("card", COUNTERPARTS, ids=[card.name for card in COUNTERPARTS])
def test_what_is_published_is_what_torchvision_says(card):
    entries = list(reference.torchvision.models.get_model_weights(card.torchvision.network))
    entries = [entry for entry in entries if "FEATURES" not in entry.name]  # their classifier is not a number
    versions = {name: weights for name, weights in card.weights.items() if name.startswith("imagenet-v")}
    assert len(versions) == len(entries)
    assert card.weights["imagenet"] == next(reversed(versions.values()))
    for (name, weights), entry in zip(versions.items(), entries, strict=True):
        crop, metrics = entry.transforms(), entry.meta["_metrics"]["ImageNet-1K"]
        assert name[-1] == entry.name[-1]
        assert weights.url == entry.url
        assert (weights.top1, weights.top5) == (metrics["acc@1"], metrics["acc@5"])
        assert weights.mebibytes == entry.meta["_file_size"]
        assert ([weights.resize], [weights.crop]) == (crop.resize_size, crop.crop_size)
        assert crop.mean == [0.485, 0.456, 0.406]
