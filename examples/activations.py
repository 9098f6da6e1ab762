"""Fits one curve with several activations, which are chosen by name on the command line.

    python examples/activations.py --activations ReLU Tanh GELU SiLU

The network is built while the program runs: depth, width and activation are arguments. It saves pictures of the fits
and of the losses.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim
from kagari.nn import functional as F

CHOICES = (
    "CELU",
    "ELU",
    "GELU",
    "Hardtanh",
    "LeakyReLU",
    "Mish",
    "ReLU",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
)


class Curve(nn.Module):
    """A network of any depth, with any activation: (n, 1) to (n, 1)."""

    def __init__(self, activation: str, width: int, depth: int) -> None:
        super().__init__()
        sizes = [1, *[width] * depth]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.activation = getattr(nn, activation)()
        self.out = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The height of the curve at each x."""
        for layer in self.layers:
            x = self.activation(layer(x))
        return self.out(x)


def target(x: torch.Tensor) -> torch.Tensor:
    """The curve to fit: a wave that grows, with a kink."""
    return x * torch.sin(3 * x) + 0.5 * (x - 1).abs()


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, lr: float, name: str) -> list[float]:
    """Fits all points in each step; returns the losses."""
    optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    losses = []
    bar = tqdm(range(steps), desc=f"{name:>10}", unit="step")
    for _ in bar:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.5f}", refresh=False)
    return losses


def plot_fits(path: Path, x: torch.Tensor, y: torch.Tensor, models: dict[str, nn.Module]) -> None:
    """The curve, and what each network makes of it."""
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.plot(x.numpy(), y.numpy(), "--", color="black", linewidth=2, label="curve")
    for name, model in models.items():
        with torch.no_grad():
            axes.plot(x.numpy(), model(x).numpy(), label=name)
    axes.set(xlabel="x", ylabel="y", title="Fits")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_losses(path: Path, losses: dict[str, list[float]]) -> None:
    """The loss of each network."""
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, values in losses.items():
        axes.plot(values, label=name, linewidth=0.8)
    axes.set(xlabel="step", ylabel="mean squared error", yscale="log", title="Losses")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains a network for each activation, prints and plots."""
    parser = argparse.ArgumentParser(description="Fit a curve with several activations.")
    parser.add_argument("--activations", nargs="+", choices=CHOICES, default=["ReLU", "Tanh", "GELU", "SiLU"])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--depth", type=int, default=2, help="hidden layers")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--lr", type=float, default=5e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    x = torch.linspace(-3, 3, 256).unsqueeze(1)
    y = target(x)
    models, losses = {}, {}
    for name in arguments.activations:
        torch.manual_seed(arguments.seed)
        models[name] = Curve(name, arguments.width, arguments.depth)
        losses[name] = train(models[name], x, y, arguments.steps, arguments.lr, name)
    for name, values in losses.items():
        print(f"{name:<10} loss {values[0]:.5f} -> {min(values):.5f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_fits(arguments.out / "activations_fits.png", x, y, models)
    plot_losses(arguments.out / "activations_losses.png", losses)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
