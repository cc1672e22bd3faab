"""What the command line says of errors: the user's own in one line, all others as what they are."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.cli import main


@pytest.fixture
def fails(monkeypatch, capfd):
    """Run ``cnnzoo list`` where ``act`` happens within; return the exit code and standard error."""

    def run(act, *words, words_before=()):
        monkeypatch.setattr(cnnzoo, "list_models", lambda **options: act())
        monkeypatch.setattr(sys, "argv", ["cnnzoo", *words_before, "list", *words])
        with pytest.raises(SystemExit) as exit_info:
            main()
        return exit_info.value.code, capfd.readouterr().err

    return run


def keras_error():
    keras.layers.Conv2D(4, -1)


def numpy_error():
    np.zeros(3).reshape(2, 2)


def slip():
    (lambda first, second: None)(*map(int, zip([1], [], strict=True)))  # as a bug in any function does


def slip_in_cnnzoo():
    cnnzoo.model_card.__globals__["look_up"]({}, [], "model")  # a list is no key of a dictionary


def missing(name, module):
    """Fail as a module does that imports another, which is not there."""
    exec(f"raise ModuleNotFoundError('No module', name={name!r})", {"__name__": module})


def test_a_backend_of_keras_that_is_not_installed_is_named(fails):
    code, told = fails(lambda: missing("tensorflow", "keras.src.backend"))
    assert code == 2
    assert told == (
        "error: Keras' backend, tensorflow, is not installed: `pip install tensorflow`, or select jax or torch with "
        "the environment variable KERAS_BACKEND.\n"
    )


@pytest.mark.parametrize(("name", "module"), [("tensorflow", "cnnzoo.data"), ("optree", "keras.src.tree")])
def test_any_other_module_that_is_missing_is_an_internal_error(fails, name, module):
    code, told = fails(lambda: missing(name, module))
    assert code == 70
    assert "Internal error: ModuleNotFoundError" in told


@pytest.mark.parametrize(
    ("act", "kind", "place"),
    [
        (keras_error, "ValueError", "keras."),
        (numpy_error, "ValueError", "tests.test_failures"),
        (slip, "ValueError", "tests.test_failures"),
        (slip_in_cnnzoo, "TypeError", "cnnzoo._support.lookup"),
        (lambda: {}["absent"], "KeyError", "tests.test_failures"),
    ],
)
def test_an_error_that_is_not_the_users_says_so(fails, act, kind, place):
    code, told = fails(act)
    assert code == 70
    assert told.startswith(f"error: Internal error: {kind} in {place}")
    assert told.endswith(
        "This may be a bug in cnnzoo. Run the command again with --traceback to see the full traceback.\n"
    )
    assert told.count("\n") == 1


def test_a_slip_within_cnnzoo_is_no_users_error(fails, monkeypatch):
    """Also where it is a ``ValueError`` in a line of cnnzoo, which no ``raise`` stands in."""
    slip = eval("lambda: int('x')", {"__name__": "cnnzoo._support.wording"})
    monkeypatch.setattr("cnnzoo._support.wording.math_of", slip, raising=False)
    code, told = fails(cnnzoo._support.wording.math_of)
    assert code == 70
    assert told.startswith("error: Internal error: ValueError in cnnzoo._support.wording, line 1: invalid literal for")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: cnnzoo.model_card("lenet"), "error: Unknown model 'lenet'."),
        (lambda: Path("/absent").read_text(), "error: [Errno 2] No such file or directory: '/absent'"),
    ],
)
def test_an_error_of_the_user_is_one_line(fails, act, message):
    code, told = fails(act)
    assert code == 2
    assert told.startswith(message)
    assert told.count("\n") == 1


@pytest.mark.parametrize("act", [keras_error, lambda: cnnzoo.model_card("lenet")])
@pytest.mark.parametrize("where", ["before", "after", "variable"])
def test_all_of_an_error_is_shown_on_request(fails, monkeypatch, act, where):
    if where == "variable":
        monkeypatch.setenv("CNNZOO_DEBUG", "1")
    words = {"before": {"words_before": ["--traceback"]}, "after": {}, "variable": {}}[where]
    code, told = fails(act, *(["--traceback"] if where == "after" else []), **words)
    assert code in (2, 70)
    assert told.startswith("Traceback (most recent call last):\n")
    assert "in list_networks\n" in told
    assert told.splitlines()[-1].startswith("error: ")


def test_what_follows_two_dashes_is_a_name(fails, monkeypatch):
    code, told = fails(lambda: cnnzoo.model_card("lenet"), "--", "--traceback")
    assert (code, told.count("\n")) == (2, 1)


def test_the_variable_can_be_off(fails, monkeypatch):
    monkeypatch.setenv("CNNZOO_DEBUG", "0")
    assert fails(keras_error)[1].count("\n") == 1
