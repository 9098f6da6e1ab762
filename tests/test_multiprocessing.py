"""Tensors that several processes see, and functions and layers that are sent to them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from operator import attrgetter
from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.multiprocessing as mp

FUNCTIONS = [
    f"{module}.{name}"
    for module, names in {
        "kagari": "relu add_ sum max sort norm split_copy ones cat as_strided_ matmul",
        "kagari.nn.functional": "gelu relu linear conv2d",
        "kagari.linalg": "inv norm matmul cross eigh",
        "kagari.special": "expit gammaln",
    }.items()
    for name in names.split()
]


def found(path: str) -> Any:
    return attrgetter(path.removeprefix("kagari."))(kagari)


@pytest.mark.parametrize("path", FUNCTIONS)
def test_functions_are_pickled_by_name(path: str) -> None:
    assert pickle.loads(pickle.dumps(found(path))) == found(path)


def test_memory_itself_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="cannot pickle a block of memory"):
        pickle.dumps(kagari.ones(1)._storage)


def shared_in_all_ways(t: Any) -> list[Any]:
    x = t.arange(6.0).view(2, 3)
    view, layer = x[1], t.nn.Linear(2, 2)
    seen = [x.is_shared(), x.untyped_storage().is_shared(), x.share_memory_() is x, x.is_shared(), view.is_shared()]
    view.add_(1)
    seen += [x.tolist(), x.untyped_storage().share_memory_() is x.untyped_storage(), layer.share_memory() is layer]
    seen += [layer.weight.is_shared(), layer.weight.requires_grad, t.ones(0).share_memory_().is_shared()]
    seen += [x.clone().is_shared(), x.detach().is_shared(), t.from_numpy(x.numpy()).is_shared()]
    return seen


def test_moved_to_shared_memory(oracle: ModuleType) -> None:
    assert shared_in_all_ways(kagari) == shared_in_all_ways(oracle)


def test_numpy_keeps_what_it_saw() -> None:
    x = kagari.tensor([1.0, 2.0])
    array = x.numpy()
    x.share_memory_()
    x[0] = 5
    assert x.tolist() == [5.0, 2.0]
    assert array.tolist() == [1.0, 2.0]  # what NumPy saw before stays where it was


def test_calls_that_wait_to_be_run_see_the_memory_before_it_moves() -> None:
    x = kagari.ones(10)

    @kagari.compile
    def step() -> Any:
        y = x * 2
        x.share_memory_()
        x.add_(1)
        return y + x

    for i in range(30):
        assert step()[0].item() == 2 * (i + 1) + i + 2


# In other processes


def add_number(i: int, x: Any) -> None:
    x[i] += i + 1


def raise_in_second(i: int) -> None:
    if i == 1:
        raise ValueError("no second one")


def leave(i: int) -> None:
    os._exit(3)


def be_killed(i: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def answer(queue: Any, back: Any) -> None:
    x, layer, storage = queue.get()
    x.mul_(2)
    with kagari.no_grad():
        layer.weight.fill_(1.0)
    storage[0] = 7
    back.put((x[1:], layer.weight))
    queue.get()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_changes_are_seen(method: str) -> None:
    x = kagari.zeros(2)
    if method == "fork":
        x.share_memory_()  # a fork sends no arguments
    mp.start_processes(add_number, (x,), nprocs=2, start_method=method)
    assert x.tolist() == [1.0, 2.0]
    assert x.is_shared()


def test_through_queues() -> None:
    context = mp.get_context("spawn")
    queue, back = context.Queue(), context.Queue()
    process = context.Process(target=answer, args=(queue, back))
    process.start()
    x, layer = kagari.arange(4.0), kagari.nn.Linear(2, 1)
    storage = kagari.UntypedStorage(3)
    queue.put((x, layer, storage))
    part, weight = back.get(timeout=60)
    assert x.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert layer.weight.tolist() == [[1.0, 1.0]]
    assert storage.tolist() == [7, 0, 0]
    assert type(weight) is kagari.nn.Parameter
    part.fill_(-1.0)
    assert x.tolist() == [0.0, -1.0, -1.0, -1.0]
    queue.put(None)
    process.join(30)
    assert process.exitcode == 0


def test_errors_arrive() -> None:
    with pytest.raises(
        mp.ProcessRaisedException, match=r"Process 1 terminated with the following error:(.|\n)*no sec"
    ) as e:
        mp.start_processes(raise_in_second, nprocs=2, start_method="fork")
    assert e.value.error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="process 0 terminated with exit code 3") as e:
        mp.start_processes(leave, start_method="fork")
    with pytest.raises(mp.ProcessExitedException, match="process 0 terminated with signal SIGKILL") as e:
        mp.start_processes(be_killed, start_method="fork")
    assert (e.value.exit_code, e.value.signal_name) == (-9, "SIGKILL")
    again = pickle.loads(pickle.dumps(e.value))
    assert (str(again), again.exit_code) == (str(e.value), -9)


def test_a_history_is_not_sent() -> None:
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        mp.reducer.ForkingPickler.dumps(kagari.ones(1, requires_grad=True) * 2)


def test_strategies() -> None:
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    with pytest.raises(AssertionError, match="invalid sharing strategy 'other'"):
        mp.set_sharing_strategy("other")
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")


def test_without_files_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    x = kagari.arange(3).share_memory_()
    assert x.is_shared()
    assert x.tolist() == [0, 1, 2]
    assert not list(tmp_path.iterdir())


def test_descriptors_and_memory_are_given_back() -> None:
    code = """
import os, kagari
from kagari.engine.code import native
kagari.ones(1).share_memory_()
before, bytes_before = len(os.listdir("/proc/self/fd")), native().stats[0]
for _ in range(100):
    kagari.ones(1000).share_memory_()
print(len(os.listdir("/proc/self/fd")) - before, native().stats[0] - bytes_before)
"""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no list of descriptors")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
