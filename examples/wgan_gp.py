"""Trains a Wasserstein GAN with gradient penalty on two moons.

    python examples/wgan_gp.py

The critic's slope is kept at one between real and generated points: its loss has the gradient of its output with
respect to its input in it, so the backward pass goes through a backward pass. The energy distance between real and
generated points, which no network is trained on, says how near they have come.

Source: I. Gulrajani et al., Improved Training of Wasserstein GANs, 2017.
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

NOISE, WIDTH, BATCH, PENALTY, CRITIC_STEPS = 4, 64, 128, 0.1, 5


def sample_moons(n: int) -> torch.Tensor:
    """Points around two half circles. Shape: (n, 2)."""
    angle = math.pi * torch.rand(n)
    upper = torch.randint(2, (n,)) == 1
    x = torch.where(upper, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin()) - 0.25
    return torch.stack([x, y], dim=1) + 0.05 * torch.randn(n, 2)


def make_network(inputs: int, outputs: int) -> nn.Sequential:
    """(n, inputs) to (n, outputs)."""
    hidden = [layer for _ in range(2) for layer in (nn.Linear(WIDTH, WIDTH), nn.SiLU())]
    return nn.Sequential(nn.Linear(inputs, WIDTH), nn.SiLU(), *hidden, nn.Linear(WIDTH, outputs))


def gradient_penalty(critic: nn.Module, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """The mean of (|slope| - 1)^2 at points between real and generated ones."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * generated).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def mean_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Between all points of one set and all of the other."""
    return ((a.unsqueeze(1) - b) ** 2).sum(2).sqrt().mean().item()  # (n, 1, 2) - (m, 2) -> (n, m, 2)


def energy_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """2 E|a - b| - E|a - a'| - E|b - b'|: zero where both are distributed alike."""
    return 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b)


def train(generator: nn.Module, steps: int, lr: float) -> list[tuple[float, float]]:
    """Returns the critic's estimate of the distance in each step, and the penalty."""
    critic = make_network(2, 1)
    of_critic = optim.Adam(critic.parameters(), lr=lr, betas=(0.5, 0.9))
    of_generator = optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.9))
    history = []
    bar = tqdm(range(1, steps + 1), desc="training", unit="step")
    for step in bar:
        for _ in range(CRITIC_STEPS):
            real = sample_moons(BATCH)
            with torch.no_grad():
                generated = generator(torch.randn(BATCH, NOISE))
            distance = critic(real).mean() - critic(generated).mean()
            penalty = gradient_penalty(critic, real, generated)
            of_critic.zero_grad()
            (PENALTY * penalty - distance).backward()
            of_critic.step()

        of_generator.zero_grad()
        (-critic(generator(torch.randn(BATCH, NOISE))).mean()).backward()
        of_generator.step()
        history.append((distance.item(), penalty.item()))
        if step % 50 == 0:
            bar.set_postfix(distance=f"{history[-1][0]:.3f}", penalty=f"{history[-1][1]:.3f}")
    return history


def plot_points(path: Path, before: torch.Tensor, after: torch.Tensor) -> None:
    """Real points, and generated ones before and after the training."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 5))
    real = sample_moons(1000).numpy()
    for axes, points, title in zip(panels, (before, after), ("before", "after")):
        axes.scatter(real[:, 0], real[:, 1], s=5, color="lightgrey", label="real")
        axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), s=5, color="darkorange", label="generated")
        axes.set(title=title, xlim=(-2, 2), ylim=(-1.2, 1.2), aspect="equal")
    panels[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_history(path: Path, history: list[tuple[float, float]]) -> None:
    """What the critic takes for the distance, and how far its slope is from one."""
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.plot(history, linewidth=0.7, label=["distance, by the critic", "penalty"])
    axes.set(xlabel="step", title="Wasserstein GAN")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Train a Wasserstein GAN with gradient penalty.")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of both networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    generator = make_network(NOISE, 2)
    noise, real = torch.randn(1000, NOISE), sample_moons(1000)
    with torch.no_grad():
        before = generator(noise)
    history = train(generator, arguments.steps, arguments.lr)
    with torch.no_grad():
        after = generator(noise)
    print(f"energy distance {energy_distance(before, real):.4f} -> {energy_distance(after, real):.4f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_points(arguments.out / "wgan_gp_points.png", before, after)
    plot_history(arguments.out / "wgan_gp_history.png", history)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
