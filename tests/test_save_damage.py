"""Files that are damaged or cut off, and programs that end while they save."""

from __future__ import annotations

import io
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import kagari

STEP = 97  # bytes between the places that are damaged


def state() -> dict[str, Any]:
    kagari.manual_seed(0)
    model = kagari.nn.Sequential(kagari.nn.Linear(7, 11), kagari.nn.BatchNorm1d(11))
    return {"model": model.state_dict(), "step": 3, "half": kagari.rand(300).bfloat16(), "names": ["a", "b"]}


def saved(obj: Any) -> bytes:
    file = io.BytesIO()
    kagari.save(obj, file)
    return file.getvalue()


def load(data: bytes) -> Any:
    return kagari.load(io.BytesIO(data))


def exact(obj: Any) -> Any:
    """A structure with tensors as their dtype, shape and bits."""
    if isinstance(obj, kagari.Tensor):
        return str(obj.dtype), tuple(obj.shape), obj.reshape(-1).view(kagari.uint8).tolist()
    return {key: exact(value) for key, value in obj.items()} if isinstance(obj, dict) else obj


def test_files_that_are_cut_off() -> None:
    whole = saved(state())
    for length in range(1, len(whole), STEP):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            load(whole[:length])


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_any_damage_is_noticed_or_harmless(change: int) -> None:
    """What is read is what was saved, or nothing is: padding and dates of records are of no consequence."""
    whole, expected = saved(state()), exact(state())
    noticed = 0
    for at in range(0, len(whole), STEP):
        try:
            found = load(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            noticed += 1
        else:
            assert exact(found) == expected, at
    assert noticed > len(whole) // STEP // 3


def test_a_record_that_begins_elsewhere(tmp_path: Path) -> None:
    """Mapped files are not summed up, but where their records begin is checked."""
    whole = saved({"x": kagari.arange(100)})
    at = whole.index(b"archive/data/0")
    for place, byte in ((at - 30, b"Q"), (at, b"b"), (at - 1, b"\xff")):
        (tmp_path / "x.pt").write_bytes(whole[:place] + byte + whole[place + 1 :])
        with pytest.raises(RuntimeError, match="is damaged or was cut off"):
            kagari.load(tmp_path / "x.pt", mmap=True)


PROGRAM = """
    import sys, kagari

    states = [{"step": n, "x": kagari.full((300_000,), float(n))} for n in range(2)]
    kagari.save(states[0], sys.argv[1])
    print("begun", flush=True)
    for n in range(1_000_000):
        kagari.save(states[n % 2], sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_while_saving(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    moments = random.Random(0)
    for _ in range(int(os.environ.get("KAGARI_KILLS", "4"))):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), path], stdout=subprocess.PIPE
        ) as program:
            assert program.stdout is not None and program.stdout.readline() == b"begun\n"
            time.sleep(moments.uniform(0.0, 0.1))
            program.send_signal(signal.SIGKILL)
        for mapped in (False, True):
            found = kagari.load(path, mmap=mapped)
            assert kagari.equal(found["x"], kagari.full((300_000,), float(found["step"])))
        assert len(list(tmp_path.iterdir())) <= 2
        for left in tmp_path.glob(".*"):
            left.unlink()
