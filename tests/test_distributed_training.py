"""Modules that several processes train: gradients, buffers and errors as PyTorch's."""

from __future__ import annotations

import copy
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from ranks import alike, run

import kagari as torch

Case = Callable[[str, Callable[[], Any]], None]


def network(torch: ModuleType, unused: bool = False) -> Any:
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.norm = nn.Linear(4, 3), nn.Linear(3, 2), nn.BatchNorm1d(3)
            self.unused = nn.Linear(2, 2) if unused else None

        def forward(self, x: Any, extra: bool = False) -> Any:
            y = self.b(torch.relu(self.norm(self.a(x))))
            return self.unused(y) if extra else y

    return Net()


def values(tensor: Any) -> list[float]:
    return [float(value) for value in tensor.detach().reshape(-1).tolist()]


def training(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP = torch.nn.parallel.DistributedDataParallel
    torch.manual_seed(rank)

    def steps(model: Any, count: int = 3) -> list[Any]:
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        found = []
        for _ in range(count):
            loss = (model(torch.randn(5, 4)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found += [values(loss), values(model.module.a.weight.grad), values(model.module.norm.running_mean)]
        return found

    model = DDP(network(torch))
    case("repr", lambda: [repr(model), list(model.state_dict())])
    case("steps", lambda: steps(model))
    case("views", lambda: steps(DDP(network(torch), gradient_as_bucket_view=True)))
    case("small buckets", lambda: steps(DDP(network(torch), bucket_cap_mb=0.00001)))
    case("own buffers", lambda: steps(DDP(network(torch), broadcast_buffers=False)))
    model.zero_grad()
    x = torch.arange(20.0).view(5, 4) * (rank + 1)
    with model.no_sync():
        model(x).sum().backward()
    model.module.norm.reset_running_stats()
    case("alone", lambda: values(model.module.b.bias.grad))
    model(x).sum().backward()
    case("together", lambda: values(model.module.b.bias.grad))
    twin = copy.deepcopy(model)
    twin.zero_grad()
    twin(x).sum().backward()
    case("copied", lambda: [values(twin.module.b.bias.grad), values(model.module.b.bias.grad)])
    model.eval()
    with torch.no_grad():
        case("evaluation", lambda: values(model(x)))


def unused(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP = torch.nn.parallel.DistributedDataParallel
    x = torch.arange(20.0).view(5, 4)
    model = DDP(network(torch, unused=True))
    case("first", lambda: model(x).sum().backward())
    case("second", lambda: model(x).sum().backward())
    model = DDP(network(torch, unused=True), find_unused_parameters=True)
    for extra in ((False, False), (True, False)):
        model(x, extra[rank % 2]).sum().backward()
        case(f"by {extra}", lambda: None if (g := model.module.unused.bias.grad) is None else values(g))


def refused(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP, nn = torch.nn.parallel.DistributedDataParallel, torch.nn
    case("nothing", lambda: DDP(nn.ReLU()))
    case("devices", lambda: DDP(nn.Linear(2, 2), device_ids=[0]))
    model = DDP(nn.Linear(1, 1))
    case("no hook", lambda: model.register_comm_hook(None, 1))
    model.register_comm_hook(None, lambda state, bucket: None)
    case("two hooks", lambda: model.register_comm_hook(None, lambda state, bucket: None))


def hooks(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP, nn = torch.nn.parallel.DistributedDataParallel, torch.nn
    there = import_module(f"{torch.__name__}.distributed.algorithms.ddp_comm_hooks.default_hooks")

    def gradient(hook: Callable[..., Any]) -> list[float]:
        torch.manual_seed(0)
        model = DDP(nn.Linear(3, 2))
        model.register_comm_hook(None, hook)
        model(torch.ones(1, 3) * (rank + 0.1)).sum().backward()
        return values(model.module.weight.grad)

    seen = []

    def tenfold(state, bucket):  # PyTorch wants its own types here, or none
        sizes = [[list(x.shape) for x in some] for some in (bucket.gradients(), bucket.parameters())]
        seen.append([bucket.index(), bucket.is_last(), sizes])
        summed = dist.all_reduce(bucket.buffer(), async_op=True).get_future()
        return summed.then(lambda done: done.value()[0] * 10)

    for name in ("allreduce_hook", "fp16_compress_hook"):
        case(name, lambda name=name: gradient(getattr(there, name)))
    case("wrapped", lambda: gradient(there.fp16_compress_wrapper(there.allreduce_hook)))
    case("own", lambda: [gradient(tenfold), seen])


def gradients(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    F = import_module(f"{torch.__name__}.distributed.nn.functional")
    weight = torch.tensor([1.0, 2.0, 3.0]) * (rank + 1)

    def through(call: Callable[[Any], Any]) -> list[Any]:
        x = (torch.arange(3.0) + rank).requires_grad_()
        y = call(x)
        stacked = torch.stack(list(y)) if isinstance(y, tuple | list) else y
        (stacked * weight).sum().backward()
        return [values(stacked), values(x.grad)]

    blank = [torch.empty(3) for _ in range(size)]
    case("all_reduce", lambda: through(F.all_reduce))
    case("all_gather", lambda: through(F.all_gather))
    case("broadcast", lambda: through(lambda x: F.broadcast(x, 1)))
    case("reduce", lambda: through(lambda x: F.reduce(x, 0))[rank:])  # that of the others is undefined
    case("gather", lambda: through(lambda x: F.gather(x, 1)))
    case("scatter", lambda: through(lambda x: F.scatter([x * i for i in range(size)], 0)))
    case("reduce_scatter", lambda: through(lambda x: F.reduce_scatter(blank[0], [x * i for i in range(size)])))
    case("all_to_all", lambda: through(lambda x: F.all_to_all(blank, [x * i for i in range(size)])))
    case(
        "single",
        lambda: through(lambda x: F.all_to_all_single(torch.empty(3 * size), torch.cat([x] * size)).view(-1, 3)),
    )


def uneven(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP = torch.nn.parallel.DistributedDataParallel
    for by_all in (True, False):
        torch.manual_seed(1)
        model = DDP(network(torch))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        found = []
        with model.join(divide_by_initial_world_size=by_all):
            for _ in range(2 + 2 * rank):
                optimizer.zero_grad()
                (model(torch.randn(5, 4) * (rank + 1)) ** 2).mean().backward()
                found.append(values(model.module.a.weight.grad))
                optimizer.step()
        case(f"joined {by_all}", lambda found=found: found)
        case(f"parameters {by_all}", lambda model=model: [values(p) for p in model.state_dict().values()])
    with_error = DDP(torch.nn.Linear(1, 1))
    with_error.module.weight.data.fill_(1.0)

    def early() -> None:
        with with_error.join(throw_on_early_termination=True):
            for _ in range(1 + rank):
                with_error(torch.ones(1, 1)).sum().backward()

    case("early", early)


def sharded(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    place = "torch.distributed.optim" if torch.__name__ == "torch" else "kagari.optim.zero"
    ZeRO = import_module(place).ZeroRedundancyOptimizer
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)))
    optimizer = ZeRO(model.parameters(), torch.optim.Adam, lr=0.01)

    def steps(count: int) -> list[Any]:
        found = []
        for i in range(count):
            optimizer.zero_grad()
            loss = (model(torch.arange(20.0).view(5, 4) * (rank + 1) / (i + 1)) ** 2).mean()
            loss.backward()
            optimizer.step()
            found.append(values(loss))
        return found

    case("steps", lambda: steps(3))
    case("slower", lambda: [optimizer.param_groups[0].update(lr=0.001), steps(2)])
    case("too early", optimizer.state_dict)
    optimizer.consolidate_state_dict(to=0)
    if rank == 0:
        state = optimizer.state_dict()
        case(
            "state",
            lambda: [sorted(state["state"]), values(state["state"][0]["exp_avg"]), state["param_groups"][0]["lr"]],
        )
    shared = [optimizer.state_dict() if rank == 0 else None]
    dist.broadcast_object_list(shared, 0)
    optimizer.load_state_dict(shared[0])
    case("loaded", lambda: steps(2))


def everything(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    for part in (training, unused, refused, hooks, gradients, uneven, sharded):
        part(torch, dist, rank, size, lambda name, call, part=part: case(f"{part.__name__}: {name}", call))


@pytest.mark.oracle
def test_as_pytorch(oracle: ModuleType) -> None:
    ours, theirs = run("kagari", 2, everything), run("torch", 2, everything)
    for rank, (here, there) in enumerate(zip(ours, theirs)):
        for name, result in here.items():
            assert alike(result, there[name]), (rank, name, result, there[name])


def differing(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP, nn = torch.nn.parallel.DistributedDataParallel, torch.nn
    case("sizes", lambda: DDP(nn.Linear(2, 2 + rank)))
    case("count", lambda: DDP(nn.Sequential(*[nn.Linear(2, 2) for _ in range(1 + rank)])))


def test_modules_that_differ_are_an_error_of_all_processes() -> None:
    for found in run("kagari", 2, differing):
        assert found["sizes"][1].startswith("[1]: params[0] in this process with sizes [3, 2] appears not to match")
        assert found["count"][1].startswith("DDP expects same model across all ranks, but Rank 1 has 4 params")


def halves(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 4), torch.randn(8, 2)
    plain = network(torch)
    plain.norm = torch.nn.Identity()  # which, unlike batch norm, does not look at the whole batch
    model = torch.nn.parallel.DistributedDataParallel(plain)
    part = slice(4 * rank, 4 * rank + 4)
    ((model(x[part]) - y[part]) ** 2).mean().backward()
    found = model.module.a.weight.grad
    case("gradient", lambda: [found.reshape(-1).tolist()])


def test_half_a_batch_each_is_the_batch() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 4), torch.randn(8, 2)
    model = network(torch)
    model.norm = torch.nn.Identity()
    ((model(x) - y) ** 2).mean().backward()
    for found in run("kagari", 2, halves):
        np.testing.assert_allclose(found["gradient"][0], model.a.weight.grad.reshape(-1).numpy(), 1e-5, 1e-7)


PROGRAM = """
import os, sys
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import record

@record
def main():
    dist.init_process_group("gloo")
    x = torch.ones(1)
    dist.all_reduce(x)
    names = "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK TORCHELASTIC_RESTART_COUNT"
    found = [*(os.environ[name] for name in names.split()), int(x), sys.argv[1:]]
    sys.stdout.write(" ".join(map(str, found)) + "\\n")  # at once: others write, too
    if "fail" in sys.argv and dist.get_rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] != sys.argv[2]:
        raise ValueError("a reason")
    dist.destroy_process_group()

main()
"""


def torchrun(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    before = [a for a in arguments if a.startswith("-")]
    behind = [a for a in arguments if not a.startswith("-")]
    command = [sys.executable, "-m", "kagari", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run([*command, *before, str(program), *behind], capture_output=True, text=True, timeout=120)


def test_torchrun_tells_processes_their_numbers(tmp_path: Path) -> None:
    done = torchrun(tmp_path, "a")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["0 0 2 2 0 0 2 ['a']", "1 1 2 2 0 0 2 ['a']"]


def test_torchrun_shows_the_error_of_a_process(tmp_path: Path) -> None:
    done = torchrun(tmp_path, "fail", "never")
    assert done.returncode == 1
    assert "[rank1]: ValueError: a reason" in done.stderr
    assert "program.py FAILED" in done.stderr and "rank      : 1 (local_rank: 1)" in done.stderr
    assert done.stderr.count("raise ValueError") == 2  # told by the process and by who started it


def test_torchrun_starts_all_processes_again(tmp_path: Path) -> None:
    done = torchrun(tmp_path, "--max-restarts=1", "--tee=3", f"--log-dir={tmp_path / 'logs'}", "fail", "1")
    assert done.returncode == 0
    assert "[default0]:0 0 2 2 0 1 2 ['fail', '1']" in done.stdout
    (log,) = (tmp_path / "logs").glob("*/attempt_1/1/stdout.log")
    assert log.read_text() == "1 1 2 2 0 1 2 ['fail', '1']\n"


def test_torchrun_on_two_machines(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kagari.distributed.run", "--nnodes=2", f"--rdzv-endpoint=localhost:{port}"]
    with (
        subprocess.Popen([*command, str(program)], stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen([*command, str(program)], stdout=subprocess.PIPE, text=True) as second,
    ):
        said = sorted(started.communicate(timeout=60)[0] for started in (first, second))
    assert said == ["0 0 2 1 0 0 2 []\n", "1 0 2 1 1 0 2 []\n"]
