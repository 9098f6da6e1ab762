"""A network that learns the motion of a damped oscillator from its equation alone: derivatives by torch.func.

    python examples/oscillator.py

No point of the motion is given, only `u'' + 2 d u' + u = 0` with `u(0) = 1` and `u'(0) = 0`. The network is a function
of the time, its derivatives by the time are those of `grad`, and `vmap` takes them at many times at once. What the
equation leaves over is the loss, which is differentiated once more, by the weights.
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
from kagari.func import functional_call, grad, vmap

DAMPING, END = 0.2, 8.0


class Motion(nn.Module):
    """Time to position, 1 at time 0 and at rest there, whatever the weights are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        """The position at one time, a number."""
        return 1 + time**2 / (1 + time**2) * self.layers(time.reshape(1) / END).squeeze()


def residuals(model: nn.Module, times: torch.Tensor) -> torch.Tensor:
    """What the equation leaves over at each time."""
    parameters = dict(model.named_parameters())

    def position(time: torch.Tensor) -> torch.Tensor:
        return functional_call(model, parameters, (time,))

    def rest(time: torch.Tensor) -> torch.Tensor:
        velocity = grad(position)
        return grad(velocity)(time) + 2 * DAMPING * velocity(time) + position(time)

    return vmap(rest)(times)


def exact(times: torch.Tensor) -> torch.Tensor:
    """The solution of the equation."""
    omega = math.sqrt(1 - DAMPING**2)
    return (-DAMPING * times).exp() * ((omega * times).cos() + DAMPING / omega * (omega * times).sin())


def train(model: nn.Module, steps: int, lr: float) -> list[float]:
    """New times in each step; returns the losses."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    bar = tqdm(range(steps), desc="training", unit="step")
    for _ in bar:
        optimizer.zero_grad()
        loss = residuals(model, END * torch.rand(128)).pow(2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.5f}", refresh=False)
    return losses


def plot(folder: Path, model: nn.Module, losses: list[float]) -> None:
    """The motion beside the exact one, and the losses."""
    times = torch.linspace(0, END, 200)
    with torch.no_grad():
        learned = vmap(model)(times)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.plot(times.numpy(), exact(times).numpy(), color="black", label="exact")
    axes.plot(times.numpy(), learned.numpy(), color="darkorange", linestyle="--", label="learned")
    axes.set(xlabel="time", ylabel="position", title="A damped oscillator, learned from its equation")
    axes.legend()
    figure.savefig(folder / "oscillator_motion.png", dpi=110)
    plt.close(figure)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.semilogy(losses)
    axes.set(xlabel="step", ylabel="mean square of what is left over")
    figure.savefig(folder / "oscillator_loss.png", dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, compares with the exact motion, prints and plots."""
    parser = argparse.ArgumentParser(description="Learn a motion from its differential equation.")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--width", type=int, default=32, help="neurons of a layer")
    parser.add_argument("--lr", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    model = Motion(arguments.width)
    losses = train(model, arguments.steps, arguments.lr)
    times = torch.linspace(0, END, 100)
    with torch.no_grad():
        error = (vmap(model)(times) - exact(times)).abs().max().item()
    print(f"left over {losses[0]:.5f} -> {losses[-1]:.5f}")
    print(f"at most {error:.4f} from the exact motion")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot(arguments.out, model, losses)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
