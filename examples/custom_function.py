"""Operators with gradients of one's own: torch.autograd.Function.

    python examples/custom_function.py

First a smooth function with its derivative written by hand, checked against finite differences. Then a network of
neurons that are on or off. A step has no slope to learn from, so its backward pass uses that of a smooth curve in its
place (a surrogate gradient); the network learns two moons nevertheless.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim
from kagari.autograd import Function, gradcheck
from kagari.nn import functional as F

WIDTH = 64


class Swish(Function):
    """x sigmoid(x), whose derivative is s + x s (1 - s) with s = sigmoid(x)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Keeps x for the backward pass."""
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        """The gradient with respect to x."""
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return grad * (s + x * s * (1 - s))


class Step(Function):
    """1 where x > 0, else 0; backward as if it were a curve of slope 1 / (1 + |k x|)^2."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, steepness: float) -> torch.Tensor:
        """Keeps x for the backward pass."""
        ctx.save_for_backward(x)
        ctx.steepness = steepness
        return (x > 0).float()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient with respect to x; the steepness has none."""
        (x,) = ctx.saved_tensors
        return grad / (1 + ctx.steepness * x.abs()).square(), None


class OnOff(nn.Module):
    """Two layers of neurons that are on or off: (n, 2) to (n,), a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(2, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """The logit of the second moon."""
        on = Step.apply(self.first(points), 3.0)
        on = Step.apply(self.second(on), 3.0)
        return self.out(on).squeeze(1)


def make_moons(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two half circles that reach into each other. Shapes: (2 n, 2) and (2 n,)."""
    angle = math.pi * torch.rand(n)
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)
    points = torch.cat([upper, lower]) + 0.08 * torch.randn(2 * n, 2)
    return points, torch.cat([torch.zeros(n), torch.ones(n)])


def train(model: nn.Module, points: torch.Tensor, labels: torch.Tensor, steps: int, lr: float) -> list[float]:
    """All points in each step; returns the losses."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    losses = []
    bar = tqdm(range(steps), desc="training", unit="step")
    for _ in bar:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(points), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
    return losses


def plot_regions(path: Path, model: nn.Module, points: torch.Tensor, labels: torch.Tensor) -> None:
    """What the network says for every place: its regions have straight edges, as its neurons are steps."""
    across, up = torch.linspace(-1.6, 2.6, 200), torch.linspace(-1.2, 1.7, 200)
    grid = torch.stack([across.repeat(200), up.unsqueeze(1).expand(200, 200).flatten()], dim=1)
    with torch.no_grad():
        chance = model(grid).sigmoid().reshape(200, 200)
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.imshow(chance.numpy(), origin="lower", extent=(-1.6, 2.6, -1.2, 1.7), alpha=0.5, cmap="coolwarm")
    axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), c=labels.numpy(), s=8, cmap="coolwarm")
    axes.set(title="Two moons, by neurons that are on or off")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_slopes(path: Path) -> None:
    """Both functions, and the slopes that their backward passes give."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4))
    functions = {"swish": Swish.apply, "step": lambda x: Step.apply(x, 3.0)}
    for axes, (name, function) in zip(panels, functions.items()):
        x = torch.linspace(-4, 4, 400, requires_grad=True)
        y = function(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        axes.plot(x.detach().numpy(), y.detach().numpy(), color="black", label=name)
        axes.plot(x.detach().numpy(), slope.numpy(), color="darkorange", label="slope, backward")
        axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Checks, trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Train through functions with gradients of their own.")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--lr", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    x = torch.randn(8, dtype=torch.float64, requires_grad=True)
    print(f"the derivative of swish agrees with finite differences: {gradcheck(Swish.apply, (x,))}")

    points, labels = make_moons(250)
    model = OnOff()
    losses = train(model, points, labels, arguments.steps, arguments.lr)
    fresh, wanted = make_moons(500)
    with torch.no_grad():
        share = ((model(fresh) > 0) == (wanted > 0)).float().mean().item()
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(f"accuracy {share:.4f} on new points")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_regions(arguments.out / "custom_function_regions.png", model, points, labels)
    plot_slopes(arguments.out / "custom_function_slopes.png")
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
