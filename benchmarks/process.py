"""Scripts that run in a process of their own and print numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def number(source: str, **variables: str) -> float:
    """The one number that the script prints."""
    (result,) = numbers(source, **variables)
    return result


def numbers(source: str, **variables: str) -> list[float]:
    """What the script prints, run from the repository's root with these variables in its environment."""
    environment = os.environ | variables
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code, as PyTorch has here
    result = subprocess.run(
        [sys.executable, "-c", source],
        env=environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(word) for word in result.stdout.split()]
