"""What `import kagari` loads. The cost of an import is held by its modules, which can be counted, not by the clock."""

from __future__ import annotations

import colorsys
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kagari.base import later

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


def test_leaves_definitions_and_compiler_to_the_first_operation() -> None:
    found = loaded_by("import kagari")
    assert not {name for name in found if name.startswith("kagari.compiler.")}
    assert {name for name in found if name.startswith("kagari.ops.")} <= {"kagari.ops.check", "kagari.ops.updates"}
    assert not {"hashlib", "random"} & (found - loaded_by("import numpy"))


def test_leaves_the_network_to_several_processes() -> None:
    assert not {"kagari.distributed", "socket"} & loaded_by("import kagari.nn, kagari.optim, kagari.nn.parallel")
    of_data = loaded_by("import kagari.data")
    assert not {"kagari.distributed.network.mesh", "kagari.distributed.network.store_tcp", "urllib.request"} & of_data


def test_a_process_that_compiles_the_resident_code_imports_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KAGARI_CACHE_DIR", str(tmp_path))
    statement = "from kagari.engine import code; import kagari; code.native()"
    assert "kagari.engine.traced" in loaded_by(statement)
    assert "kagari.engine.traced" not in loaded_by(statement)  # the store has the code by now


CAPTURE = """
import kagari
from kagari.engine import code
x = kagari.ones(3, requires_grad=True)
(x * 2).sum().backward()
assert "capture" not in vars(code.native())
assert kagari.compile(lambda x: (x * 2).sum())(x).item() == 6
assert "capture" in vars(code.native())
"""


def test_deferred_execution_is_loaded_with_the_first_capture() -> None:
    loaded_by(CAPTURE)


THREADS = """
import threading
import kagari
barrier = threading.Barrier(8)
results = []
def work():
    barrier.wait()
    x = kagari.ones(3, requires_grad=True)
    (x * 2).sum().backward()
    results.append(x.grad.tolist())
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert results == [[2.0, 2.0, 2.0]] * 8, results
"""


def test_threads_may_run_the_first_operation_at_once() -> None:
    assert "kagari.ops.records" in loaded_by(THREADS)


def test_what_stands_for_a_module_has_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    standing = later.Later("colorsys")
    assert standing.hls_to_rgb is colorsys.hls_to_rgb
    monkeypatch.setattr(colorsys, "ONE_SIXTH", 7)
    assert standing.ONE_SIXTH == 7
    with pytest.raises(AttributeError, match="module 'colorsys' has no attribute 'nonsense'"):
        _ = standing.nonsense
