"""What all tests share: the oracle, PyTorch, which may be missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest

HAS_ORACLE = importlib.util.find_spec("torch") is not None
REASON = "PyTorch, the oracle, is not installed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what compares with the oracle where there is none: tests that use the fixture or carry the marker."""
    for item in items:
        if "oracle" in getattr(item, "fixturenames", ()):
            item.add_marker("oracle")
        if not HAS_ORACLE and item.get_closest_marker("oracle"):
            item.add_marker(pytest.mark.skip(reason=REASON))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests were left out for want of the oracle."""
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if REASON in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"Oracle tests left out: {len(skipped)}. {REASON}: pip install 'kagari[oracle]'")


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The module `torch`; a test that asks for it is skipped where PyTorch is not installed."""
    return importlib.import_module("torch")
