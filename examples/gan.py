"""Trains a generative adversarial network on a toy distribution: eight Gaussians on a ring.

    python examples/gan.py

The generator turns noise into points of the plane, the discriminator tells them from real ones. Pictures of both, taken
during the training, and of the two losses are saved.
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

MODES, RADIUS, SPREAD = 8, 2.0, 0.1
NOISE, WIDTH, BATCH = 8, 64, 256
SNAPSHOTS = (1 / 60, 1 / 20, 1 / 6, 1 / 3, 2 / 3, 1)


def sample_ring(n: int) -> torch.Tensor:
    """Points around eight centres on a circle. Shape: (n, 2)."""
    angle = torch.randint(0, MODES, (n,)).float() * (2 * math.pi / MODES)
    centre = RADIUS * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    return centre + SPREAD * torch.randn(n, 2)


def make_generator() -> nn.Module:
    """(n, NOISE) to (n, 2)."""
    return nn.Sequential(
        nn.Linear(NOISE, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, 2)
    )


def make_discriminator() -> nn.Module:
    """(n, 2) to (n, 1), the probability that a point is real."""
    return nn.Sequential(
        nn.Linear(2, WIDTH),
        nn.LeakyReLU(0.2),
        nn.Linear(WIDTH, WIDTH),
        nn.LeakyReLU(0.2),
        nn.Linear(WIDTH, 1),
        nn.Sigmoid(),
    )


def train(steps: int, lr: float) -> tuple[list[tuple[float, float]], list[tuple[int, torch.Tensor]]]:
    """Alternates the two; returns both losses of every step, and generated points at a few steps."""
    generator, discriminator = make_generator(), make_discriminator()
    generator_optimizer = optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999))
    discriminator_optimizer = optim.Adam(discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
    criterion = nn.BCELoss()
    real, fake = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    noise_to_show = torch.randn(1000, NOISE)
    show_at = {round(steps * fraction) for fraction in SNAPSHOTS}

    losses, snapshots = [], []
    bar = tqdm(range(1, steps + 1), desc="training", unit="step")
    for step in bar:
        generated = generator(torch.randn(BATCH, NOISE))

        discriminator_optimizer.zero_grad()
        discriminator_loss = criterion(discriminator(sample_ring(BATCH)), real)
        discriminator_loss = discriminator_loss + criterion(discriminator(generated.detach()), fake)
        discriminator_loss.backward()
        discriminator_optimizer.step()

        generator_optimizer.zero_grad()
        generator_loss = criterion(discriminator(generated), real)
        generator_loss.backward()
        generator_optimizer.step()

        losses.append((discriminator_loss.item(), generator_loss.item()))
        if step % 100 == 0:
            bar.set_postfix(D=f"{losses[-1][0]:.3f}", G=f"{losses[-1][1]:.3f}")
        if step in show_at:
            with torch.no_grad():
                snapshots.append((step, generator(noise_to_show)))
    return losses, snapshots


def covered(points: torch.Tensor) -> tuple[int, float]:
    """How many of the eight centres have at least 2 % of the points within three spreads, and the share of the points
    that lie so near to any centre."""
    angle = torch.arange(MODES).float() * (2 * math.pi / MODES)
    centre = RADIUS * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    distance = ((points.unsqueeze(1) - centre) ** 2).sum(2).sqrt()  # (n, 1, 2) - (8, 2) -> (n, 8)
    near = (distance < 3 * SPREAD).float().mean(0)
    return int((near >= 0.02).sum().item()), near.sum().item()


def plot_samples(path: Path, snapshots: list[tuple[int, torch.Tensor]]) -> None:
    """Generated points over real ones, a panel for each snapshot."""
    figure, panels = plt.subplots(2, 3, figsize=(12, 8))
    real = sample_ring(1000).numpy()
    for axes, (step, generated) in zip(panels.flat, snapshots):
        axes.scatter(real[:, 0], real[:, 1], s=5, color="lightgrey", label="real")
        axes.scatter(generated[:, 0].numpy(), generated[:, 1].numpy(), s=5, color="darkorange", label="generated")
        axes.set(title=f"step {step}", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    panels[0, 0].legend(loc="upper right", markerscale=3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def plot_losses(path: Path, losses: list[tuple[float, float]]) -> None:
    """Both losses of each step."""
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.plot(losses, linewidth=0.6, label=["discriminator", "generator"])
    axes.set(xlabel="step", ylabel="binary cross entropy", title="Losses")
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Train a GAN on eight Gaussians on a ring.")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of both networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    losses, snapshots = train(arguments.steps, arguments.lr)
    for step, generated in snapshots:
        modes, share = covered(generated)
        discriminator_loss, generator_loss = losses[step - 1]
        print(
            f"step {step:5d}   loss D {discriminator_loss:.4f}   G {generator_loss:.4f}"
            f"   modes covered {modes} of {MODES}   points near one {share:.0%}"
        )

    arguments.out.mkdir(parents=True, exist_ok=True)
    samples, loss = arguments.out / "gan_samples.png", arguments.out / "gan_losses.png"
    plot_samples(samples, snapshots)
    plot_losses(loss, losses)
    print(f"pictures  {samples}\n          {loss}")


if __name__ == "__main__":
    main()
