"""AlexNet as published, beside a transcription of the paper."""

from functools import partial

import pytest

import cnnzoo

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from tests.models.transcribed import TOLERANCE, classified, drawn, normalized, relative_difference  # noqa: E402


def transcribed(weights, x, normalize=normalized):
    """Section 3.5."""

    def convolution(x, name, **options):
        return functional.conv2d(x, *weights[name], **options).relu()

    x = functional.max_pool2d(normalize(convolution(x, "conv1", stride=4)), 3, 2)
    x = functional.max_pool2d(normalize(convolution(x, "conv2", padding=2, groups=2)), 3, 2)
    x = convolution(x, "conv3", padding=1)
    x = convolution(x, "conv4", padding=1, groups=2)
    x = convolution(x, "conv5", padding=1, groups=2)
    return classified(weights, functional.max_pool2d(x, 3, 2), ("fc1", "fc2"))


@pytest.mark.slow
@pytest.mark.parametrize("side", [67, 227])
def test_it_computes_what_the_paper_says(side):
    model, weights = drawn("alexnet_2012", side)
    assert relative_difference(model, weights, transcribed) < TOLERANCE
    as_in_pytorch = partial(transcribed, normalize=partial(normalized, factor=1))
    assert relative_difference(model, weights, as_in_pytorch) > 100 * TOLERANCE


@pytest.mark.usefixtures("weightless")
def test_neurons_and_kernels_are_those_of_the_paper():
    """As figure 2 and section 3.5 count them, but for the first convolution: see the deviations."""
    rows = {row.name: row for row in cnnzoo.inspect.layer_table(cnnzoo.models.alexnet_2012(num_classes=1000)).rows}
    neurons = {"conv2": 186_624, "conv3": 64_896, "conv4": 64_896, "conv5": 43_264, "fc1": 4096, "fc2": 4096}
    assert {name: rows[name].activation_bytes // 4 for name in neurons} == neurons
    kernels = {"conv1": (11, 3), "conv2": (5, 48), "conv3": (3, 256), "conv4": (3, 192), "conv5": (3, 192)}
    of_model = cnnzoo.models.alexnet_2012(include_top=False)
    found = {name: tuple(of_model.get_layer(name).kernel.shape)[1:3] for name in kernels}
    assert found == kernels
