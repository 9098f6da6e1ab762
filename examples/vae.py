"""Trains a variational autoencoder on drawings of discs, squares and rings, made while the program runs.

    python examples/vae.py

The encoder says where in a plane of two numbers a drawing may lie, the decoder draws what lies there. Pictures:
drawings and what is left of them after both; what the decoder draws all over the plane; the loss.

Source: D. P. Kingma and M. Welling, Auto-Encoding Variational Bayes, 2013.
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
from kagari.nn import functional as F

SIDE, LATENT, WIDTH, BATCH = 16, 2, 128, 128


def draw(n: int) -> torch.Tensor:
    """Drawings of one shape each, of any size and anywhere. Shape: (n, SIDE * SIDE), values from 0 to 1."""
    axis = torch.linspace(-1, 1, SIDE)
    centre = 0.6 * torch.rand(n, 2, 1, 1) - 0.3
    radius = 0.3 + 0.35 * torch.rand(n, 1, 1)
    x, y = (
        axis.reshape(1, 1, SIDE) - centre[:, 0],
        axis.reshape(1, SIDE, 1) - centre[:, 1],
    )  # (n, 1, SIDE), (n, SIDE, 1)
    round_ = (x.square() + y.square()).sqrt() - radius  # (n, SIDE, SIDE): distance from the edge
    square = torch.maximum(x.abs(), y.abs()) - 0.85 * radius
    ring = round_.abs() - 0.1
    kind = torch.randint(3, (n, 1, 1))
    edge = torch.where(kind == 0, round_, torch.where(kind == 1, square, ring))
    return torch.sigmoid(-25 * edge).reshape(n, SIDE * SIDE)


class VAE(nn.Module):
    """An encoder to mean and log variance, and a decoder to the logits of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(SIDE * SIDE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2 * LATENT)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, SIDE * SIDE)
        )

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n, pixels) to logits (n, pixels), mean (n, LATENT) and log variance (n, LATENT)."""
        mean, log_variance = self.encoder(pictures).chunk(2, dim=1)
        sampled = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(sampled), mean, log_variance


def loss_of(model: VAE, pictures: torch.Tensor) -> torch.Tensor:
    """The negative evidence lower bound, per drawing: pixels that are wrong, plus the distance of the encoder's
    Gaussians from the standard one, -1/2 sum(1 + log s^2 - m^2 - s^2)."""
    logits, mean, log_variance = model(pictures)
    wrong = F.binary_cross_entropy_with_logits(logits, pictures, reduction="sum")
    distance = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (wrong + distance) / len(pictures)


def train(model: VAE, steps: int, lr: float) -> list[float]:
    """Draws new pictures for every step; returns the losses."""
    optimizer = optim.Adam(model.parameters(), lr=lr)

    @torch.compile  # element-wise operators of the drawings and the loss run as one kernel
    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model, draw(BATCH))
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = []
    bar = tqdm(range(steps), desc="training", unit="step")
    for _ in bar:
        losses.append(step().item())
        bar.set_postfix(loss=f"{losses[-1]:.1f}", refresh=False)
    return losses


def plot_pictures(path: Path, title: str, rows: list[torch.Tensor]) -> None:
    """Rows of drawings."""
    figure, panels = plt.subplots(len(rows), len(rows[0]), figsize=(len(rows[0]) * 0.8, len(rows) * 0.85 + 0.4))
    for axes, picture in zip(panels.flat, torch.cat(rows)):
        axes.imshow(picture.reshape(SIDE, SIDE).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.axis("off")
    figure.suptitle(title)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def plot_loss(path: Path, losses: list[float]) -> None:
    """The loss of each step."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.plot(losses, color="darkorange", linewidth=0.8)
    axes.set(xlabel="step", ylabel="negative evidence lower bound", title="Loss")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Train a variational autoencoder on simple drawings.")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    model = VAE()
    losses = train(model, arguments.steps, arguments.lr)
    last = losses[-20:]
    print(f"loss {losses[0]:.1f} -> {sum(last) / len(last):.1f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    pictures, axis = draw(12), torch.linspace(-2, 2, 10)
    with torch.no_grad():
        again = model(pictures)[0].sigmoid()
        plane = [model.decoder(torch.stack([axis, y.expand(10)], dim=1)).sigmoid() for y in axis.flip(0)]
    plot_pictures(arguments.out / "vae_reconstructions.png", "Drawings, and through the plane", [pictures, again])
    plot_pictures(arguments.out / "vae_plane.png", "The plane", plane)
    plot_loss(arguments.out / "vae_loss.png", losses)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
