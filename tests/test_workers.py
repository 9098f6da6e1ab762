"""Loaders with workers: the order and the random numbers of PyTorch's, and what goes wrong in a worker said so."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.data import transfer, workers
from kagari.utils.data import DataLoader, IterableDataset, StackDataset, get_worker_info

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are sent through sockets")


class Sleepy:
    """Sleeps, raises, or ends its process, where it is told to."""

    def __init__(self, what: str, length: int = 8) -> None:
        self.what, self.length = what, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> int:
        if i == 3:
            if self.what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.what == "exit":
                os._exit(3)
            if self.what == "sleep":
                time.sleep(30)
            if self.what == "raise":
                raise KeyError(f"no sample {i}")
        return i


class Stream(IterableDataset):
    """Seven numbers of the first worker, three of any other."""

    def __iter__(self) -> Any:
        info = get_worker_info()
        number = 0 if info is None else info.id
        return iter(range(100 * number, 100 * number + (3 if number else 7)))


class Varied:
    """Samples with all that travels."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {
            "half": kagari.tensor([0.1 * i, 2.0], dtype=kagari.bfloat16), "turned": kagari.arange(6).reshape(2, 3).t(),
            "none": kagari.zeros(0, 3), "number": i, "word": f"w{i}", "array": np.arange(i)[::-1],
            "objects": np.array([None, i], object), "wants": kagari.ones(2, requires_grad=True),
            "large": kagari.full((300, 300), i),
        }  # fmt: skip


_RUN = """
    import random, sys
    import numpy as np
    torch = __import__(sys.argv[1])
    data = __import__(sys.argv[1] + ".utils.data", fromlist=["data"])

    class Samples:
        def __len__(self):
            return 11

        def __getitem__(self, i):
            info = data.get_worker_info()
            drawn = (random.random(), torch.rand(1).item(), int(np.random.randint(1 << 30)), info.seed) if info else ()
            return (i, info and info.id, *drawn)

    class Stream(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            number = info.id if info else 0
            return iter(range(100 * number, 100 * number + (3 if number else 7)))

    for workers in (0, 1, 2, 4):
        for options in (
            {"shuffle": True, "batch_size": 3}, {"batch_size": 4, "drop_last": True}, {"batch_size": None},
            {"sampler": data.WeightedRandomSampler([1.0, 2.0, 3.0], 6), "batch_size": 2},
            {"batch_sampler": data.BatchSampler(data.SubsetRandomSampler([1, 5, 7]), 2, False)},
        ):
            torch.manual_seed(1)
            loader = data.DataLoader(
                Samples(), num_workers=workers, collate_fn=list if options.get("batch_size", 1) else tuple, **options
            )
            for _ in range(2):
                print(workers, len(loader), list(loader))
        for batch in (2, None):
            loader = data.DataLoader(Stream(), batch, num_workers=workers)
            print([x.tolist() if hasattr(x, "tolist") else x for x in loader])
    generator = torch.Generator()
    generator.manual_seed(3)
    loader = data.DataLoader(
        Samples(), 2, True, num_workers=2, generator=generator, persistent_workers=True, prefetch_factor=3,
        collate_fn=list,
    )
    for _ in range(3):
        print(list(loader))
"""


def _printed(library: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(_RUN), library]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_order_and_random_numbers_are_those_of_the_oracle(oracle: ModuleType) -> None:
    ours, theirs = (_printed(name).splitlines() for name in ("kagari", oracle.__name__))
    assert len(ours) == len(theirs) == 51
    for mine, other in zip(ours, theirs):
        assert mine == other


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_all_kinds_of_data_travel(kind: str) -> None:
    plain = list(DataLoader(Varied(), collate_fn=list, batch_size=2))
    loader = DataLoader(Varied(), collate_fn=list, batch_size=2, num_workers=2, worker_type=kind)
    kept = list(loader)  # batches stay as they are when later ones come
    for mine, other in zip(kept, plain):
        for a, b in zip(mine, other):
            assert list(a) == list(b) and a["word"] == b["word"] and a["number"] == b["number"]
            for name in ("half", "turned", "none", "wants", "large"):
                assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
                assert a[name].requires_grad == b[name].requires_grad and kagari.equal(a[name], b[name])
            assert np.array_equal(a["array"], b["array"]) and np.array_equal(a["objects"], b["objects"])
            a["large"].add_(1)
            a["array"].flags.writeable = True


