import inspect

import keras
import pytest

from cnnzoo._keras.applications import HEADS, PREPROCESSING, PRETRAINED_CARDS
from cnnzoo._keras.parameters import count_of_layer, count_parameters
from cnnzoo.pretrained import list_pretrained, pretrained_card, select_pretrained

SMALL = ("mobilenet", "mobilenetv2", "mobilenetv3small")  # built in every run of the tests; the others in slow ones

# As the site of Keras gives them: MB, top-1, top-5, parameters in millions, depth, CPU ms, GPU ms
PUBLISHED = {
    "xception": (88, 79.0, 94.5, 22.9, 81, 109.4, 8.1),
    "vgg16": (528, 71.3, 90.1, 138.4, 16, 69.5, 4.2),
    "vgg19": (549, 71.3, 90.0, 143.7, 19, 84.8, 4.4),
    "resnet50": (98, 74.9, 92.1, 25.6, 107, 58.2, 4.6),
    "resnet50v2": (98, 76.0, 93.0, 25.6, 103, 45.6, 4.4),
    "resnet101": (171, 76.4, 92.8, 44.7, 209, 89.6, 5.2),
    "resnet101v2": (171, 77.2, 93.8, 44.7, 205, 72.7, 5.4),
    "resnet152": (232, 76.6, 93.1, 60.4, 311, 127.4, 6.5),
    "resnet152v2": (232, 78.0, 94.2, 60.4, 307, 107.5, 6.6),
    "inceptionv3": (92, 77.9, 93.7, 23.9, 189, 42.2, 6.9),
    "inceptionresnetv2": (215, 80.3, 95.3, 55.9, 449, 130.2, 10.0),
    "mobilenet": (16, 70.4, 89.5, 4.3, 55, 22.6, 3.4),
    "mobilenetv2": (14, 71.3, 90.1, 3.5, 105, 25.9, 3.8),
    "densenet121": (33, 75.0, 92.3, 8.1, 242, 77.1, 5.4),
    "densenet169": (57, 76.2, 93.2, 14.3, 338, 96.4, 6.3),
    "densenet201": (80, 77.3, 93.6, 20.2, 402, 127.2, 6.7),
    "nasnetmobile": (23, 74.4, 91.9, 5.3, 389, 27.0, 6.7),
    "nasnetlarge": (343, 82.5, 96.0, 88.9, 533, 344.5, 20.0),
    "efficientnetb0": (29, 77.1, 93.3, 5.3, 132, 46.0, 4.9),
}


def test_a_card_is_one_line_in_a_terminal():
    line = "<PretrainedCard vgg19: VGG19 of Keras Applications, 143,667,240 parameters, top-1 71.3 %>"
    assert repr(pretrained_card("vgg19")) == line


def test_every_network_that_keras_exports_has_a_card():
    exported = {name for name in dir(keras.applications) if inspect.isfunction(getattr(keras.applications, name))}
    assert {card.title for card in PRETRAINED_CARDS.values()} == exported
    assert len(list_pretrained()) == len(exported)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_figures(name):
    card = pretrained_card(name)
    millions = round((card.params + card.buffers) / 1e6, 1)  # Keras counts both
    assert PUBLISHED[name] == (card.size_mb, card.top1, card.top5, millions, card.depth, card.cpu_ms, card.gpu_ms)


@pytest.mark.parametrize(
    "name",
    [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in sorted(PRETRAINED_CARDS)],
)
@pytest.mark.usefixtures("weightless")
def test_the_counts_are_those_of_the_networks(name):
    card = pretrained_card(name)
    build = getattr(keras.applications, card.title)
    model = build(weights=None)
    assert count_parameters(model) == (card.params, card.buffers)
    names = {layer.name.removeprefix(f"{model.name}_"): layer for layer in model.layers}
    of_head = sum(count_of_layer(names[name]).params for name in HEADS if name in names)
    assert card.params - of_head == card.params_no_top
    assert sum(bool(layer.weights) for layer in model.layers) == card.depth
    assert model.input_shape[1] in (card.input_size, None)


@pytest.mark.parametrize("name", [*SMALL, pytest.param("nasnetmobile", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("weightless")
def test_the_counts_without_the_head_are_those_of_the_networks(name):
    card = pretrained_card(name)
    model = getattr(keras.applications, card.title)(
        weights=None, include_top=False, input_shape=(card.input_size, card.input_size, 3)
    )
    assert count_parameters(model) == (card.params_no_top, card.buffers)


def test_a_card_is_found_in_any_case():
    assert pretrained_card("EfficientNetB0") is pretrained_card("efficientnetb0")
    with pytest.raises(ValueError, match=r"Unknown pretrained network 'resnet51'\. Did you mean 'resnet5"):
        pretrained_card("resnet51")


def test_families_name_modules_of_keras_and_ways_to_preprocess():
    for card in PRETRAINED_CARDS.values():
        assert callable(getattr(keras.applications, card.family.module).preprocess_input)
        assert card.family.preprocessing in PREPROCESSING


def test_networks_are_sorted_and_filtered():
    small = select_pretrained(sort="top1", max_params=10_000_000)
    assert [card.top1 for card in small] == sorted((card.top1 for card in small), reverse=True)
    assert {card.name for card in small} >= {"mobilenet", "efficientnetb0"}
    assert max(card.params for card in small) <= 10_000_000
    by_time = [card.cpu_ms for card in select_pretrained(sort="cpu")]
    known = [value for value in by_time if value is not None]
    assert by_time == sorted(known) + [None] * (len(by_time) - len(known))
    with pytest.raises(ValueError, match="Unknown order 'top2'"):
        select_pretrained(sort="top2")
    with pytest.raises(ValueError, match=r"`max_params` must be at least 2,542,856\. Received: 10"):
        select_pretrained(max_params=10)
