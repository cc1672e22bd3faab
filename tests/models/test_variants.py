"""The functions that are made of a paper's builder and its rows, as users and their tools see them."""

import doctest
import inspect
import subprocess
import sys
import typing

import pytest

import cnnzoo


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_the_docstring_has_an_example(name):
    """Which pytest runs with those of the modules."""
    builder = getattr(cnnzoo.models, name)
    assert doctest.DocTestParser().get_examples(builder.__doc__)
    card = cnnzoo.model_card(name)
    files = (card.family, f"{card.family}_{card.year}")  # a family of several papers has a file for each
    assert builder.__module__ in [f"cnnzoo.models.{file}" for file in files]


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_tools_find_the_types_and_the_source(name):
    builder = getattr(cnnzoo.models, name)
    types = typing.get_type_hints(builder)
    assert set(types) == {*inspect.signature(builder).parameters, "return"}
    assert types["num_classes"] == int | None
    assert "return building.finish(" in inspect.getsource(builder)


def test_only_vgg19_has_weight_decay_by_default():
    defaults = {
        name: inspect.signature(getattr(cnnzoo.models, name)).parameters["weight_decay"].default
        for name in cnnzoo.list_models(family="vgg")
    }
    assert {name: default for name, default in defaults.items() if default} == {"vgg19": 5e-4}


def test_without_docstrings_the_networks_are_there():
    code = "import cnnzoo; print(cnnzoo.model_card('vgg19').params)"
    printed = subprocess.run([sys.executable, "-OO", "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "139611210\n"
