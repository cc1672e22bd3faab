import pytest

from tests.lowest_versions import lowest_versions


def test_bounds_become_versions():
    requirements = ["numpy>=1.26", "lazy-loader>=0.6", 'pytest>=8; extra == "test"', 'sphinx>=8.1; extra == "docs"']
    assert lowest_versions(requirements, "test") == ["numpy==1.26", "lazy-loader==0.6", "pytest==8"]


@pytest.mark.parametrize("line", ["numpy", "numpy<3", "numpy>=1.26,<3"])
def test_whatever_has_no_lowest_version_is_refused(line):
    with pytest.raises(ValueError, match="must have a lowest version"):
        lowest_versions([line], "test")
