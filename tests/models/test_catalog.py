import dataclasses
import inspect
import re

import pytest

import cnnzoo
from cnnzoo.models.catalog import MODEL_CARDS


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_the_docstring_is_that_of_the_variant(name):
    card, builder = cnnzoo.model_card(name), getattr(cnnzoo.models, name)
    docstring = " ".join(builder.__doc__.split())
    assert f"{card.params:,} parameters" in docstring
    assert f"{card.macs:,} multiply-accumulates" in docstring
    assert (f"{card.buffers:,} buffers" in docstring) == bool(card.buffers)
    assert all(f"- {deviation}" in docstring for deviation in card.deviations)
    assert card.reference in docstring
    assert "{" not in docstring
    for argument in inspect.signature(builder).parameters:
        assert re.search(rf"\b{argument}: \S", docstring), argument
    assert builder.__name__ == name
    assert inspect.signature(builder).parameters["name"].default == name


def test_networks_are_found_by_family_and_weights():
    assert cnnzoo.list_models(family="vgg")[:4] == ["vgg11", "vgg11_bn", "vgg11_lrn", "vgg13"]
    assert cnnzoo.list_models(family="alexnet") == ["alexnet", "alexnet_2012", "alexnet_2014"]
    assert cnnzoo.list_models(family="vgg", weights="imagenet-keras") == ["vgg16", "vgg19"]
    assert cnnzoo.list_models(family="wide_resnet", weights="imagenet-v2") == ["wide_resnet50_2", "wide_resnet101_2"]
    assert len(cnnzoo.list_models(weights="imagenet")) == 38
    with pytest.raises(ValueError, match=r"Unknown family 'vgf'\. Did you mean 'vgg'"):
        cnnzoo.list_models(family="vgf")
    with pytest.raises(ValueError, match=r"Unknown weights 'imagnet'\. Did you mean 'imagenet'"):
        cnnzoo.list_models(weights="imagnet")


def test_networks_are_sorted_and_limited():
    assert cnnzoo.list_models(family="resnet", sort="top1", max_params=25_000_000)[:2] == ["resnet50_v1_5", "resnet34"]
    assert cnnzoo.list_models(sort="params", max_params=62_000) == ["lenet1", "lenet5_1998", "lenet5"]
    assert cnnzoo.list_models(sort="year")[0].startswith("lenet")
    families = [cnnzoo.model_card(name).family for name in cnnzoo.list_models(sort="family")]
    assert families == sorted(families)
    with pytest.raises(
        ValueError, match=r"The smallest of these networks has [\d,]+ parameters\. Received: max_params=5"
    ):
        cnnzoo.list_models(max_params=5)
    with pytest.raises(ValueError, match=r"Unknown order 'size'\. .*Available: name, family, year, params, macs, top1"):
        cnnzoo.list_models(sort="size")


@pytest.mark.parametrize("card", MODEL_CARDS.values(), ids=MODEL_CARDS)
def test_card_is_complete(card):
    assert all(
        getattr(card, field.name)
        for field in dataclasses.fields(card)
        if field.name not in ("weights", "buffers", "torchvision", "normalization")
    )


def test_options_reach_the_builder():
    assert cnnzoo.create_model("lenet5", num_classes=7).output_shape == (None, 7)


def test_an_unknown_option_is_refused():
    with pytest.raises(
        TypeError, match=r"^lenet5\(\) got an unexpected keyword argument 'weight_decay'\. It takes: num_c"
    ):
        cnnzoo.create_model("lenet5", weight_decay=1e-4)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'num_clases'\. Did you mean 'num_classes'\?$"):
        cnnzoo.models.lenet5(num_clases=3)
    with pytest.raises(TypeError, match=r"^vgg16\(\) too many positional arguments"):
        cnnzoo.models.vgg16(5)


@pytest.mark.parametrize("call", [cnnzoo.create_model, cnnzoo.model_card])
@pytest.mark.parametrize(("name", "nearest"), [("vgg91", "vgg19"), ("LeNet", "lenet5"), ("alex", "alexnet")])
def test_an_unknown_name_suggests_the_nearest(call, name, nearest):
    with pytest.raises(ValueError, match=f"Unknown model '{name}'. Did you mean '{nearest}'"):
        call(name)


def test_a_name_like_none_lists_what_there_is():
    with pytest.raises(ValueError, match=r"Unknown model 'zzz'\. Available: alexnet, .*lenet5, .*resnet18"):
        cnnzoo.model_card("zzz")


def test_a_name_is_found_in_any_case():
    assert cnnzoo.create_model("LeNet5").name == "lenet5"
    assert cnnzoo.model_card("VGG19") is cnnzoo.model_card("vgg19")


@pytest.mark.parametrize("call", [cnnzoo.create_model, cnnzoo.model_card, cnnzoo.training.train])
def test_a_network_of_the_other_zoo_is_pointed_to(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"'Xception' is in `cnnzoo\.pretrained`, .*`cnnzoo\.pretrained\.load\('xception'\)`"
    ):
        call("Xception")
    with pytest.raises(
        ValueError, match=r"Unknown model 'xceptio'\. Did you mean 'xception' in `cnnzoo\.pretrained`\?"
    ):
        call("xceptio")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "call",
    [
        cnnzoo.pretrained.load,
        cnnzoo.pretrained.pretrained_card,
    ],
)
def test_a_network_of_this_zoo_is_pointed_to(call):
    with pytest.raises(ValueError, match=r"'LeNet5' is in `cnnzoo\.models`, .*`cnnzoo\.models\.lenet5`"):
        call("LeNet5")
    with pytest.raises(
        ValueError, match=r"Unknown pretrained network 'lenet4'\. Did you mean 'lenet5' in `cnnzoo\.models`\?"
    ):
        call("lenet4")
