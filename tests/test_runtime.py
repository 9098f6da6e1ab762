"""Memory, threads and the kernel store, and that nothing a user does ends the process."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import array

import kagari as torch
from kagari.engine import code
from kagari.runtime.store import Store

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
ALLOCATED, PEAK, RESERVED, RESERVED_PEAK, ALLOCATIONS, SYSTEM = range(6)


def stats() -> list[int]:
    gc.collect()
    return list(code.native().stats[:6])


def python(source: str, timeout: float = 120, **environment: str) -> str:
    """Runs a program in a process of its own, which has to end well; gives what it printed."""
    text = "import faulthandler; faulthandler.enable()\nimport kagari as torch\n" + textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def nothing_of_other_tests_is_collected() -> Iterator[None]:
    """Leaves what is there already out of garbage collection: tests here collect in loops, and the reports of tens of
    thousands of tests are millions of objects.
    """
    gc.freeze()
    yield
    gc.unfreeze()


# The pool


def test_freed_memory_is_used_again() -> None:
    x = torch.ones(1000)
    before = stats()
    addresses = set()
    for _ in range(50):
        y = x + x
        addresses.add(y.data_ptr())
        del y
    after = stats()
    assert len(addresses) <= 2 and after[ALLOCATED] == before[ALLOCATED]
    assert after[ALLOCATIONS] >= before[ALLOCATIONS] + 50 and after[SYSTEM] <= before[SYSTEM] + 1


@pytest.mark.parametrize("count", [0, 1, 16, 17, 255, 256, 257, 1000, 4097, 100_003, 1 << 20, (1 << 20) + 1])
def test_what_is_allocated_is_given_back(count: int) -> None:
    torch.empty(count)
    before = stats()
    x = torch.empty(count)
    held = stats()[ALLOCATED] - before[ALLOCATED]
    assert 4 * count <= held <= max(4 * count + 64, 5 * count + 64)
    assert x.data_ptr() % 64 == 0 if count else x.data_ptr() == 0
    del x
    assert stats()[ALLOCATED] == before[ALLOCATED] and stats()[SYSTEM] <= before[SYSTEM] + 1


def test_empty_cache_gives_memory_back() -> None:
    big = torch.ones(3_000_000)
    with_big = stats()
    del big
    assert stats()[RESERVED] == with_big[RESERVED]
    code.native().empty_cache(None)
    after = stats()
    assert after[RESERVED] <= with_big[RESERVED] - 12_000_000 and after[RESERVED] >= after[ALLOCATED]
    assert after[PEAK] >= with_big[ALLOCATED] and after[RESERVED_PEAK] >= with_big[RESERVED]
    assert float(torch.ones(3_000_000).sum()) == 3_000_000


def test_backward_frees_what_was_saved() -> None:
    w = torch.ones(100, 100, requires_grad=True)

    def work() -> None:
        (torch.tanh(w @ w) * w).sum().backward()
        torch.tanh(w @ w).exp()  # a graph that is never run

    work()
    before = stats()[ALLOCATED]
    for _ in range(10):
        work()
    assert stats()[ALLOCATED] == before


@pytest.mark.parametrize(
    "ask", [lambda n: torch.empty(n), lambda n: torch.ones(1).expand(n).clone(), lambda n: torch.ones(1).expand(n) * 2]
)
def test_out_of_memory_is_an_error_that_says_how_much(ask: Any) -> None:
    torch.ones(100_000)  # leaves something in the pool
    before = stats()[ALLOCATED]
    for n in (1 << 58, 1 << 48, (1 << 61) - 1):
        with pytest.raises(torch.OutOfMemoryError, match=rf"{4 * n} bytes.* in use .* pooled"):
            ask(n)
    assert stats()[ALLOCATED] == before and issubclass(torch.OutOfMemoryError, RuntimeError)
    assert float(torch.ones(3).sum()) == 3


def test_out_of_memory_for_temporaries_leaks_nothing() -> None:
    from graphs import compiled

    from kagari.ir import build, graph

    # Its first temporary can be had, its second can't.
    def define(x: Any) -> Any:
        small = graph.scan("cumsum", x, 0)
        large = graph.scan("cumsum", build.broadcast_to(graph.reshape(small, (3, 1, 1)) + 1, (3, 1 << 25, 1 << 25)), 0)
        return build.sum_(large)

    function = compiled(define, 1)
    x = torch.ones(3)
    function.activate()
    for _ in range(3):
        before = stats()[ALLOCATED]
        with pytest.raises(torch.OutOfMemoryError, match="pooled"):
            function.run((x,))
        assert stats()[ALLOCATED] == before


# Storages


def test_numpy_and_tensors_share_memory() -> None:
    values = np.arange(6, dtype=np.float32)
    t = torch.from_numpy(values)
    t.mul_(2)
    values[0] = 7
    assert values.tolist() == [7, 2, 4, 6, 8, 10] == t.tolist()
    view = t.reshape(2, 3)[1]
    references = sys.getrefcount(values)
    del t
    assert view.tolist() == [6, 8, 10]
    del view
    gc.collect()
    assert sys.getrefcount(values) == references - 1


def test_memory_lives_as_long_as_any_view() -> None:
    before = stats()[ALLOCATED]
    t = torch.arange(100_000).float()
    row = t.reshape(100, 1000)[3, 5:8]
    shared = t.numpy()
    del t
    held = stats()[ALLOCATED]
    assert held > before and row.tolist() == [3005, 3006, 3007]
    del row
    assert stats()[ALLOCATED] == held and shared[:3].tolist() == [0, 1, 2]
    shared[0] = -1
    other = torch.from_numpy(shared)
    del shared
    assert float(other[0]) == -1
    del other
    assert stats()[ALLOCATED] == before


def test_a_storage_outlives_the_array_it_is_over() -> None:
    t = torch.from_numpy(np.full(100_000, 3.0))
    gc.collect()
    np.full(100_000, 4.0)
    assert float(t.sum()) == 300_000
    with pytest.raises((TypeError, ValueError)):
        torch.from_numpy(np.arange(4)[::-1])
    with pytest.raises(TypeError):
        torch.from_numpy(np.array(["text"]))
    with pytest.raises(TypeError):
        torch.from_numpy([1, 2])  # type: ignore[arg-type]
    unaligned = np.frombuffer(b"\0" + np.arange(100, dtype=np.float64).tobytes(), np.float64, 100, 1)
    assert float((torch.from_numpy(unaligned.copy()) * 2).sum()) == 9900


def test_versions_count_changes_in_place() -> None:
    x = torch.zeros(3, 4)
    view = x[1]
    versions = [x._version]
    for change in (
        lambda: x.add_(1),
        lambda: view.mul_(2),
        lambda: x.t().zero_(),
        lambda: x.fill_(3),
        lambda: x.__setitem__(0, 5),
    ):
        change()
        versions.append(x._version)
        assert view._version == x._version
    assert all(b > a for a, b in itertools.pairwise(versions))
    before = x._version
    _ = x + 1, x.t(), x[0], x.sum(), x.numpy(), x.clone()
    assert x._version == before and x.clone()._version == 0


def test_overlapping_changes_are_refused() -> None:
    x, square = torch.arange(12.0).reshape(3, 4), torch.arange(9.0).reshape(3, 3)
    for bad in (
        lambda: x[:2].add_(x[1:]),
        lambda: x.reshape(-1)[:6].copy_(x.reshape(-1)[3:9]),
        lambda: torch.zeros(3, 3).expand(2, 3, 3).add_(1),
        lambda: torch.zeros(4).expand(3, 4).copy_(x),
        lambda: square.add_(square.t()),
        lambda: square.copy_(square.t()),
    ):
        with pytest.raises(RuntimeError, match="unsupported operation"):
            bad()
    assert x.reshape(-1).tolist() == list(range(12)) and square.reshape(-1).tolist() == list(range(9))


def test_changes_that_do_not_overlap_are_fine() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    x[0].copy_(x[1])
    x[:1].add_(x[2:])
    x[:, 0].copy_(x[:, 3])
    x.add_(x)
    assert x.tolist() == [[36, 28, 32, 36], [14, 10, 12, 14], [22, 18, 20, 22]]
    x.addmm_(x[:, :3].contiguous(), x)
    y = torch.arange(4.0).reshape(2, 2)
    y.addmm_(y, torch.eye(2) * 2)
    assert y.tolist() == [[0, 3], [6, 9]]


# Errors in kernels


@pytest.mark.parametrize("n", [1, 50, 300_000])
def test_errors_in_kernels_are_exceptions(n: int) -> None:
    x, zero = torch.arange(n), torch.zeros(n, dtype=torch.int64)
    before = stats()[ALLOCATED]
    for _ in range(3):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            torch.div(x, zero, rounding_mode="floor")
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            x % 0
        for bad in (n, -n - 1, 1 << 60):
            with pytest.raises((IndexError, RuntimeError), match="out of"):
                torch.gather(x, 0, torch.full((n,), bad))
    assert stats()[ALLOCATED] == before
    assert (x // 1).tolist()[-1] == n - 1


# Threads


@pytest.fixture
def threads() -> Any:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


@pytest.mark.usefixtures("threads")
def test_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((300, 400)).astype(np.float32), rng.standard_normal((400, 500)).astype(np.float32)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    for count in (1, 2, 4, 3, 64, 1000, 2):
        torch.set_num_threads(count)
        assert torch.get_num_threads() == count
        for _ in range(3):
            np.testing.assert_allclose(array(x @ y), a @ b, rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(array(torch.exp(x)), np.exp(a), rtol=1e-5)
            np.testing.assert_allclose(float(y.sum()), b.sum(), atol=0.1)
            np.testing.assert_allclose(array(torch.softmax(y, 0).sum(0)), np.ones(500), rtol=1e-4)
    for wrong, error in ((0, RuntimeError), (-1, RuntimeError), ("2", TypeError), (2.0, TypeError), (None, TypeError)):
        with pytest.raises(error):
            torch.set_num_threads(wrong)  # type: ignore[arg-type]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("threads")
def test_several_python_threads_at_once() -> None:
    torch.set_num_threads(2)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(8):
                a = rng.standard_normal((250, 300)).astype(np.float32)
                x = torch.from_numpy(a).requires_grad_()
                y = torch.tanh(x @ x.t())
                y.sum().backward()
                product = a.astype(np.float64) @ a.T
                slope = 1 - np.tanh(product) ** 2
                np.testing.assert_allclose(array(x.grad), (slope + slope.T) @ a, rtol=2e-2, atol=2e-2)
                assert float(torch.ones(400_000).mul_(3).sum()) == 1_200_000
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert not failures, failures[0]


def test_tensors_that_outlive_the_modules() -> None:
    """What is freed at the very end of the process is freed by code that is still there."""
    python(
        """
        import builtins, ctypes, kagari.ops.softmax as late
        x = torch.randn(64, 64, requires_grad=True)
        y = x @ x
        y.sum().backward()
        loop = [y, x.grad]
        loop.append(loop)
        builtins.kept = ctypes.kept = late.kept = loop
        """,
        KAGARI_NUM_THREADS="2",
    )


@posix
def test_children_of_a_fork_compute() -> None:
    python(
        """
        import os, threading, time, warnings, multiprocessing
        warnings.simplefilter("ignore")
        torch.set_num_threads(3)
        x = torch.ones(1_000_000)
        stop = []

        def busy():
            n = 2
            while not stop:
                torch.exp(torch.ones(200_000 + n)).sum()  # compiles, plans and runs while the process is copied
                n += 1

        others = [threading.Thread(target=busy) for _ in range(2)]
        for t in others: t.start()

        def check():
            assert float((x * 2).sum()) == 2_000_000
            w = torch.ones(300, 300, requires_grad=True)
            (w @ w).relu().sum().backward()
            assert float(w.grad.sum()) == 2 * 300**3
            torch.set_num_threads(2)
            assert float(torch.cumsum(x, 0)[-1]) == 1_000_000

        for turn in range(6):
            time.sleep(0.01 * turn)
            child = os.fork()
            if child == 0:
                try:
                    check()
                    if turn == 0:  # a child of a child
                        grandchild = os.fork()
                        if grandchild == 0:
                            check()
                            os._exit(0)
                        assert os.waitpid(grandchild, 0)[1] == 0
                    os._exit(0)
                except BaseException as error:
                    print(error, flush=True)
                    os._exit(1)
            for _ in range(3000):
                done, status = os.waitpid(child, os.WNOHANG)
                if done: break
                time.sleep(0.01)
            else:
                os.kill(child, 9)
                raise SystemExit("the child hangs")
            assert status == 0, status
        check()
        context = multiprocessing.get_context("fork")
        child = context.Process(target=check)
        child.start(); child.join(60)
        assert child.exitcode == 0
        stop.append(1)
        for t in others: t.join()
        """
    )


@pytest.mark.parametrize("pause", ["0", "0.3"])
def test_the_process_ends_with_workers_awake_or_asleep(pause: str) -> None:
    done = python(
        f"import time\ntorch.set_num_threads(4)\nprint(float(torch.ones(1_000_000).sum()))\ntime.sleep({pause})"
    )
    assert float(done) == 1_000_000


def test_the_process_ends_while_a_thread_computes() -> None:
    python(
        """
        import threading, time
        def work():
            while True:
                torch.exp(torch.ones(500_000)).sum()
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
        """
    )


# Nothing leaks


def test_references_do_not_leak() -> None:
    x, y = torch.ones(3), torch.ones(3, requires_grad=True)
    index = torch.tensor([0, 2])

    def work() -> None:
        z = x * 2.5 + y
        z = z.sum(0, keepdim=True) - x[1:]
        (z.sum() + sum(torch.var_mean(y * 2))).backward()
        y.grad = None
        x.add_(1).mul_(0.5)
        torch.gather(x, 0, index)
        x.reshape(3, 1).t()
        float(x[0])
        with contextlib.suppress(IndexError, RuntimeError):
            torch.gather(x, 0, index + 7)
        with contextlib.suppress(TypeError):
            x.add(None)
        with contextlib.suppress(RuntimeError):
            x[:2].add_(x[1:])

    watched = [
        None,
        True,
        False,
        0,
        (),
        x._layout,
        x._layout.dtype,
        type(x),
        type(x._storage),
        code.native().Storage,
        float,
    ]

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(o) for o in watched]

    for _ in range(50):
        work()
    references, memory, objects = counts(), stats()[ALLOCATED], len(gc.get_objects())
    for _ in range(700):  # of more than 15 operations each
        work()
    assert max(abs(a - b) for a, b in zip(counts(), references)) < 60
    assert stats()[ALLOCATED] == memory and len(gc.get_objects()) < objects + 60


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_of_the_process_is_stable() -> None:
    grown = python(
        """
        import gc, os, numpy as np
        def pages():
            gc.collect()
            return int(open("/proc/self/statm").read().split()[1])
        x = torch.ones(30, 30, requires_grad=True)
        values = np.ones(1000, np.float32)
        def work():
            y = (torch.tanh(x @ x) + x * 0.5).sum()
            y.backward()
            torch.from_numpy(values).add_(1)
            x.detach().reshape(-1)[3:].numpy()
            try: torch.empty(1 << 58)
            except RuntimeError: pass
            try: x + "a"
            except TypeError: pass
        for _ in range(300): work()
        before = pages()
        for _ in range(3000): work()
        print((pages() - before) * os.sysconf("SC_PAGE_SIZE") >> 10)
        """
    )
    assert int(grown) < 1024  # KiB


# Arguments of all kinds


def test_no_argument_ends_the_process() -> None:
    done = python(
        """
        import random, warnings, numpy as np
        from kagari.eager import Tensor
        warnings.simplefilter("ignore")
        random.seed(0)
        x, n, b = torch.ones(3, 4), torch.arange(4), torch.ones(4, dtype=torch.bool)
        tensors = [
            x, n, b, x.t(), x[1], x[0, 0], torch.empty(0), torch.empty(0, 3), torch.tensor(2.0), torch.tensor(1), x[:1],
            x[:3, :3], torch.ones(3, 4, requires_grad=True), torch.ones(4).half(), torch.ones(4).bfloat16(),
            torch.ones(2, 2).double(),
        ]
        things = [
            None, True, False, 0, 1, -1, 7, 1 << 40, 1 << 63, 1 << 200, -(1 << 63), 0.5, float("nan"), float("inf"),
            1e308, 1j, "", "sum", b"x", (), [], (0,), [1], (0, 1), (-1, 2), [None], (1 << 70,), {}, {1: 2}, set(),
            object(), int,
            [x, x], (n,), [x, None], np.ones(3), np.float32(2), np.int64(1), slice(None), Ellipsis, torch.float32,
            torch.int64, type, NotImplemented, range(3),
        ]
        settings = "set_num_threads seed manual_seed set_printoptions set_default_dtype set_rng_state".split()
        functions = [getattr(torch, m) for m in torch.__all__ if m not in settings]
        functions = [f for f in functions if callable(f) and not isinstance(f, type)]
        inherited = (*dir(object), "__del__", "register_hook")
        methods = [m for m in dir(torch.Tensor) if callable(getattr(torch.Tensor, m)) and m not in inherited]
        keywords = "dim keepdim out alpha other input dtype nonsense index rounding_mode size".split()
        raised = succeeded = 0

        def argument():
            luck = random.random()
            return random.choice(tensors if luck < 0.5 else [0, 1, -1] if luck < 0.65 else things)

        for turn in range(TURNS):
            args = [argument() for _ in range(random.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 16, 40]))]
            kwargs = {k: argument() for k in random.sample(keywords, random.choice([0, 0, 0, 0, 1, 2]))}
            owner = random.choice(tensors).clone()
            f = random.choice(functions) if turn % 2 else getattr(owner, random.choice(methods))
            try:
                result = f(*args, **kwargs)
                succeeded += 1
                if isinstance(result, torch.Tensor) and result.requires_grad and result.numel():
                    result.sum().backward()
            except Exception as error:
                raised += 1
                assert not isinstance(error, SystemError), (f, args, kwargs)
        print(raised, succeeded)
        """.replace("TURNS", "4000"),
        KAGARI_NUM_THREADS="2",
    )
    raised, succeeded = map(int, done.splitlines()[-1].split())
    assert raised > 1000 and succeeded > 100


# The kernel store


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kernels_take_no_memory_maps_of_their_own() -> None:
    """A process may have 65,530 of them, and a program of many shapes and operators has many kernels."""
    python(
        """
        from pathlib import Path
        from kagari.engine import code

        def maps():
            return Path("/proc/self/maps").read_text().count("\\n")

        dtypes = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
        x = torch.linspace(-1, 1, 40).reshape(5, 8)
        before, known = maps(), len(code._addresses)
        for k in range(20):
            made = x
            for n in range(5):  # each chain is a kernel of its own, with constants of its own
                name = ("sin", "exp", "tanh", "erf", "log1p")[(k // (n + 1)) % 5]
                made = getattr(torch, name)(made.to(dtypes[k % 4]))
        assert len(code._addresses) - known > 20
        assert maps() - before < 20, (before, maps())
        """
    )


def test_store_keeps_what_was_put(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b", 1 << 20)
    assert store.get("key") is None
    store.put("key", b"code")
    store.put("other", b"")
    assert store.get("key") == b"code" and store.get("other") == b"" and store.get("third") is None
    assert Store(tmp_path / "a" / "b", 1 << 20).get("key") == b"code"
    assert not [p for p in (tmp_path / "a" / "b").iterdir() if p.suffix != ".o"]
    store.put("key", b"new code")
    assert store.get("key") == b"new code"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "magic", "longer"])
def test_a_damaged_entry_is_dropped(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path, 1 << 20)
    store.put("key", bytes(range(256)))
    (path,) = tmp_path.iterdir()
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[100] ^= 1
    elif damage == "magic":
        raw[0] ^= 1
    path.write_bytes({"cut": raw[:-1], "empty": b"", "longer": raw + b"x"}.get(damage, bytes(raw)))
    assert store.get("key") is None and not path.exists()
    store.put("key", b"again")
    assert store.get("key") == b"again"


def test_the_store_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path, 100_000)
    for i in range(300):
        store.put(f"key {i}", bytes(2000))
        os.utime(store._path(f"key {i}"), (i, i))
    total = sum(p.stat().st_size for p in tmp_path.iterdir())
    assert total < 110_000
    assert store.get("key 299") is not None and store.get("key 0") is None
    short_runs = [Store(tmp_path, 100_000) for _ in range(300)]
    for i, store in enumerate(short_runs):  # each writes less than what makes one store look at its size
        store.put(f"more {i}", bytes(2000))
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 200_000
    Store(tmp_path, 0).put("key", bytes(10))
    assert not list(tmp_path.iterdir())


def test_failures_of_the_disk_are_no_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    nothing = Store(None, 1 << 20)
    for store in (nothing, Store(tmp_path / "file", 1 << 20), Store(Path("/proc/nothing/here"), 1 << 20)):
        store.put("key", b"code")
        assert store.get("key") is None
        store.trim()
    locked = tmp_path / "locked"
    locked.mkdir()
    store = Store(locked, 1 << 20)
    store.put("key", b"code")
    store._path("other").mkdir()  # a directory where an entry should be
    store.put("other", b"code")
    assert store.get("other") is None and store.get("key") == b"code"
    locked.chmod(0)
    try:
        store.put("third", b"code")
        store.get("key")
    finally:
        locked.chmod(0o700)


PROGRAM = """
from kagari.engine import code
x = torch.arange(12.0).reshape(3, 4)
print(float((torch.tanh(x) * 2 + x.t().reshape(3, 4)).sum()), code.kernels_compiled())
"""


def test_the_store_across_processes(tmp_path: Path) -> None:
    store = tmp_path / "store"
    where = {"KAGARI_CACHE": "1", "KAGARI_CACHE_DIR": str(store)}
    first = python(PROGRAM, **where).split()
    second = python(PROGRAM, **where).split()
    assert int(first[1]) > 0 and second == [first[0], "0"]
    files = list(store.iterdir())
    for i, path in enumerate(files):  # all of it damaged: the resident code too
        path.write_bytes([b"", path.read_bytes()[:50], bytes(3000)][i % 3])
    assert python(PROGRAM, **where).split() == first
    assert python(PROGRAM, **where).split() == second
    assert {p.name for p in store.iterdir()} == {p.name for p in files}
    assert python(PROGRAM, **(where | {"KAGARI_CACHE": "0"})).split() == first


@pytest.mark.parametrize("how", ["off", "file", "nowhere", "no home"])
def test_programs_run_without_a_store(tmp_path: Path, how: str) -> None:
    (tmp_path / "file").write_text("")
    where = {
        "off": {"KAGARI_CACHE": "0", "KAGARI_CACHE_DIR": str(tmp_path / "new")},
        "file": {"KAGARI_CACHE_DIR": str(tmp_path / "file")},
        "nowhere": {"KAGARI_CACHE_DIR": "/proc/nothing"},
        "no home": {"HOME": "", "XDG_CACHE_HOME": "", "KAGARI_CACHE_DIR": "", "KAGARI_CACHE_MB": "1"},
    }[how]
    if how == "no home":
        where |= {"XDG_CACHE_HOME": str(tmp_path)}
    assert int(python(PROGRAM, **where).split()[1]) > 0
    assert not (tmp_path / "new").exists()


def test_two_processes_fill_one_store(tmp_path: Path) -> None:
    text = "import kagari as torch\n" + PROGRAM
    where = {"KAGARI_CACHE": "1", "KAGARI_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **where}
    both = [subprocess.Popen([sys.executable, "-c", text], env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    printed = [p.communicate(timeout=120)[0].split()[0] for p in both]
    assert [p.returncode for p in both] == [0, 0] and printed[0] == printed[1]
    assert {p.suffix for p in tmp_path.iterdir()} == {".o"}
    assert python(PROGRAM, **where).split()[1] == "0"


# The end of the process

AT_EXIT = {
    "nothing": "",
    "a native function": "builtins.late = torch.add",
    "tensors and their graph": "builtins.late = [y, x, (x * 3).exp()]",
    "a cycle": "late = [y, x]; late.append(late); builtins.late = late",
    "an exception": """
        try:
            torch.ones(2) @ torch.ones(3)
        except RuntimeError as error:
            builtins.late = error
    """,
    "a finalizer that computes": """
        class Late:
            def __init__(self):
                self.mul, self.x, self.y = torch.mul, torch.ones(3), (x * 2).sum()
                self.mul(self.x, self.x)

            def __del__(self):
                self.mul(self.x, self.x)
                self.y.backward()

        builtins.late = Late()
    """,
    "threads that compute": """
        def work():
            a = torch.ones(300, 300)
            started.release()
            while True:
                a @ a

        started = _thread.allocate_lock()
        started.acquire()
        _thread.start_new_thread(work, ())
        started.acquire()
    """,
}


@pytest.mark.parametrize("left", AT_EXIT)
def test_the_process_ends_well(left: str) -> None:
    # What glibc frees is overwritten, so that whatever is still read after its end is found out.
    setup = "import _thread, builtins\nx = torch.ones(3, requires_grad=True)\ny = (x * 2).sum()\ny.backward()\n"
    source = setup + textwrap.dedent(AT_EXIT[left])
    python(source, PYTHONMALLOC="malloc", MALLOC_PERTURB_="255")
