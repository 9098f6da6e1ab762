"""The programs under examples/ run from end to end, and print what they print on PyTorch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

EXAMPLES = Path(__file__).parents[1] / "examples"

# Runs a program with PyTorch in Kagari's place.
ON_PYTORCH = """
import runpy, sys, torch
sys.modules["kagari"] = torch
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*command: str) -> str:
    """The standard output of the command under this Python; a warning is an error."""
    result = subprocess.run([sys.executable, "-W", "error", *command], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_runs_and_leaves_pictures(name: str, tmp_path: Path) -> None:
    run(str(EXAMPLES / name), "--quick", "--out", str(tmp_path))
    assert len(list(tmp_path.glob("*.png"))) >= 2


@pytest.mark.oracle
def test_linear_regression_prints_the_numbers_of_pytorch(tmp_path: Path) -> None:
    command = [str(EXAMPLES / "linear_regression.py"), "--out", str(tmp_path)]
    ours, theirs = numbers(run(*command)), numbers(run("-c", ON_PYTORCH, *command))
    assert len(ours) == 14
    assert ours == pytest.approx(theirs, rel=1e-4)


def numbers(text: str) -> list[float]:
    """All decimal numbers in the text, in their order."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
