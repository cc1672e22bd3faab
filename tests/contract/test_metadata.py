"""The metadata of the installed package: what pip, and the tools that check licences, rely on."""

from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement

DEPENDENCIES = [
    *("filelock", "h5py", "jinja2", "keras", "lazy-loader", "matplotlib", "numpy", "pillow", "pooch", "psutil"),
    *("requests", "rich", "safetensors", "scipy", "tensorflow", "typer", "urllib3"),
]
EXTRAS = ["all", "docs", "export", "fast", "heic", "jax", "lint", "notebook", "tensorboard", "test", "torch"]


@pytest.fixture(scope="module")
def package():
    return distribution("cnnzoo")


def test_name_and_python(package):
    assert (package.name, package.metadata["Requires-Python"]) == ("cnnzoo", ">=3.10")


def test_dependencies_and_extras(package):
    requirements = map(Requirement, package.requires)
    needed = {requirement.name for requirement in requirements if requirement.marker is None}
    assert sorted(needed) == DEPENDENCIES, "of the installed package: install it again if the checkout is newer"
    assert sorted(package.metadata.get_all("Provides-Extra")) == EXTRAS


def names_of(package, extra):
    requirements = [each for each in map(Requirement, package.requires) if each.marker is not None]
    return {each.name for each in requirements if each.marker.evaluate({"extra": extra})}


def test_all_is_every_extra_for_users(package):
    for_users = set(EXTRAS) - {"all", "docs", "lint", "test"}
    assert names_of(package, "all") == set.union(*(names_of(package, extra) for extra in for_users))


def test_links_of_the_project(package):
    links = dict(each.split(", ") for each in package.metadata.get_all("Project-URL"))
    assert set(links) == {"Repository", "Documentation", "Changelog", "Issues"}
    assert all(link.startswith(links["Repository"]) for link in links.values())


def test_the_command(package):
    commands = package.entry_points.select(group="console_scripts")
    assert [(command.name, command.value) for command in commands] == [("cnnzoo", "cnnzoo.cli:main")]


def test_the_plugin_of_pytest(package):
    plugins = package.entry_points.select(group="pytest11")
    assert [(plugin.name, plugin.value) for plugin in plugins] == [("cnnzoo", "_cnnzoo_pytest")]


def test_licences(package):
    assert package.metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0"
    assert package.metadata.get_all("License-File") == [
        "LICENSE",
        "cnnzoo/data/DIGITS-LICENSE.md",
        "cnnzoo/data/IMAGENET-LICENSE.md",
    ]
    for name in package.metadata.get_all("License-File"):
        assert package.read_text(f"licenses/{name}")
