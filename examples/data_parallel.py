"""Two processes that train one classifier: each sees half of every batch, both have the same weights all the time.

    python examples/data_parallel.py --processes 2

It starts itself as `python -m kagari.distributed.run --standalone --nproc-per-node 2 examples/data_parallel.py` would.
On several machines that command is given on each of them, with `--nnodes` and a place to meet.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import distributed as dist
from kagari import nn, optim
from kagari.distributed.run import main as torchrun
from kagari.nn.functional import cross_entropy
from kagari.nn.parallel import DistributedDataParallel
from kagari.utils.data import DataLoader, DistributedSampler, TensorDataset

RINGS = 3


def rings(count: int) -> TensorDataset:
    """Points on rings around each other; the ring is the class."""
    label = torch.arange(count) % RINGS
    angle, radius = 2 * math.pi * torch.rand(count), 1 + label + 0.2 * torch.randn(count)
    return TensorDataset(torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), label)


def average(value: torch.Tensor) -> float:
    """The mean over all processes."""
    total = value.detach().clone()
    dist.all_reduce(total)
    return total.item() / dist.get_world_size()


def train(model: nn.Module, data: TensorDataset, epochs: int, batch: int) -> list[float]:
    """Each epoch in a new order, of which each process has its share; returns the mean losses of all processes."""
    sampler = DistributedSampler(data)
    loader = DataLoader(data, batch // dist.get_world_size(), sampler=sampler)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for epoch in tqdm(range(epochs), desc="training", unit="epoch", disable=dist.get_rank() > 0):
        sampler.set_epoch(epoch)
        for points, labels in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(points), labels)
            loss.backward()  # and the gradients are those of the whole batch
            optimizer.step()
        losses.append(average(loss))
    return losses


def plot(folder: Path, model: nn.Module, data: TensorDataset, losses: list[float]) -> None:
    """The losses, what the classifier says of the plane, and whose points were whose."""
    points, _ = data.tensors
    figure, axes = plt.subplots()
    axes.semilogy(losses)
    axes.set(title="loss of all processes", xlabel="epoch", ylabel="cross entropy")
    figure.savefig(folder / "data_parallel_losses.png", dpi=120)

    figure, axes = plt.subplots(figsize=(6, 6))
    line = torch.linspace(-4.5, 4.5, 150)
    x, y = torch.meshgrid(line, line, indexing="xy")
    with torch.no_grad():
        said = model(torch.stack([x, y], dim=-1).view(-1, 2)).argmax(1).view(150, 150)
    axes.contourf(x.numpy(), y.numpy(), said.numpy(), levels=RINGS - 1, alpha=0.3)
    for rank in range(dist.get_world_size()):
        share = points[list(DistributedSampler(data, dist.get_world_size(), rank))]
        axes.scatter(share[:, 0].numpy(), share[:, 1].numpy(), s=6, label=f"process {rank}'s in the first epoch")
    axes.legend()
    figure.savefig(folder / "data_parallel_shares.png", dpi=120)
    plt.close("all")


def work(args: argparse.Namespace) -> None:
    """What each process does."""
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    data = rings(args.points)
    torch.manual_seed(dist.get_rank())  # the weights become those of process 0
    layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, RINGS))
    model = DistributedDataParallel(layers)
    losses = train(model, data, args.epochs, args.batch)

    weights: list[list[float]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(weights, nn.utils.parameters_to_vector(layers.parameters()).tolist())
    if dist.get_rank() == 0:
        points, labels = data.tensors
        with torch.no_grad():
            accuracy = (model(points).argmax(1) == labels).float().mean().item()
        print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, accuracy {accuracy:.3f}")
        print(f"the same weights in {len(weights)} processes: {all(w == weights[0] for w in weights)}")
        args.out.mkdir(parents=True, exist_ok=True)
        plot(args.out, layers, data, losses)
    dist.destroy_process_group()


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line, and starts the processes where they have not been started."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--points", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=64, help="of all processes together")
    parser.add_argument("--out", type=Path, default=Path("pictures"))
    args = parser.parse_args(arguments)
    if dist.is_torchelastic_launched():
        work(args)
        return
    told = [f"--{name}={getattr(args, name)}" for name in ("processes", "epochs", "points", "batch", "out")]
    torchrun(["--standalone", f"--nproc-per-node={args.processes}", os.path.abspath(__file__), *told])


if __name__ == "__main__":
    main()
