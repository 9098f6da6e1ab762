"""What `import kagari` loads. The cost of an import is held by its modules, which can be counted, not by the clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement: str) -> set[str]:
    """The modules that a new interpreter loads for the statement."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("statement", ["import kagari", "import kagari.nn, kagari.nn.functional, kagari.optim"])
def test_loads_numpy_and_nothing_else_from_outside(statement: str) -> None:
    packages = {name.partition(".")[0] for name in loaded_by(statement)}
    assert packages - sys.stdlib_module_names <= {"kagari", "numpy"}


def test_loads_no_heavy_part_of_the_standard_library() -> None:
    heavy = {"asyncio", "http", "multiprocessing", "unittest", "xml"}
    from_numpy = loaded_by("import numpy")
    assert not heavy & (loaded_by("import kagari") - from_numpy)
