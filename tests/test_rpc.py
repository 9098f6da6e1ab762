"""Calls between processes, references and gradients through them: as PyTorch's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import rpc_programs as there
from ranks import alike
from rpc_programs import run

import kagari
from kagari.distributed import rpc as ours


def same(size: int, body: there.Body) -> None:
    here, oracle = run("kagari", size, body), run("torch", size, body)
    assert here.keys() == oracle.keys()
    assert {name: (here[name], oracle[name]) for name in here if not alike(here[name], oracle[name])} == {}


def calls(torch: Any, rpc: Any, gradients: Any, case: Any) -> None:
    one = torch.ones(2)
    case("info", lambda: [rpc.get_worker_info(), rpc.get_worker_info("w1"), rpc.get_worker_info("w1").id])
    case("no such name", lambda: rpc.get_worker_info("nobody"))
    case("no such number", lambda: rpc.rpc_sync(7, there.name_of_worker))
    case("no address", lambda: rpc.rpc_sync(1.5, there.name_of_worker))
    for to in ("w1", 1, rpc.get_worker_info("w1"), "w0"):
        case(f"by {to}", lambda to=to: rpc.rpc_sync(to, there.name_of_worker))
    case("of the library", lambda: rpc.rpc_sync("w1", torch.add, args=(one, 3)))
    case("keywords", lambda: rpc.rpc_sync("w1", there.Counter(3).add, kwargs={"more": 4}))
    case("later", lambda: rpc.rpc_async("w1", there.double, args=(one,)).wait())
    case("and then", lambda: rpc.rpc_async("w1", there.double, args=(one,)).then(lambda f: f.wait() + 1).wait())
    case("many", lambda: [f.wait() for f in [rpc.rpc_async(f"w{i % 2}", there.double, args=(i,)) for i in range(60)]])
    case("nested", lambda: rpc.rpc_sync("w1", there.ask_back, args=("w0",)))
    case("large", lambda: rpc.rpc_sync("w1", torch.sum, args=(torch.ones(500_000),)))
    for kind in ("value", "key", "index"):
        case(f"error {kind}", lambda kind=kind: rpc.rpc_sync("w1", there.fail, args=(kind,)))
        case(f"later error {kind}", lambda kind=kind: rpc.rpc_async("w1", there.fail, args=(kind,)).wait())
    case("no function", lambda: rpc.rpc_sync("w1", 3))
    case("no name", lambda: rpc.rpc_sync("w1", lambda: 1))
    case("not to be sent", lambda: rpc.rpc_sync("w1", there.echo, args=(there.Unpicklable(),)))
    case("too long", lambda: rpc.rpc_sync("w1", there.sleep, args=(1.0,), timeout=0.2))
    case("long", lambda: rpc.rpc_sync("w1", there.sleep, args=(0.3,), timeout=0))
    w = torch.ones(2, requires_grad=True)
    for name, x in (("leaf", w), ("result", w * 2), ("parameter", torch.nn.Parameter(one))):
        case(
            name,
            lambda x=x: [rpc.rpc_sync("w1", there.wants, args=(x,)), there.wants(rpc.rpc_sync(1, there.echo, (x,)))],
        )


def test_calls(oracle: ModuleType) -> None:
    same(2, calls)


def references(torch: Any, rpc: Any, gradients: Any, case: Any) -> None:
    counter = rpc.remote("w1", there.Counter, args=(5,))
    case("owner", lambda: [counter.owner(), counter.owner_name(), counter.is_owner()])
    case("methods", lambda: [counter.rpc_sync().add(2), counter.rpc_async().add(more=3).wait()])
    case("remote", lambda: counter.remote().add(1).to_here())
    case("of methods", lambda: counter.remote().itself().rpc_sync().add())
    case("copy", lambda: counter.to_here().value)
    case("confirmed", lambda: counter.confirmed_by_owner())
    case("not here", lambda: counter.local_value())
    mine = rpc.RRef(7)
    case("mine", lambda: [mine.is_owner(), mine.local_value(), mine.to_here(), mine.owner(), mine.confirmed_by_owner()])
    case("text", lambda: [str(mine).partition("local_id")[0], str(counter).partition("local_id")[0]])
    for rref, name in ((rpc.remote("w1", there.double, args=(4,)), "theirs"), (mine, "mine")):
        for to in ("w0", "w1", "w2"):
            case(f"{name} to {to}", lambda to=to, rref=rref: rpc.rpc_sync(to, there.about, args=(rref,)))
            for again in ("w0", "w1", "w2"):
                args = (rref, again)
                case(f"{name} by {to} to {again}", lambda to=to, args=args: rpc.rpc_sync(to, there.pass_on, args=args))
        case(f"{name} back", lambda rref=rref: rpc.rpc_sync("w2", there.hand_back, args=(rref,)).to_here())
    case("made here", lambda: rpc.remote("w0", there.double, args=(3,)).to_here())
    case("none", lambda: rpc.remote("w1", there.fail, args=("value",)).to_here())
    case("none of methods", lambda: counter.rpc_sync().add("x"))
    case("late", lambda: rpc.remote("w1", there.sleep, args=(1.0,)).to_here(timeout=0.2))
    case("typed", lambda: rpc.RRef(1, int))
    case("passed otherwise", lambda: __import__("pickle").dumps(mine))


def test_references(oracle: ModuleType) -> None:
    same(3, references)


def kept(torch: Any, rpc: Any, gradients: Any, case: Any) -> None:
    """How many values there are that only others refer to."""

    def left(count: int) -> bool:
        for _ in range(400):
            if rpc.rpc_sync("w1", values) == count:
                return True
            time.sleep(0.01)
        return False

    rrefs = [rpc.remote("w1", there.double, args=(i,)) for i in range(10)]
    case("values", lambda: [r.to_here() for r in rrefs])
    case("ten", lambda: left(10))
    for _ in range(20):
        rpc.rpc_sync("w1", there.about, args=(rrefs[0],))
        rpc.rpc_sync("w2", there.pass_on, args=(rrefs[1], "w1"))
        rpc.rpc_sync("w2", there.pass_on, args=(rrefs[2], "w0"))
    case("still", lambda: [r.to_here() for r in rrefs])
    del rrefs[3:]
    case("three", lambda: left(3))
    rrefs.clear()
    case("none", lambda: left(0))


def values() -> int:
    from kagari.distributed.rpc import rref

    return len(rref._entries)


def test_values_go_with_their_last_reference() -> None:
    found = run("kagari", 3, kept)
    assert found["ten"] and found["three"] and found["none"], found
    assert found["values"] == found["still"] == [2 * i for i in range(10)]


def asynchronous(torch: Any, rpc: Any, gradients: Any, case: Any) -> None:
    later = there.Later
    server = rpc.remote("w1", later)
    case("later", lambda: rpc.rpc_sync("w1", later.double, args=("w0", torch.ones(2))))
    case("to be referred to", lambda: rpc.remote("w1", later.double, args=("w2", 4)).to_here())
    case("method", lambda: [server.rpc_sync().twice("w2", 5), server.remote().twice("w0", 5).to_here()])
    case("no future", lambda: refused(lambda: rpc.rpc_sync("w1", later.no_future)))
    case("fails", lambda: refused(lambda: rpc.rpc_sync("w1", later.fails, args=("w2",))))
    case("many", lambda: [f.wait() for f in [rpc.rpc_async("w1", later.double, args=("w2", i)) for i in range(40)]])


def refused(call: Any) -> bool:
    try:
        call()
    except Exception as error:
        return "must return a torch.futures.Future object" in str(error) or "bad thing" in str(error)
    return False


def test_asynchronous_execution(oracle: ModuleType) -> None:
    same(3, asynchronous)


def with_gradients(torch: Any, rpc: Any, gradients: Any, case: Any) -> None:
    first, second = rpc.remote("w1", there.Linear, args=(1,)), rpc.remote("w2", there.Linear, args=(2,))
    x = torch.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()
    w = torch.full((3,), 0.5, requires_grad=True)

    def found(context: int) -> list[Any]:
        here = gradients.get_gradients(context)
        return [here.get(x), here.get(w), first.rpc_sync().gradients(context), second.rpc_sync().gradients(context)]

    def step(kind: str) -> list[Any]:
        with gradients.context() as context:
            if kind == "chain":
                y = second.rpc_sync().forward(first.rpc_sync().forward(x * w)) * w
            elif kind == "references":
                y = second.rpc_async().of(first.remote().forward(x * w)).wait() * w
            else:
                parts = [r.rpc_async().forward(x * w) for r in (first, second, first)]
                y = sum(part.wait() for part in parts) * x
            gradients.backward(context, [y.sum()])
            return found(context)

    for kind in ("chain", "references", "several"):
        case(kind, lambda kind=kind: step(kind))
    with gradients.context() as context:
        y = rpc.rpc_sync("w1", there.double, args=(x,))
        case("results", lambda: [y.requires_grad, y.is_leaf])
        case("plain", lambda: rpc.rpc_sync("w1", there.wants, args=(torch.ones(2),)))
        case("no number", lambda: gradients.backward(context, [y]))
        case("no gradient", lambda: gradients.backward(context, [torch.ones(1)]))
        case("nothing", lambda: gradients.backward(context, []))
        case("no context", lambda: gradients.backward(10**15, [y.sum()]))
        case("of none", lambda: gradients.get_gradients(3))
        case("two", lambda: gradients.context().__enter__())
    case("grad is left alone", lambda: x.grad is None)

    optim = __import__(f"{torch.__name__}.optim").optim
    at = "distributed.optim" if torch.__name__ == "torch" else "optim.distributed"
    distributed = __import__("importlib").import_module(f"{torch.__name__}.{at}").DistributedOptimizer
    parameters = [*first.rpc_sync().parameters(), *second.rpc_sync().parameters(), rpc.RRef(w)]
    optimizer = distributed(optim.SGD, parameters, lr=0.1, momentum=0.9)
    for _ in range(4):
        with gradients.context() as context:
            y = second.rpc_sync().forward(first.rpc_sync().forward(x * w))
            gradients.backward(context, [(y**2).sum()])
            optimizer.step(context)
    case("trained", lambda: [first.rpc_sync().values(), second.rpc_sync().values(), w.detach()])


def test_gradients(oracle: ModuleType) -> None:
    same(3, with_gradients)


def test_not_begun() -> None:
    for call in (ours.get_worker_info, ours.shutdown, lambda: ours.rpc_sync("x", there.echo), lambda: ours.RRef(1)):
        with pytest.raises(RuntimeError, match="RPC has not been initialized"):
            call()


def test_bad_options() -> None:
    with pytest.raises(TypeError, match="must be a member of BackendType"):
        ours.init_rpc("x", backend="tcp")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="RpcBackendOptions"):
        ours.init_rpc("x", rpc_backend_options=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_worker_threads"):
        ours.TensorPipeRpcBackendOptions(num_worker_threads=0)


WITHOUT = """
import os, sys, time
sys.path.insert(0, {tests!r})
import rpc_programs as there
from kagari.distributed import rpc
rank = int(sys.argv[1])
options = rpc.TensorPipeRpcBackendOptions(init_method="file://{folder}/store")
rpc.init_rpc(f"w{{rank}}", rank=rank, world_size=2, rpc_backend_options=options)
if rank:
    open("{folder}/pid", "w").write(str(os.getpid()))
    time.sleep(60)
try:
    rpc.rpc_sync("w1", there.sleep, args=(50,))
except RuntimeError as error:
    print(error)
try:
    rpc.rpc_sync("w1", there.sleep, args=(50,))
except RuntimeError as error:
    print(error)
rpc.shutdown(graceful=False)
"""


def test_a_process_that_is_killed() -> None:
    """Who waits for it gets an error, and ends."""
    with tempfile.TemporaryDirectory() as folder:
        script = WITHOUT.format(folder=folder, tests=str(Path(__file__).parent))
        both = [
            subprocess.Popen([sys.executable, "-c", script, str(n)], stdout=subprocess.PIPE, text=True) for n in (0, 1)
        ]
        place = Path(folder, "pid")
        while not place.exists() or not place.read_text():
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(int(place.read_text()), signal.SIGKILL)
        said, _ = both[0].communicate(timeout=30)
        both[1].communicate(timeout=30)
    assert said.count("The connection to WorkerInfo(id=1, name=w1) is lost") == 2, said
    assert both[0].returncode == 0


def test_names_are_there() -> None:
    assert kagari.distributed.rpc.is_available() and kagari.distributed.autograd.is_available()
