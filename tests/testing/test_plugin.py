"""The fixture ``pin`` and ``--update-pins``, in projects of others."""

import os
import subprocess
import sys

import pytest

from cnnzoo.testing import assert_layers
from tests.testing.networks import small

pytest_plugins = ["pytester"]

TESTS = """
    import pytest
    from cnnzoo.testing import assert_layers
    from tests.testing.networks import small

    OPTIONS = {options}

    def test_one(pin):
        assert_layers(small(**OPTIONS), pin)

    @pytest.mark.parametrize("units", [2, 5])
    def test_units(pin, units):
        assert_layers(small(units=units, **OPTIONS), pin)

    class TestInClass:
        def test_one(self, pin):
            assert_layers(small(first="first"), pin)
"""
WITHOUT_KERAS = """
    import pytest
    from cnnzoo.testing.pins import Row

    @pytest.mark.parametrize("number", range(4))
    def test_it(pin, number):
        pin.write([Row("c1", "Conv2D", str(number))])
"""


@pytest.fixture(autouse=True)
def _not_on_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert callable(assert_layers)  # imported with Keras, once, not in each of the projects
    assert callable(small)


def write(pytester, **options):
    pytester.makepyfile(test_a=TESTS.format(options=options), test_b=TESTS.format(options=options))


def run(pytester, *words):
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *words)


def pins(pytester):
    return {path.name: path.read_text() for path in (pytester.path / "pins").iterdir()}


def test_the_first_run_writes_a_pin_for_each_test_and_the_second_compares(pytester):
    write(pytester)
    result = run(pytester)
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(
        ["*pins of cnnzoo*", f"written: {os.path.join('pins', 'test_a.TestInClass.test_one.csv')}"]
    )
    names = ("TestInClass.test_one", "test_one", "test_units[2]", "test_units[5]")
    assert sorted(pins(pytester)) == sorted(f"{file}.{name}.csv" for file in ("test_a", "test_b") for name in names)
    result = run(pytester)
    result.assert_outcomes(passed=8)
    result.stdout.no_fnmatch_line("*pins of cnnzoo*")


def test_a_difference_is_shown_where_the_test_stands_and_can_be_accepted(pytester):
    write(pytester)
    run(pytester)
    before = pins(pytester)
    write(pytester, activation=None)
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=6)
    result.stdout.fnmatch_lines(
        [
            ">       assert_layers(small(**OPTIONS), pin)",
            "E       AssertionError: The network differs from its pin 'pins?test_a.test_one.csv': 1 changed.",
            "E         (output): type softmax pinned, logits found",
            "E       If the network is right, run `pytest --update-pins`.",
        ],
        consecutive=True,
    )
    assert pins(pytester) == before
    result = run(pytester, "--update-pins")
    result.assert_outcomes(passed=8)
    written = [line for line in result.outlines if line.startswith("written: ")]
    assert len(written) == 6  # not those that are as they were
    run(pytester).assert_outcomes(passed=8)


def test_on_ci_nothing_is_written(pytester, monkeypatch):
    write(pytester)
    monkeypatch.setenv("CI", "true")
    result = run(pytester)
    result.assert_outcomes(failed=8)
    result.stdout.fnmatch_lines(["E * FileNotFoundError: There is no pin 'pins*', and none is written on CI*"])
    result = run(pytester, "--update-pins")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --update-pins writes files, which is refused on CI*"])
    assert not (pytester.path / "pins").exists()


def test_one_network_for_each_test(pytester):
    pytester.makepyfile(
        """
        from cnnzoo.testing import assert_layers
        from tests.testing.networks import small

        def test_two(pin):
            assert_layers(small(), pin)
            assert_layers(small(units=2), pin)
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * ValueError: The fixture `pin` is for one network*"])


def test_tests_of_the_same_name_in_two_folders_and_many_pins(pytester):
    for folder in ("one", "two"):
        (pytester.path / folder).mkdir()
        (pytester.path / folder / "__init__.py").touch()
        text = WITHOUT_KERAS.replace("range(4)", "range(15)")
        (pytester.path / folder / "test_a.py").write_text("\n".join(line[4:] for line in text.splitlines()))
    result = run(pytester)
    result.assert_outcomes(passed=30)
    assert len(list(pytester.path.glob("*/pins/*.csv"))) == 30
    result.stdout.fnmatch_lines(["and 10 more"])


def test_with_xdist_the_workers_write_and_the_summary_lists(pytester):
    pytester.makepyfile(WITHOUT_KERAS)
    for words in ((), ("--update-pins",)):
        for path in pytester.path.glob("pins/*"):
            path.write_text("another")
        command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *words]
        finished = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout
        assert finished.stdout.count("written: ") == 4
    assert len(pins(pytester)) == 4


def test_the_option_is_documented(pytester):
    run(pytester, "--help").stdout.fnmatch_lines(["cnnzoo:", "  --update-pins *"])
    run(pytester, "--fixtures").stdout.fnmatch_lines(["pin*", "*The pin of this test*"])
