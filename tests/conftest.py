"""What all tests share: the oracle, PyTorch, which may be missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def vision_oracle(oracle: ModuleType) -> Iterator[ModuleType]:
    """The module `torchvision`; a test that asks for it is skipped where it is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision, the oracle, is not installed")
    try:
        yield importlib.import_module("torchvision")
        return
    except RuntimeError:  # its native library is made for another build of PyTorch than this one
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    library = oracle.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):  # what its Python asks for
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield importlib.import_module("torchvision")


@pytest.fixture(scope="session")
def v2_oracle(vision_oracle: ModuleType) -> ModuleType:
    """The module `torchvision.transforms.v2`, which torchvision does not load by itself."""
    return importlib.import_module(f"{vision_oracle.__name__}.transforms.v2")
