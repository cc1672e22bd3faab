import dataclasses

import pytest

import cnnzoo
from cnnzoo.inspect import layer_table
from cnnzoo.models.catalog import MODEL_CARDS


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_card_agrees_with_the_live_model(name):
    card = cnnzoo.model_card(name)
    model = cnnzoo.create_model(name, kernel_initializer="zeros")
    table = layer_table(model)
    assert model.name == card.name
    assert model.input_shape == (None, *card.input_shape)
    assert model.output_shape == (None, card.num_classes)
    assert (table.params, table.macs) == (card.params, card.macs)


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_card_agrees_with_the_docstring(name):
    card = cnnzoo.model_card(name)
    docstring = " ".join(getattr(cnnzoo.models, name).__doc__.split())
    assert f"{card.params:,} parameters" in docstring
    assert f"{card.macs:,} multiply-accumulates" in docstring
    assert card.reference in docstring
    listed = docstring.partition("**Deviations from the paper:** - ")[2].partition(" Args:")[0]
    assert tuple(listed.split(" - ")) == card.deviations


@pytest.mark.parametrize("card", MODEL_CARDS.values(), ids=MODEL_CARDS)
def test_card_is_complete(card):
    assert all(getattr(card, field.name) for field in dataclasses.fields(card))


def test_options_reach_the_builder():
    assert cnnzoo.create_model("lenet5", num_classes=7).output_shape == (None, 7)


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="weight_decay"):
        cnnzoo.create_model("lenet5", weight_decay=1e-4)


@pytest.mark.parametrize("call", [cnnzoo.create_model, cnnzoo.model_card])
@pytest.mark.parametrize(("name", "nearest"), [("vgg91", "vgg19"), ("LeNet", "lenet5"), ("alex", "alexnet")])
def test_an_unknown_name_suggests_the_nearest(call, name, nearest):
    with pytest.raises(ValueError, match=f"Unknown model '{name}'. Did you mean '{nearest}'"):
        call(name)


def test_a_name_like_none_lists_what_there_is():
    with pytest.raises(ValueError, match=r"Unknown model 'zzz'\. Available: alexnet, lenet5, vgg19"):
        cnnzoo.model_card("zzz")


def test_a_name_is_found_in_any_case():
    assert cnnzoo.create_model("LeNet5").name == "lenet5"
    assert cnnzoo.model_card("VGG19") is cnnzoo.model_card("vgg19")


@pytest.mark.parametrize("call", [cnnzoo.create_model, cnnzoo.model_card, cnnzoo.training.train])
def test_a_network_of_the_other_zoo_is_pointed_to(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"'VGG16' is in `cnnzoo\.pretrained`, .*`cnnzoo\.pretrained\.load\('vgg16'\)`"
    ):
        call("VGG16")
    with pytest.raises(
        ValueError, match=r"Unknown model 'resnet5'\. Did you mean 'resnet50' in `cnnzoo\.pretrained`\?"
    ):
        call("resnet5")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "call",
    [
        cnnzoo.pretrained.load,
        cnnzoo.pretrained.pretrained_card,
        lambda name: cnnzoo.training.finetune(name, "photos"),
        lambda name: cnnzoo.pretrained.embed(name, "photos"),
        lambda name: cnnzoo.pretrained.classifier(name, num_classes=2),
    ],
)
def test_a_network_of_this_zoo_is_pointed_to(call):
    with pytest.raises(ValueError, match=r"'LeNet5' is in `cnnzoo\.models`, .*`cnnzoo\.models\.lenet5`"):
        call("LeNet5")
    with pytest.raises(
        ValueError, match=r"no pretrained network 'lenet4'\. Did you mean 'lenet5' in `cnnzoo\.models`\?"
    ):
        call("lenet4")
