"""Tells drawn shapes apart: a convolutional network, batches drawn by workers, and a run that can be resumed.

    python examples/shapes.py
    python examples/shapes.py --epochs 8 --resume     # goes on where the last run stopped, on the same curve

It saves a checkpoint after each epoch, a picture of drawings and what the network takes them for, and one of the curve.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim
from kagari.nn import functional as F
from kagari.utils.data import DataLoader, Dataset
from kagari.vision.datasets import SyntheticShapes

NAMES, BATCH = SyntheticShapes.classes, 32


def make_model() -> nn.Module:
    """(n, 1, H, W) to (n, len(NAMES)): the logits of the shapes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 9, len(NAMES)),
    )  # fmt: skip


class Run:
    """A training run: all that a checkpoint holds."""

    def __init__(self, lr: float) -> None:
        self.model = make_model()
        self.optimizer = optim.Adam(self.model.parameters(), lr=lr)
        self.schedule = optim.lr_scheduler.ExponentialLR(self.optimizer, 0.8)
        self.losses: list[float] = []

    def save(self, path: Path) -> None:
        """Writes the checkpoint. Who reads it meanwhile sees the one before."""
        parts: dict[str, Any] = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "schedule")}
        torch.save(parts | {"losses": self.losses, "random": torch.get_rng_state()}, path)

    def load(self, path: Path) -> None:
        """Goes back to where a checkpoint was saved."""
        parts = torch.load(path)
        for name in ("model", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(parts[name])
        self.losses = parts["losses"]
        torch.set_rng_state(parts["random"])

    def train(self, data: DataLoader, epochs: int, checkpoint: Path) -> None:
        """Trains until so many epochs are done, a checkpoint after each."""
        for epoch in range(len(self.losses), epochs):
            total = 0.0
            bar = tqdm(data, desc=f"epoch {epoch + 1} of {epochs}", unit="batch")
            for images, kinds in bar:
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(images), kinds)
                loss.backward()
                self.optimizer.step()
                total += loss.item()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
            self.schedule.step()
            self.losses.append(total / len(data))
            self.save(checkpoint)


def accuracy(model: nn.Module, data: DataLoader) -> float:
    """The share of drawings whose shape has the largest logit."""
    model.eval()
    with torch.no_grad():
        right = [(model(images).argmax(1) == kinds).float().mean().item() for images, kinds in data]
    model.train()
    return sum(right) / len(right)


def plot_drawings(path: Path, model: nn.Module, drawings: Dataset) -> None:
    """Drawings, and what the network takes them for."""
    model.eval()
    figure, axes = plt.subplots(3, 5, figsize=(8, 5.4))
    for k, place in enumerate(axes.flat):
        image, kind = drawings[k]
        with torch.no_grad():
            found = int(model(image.unsqueeze(0)).argmax())
        place.imshow(image[0].numpy(), cmap="gray")
        place.set_title(NAMES[found], color="black" if found == kind else "red", fontsize=10)
        place.axis("off")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_losses(path: Path, losses: list[float]) -> None:
    """The mean loss of each epoch."""
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(range(1, len(losses) + 1), losses, marker="o", color="darkorange")
    axes.set(xlabel="epoch", ylabel="cross entropy", yscale="log", title="Loss")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Tell drawn shapes apart.")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--drawings", type=int, default=2000, help="how many drawings an epoch has")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--lr", type=float, default=3e-3, help="learning rate of the first epoch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures and the checkpoint")
    arguments = parser.parse_args(argv)

    arguments.out.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.out / "shapes.pt"
    torch.manual_seed(arguments.seed)
    run = Run(arguments.lr)
    if arguments.resume:
        run.load(checkpoint)
    data = DataLoader(SyntheticShapes(arguments.drawings), BATCH, shuffle=True, num_workers=arguments.workers)
    run.train(data, arguments.epochs, checkpoint)
    unseen = SyntheticShapes(200, seed=1)
    print(f"loss {run.losses[0]:.4f} -> {run.losses[-1]:.4f}")
    print(f"accuracy {accuracy(run.model, DataLoader(unseen, 50)):.4f} on {len(unseen)} drawings it has not seen")
    plot_drawings(arguments.out / "shapes_drawings.png", run.model, unseen)
    plot_losses(arguments.out / "shapes_loss.png", run.losses)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
