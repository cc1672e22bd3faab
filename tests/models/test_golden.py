"""Every layer of every variant, as pinned in ``golden``; the figures for 1,000 classes, as published."""

import math
from pathlib import Path

import keras
import pytest

import cnnzoo
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.inspect import layer_table

GOLDEN = Path(__file__).with_name("golden")

# Parameters, buffers and multiply-accumulates for 1,000 classes, as the papers and other zoos count them
PUBLISHED = {
    "alexnet_2012": (60_965_224, 0, 724_406_816),
    "alexnet_2014": (61_100_840, 0, 714_188_480),
    "zfnet": (62_357_608, 0, 1_168_032_896),
    "zfnet_512": (107_627_624, 0, 2_476_704_896),
    "vgg11": (132_863_336, 0, 7_609_090_048),
    "vgg13": (133_047_848, 0, 11_308_466_176),
    "vgg16": (138_357_544, 0, 15_470_264_320),
    "vgg19": (143_667_240, 0, 19_632_062_464),
    "googlenet": (6_998_552, 0, 1_582_671_872),
    "googlenet_bn": (6_624_904, 14_560, 1_498_376_192),
    "inception_v3": (23_834_568, 34_432, 5_713_216_096),
    "vgg11_lrn": (132_863_336, 0, 7_609_090_048),
    "vgg16_c": (133_638_952, 0, 11_770_888_192),
    "vgg11_bn": (132_868_840, 5_504, 7_609_090_048),
    "vgg13_bn": (133_053_736, 5_888, 11_308_466_176),
    "vgg16_bn": (138_365_992, 8_448, 15_470_264_320),
    "vgg19_bn": (143_678_248, 11_008, 19_632_062_464),
    "resnet18": (11_689_512, 9_600, 1_814_073_344),
    "resnet34": (21_797_672, 17_024, 3_663_761_408),
    "resnet50": (25_557_032, 53_120, 3_857_973_248),
    "resnet101": (44_549_160, 105_344, 7_570_194_432),
    "resnet152": (60_192_808, 151_424, 11_282_415_616),
    "resnet50_v1_5": (25_557_032, 53_120, 4_089_184_256),
    "resnet101_v1_5": (44_549_160, 105_344, 7_801_405_440),
    "resnet152_v1_5": (60_192_808, 151_424, 11_513_626_624),
    "nin_imagenet": (7_595_176, 0, 1_100_188_800),
    "squeezenet1_0": (1_248_424, 0, 818_924_576),
    "squeezenet1_1": (1_235_496, 0, 349_151_936),
}


OTHERS = [name for name in cnnzoo.list_models() if name not in ("lenet5", "resnet18")]


def test_there_is_a_table_of_every_network():
    assert sorted(path.stem for path in GOLDEN.glob("*.csv")) == sorted(cnnzoo.list_models())


@pytest.mark.parametrize(
    "name", ["lenet5", "resnet18", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
@pytest.mark.usefixtures("weightless")
def test_layers_are_those_of_the_table(name):
    card = cnnzoo.model_card(name)
    model = cnnzoo.create_model(name)
    table = layer_table(model)
    assert table.to_csv() == (GOLDEN / f"{name}.csv").read_text(encoding="utf-8")
    assert (*count_parameters(model), table.macs) == (card.params, card.buffers, card.macs)
    assert table.params == card.params
    assert (model.name, model.input_shape, model.output_shape) == (name, (None, *card.input_shape), (None, 10))
    if name in PUBLISHED:
        head = model.get_layer(card.head)
        features, places = int(head.kernel.shape[-2]), math.prod(head.output.shape[1:-1])
        more = 990 * (features + 1), 0, 990 * features * places
        of_thousand = [
            figure + extra for figure, extra in zip((card.params, card.buffers, card.macs), more, strict=True)
        ]
        assert tuple(of_thousand) == PUBLISHED[name]


def test_a_thousand_classes_are_counted_so():
    table = layer_table(cnnzoo.models.resnet18(num_classes=1000, kernel_initializer="zeros"))
    assert (table.params, table.macs) == (PUBLISHED["resnet18"][0], PUBLISHED["resnet18"][2])


def test_the_strides_are_those_of_the_paper():
    """Where a stage halves the maps, the first 1 x 1 convolution of a bottleneck strides, not its 3 x 3."""
    model = cnnzoo.models.resnet50(input_shape=(32, 32, 3), kernel_initializer="zeros")
    strided = [
        layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.strides != (1, 1)
    ]
    blocks = [f"conv{stage}_1_{name}_conv" for stage in (3, 4, 5) for name in ("1", "shortcut")]
    assert strided == ["conv1_conv", *blocks]
