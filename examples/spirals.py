"""Classifies points on three spirals: a multi-layer perceptron, mini-batches, and accuracy on points it has not seen.

    python examples/spirals.py

It saves a picture of the regions that the network gives to each class, and one of losses and accuracies.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim
from kagari.nn import functional as F
from kagari.utils.data import DataLoader, TensorDataset, random_split

CLASSES, NOISE, WIDTH = 3, 0.08, 64


def make_spirals(n: int) -> TensorDataset:
    """n points around each of three arms. Shapes: (3 n, 2) and (3 n,)."""
    arm = torch.arange(CLASSES).unsqueeze(1).expand(CLASSES, n).flatten()
    along = torch.linspace(0.1, 1, n).repeat(CLASSES)
    angle = 4 * along + arm * (2 * math.pi / CLASSES)
    points = along.unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return TensorDataset(points + NOISE * along.unsqueeze(1) * torch.randn(CLASSES * n, 2), arm)


def make_model() -> nn.Module:
    """(n, 2) to (n, CLASSES): the logits of the classes."""
    return nn.Sequential(nn.Linear(2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def accuracy(model: nn.Module, points: torch.Tensor, classes: torch.Tensor) -> float:
    """The share of points whose class has the largest logit."""
    with torch.no_grad():
        return (model(points).argmax(1) == classes).float().mean().item()


def train(model: nn.Module, data: DataLoader, held_out: tuple, epochs: int, lr: float) -> list[tuple[float, float]]:
    """Returns the mean loss of each epoch, and the accuracy on the held-out points after it."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    history = []
    bar = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in bar:
        total = 0.0
        for points, classes in data:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(points), classes)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history.append((total / len(data), accuracy(model, *held_out)))
        bar.set_postfix(loss=f"{history[-1][0]:.4f}", accuracy=f"{history[-1][1]:.1%}", refresh=False)
    return history


def plot_regions(path: Path, model: nn.Module, points: torch.Tensor, classes: torch.Tensor) -> None:
    """The class of every place of the plane, and the held-out points."""
    axis = torch.linspace(-1.3, 1.3, 200)
    grid = torch.stack([axis.repeat(200), axis.unsqueeze(1).expand(200, 200).flatten()], dim=1)
    with torch.no_grad():
        regions = model(grid).argmax(1).reshape(200, 200)
    figure, axes = plt.subplots(figsize=(6, 6))
    axes.imshow(regions.numpy(), origin="lower", extent=(-1.3, 1.3, -1.3, 1.3), alpha=0.35, cmap="viridis")
    axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), c=classes.numpy(), s=14, cmap="viridis", edgecolor="black")
    axes.set(title="Regions of the classes, and points that were held out")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_history(path: Path, history: list[tuple[float, float]]) -> None:
    """Loss and accuracy of each epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot([loss for loss, _ in history], color="darkorange")
    left.set(xlabel="epoch", ylabel="cross entropy", yscale="log", title="Loss")
    right.plot([share for _, share in history], color="black")
    right.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02), title="Held-out points")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Makes the points, trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Classify points on three spirals.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--lr", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    training, rest = random_split(make_spirals(300), [0.8, 0.2])
    held_out = rest[list(range(len(rest)))]
    model = make_model()
    history = train(model, DataLoader(training, batch_size=64, shuffle=True), held_out, arguments.epochs, arguments.lr)
    print(f"loss {history[0][0]:.4f} -> {history[-1][0]:.4f}")
    print(f"accuracy {history[-1][1]:.4f} on {len(rest)} points that were held out")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_regions(arguments.out / "spirals_regions.png", model, *held_out)
    plot_history(arguments.out / "spirals_history.png", history)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
