"""What cnnzoo adds to pytest: the fixture ``pin`` and the option ``--update-pins``.

pytest imports this module whenever it starts, in every project where cnnzoo is installed. It therefore lies beside the
package, not in it: importing cnnzoo changes TensorFlow's settings, which is none of other projects' tests' business.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnzoo.testing import Pin

UPDATE = "--update-pins"
WRITTEN = "pin written"  # a property of a test, which pytest-xdist takes from its workers to the summary
MOST_LISTED = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    help_text = "write the pins of cnnzoo.testing.assert_layers anew; look at the differences before you commit them"
    parser.getgroup("cnnzoo").addoption(UPDATE, action="store_true", help=help_text)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse the option on CI, where nobody would see what was written."""
    if not config.getoption(UPDATE):
        return
    from cnnzoo.testing.pins import is_ci

    if is_ci():
        raise pytest.UsageError(
            f"{UPDATE} writes files, which is refused on CI (the environment variable CI is set). Run it on your own "
            "machine, and commit the pins."
        )


@pytest.fixture
def pin(request: pytest.FixtureRequest) -> Iterator[Pin]:
    """The pin of this test, for ``cnnzoo.testing.assert_layers(model, pin)``: a file in ``pins`` beside the test's."""
    from cnnzoo.testing import Pin

    classes = [each.name for each in request.node.listchain() if isinstance(each, pytest.Class)]
    name = ".".join([*classes, request.node.name])
    own = Pin.of_test(request.path, name, update=request.config.getoption(UPDATE))
    yield own
    if own.was_written:
        request.node.user_properties.append((WRITTEN, str(own.path)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the pins that were written, so that somebody looks at them."""
    reports = [each for kind in terminalreporter.stats.values() for each in kind]
    properties = [pair for each in reports for pair in getattr(each, "user_properties", ())]
    written = sorted({path for name, path in properties if name == WRITTEN})
    if not written:
        return
    terminalreporter.section("pins of cnnzoo")
    for path in written[:MOST_LISTED]:
        terminalreporter.line(f"written: {os.path.relpath(path)}")
    if len(written) > MOST_LISTED:
        terminalreporter.line(f"and {len(written) - MOST_LISTED} more")
    terminalreporter.line("Compare them with what you meant, and commit them.")
