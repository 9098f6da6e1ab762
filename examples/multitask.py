"""Learns three tasks at once: a shared body, and a head for each task in a ModuleDict.

    python examples/multitask.py

The input is a point of the plane. The tasks: its quadrant (one of four), its distance from the centre (a number), and
whether it lies in a ring (yes or no). Each has its own loss; the body learns from their sum.
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

WIDTH, BATCH = 48, 128
OUTPUTS = {"quadrant": 4, "distance": 1, "ring": 1}


class MultiTask(nn.Module):
    """A body for all tasks and a head for each."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.heads = nn.ModuleDict({task: nn.Linear(WIDTH, size) for task, size in OUTPUTS.items()})

    def forward(self, points: torch.Tensor) -> dict[str, torch.Tensor]:
        """(n, 2) to an output of shape (n, size) for each task."""
        features = self.body(points)
        return {task: head(features) for task, head in self.heads.items()}


def sample(n: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Points and what each task wants to know of them."""
    points = 2 * torch.rand(n, 2) - 1
    distance = points.square().sum(1, keepdim=True).sqrt()
    side = (points > 0).long()
    ring = ((distance > 0.4) & (distance < 0.8)).float()
    return points, {"quadrant": 2 * side[:, 0] + side[:, 1], "distance": distance, "ring": ring}


def score(outputs: dict[str, torch.Tensor], targets: dict[str, torch.Tensor]) -> dict[str, float]:
    """Accuracies, and for the distance the mean error."""
    return {
        "quadrant": (outputs["quadrant"].argmax(1) == targets["quadrant"]).float().mean().item(),
        "distance": (outputs["distance"] - targets["distance"]).abs().mean().item(),
        "ring": ((outputs["ring"] > 0) == (targets["ring"] > 0)).float().mean().item(),
    }


def train(model: MultiTask, steps: int, lr: float) -> dict[str, list[float]]:
    """Returns the losses of each task."""
    criteria = nn.ModuleDict(
        {"quadrant": nn.CrossEntropyLoss(), "distance": nn.MSELoss(), "ring": nn.BCEWithLogitsLoss()}
    )
    optimizer = optim.Adam(model.parameters(), lr=lr)
    history: dict[str, list[float]] = {task: [] for task in OUTPUTS}
    bar = tqdm(range(steps), desc="training", unit="step")
    for _ in bar:
        points, targets = sample(BATCH)
        outputs = model(points)
        losses = {task: criteria[task](outputs[task], targets[task]) for task in OUTPUTS}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        for task, loss in losses.items():
            history[task].append(loss.item())
        bar.set_postfix({task: f"{values[-1]:.3f}" for task, values in history.items()}, refresh=False)
    return history


def plot_maps(path: Path, model: MultiTask) -> None:
    """What each head says for every place of the plane."""
    axis = torch.linspace(-1, 1, 120)
    grid = torch.stack([axis.repeat(120), axis.unsqueeze(1).expand(120, 120).flatten()], dim=1)
    with torch.no_grad():
        outputs = model(grid)
    shown = {
        "quadrant": outputs["quadrant"].argmax(1), "distance": outputs["distance"], "ring": outputs["ring"].sigmoid(),
    }  # fmt: skip
    figure, panels = plt.subplots(1, 3, figsize=(12, 4))
    for axes, (task, values) in zip(panels, shown.items()):
        axes.imshow(values.reshape(120, 120).numpy(), origin="lower", extent=(-1, 1, -1, 1))
        axes.set(title=task)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_losses(path: Path, history: dict[str, list[float]]) -> None:
    """The loss of each task."""
    figure, axes = plt.subplots(figsize=(7, 5))
    for task, values in history.items():
        axes.plot(values, label=task, linewidth=0.8)
    axes.set(xlabel="step", ylabel="loss", yscale="log", title="Losses of the tasks")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints the score of each task and plots."""
    parser = argparse.ArgumentParser(description="Learn three tasks with one body.")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=5e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    model = MultiTask()
    history = train(model, arguments.steps, arguments.lr)
    points, targets = sample(2000)
    with torch.no_grad():
        scores = score(model(points), targets)
    print(f"quadrant  accuracy {scores['quadrant']:.4f}")
    print(f"ring      accuracy {scores['ring']:.4f}")
    print(f"distance  mean error {scores['distance']:.4f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_maps(arguments.out / "multitask_maps.png", model)
    plot_losses(arguments.out / "multitask_losses.png", history)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
