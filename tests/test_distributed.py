"""Operations between processes: results and errors as PyTorch's."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ranks import run

from kagari import distributed as dist
from kagari.distributed.network.mesh import Mesh

DTYPES = ["float32", "float64", "int32", "int64", "uint8", "int8", "float16", "bfloat16", "bool", "complex64"]
REDUCTIONS = ["SUM", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR", "AVG"]
Case = Callable[[str, Callable[[], Any]], None]


def changed(function: Callable[..., Any], tensor: Any, *args: Any, **kwargs: Any) -> list[Any]:
    return [function(tensor, *args, **kwargs), tensor]


def collectives(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    def filled(value: float, count: int = 2) -> Any:
        return torch.full((count,), float(value))

    def zeros(count: int = size, each: int = 2) -> list[Any]:
        return [torch.zeros(each) for _ in range(count)]

    for name in DTYPES:
        for op in REDUCTIONS:
            start = (torch.arange(4) + rank + 1).to(getattr(torch, name))
            case(
                f"all_reduce {name} {op}",
                lambda start=start, op=op: changed(dist.all_reduce, start, getattr(dist.ReduceOp, op)),
            )
    long = torch.arange(20001.0).double() * (rank + 1)
    case("all_reduce long", lambda: changed(dist.all_reduce, long))
    case("all_reduce strided", lambda: changed(dist.all_reduce, torch.arange(6.0).view(2, 3).t()))
    case("all_reduce scalar", lambda: changed(dist.all_reduce, torch.tensor(1.5)))
    case("all_reduce empty", lambda: changed(dist.all_reduce, torch.zeros(0)))
    case("all_reduce leaf", lambda: changed(dist.all_reduce, torch.ones(2, requires_grad=True)))
    case("all_reduce no tensor", lambda: dist.all_reduce([1]))
    case("broadcast", lambda: changed(dist.broadcast, filled(rank), 1))
    case("broadcast strided", lambda: changed(dist.broadcast, (torch.arange(6.0) + rank).view(2, 3).t(), 0))
    case("broadcast nowhere", lambda: dist.broadcast(filled(0), 7))
    case("broadcast of nobody", lambda: dist.broadcast(filled(0)))
    case("reduce", lambda: changed(dist.reduce, filled(rank + 1, 5), 1)[:: 1 if rank == 1 else 2])
    case("all_gather", lambda: changed(dist.all_gather, zeros(), filled(rank)))
    case("all_gather shapes", lambda: dist.all_gather(zeros(), filled(rank, 3)))
    case("all_gather too many", lambda: dist.all_gather(zeros(size + 1), filled(rank)))
    case("all_gather types", lambda: dist.all_gather(zeros(), filled(rank).int()))
    case("all_gather_into", lambda: changed(dist.all_gather_into_tensor, torch.zeros(2 * size), filled(rank)))
    case("gather", lambda: [dist.gather(filled(rank), given := zeros() if rank == 0 else None), given])
    case(
        "scatter",
        lambda: changed(dist.scatter, filled(0), [filled(i) for i in range(size)] if rank == 1 else None, src=1),
    )
    if rank == 0:
        case("gather nowhere", lambda: dist.gather(filled(0), None, dst=0))
        case("scatter nothing", lambda: dist.scatter(filled(0), None, src=0))
        case("scatter by two", lambda: dist.scatter(filled(0), [filled(0)], src=1))
        case("send to itself", lambda: dist.send(filled(0), 0))
    case("reduce_scatter", lambda: changed(dist.reduce_scatter, filled(0), [filled(i + rank) for i in range(size)]))
    case(
        "reduce_scatter_tensor", lambda: changed(dist.reduce_scatter_tensor, filled(0), torch.arange(2.0 * size) + rank)
    )
    case("all_to_all", lambda: changed(dist.all_to_all, zeros(), [filled(10 * rank + i) for i in range(size)]))
    case(
        "all_to_all_single",
        lambda: changed(dist.all_to_all_single, torch.zeros(2 * size), torch.arange(2.0 * size) + 10 * rank),
    )
    gets = [rank + 1] * size
    case("all_to_all_single parts", lambda: changed(
        dist.all_to_all_single, torch.zeros(sum(gets)), torch.arange(size * (size + 1) / 2) + 100 * rank,
        gets, list(range(1, size + 1)),
    ))  # fmt: skip
    case("coalesced", lambda: changed(dist.all_reduce_coalesced, [filled(rank), filled(2.0, 3)]))
    case("barriers", lambda: [dist.barrier(), dist.monitored_barrier()])


def later(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    x = torch.full((3,), float(rank + 1))
    work = dist.all_reduce(x, async_op=True)
    case("wait", lambda: [work.wait(), x, work.is_completed(), work.is_success(), work.result()])
    case("future", lambda: work.get_future().wait())
    case("then", lambda: dist.all_reduce(x, async_op=True).get_future().then(lambda f: f.value()[0] / size).wait())
    many = [torch.full((1000,), float(i + rank)) for i in range(8)]
    works = [dist.all_reduce(one, async_op=True) for one in many]
    case("many", lambda: [[one.wait() for one in works], [one[0] for one in many]])


def messages(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    def one(value: float) -> Any:
        return torch.tensor([float(value)])

    if rank == 0:
        case("send", lambda: [dist.send(one(i), i) for i in range(1, size)])
        case("send by tag", lambda: dist.send(one(6), 1, tag=3))
        work = dist.isend(one(7), 1)
        case("isend", work.wait)
    else:
        case("recv", lambda: changed(dist.recv, one(0), 0))
    if rank == 1:
        case("recv from any", lambda: changed(dist.recv, one(0), tag=3))
        x = one(0)
        work = dist.irecv(x, 0)
        case("irecv", lambda: [work.wait(), x])
    long = torch.arange(300000.0) + rank  # both send before they receive
    into = torch.zeros(300000)
    ops = [
        dist.P2POp(dist.isend, long, (rank + 1) % size),
        dist.P2POp(dist.irecv, into, (rank - 1) % size),
    ]
    case("ring", lambda: [[work.wait() for work in dist.batch_isend_irecv(ops)], into.sum(), into[:2]])
    case("no message", lambda: dist.P2POp(dist.all_reduce, one(0), 0))
    case("no messages", lambda: dist.batch_isend_irecv([1]))


def objects(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    case("all_gather", lambda: changed(dist.all_gather_object, [None] * size, {"rank": rank, "text": "x" * rank}))
    case("broadcast", lambda: changed(dist.broadcast_object_list, [rank, "a"] if rank == 0 else [None, None], 0))
    case(
        "scatter", lambda: changed(dist.scatter_object_list, [None], [[i] for i in range(size)] if rank == 0 else None)
    )
    case("gather", lambda: [dist.gather_object(rank * 2, got := [None] * size if rank == 0 else None), got])


def groups(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    some = dist.new_group([size - 1, 0])
    case("ranks", lambda: [dist.get_rank(some), dist.get_world_size(some)])
    x = torch.tensor([float(rank)])
    case("all_reduce", lambda: changed(dist.all_reduce, x, group=some))
    case("broadcast", lambda: changed(dist.broadcast, x, size - 1, some))
    if rank in (0, size - 1):
        case("members", lambda: dist.get_process_group_ranks(some))
        case("numbers", lambda: [dist.get_group_rank(some, size - 1), dist.get_global_rank(some, 1)])
    case("no such", lambda: dist.new_group([0, 9]))
    case("twice", lambda: dist.new_group([0, 0]))
    case("again", lambda: dist.init_process_group("gloo", init_method="file:///x", rank=rank, world_size=size))
    case("names", lambda: [dist.get_backend(), dist.group.WORLD.size(), dist.group.WORLD.rank(), dist.is_initialized()])
    mine, every = dist.new_subgroups_by_enumeration([[0], list(range(1, size))])
    y = torch.ones(1)
    dist.all_reduce(y, group=mine)
    case("parts", lambda: [dist.get_world_size(mine), len(every), y])


def everything(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    for part in (collectives, later, messages, objects, groups):
        part(torch, dist, rank, size, lambda name, call, part=part: case(f"{part.__name__}: {name}", call))


@pytest.mark.oracle
@pytest.mark.parametrize("size", [2, 3])
def test_as_pytorch(oracle: ModuleType, size: int) -> None:
    ours, theirs = run("kagari", size, everything), run("torch", size, everything)
    for rank, (here, there) in enumerate(zip(ours, theirs)):
        assert list(here) == list(there)
        for name, result in here.items():
            if "AVG" in name and "can't be cast" in str(there[name]):
                assert result[0] == there[name][0]  # PyTorch's text has dtypes by other names
            else:
                assert result == there[name], (rank, name)


def sums(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    case("sum", lambda: changed(dist.all_reduce, torch.arange(5000.0) * (rank + 1))[1][-1])
    case("types", lambda: changed(dist.all_reduce, torch.tensor([rank], dtype=torch.int16))[1])
    case("stacked", lambda: changed(dist.all_gather_into_tensor, torch.zeros(size, 2), torch.full((2,), 1.0 * rank))[1])
    sampler = torch.utils.data.DistributedSampler(range(7), shuffle=False)
    case("sampler", lambda: list(sampler))


def test_without_an_oracle() -> None:
    found = run("kagari", 2, sums)
    assert found[0]["sum"] == found[1]["sum"] == ["torch.float32", [], str(4999.0 * 3)]
    assert found[0]["types"][2] == "[1]"
    assert found[1]["stacked"][2] == "[[0.0, 0.0], [1.0, 1.0]]"
    assert [f["sampler"] for f in found] == [[0, 2, 4, 6], [1, 3, 5, 0]]


def mishaps(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    if rank == 0:
        work = dist.irecv(torch.zeros(1), 1, tag=5)
        case("late", lambda: work.wait(timedelta(milliseconds=50)))
    else:
        dist.recv(torch.zeros(1), 0, tag=7)
    case("late barrier", lambda: dist.monitored_barrier(timeout=timedelta(milliseconds=50)))
    if rank == 0:
        dist.send(torch.zeros(1), 1, tag=7)
    dist.barrier()
    if rank == 1:
        dist.send(torch.zeros(3), 0, tag=6)
    else:
        case("length", lambda: dist.recv(torch.zeros(2), 1, tag=6))
    outside = dist.new_group([0])
    if rank == 1:
        case("outside", lambda: [dist.all_reduce(torch.zeros(1), group=outside), dist.get_rank(outside)])


def test_mishaps_are_errors_that_say_so() -> None:
    first, second = run("kagari", 2, mishaps)
    assert first["late"] == ["RuntimeError", "Timed out waiting 50ms for recv operation to complete"]
    assert first["late barrier"][1] == "[Rank 0]: Ranks 1 failed to pass monitoredBarrier in 50 ms"
    assert first["length"][1].startswith("Process 1 sent 12 bytes where 8 were expected")
    assert second["outside"] == [None, -1]


LOST = """
import os, sys, time
import kagari as torch, kagari.distributed as dist
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
dist.barrier()
if rank == 1:
    os.kill(os.getpid(), 9)
