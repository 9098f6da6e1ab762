"""The Python examples of the README run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert BLOCKS


@pytest.mark.parametrize("source", BLOCKS, ids=range(len(BLOCKS)))
def test_example(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs the block; what a comment after a `print` promises is what is printed."""
    exec(compile(source, "<README>", "exec"), {"__name__": "__main__"})
    promised = re.findall(r"^print\(.*\)  # (.*)$", source, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == promised
