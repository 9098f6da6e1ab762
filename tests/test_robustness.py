"""No input ends the process: operators on arguments they do not expect, and interrupts at any moment."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import kagari as torch

FUZZ = Path(__file__).parent / "fuzz.py"


@pytest.mark.parametrize("seed", [0, 1])
def test_operators_survive_any_arguments(seed: int, tmp_path: Path) -> None:
    """2,000 calls in a process of their own: each returns, or raises what PyTorch raises for bad arguments."""
    note = tmp_path / "last call"
    command = [sys.executable, "-W", "ignore", "-X", "faulthandler", str(FUZZ), str(seed), "2000", str(note)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, f"last call: {note.read_text()}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    outcomes = json.loads(done.stdout)
    assert outcomes["returned"] > 100 and outcomes["TypeError"] > 100 and outcomes["RuntimeError"] > 20


def test_interrupts_leave_a_process_that_computes(tmp_path: Path) -> None:
    """Interrupts come while operators are traced, compiled, run and differentiated; after each all is as before.

    Once with an empty store of kernels, and once with what the first time left in it.
    """
    program = """
        import signal, sys, time
        import kagari as torch

        x = torch.arange(12.0).reshape(3, 4).requires_grad_()

        def work(n):
            y = torch.nn.functional.softmax(x * n, 1) @ torch.ones(4, n)
            (y.sin() + y.cumsum(0)).sum().backward()

        compiled = torch.compile(work)
        taken = 0
        for k in range(60):
            signal.setitimer(signal.ITIMER_REAL, 0.001 * (k % 12 + 1))
            try:
                for n in range(2 + 7 * k, 9 + 7 * k):
                    (compiled if k % 2 else work)(n)
                time.sleep(0.02)
            except KeyboardInterrupt:
                taken += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
        x.grad = None
        y = torch.nn.functional.softmax(x * 3, 1) @ torch.ones(4, 3)
        (y.sin() + y.cumsum(0)).sum().backward()
        assert torch.allclose(y, torch.ones(3, 3)) and x.grad.abs().max() < 1e-5, (y, x.grad)
        print(taken)
    """
    prelude = "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)\n"
    code = prelude + textwrap.dedent(program)
    command, env = [sys.executable, "-X", "faulthandler", "-c", code], {**os.environ, "KAGARI_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr[-3000:]
        assert int(done.stdout) > 5


def test_classes_that_do_not_exist_are_not_read() -> None:
    """A matrix of no columns lies nowhere in memory, and there is no class that it could give."""
    for shape, classes in (((2, 0), [1, 0]), ((2, 0, 3), [[0, 1, 0]] * 2), ((300, 0), [0] * 300)):
        for reduction in ("none", "mean"):
            with pytest.raises(IndexError, match="out of bounds"):
                torch.nn.functional.cross_entropy(torch.zeros(shape), torch.tensor(classes), reduction=reduction)