try:
    dist.all_reduce(torch.ones(100000))
except RuntimeError as error:
    print(error)
"""


def test_a_killed_process_is_an_error_of_the_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOST]
    with (
        subprocess.Popen([*command, "0", str(tmp_path / "store")], stdout=subprocess.PIPE, text=True) as stays,
        subprocess.Popen([*command, "1", str(tmp_path / "store")]) as dies,
    ):
        said, _ = stays.communicate(timeout=60)
        dies.wait(timeout=60)
    assert said == "Connection closed by peer: process 1 has gone\n"


HEADER = struct.Struct("<BIqQQ")


@pytest.mark.parametrize("first", ["announced", "begun", "nothing"])
def test_a_process_that_goes_in_the_middle_of_a_message(first: str) -> None:
    here, there = socket.socketpair()
    mesh = Mesh({1: here})
    size = 100000 if first == "announced" else 100
    if first == "announced":
        there.sendall(HEADER.pack(1, 0, 5, size, 1))
    elif first == "begun":
        there.sendall(HEADER.pack(0, 0, 5, size, 0) + b"x" * 10)
    early = mesh.receive(1, 0, 5, memoryview(bytearray(size))) if first != "announced" else None
    there.close()
    with pytest.raises(dist.DistBackendError, match="process 1 has gone"):
        (early or mesh.receive(1, 0, 5, memoryview(bytearray(size)))).wait(10, "recv")
    with pytest.raises(dist.DistBackendError, match="process 1 has gone"):
        mesh.receive(1, 0, 6, memoryview(bytearray(1))).wait(10, "recv")
    with pytest.raises(dist.DistBackendError, match="process 1 has gone"):
        mesh.send(1, 0, 6, memoryview(b"x")).wait(10, "send")
    mesh.close()


@pytest.fixture(params=["hash", "file", "tcp", "prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dist.Store:
    made: dict[str, Callable[[], dist.Store]] = {
        "hash": dist.HashStore,
        "file": lambda: dist.FileStore(str(tmp_path / "file"), 1),
        "tcp": lambda: dist.TCPStore("localhost", 0, 1, True),
        "prefix": lambda: dist.PrefixStore("mine", dist.HashStore()),
    }
    return made[request.param]()


def test_stores(store: dist.Store) -> None:
    store.set("a", "b")
    store.append("a", b"\x00\xff")
    assert store.get("a") == b"b\x00\xff"
    assert [store.add("n", 3), store.add("n", -4), store.get("n")] == [3, -1, b"-1"]
    with pytest.raises(ValueError, match="no number"):
        store.add("a", 1)
    assert [store.compare_set("c", old, new) for old, new in (("", "x"), ("x", "y"), ("q", "z"))] == [b"x", b"y", b"y"]
    assert store.compare_set("d", "q", "z") == b"q"
    assert store.check(["a", "c"]) and not store.check(["a", "d"])
    store.multi_set(["m1", "m2"], ["1", "2"])
    assert store.multi_get(["m1", "m2"]) == [b"1", b"2"]
    assert sorted(store.list_keys()) == ["a", "c", "m1", "m2", "n"]
    assert store.num_keys() == 5
    assert [store.delete_key("a"), store.delete_key("a"), store.num_keys()] == [True, False, 4]
    with pytest.raises(dist.DistStoreError, match=r"wait timeout after 30ms, keys: .*late"):
        store.wait(["late"], timedelta(milliseconds=30))
    store.set_timeout(timedelta(milliseconds=20))
    with pytest.raises(dist.DistStoreError, match="wait timeout after 20ms"):
        store.get("late")
    with pytest.raises(TypeError, match="str or bytes"):
        store.set("a", 1)  # type: ignore[arg-type]


def test_waiting_ends_when_a_key_is_set(store: dist.Store) -> None:
    threading.Timer(0.1, lambda: store.set("soon", "1")).start()
    assert store.get("soon") == b"1"


def test_queues() -> None:
    store = dist.TCPStore("localhost", 0, 1, True)
    other = dist.TCPStore("localhost", store.port)
    store.queue_push("q", "1")
    other.queue_push("q", "2")
    assert [other.queue_len("q"), other.queue_pop("q"), store.queue_pop("q")] == [2, b"1", b"2"]
    with pytest.raises(dist.QueueEmptyError):
        other.queue_pop("q", block=False)


def test_the_last_process_takes_the_file_away(tmp_path: Path) -> None:
    path = tmp_path / "store"
    first, second = dist.FileStore(str(path), 2), dist.FileStore(str(path), 2)
    first.set("a", "1")
    assert second.get("a") == b"1"
    del first
    assert path.exists()
    del second
    assert not path.exists()


def test_a_record_that_was_cut_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = dist.FileStore(str(path))
    store.set("a", "1")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-1])  # as of a writer that was killed
    store.set("b", "2")
    assert dist.FileStore(str(path)).multi_get(["a", "b"]) == [b"1", b"2"]


def test_a_store_that_does_not_answer() -> None:
    short = timedelta(milliseconds=300)
    with pytest.raises(
        dist.DistNetworkError, match=r"timed out after 300ms while trying to connect to \(localhost, 1\)"
    ):
        dist.TCPStore("localhost", 1, 2, False, timeout=short)
    with pytest.raises(dist.DistStoreError, match="1/3 clients joined"):
        dist.TCPStore("localhost", 0, 3, True, timeout=short)
    store = dist.TCPStore("localhost", 0, 1, True)
    with pytest.raises(dist.DistNetworkError, match="failed to listen"):
        dist.TCPStore("localhost", store.port, 1, True)


@pytest.mark.parametrize(
    ("url", "kind", "text"),
    [
        ("foo://x", RuntimeError, "No rendezvous handler for foo://"),
        ("tcp://x:1", ValueError, "tcp:// rendezvous: rank parameter missing"),
        ("tcp://x?rank=0", ValueError, "port number missing"),
        ("file:///x?rank=0", ValueError, "file:// rendezvous: world size parameter missing"),
        ("env://", ValueError, "environment variable RANK expected, but not set"),
    ],
)
def test_places_to_meet_that_are_none(url: str, kind: type[Exception], text: str, monkeypatch: Any) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(kind, match=text):
        next(dist.rendezvous(url))


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (dist.get_rank, ValueError, "Default process group has not been initialized"),
        (dist.destroy_process_group, AssertionError, "Process group cannot be None"),
        (lambda: dist.init_process_group("nccl", rank=0, world_size=1, store=dist.HashStore()), RuntimeError, "NCCL"),
        (lambda: dist.init_process_group("foo", rank=0, world_size=1, store=dist.HashStore()), AssertionError, "foo"),
        (lambda: dist.init_process_group(store=dist.HashStore()), AssertionError, "world_size must be positive"),
    ],
)
def test_before_there_is_a_group(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
