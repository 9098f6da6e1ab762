"""Scripts that run in a process of their own and print one number."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def number(source: str, **variables: str) -> float:
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
    return float(result.stdout)
