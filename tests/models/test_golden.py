"""Every layer of every variant, as pinned in ``golden``; the figures for 1,000 classes, as published."""

import csv
import math
from pathlib import Path

import keras
import pytest

import cnnzoo
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.inspect import layer_table

GOLDEN = Path(__file__).with_name("golden")

# Parameters, buffers and multiply-accumulates, as the papers and other zoos count them
with (Path(__file__).parents[2] / "docs" / "published.csv").open(encoding="utf-8") as file:
    PUBLISHED = {row["network"]: row for row in csv.DictReader(file)}


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
    constants = {
        (layer.epsilon, layer.momentum) for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert constants == ({card.normalization} if card.normalization else set())
    if (row := PUBLISHED.get(name)) is not None:
        head = model.get_layer(card.head)
        features, places = int(head.kernel.shape[-2]), math.prod(head.output.shape[1:-1])
        more = int(row["classes"]) - 10
        found = card.params + more * (features + 1), card.buffers, card.macs + more * features * places
        assert found == tuple(int(row[figure]) for figure in ("params", "buffers", "macs"))


def test_the_zoos_page_has_a_small_difference_of_every_network_that_torchvision_has_on_every_backend():
    with (Path(__file__).parents[2] / "docs" / "equality.csv").open(encoding="utf-8") as file:
        rows = {row.pop("network"): row for row in csv.DictReader(file)}
    assert set(rows) == {name for name in cnnzoo.list_models() if cnnzoo.model_card(name).torchvision}
    for name, row in rows.items():
        assert list(row) == ["tensorflow", "jax", "torch"]
        assert all(0 < float(difference) <= 1e-4 for difference in row.values()), name


def test_a_thousand_classes_are_counted_so():
    table = layer_table(cnnzoo.models.resnet18(num_classes=1000, kernel_initializer="zeros"))
    row = PUBLISHED["resnet18"]
    assert (table.params, table.macs) == (int(row["params"]), int(row["macs"]))


def test_the_strides_are_those_of_the_paper():
    """Where a stage halves the maps, the first 1 x 1 convolution of a bottleneck strides, not its 3 x 3."""
    model = cnnzoo.models.resnet50(input_shape=(32, 32, 3), kernel_initializer="zeros")
    strided = [
        layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.strides != (1, 1)
    ]
    blocks = [f"conv{stage}_1_{name}_conv" for stage in (3, 4, 5) for name in ("1", "shortcut")]
    assert strided == ["conv1_conv", *blocks]
