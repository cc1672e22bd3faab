"""ZFNet, beside a transcription of figure 3."""

from functools import partial

import pytest

import cnnzoo

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from tests.models.transcribed import TOLERANCE, classified, drawn, normalized, relative_difference  # noqa: E402


def transcribed(weights, x, normalize=normalized):
    """Figure 3."""

    def convolution(x, name, **options):
        return functional.conv2d(x, *weights[name], **options).relu()

    x = normalize(functional.max_pool2d(convolution(x, "conv1", stride=2, padding=1), 3, 2, ceil_mode=True))
    x = normalize(functional.max_pool2d(convolution(x, "conv2", stride=2), 3, 2, ceil_mode=True))
    for name in ("conv3", "conv4", "conv5"):
        x = convolution(x, name, padding=1)
    return classified(weights, functional.max_pool2d(x, 3, 2), ("fc6", "fc7"))


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("zfnet", 63),
        pytest.param("zfnet_512", 100, marks=pytest.mark.slow),
    ],
)
def test_it_computes_what_the_paper_says(name, side):
    model, weights = drawn(name, side)
    assert relative_difference(model, weights, transcribed) < TOLERANCE
    without = partial(transcribed, normalize=lambda maps: maps * 2**-0.75)
    assert relative_difference(model, weights, without) > 100 * TOLERANCE


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", ["zfnet", "zfnet_512"])
def test_maps_have_the_sizes_of_the_paper(name):
    model = cnnzoo.create_model(name, include_top=False)
    sizes = {"conv1": 110, "norm1": 55, "conv2": 26, "norm2": 13, "conv3": 13, "conv4": 13, "conv5": 13, "pool5": 6}
    assert {layer: model.get_layer(layer).output.shape[1] for layer in sizes} == sizes
    assert model.output_shape[3] == {"zfnet": 256, "zfnet_512": 512}[name]


@pytest.mark.usefixtures("weightless")
def test_dropout_rate_is_the_papers_or_the_users():
    rates = [
        [model.get_layer(f"dropout{number}").rate for number in (6, 7)]
        for model in (cnnzoo.models.zfnet(), cnnzoo.models.zfnet(dropout_rate=0.25))
    ]
    assert rates == [[0.5, 0.5], [0.25, 0.25]]