def test_what_can_not_travel_is_an_error_that_says_so() -> None:
    loader = DataLoader([1, 2], collate_fn=lambda batch: threading.Lock(), num_workers=1)
    with pytest.raises(TypeError, match=r"(?s)Caught TypeError in DataLoader worker process 0.*cannot pickle"):
        list(loader)


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_an_exception_arrives_whole(kind: str) -> None:
    loader = DataLoader(Sleepy("raise"), batch_size=2, num_workers=2, worker_type=kind)
    seen = []
    with pytest.raises(KeyError) as raised:
        for batch in loader:
            seen.append(batch.tolist())
    assert seen == [[0, 1]]
    text = str(raised.value)
    assert f"Caught KeyError in DataLoader worker {kind} 1, which was to read [2, 3].\nOriginal Traceback" in text
    assert "no sample 3" in text and "__getitem__" in text


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_a_pass_goes_on_after_an_exception(kind: str, oracle: ModuleType) -> None:
    for make, options in ((DataLoader, {"worker_type": kind}), (oracle.utils.data.DataLoader, {})):
        loader, seen = iter(make(Sleepy("raise", 6), batch_size=2, num_workers=2, **options)), []
        for _ in range(3):
            try:
                seen.append(next(loader).tolist())
            except KeyError:
                seen.append("KeyError")
        assert seen == [[0, 1], "KeyError", [4, 5]] and next(loader, None) is None


