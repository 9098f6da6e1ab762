"""What goes wrong with workers ends soon, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc")

PROGRAM = """
    import os, sys, time
    import numpy as np
    from kagari.utils.data import DataLoader

    class Slow:
        def __len__(self):
            return 100

        def __getitem__(self, i):
            if i > 20:
                if what == "exception" and i % 2:
                    raise ValueError("no such sample")
                time.sleep(60)
            return np.zeros(100_000)

    what, persistent = sys.argv[1], sys.argv[2] == "persistent"
    loader = DataLoader(Slow(), 2, num_workers=3, persistent_workers=persistent, timeout=3 if what == "timeout" else 0)
    batches = iter(loader)
    next(batches)
    print(*(p.pid for p in batches.workers.processes), flush=True)
    for batch in batches:
        pass
"""

WHAT = {
    "kill": (signal.SIGKILL, "exited unexpectedly, killed by SIGKILL"),
    "interrupt": (signal.SIGINT, "KeyboardInterrupt"),
    "group": (signal.SIGINT, "KeyboardInterrupt"),
    "terminate": (signal.SIGTERM, ""),
    "main": (signal.SIGKILL, ""),
    "exception": (None, "ValueError: Caught ValueError in DataLoader worker process"),
    "timeout": (None, "DataLoader timed out after 3 seconds"),
}


CASES = [*((what, "") for what in WHAT), ("kill", "persistent"), ("interrupt", "persistent")]


@pytest.mark.parametrize(("what", "persistent"), CASES)
def test_an_error_comes_soon_and_nothing_is_left(what: str, persistent: str) -> None:
    before = set(os.listdir("/dev/shm"))
    number, text = WHAT[what]
    # A shell's background jobs ignore interrupts, and their children with them.
    begin = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{textwrap.dedent(PROGRAM)}"
    with subprocess.Popen(
        [sys.executable, "-c", begin, what, persistent],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 3
        time.sleep(0.3)
        start = time.monotonic()
        if what == "group":
            os.killpg(program.pid, signal.SIGINT)
        elif number is not None:
            os.kill(pids[1] if what == "kill" else program.pid, number)
        _, errors = program.communicate(timeout=60)
        took = time.monotonic() - start
    assert program.returncode != 0 and text in errors
    deadline = time.monotonic() + 5
    while any(map(_runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, pids)) and took < 5 + 3 * (what == "timeout")
    assert set(os.listdir("/dev/shm")) <= before


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
