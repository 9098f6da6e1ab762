"""Fits a line to noisy points: the smallest complete training program.

    python examples/linear_regression.py

It prints the loss as it falls, and saves two pictures: the points with the true and the learned line, and the loss.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim

SLOPE, INTERCEPT, NOISE = 2.0, 1.0, 0.3


def make_points(n: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around the line y = 2 x + 1. Shapes: (n, 1) and (n, 1)."""
    x = torch.linspace(-1, 1, n).unsqueeze(1)
    return x, SLOPE * x + INTERCEPT + NOISE * torch.randn(n, 1)


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int, lr: float) -> list[float]:
    """Gradient descent on the mean squared error of all points; returns the loss of every epoch."""
    criterion = nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr)
    losses = []
    bar = tqdm(range(1, epochs + 1), desc="training", unit="epoch")
    for epoch in bar:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
        if epoch % 10 == 0:
            tqdm.write(f"epoch {epoch:4d}   loss {losses[-1]:.6f}")
    return losses


def plot_fit(path: Path, x: torch.Tensor, y: torch.Tensor, prediction: torch.Tensor) -> None:
    """The points, the line that was learned, and the line they were made from."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.scatter(x.numpy(), y.numpy(), s=14, color="grey", label="points")
    axes.plot(x.numpy(), prediction.numpy(), color="darkorange", linewidth=3, label="learned line")
    axes.plot(x.numpy(), (SLOPE * x + INTERCEPT).numpy(), "--", color="black", label="true line")
    axes.set(xlabel="x", ylabel="y", title="Linear regression")
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_loss(path: Path, losses: list[float]) -> None:
    """The loss of each epoch."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.plot(range(1, len(losses) + 1), losses, color="darkorange")
    axes.set(xlabel="epoch", ylabel="mean squared error", yscale="log", title="Loss")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Makes the points, trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Fit a line to noisy points.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    x, y = make_points()
    model = nn.Linear(1, 1)
    losses = train(model, x, y, arguments.epochs, arguments.lr)
    print(f"learned   y = {model.weight.item():.4f} x + {model.bias.item():.4f}")
    print(f"true      y = {SLOPE:.4f} x + {INTERCEPT:.4f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    fit, loss = arguments.out / "linear_regression_fit.png", arguments.out / "linear_regression_loss.png"
    with torch.no_grad():
        plot_fit(fit, x, y, model(x))
    plot_loss(loss, losses)
    print(f"pictures  {fit}\n          {loss}")


if __name__ == "__main__":
    main()
