"""Modules that several processes train: gradients, buffers and errors as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from ranks import run

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


def text(tensor: Any) -> str:
    return str([round(value, 4) + 0.0 for value in tensor.detach().reshape(-1).tolist()])


def training(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP = torch.nn.parallel.DistributedDataParallel
    torch.manual_seed(rank)

    def steps(model: Any, count: int = 3) -> list[str]:
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        found = []
        for _ in range(count):
            loss = (model(torch.randn(5, 4)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found += [text(loss), text(model.module.a.weight.grad), text(model.module.norm.running_mean)]
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
    case("alone", lambda: text(model.module.b.bias.grad))
    model(x).sum().backward()
    case("together", lambda: text(model.module.b.bias.grad))
    model.eval()
    with torch.no_grad():
        case("evaluation", lambda: text(model(x)))


def unused(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    DDP = torch.nn.parallel.DistributedDataParallel
    x = torch.arange(20.0).view(5, 4)
    model = DDP(network(torch, unused=True))
    case("first", lambda: model(x).sum().backward())
    case("second", lambda: model(x).sum().backward())
    model = DDP(network(torch, unused=True), find_unused_parameters=True)
    for extra in ((False, False), (True, False)):
        model(x, extra[rank % 2]).sum().backward()
        case(f"by {extra}", lambda: None if (g := model.module.unused.bias.grad) is None else text(g))


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

    def gradient(hook: Callable[..., Any]) -> str:
        torch.manual_seed(0)
        model = DDP(nn.Linear(3, 2))
        model.register_comm_hook(None, hook)
        model(torch.ones(1, 3) * (rank + 0.1)).sum().backward()
        return text(model.module.weight.grad)

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


def everything(torch: ModuleType, dist: ModuleType, rank: int, size: int, case: Case) -> None:
    for part in (training, unused, refused, hooks):
        part(torch, dist, rank, size, lambda name, call, part=part: case(f"{part.__name__}: {name}", call))


@pytest.mark.oracle
def test_as_pytorch(oracle: ModuleType) -> None:
    ours, theirs = run("kagari", 2, everything), run("torch", 2, everything)
    for rank, (here, there) in enumerate(zip(ours, theirs)):
        for name, result in here.items():
            assert result == there[name], (rank, name)


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
