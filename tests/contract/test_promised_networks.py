"""The three promised networks: other projects pin their summaries, load weights by name and pass these arguments."""

import inspect
from pathlib import Path

import pytest

import cnnzoo

GOLDEN = Path(__file__).parent / "golden"
PARAMS = {"lenet5": 61_706, "alexnet": 24_767_882, "vgg19": 139_611_210}

COMMON = {"kernel_initializer": "he_normal", "classifier_activation": "softmax", "include_top": True, "weights": None}
DEFAULTS = {
    "lenet5": {**COMMON, "input_shape": (32, 32, 1), "name": "lenet5"},
    "alexnet": {**COMMON, "input_shape": (224, 224, 3), "dropout_rate": 0.5, "name": "alexnet"},
    "vgg19": {
        **COMMON,
        "input_shape": (224, 224, 3),
        "dropout_rate": 0.5,
        "weight_decay": 5e-4,
        "preprocess": None,
        "name": "vgg19",
    },
}

WEIGHTS = {
    "lenet5": ("c1", "c3", "c5", "f6", "output"),
    "alexnet": ("conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2", "predictions"),
    "vgg19": (
        *(f"block{block}_conv{number}" for block in (1, 2) for number in (1, 2)),
        *(f"block{block}_conv{number}" for block in (3, 4, 5) for number in (1, 2, 3, 4)),
        *("fc1", "fc2", "predictions"),
    ),
}


@pytest.fixture(scope="module", params=PARAMS)
def model(request):
    return getattr(cnnzoo.models, request.param)(kernel_initializer="zeros")  # a tenth of the time


def test_the_summary_stays_to_the_letter(model, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")  # of the terminal, whose width the table takes
    lines = []
    model.summary(print_fn=lines.append)
    assert "\n".join(lines).rstrip() == (GOLDEN / f"{model.name}.txt").read_text(encoding="utf-8").rstrip()


def test_params_stay(model):
    assert model.count_params() == PARAMS[model.name]


def test_weights_keep_their_names_and_their_order(model):
    expected = [f"{layer}/{kind}" for layer in WEIGHTS[model.name] for kind in ("kernel", "bias")]
    assert [weight.path for weight in model.weights] == expected


def test_ten_classes_are_the_default(model):
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("name", PARAMS)
def test_arguments_are_keywords_with_the_same_defaults(name):
    """More arguments may come, as long as they have a default."""
    parameters = inspect.signature(getattr(cnnzoo.models, name)).parameters
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert inspect.Parameter.empty not in defaults.values()
    assert "num_classes" in defaults
    assert defaults.items() >= DEFAULTS[name].items()
