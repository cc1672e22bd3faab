"""What a release needs: one version everywhere, a page for the package index, and packages that are built alike."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import pytest

import cnnzoo

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"(?P<version>\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}")
PARTS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def sections(level, text):
    return re.findall(rf"^{'#' * level} (.*)", text, re.MULTILINE)


@pytest.fixture(scope="module")
def changelog():
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def newest_release(headings):
    """Give the version of the first heading that has a date; None where nothing is released yet."""
    return next((found["version"] for found in map(HEADING.fullmatch, headings) if found), None)


def test_the_newest_release_is_found():
    assert newest_release(["Unreleased", "0.2.0 - 2027-03-01", "0.1.0 - 2026-11-28"]) == "0.2.0"
    assert newest_release(["Unreleased"]) is None


def test_package_metadata_and_changelog_have_one_version(changelog):
    assert version("cnnzoo") == cnnzoo.__version__
    assert newest_release(sections(2, changelog)) in (cnnzoo.__version__, None)


def test_sections_of_the_changelog_are_unreleased_or_dated(changelog):
    headings = sections(2, changelog)
    assert [each for each in headings if each != "Unreleased" and not HEADING.fullmatch(each)] == []
    assert headings == list(dict.fromkeys(headings))
    assert set(sections(3, changelog)) <= set(PARTS)


@pytest.fixture
def package_page():
    pytest.importorskip("hatchling", reason="builds the package; of the extra cnnzoo[test]")
    from docs import package_page

    return package_page


def test_paths_become_addresses_on_the_package_index(package_page):
    text = "![A](docs/a.png) [b](CONTRIBUTING.md#tests) [c](https://keras.io) [d](#tests)"
    assert package_page.with_addresses(text, "https://host/us/cnnzoo", "v1.2.3") == (
        "![A](https://host/us/cnnzoo/raw/v1.2.3/docs/a.png) "
        "[b](https://host/us/cnnzoo/blob/v1.2.3/CONTRIBUTING.md#tests) [c](https://keras.io) [d](#tests)"
    )


def test_paths_in_the_readme_lead_to_files(package_page):
    paths = package_page.PATH.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(paths) > 3
    assert [path for path in paths if not (ROOT / path.partition("#")[0]).exists()] == []


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Build the package in two copies of the repository whose files differ in their times and permissions."""
    pytest.importorskip("hatchling", reason="of the extra cnnzoo[test]")
    built = []
    for copy, (mode, time) in {"one": (0o644, 1_000_000_000), "another": (0o600, 1_700_000_000)}.items():
        folder = tmp_path_factory.mktemp(copy) / "repository"
        ignored = shutil.ignore_patterns(".*", "__pycache__", "_build", "_generated", "build", "dist", "runs")
        shutil.copytree(ROOT, folder, ignore=ignored)
        for path in filter(Path.is_file, folder.rglob("*")):
            path.chmod(mode)
            os.utime(path, (time, time))
        built.append(build(folder))
    return built


def build(folder, *options):
    subprocess.run([sys.executable, "-m", "hatchling", "build", *options], cwd=folder, check=True, capture_output=True)
    return {path.suffix: path for path in (folder / "dist").iterdir()}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [".whl", ".gz"])
def test_a_package_is_the_same_wherever_it_is_built(packages, kind):
    one, another = (digest(each[kind]) for each in packages)
    assert one == another


@pytest.mark.slow
def test_the_source_package_has_the_tests_and_builds_the_same_wheel(packages, tmp_path):
    shutil.unpack_archive(packages[0][".gz"], tmp_path)
    unpacked = tmp_path / f"cnnzoo-{cnnzoo.__version__}"
    files = {path.name for path in unpacked.iterdir()}
    assert files >= {"tests", "docs", "examples", "benchmarks", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert ".ci" not in files
    assert digest(build(unpacked, "-t", "wheel")[".whl"]) == digest(packages[0][".whl"])


@pytest.mark.slow
def test_the_package_index_gets_the_readme_with_addresses(packages):
    with zipfile.ZipFile(packages[0][".whl"]) as wheel:
        metadata = message_from_bytes(wheel.read(f"cnnzoo-{cnnzoo.__version__}.dist-info/METADATA"))
    page = metadata.get_payload()
    repository = dict(each.split(", ") for each in metadata.get_all("Project-URL"))["Repository"]
    assert metadata["Version"] == cnnzoo.__version__
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert f"]({repository}/raw/v{cnnzoo.__version__}/docs/images/samples.png)" in page
    assert [link for link in re.findall(r"\]\(([^)\s]+)\)", page) if not link.startswith("https://")] == []