def test_passes_without_faults() -> None:
    assert [x.tolist() for x in DataLoader(Sleepy(""), batch_size=4, num_workers=2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("what, text", [("kill", "killed by SIGKILL"), ("exit", "exit code 3")])
def test_a_worker_that_is_gone_is_an_error(what: str, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly, {text}"):
        list(DataLoader(Sleepy(what), num_workers=2))
    assert time.monotonic() - start < 20


def test_a_batch_that_takes_too_long() -> None:
    with pytest.raises(RuntimeError, match="DataLoader timed out after 1 seconds"):
        list(DataLoader(Sleepy("sleep"), num_workers=1, timeout=1))


def test_a_worker_refuses_to_begin() -> None:
    def refuse(number: int) -> None:
        raise ValueError(f"not {number}")

    with pytest.raises(ValueError, match=r"(?s)Caught ValueError in DataLoader worker process 0\..*not 0"):
        list(DataLoader([1, 2], num_workers=2, worker_init_fn=refuse))


def test_an_interrupt_ends_everything() -> None:
    program = """
        import multiprocessing, os, signal, sys, threading, time
        from kagari.utils.data import DataLoader

        class Slow:
            def __len__(self):
                return 100

            def __getitem__(self, i):
                time.sleep(0.05)
                return i

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        threading.Timer(1.0, lambda: os.killpg(0, signal.SIGINT)).start()
        try:
            list(DataLoader(Slow(), num_workers=2))
        except KeyboardInterrupt:
            print("interrupted", len(multiprocessing.active_children()))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, start_new_session=True)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted 0\n", "", 0)


def test_workers_end_with_the_main_process() -> None:
    program = """
        import os, signal
        from kagari.utils.data import DataLoader

        loader = iter(DataLoader(range(1000), num_workers=2))
        next(loader)
        print(*(p.pid for p in loader.workers.processes), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    pids = list(map(int, done.stdout.split()))
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_pass_that_is_left_ends_its_workers() -> None:
    loader = iter(DataLoader(range(100), num_workers=2))
    next(loader)
    processes = loader.workers.processes  # type: ignore[attr-defined]
    del loader
    assert not any(p.is_alive() for p in processes)


def test_an_interrupt_while_workers_end_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Any, grace: float = 0) -> None:
        raise KeyboardInterrupt

    loader = iter(DataLoader(range(100), num_workers=2))
    next(loader)
    processes = loader.workers.processes  # type: ignore[attr-defined]
    monkeypatch.setattr(workers.Processes, "close", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            del loader
            time.sleep(2)
    finally:
        signal.signal(signal.SIGINT, before)
    for process in processes:
        process.join(20)
    assert {p.exitcode for p in processes} == {-signal.SIGKILL}


class Lingering:
    """Data that leaves a thread behind in the process that reads it."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> int:
        threading.Thread(target=time.sleep, args=(60,)).start()
        return i


def test_workers_of_a_pass_that_is_over_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.1)
    start = time.monotonic()
    loader = iter(DataLoader(Lingering(), num_workers=2))
    assert [x.item() for x in loader] == [0, 1] and time.monotonic() - start < 20
    processes = loader.workers.processes  # type: ignore[attr-defined]
    assert all(p.is_alive() for p in processes)
    time.sleep(0.2)
    assert [x.item() for x in DataLoader([3], num_workers=1)] == [3]  # whoever starts others ends them
    assert not any(p.is_alive() for p in processes)


def _second_pass() -> None:
    assert len(list(DataLoader([1, 2], num_workers=1))) == 2


def test_a_process_that_is_forked_after_a_pass_has_workers_of_its_own() -> None:
    list(DataLoader(range(4), num_workers=2))
    assert workers._leaving
    child = multiprocessing.get_context("fork").Process(target=_second_pass)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_a_loader_that_is_left_ends_its_workers() -> None:
    loader = DataLoader(range(100), num_workers=2, persistent_workers=True)
    next(iter(loader))
    processes = loader._workers.processes  # type: ignore[union-attr]
    del loader
    assert not any(p.is_alive() for p in processes)


def test_persistent_workers_begin_anew() -> None:
    loader = DataLoader(Stream(), 2, num_workers=2, persistent_workers=True)
    first = iter(loader)
    assert next(first).tolist() == [0, 1]
    workers = loader._workers
    expected = [[0, 1], [100, 101], [2, 3], [102], [4, 5], [6]]
    for _ in range(2):
        assert [x.tolist() for x in loader] == expected
    assert loader._workers is workers


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_batches_as_they_are_ready(kind: str) -> None:
    loader = DataLoader(range(40), 4, num_workers=3, in_order=False, worker_type=kind)
    for _ in range(2):
        assert sorted(x for batch in loader for x in batch.tolist()) == list(range(40))


def test_workers_that_are_started_anew() -> None:
    loader = DataLoader(Sleepy(""), 3, num_workers=2, multiprocessing_context="spawn")
    assert [x.tolist() for x in loader] == [[0, 1, 2], [3, 4, 5], [6, 7]]


@pytest.mark.parametrize("own, expected", [("", [True, True]), ("mp.set_forkserver_preload(['json'])", [False] * 2)])
def test_a_server_that_forks_workers_loads_once_what_they_need(tmp_path: Path, own: str, expected: list[bool]) -> None:
    program = f"""
        import multiprocessing as mp, sys
        from kagari.utils.data import DataLoader

        class Preloaded:
            def __len__(self):
                return 2

            def __getitem__(self, i):
                return "kagari.data.preload" in sys.modules

        if __name__ == "__main__":
            {own}
            loader = DataLoader(Preloaded(), None, num_workers=2, multiprocessing_context="forkserver")
            print(list(loader))
    """
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(program))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_threads_know_who_they_are() -> None:
    infos = list(DataLoader(_Who(), None, num_workers=2, worker_type="thread"))
    assert [(i.id, i.num_workers) for i in infos] == [(0, 2), (1, 2), (0, 2)]
    assert infos[1].seed == infos[0].seed + 1 and get_worker_info() is None


class _Who:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> Any:
        return get_worker_info()


def test_blocks_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many batches come, a worker has as many blocks as batches under way, and one."""
    monkeypatch.setattr(os, "memfd_create", None, raising=False)
    monkeypatch.delattr(os, "memfd_create")  # a file takes its place
    loader = iter(DataLoader(kagari.arange(64).reshape(64, 1), num_workers=1))
    assert [x.item() for x in loader] == list(range(64))
    receiver: transfer.Receiver = loader.workers.receivers[0]  # type: ignore[attr-defined]
    assert len(receiver.blocks) == 3


def test_stacked_data_sets(oracle: ModuleType) -> None:
    from_oracle = oracle.utils.data.StackDataset
    for make in (StackDataset, from_oracle):
        stacked = make([1, 2, 3], "abc")
        assert len(stacked) == 3 and stacked[1] == (2, "b") and stacked.__getitems__([0, 2]) == [(1, "a"), (3, "c")]
        named = make(x=[1, 2], y="ab")
        assert named[0] == {"x": 1, "y": "a"} and named.__getitems__([1]) == [{"x": 2, "y": "b"}]
        for args, kwargs in (((), {}), (([1],), {"x": [1]}), (([1], [1, 2]), {})):
            with pytest.raises(ValueError):
                make(*args, **kwargs)
