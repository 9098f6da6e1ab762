"""Moves what a network has learned to another task: from drawn shapes to digits in noise, of which there are few.

    python examples/transfer.py
    python examples/transfer.py --digits 200     # with more examples the way matters less

The first network is saved. Its body, loaded and frozen, gets a new head, which learns the digits; then all of it is
tuned. Beside it, a network of the same kind learns the digits from nothing. It saves pictures of both curves and of
what the tuned network takes digits for that it has not seen.
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
from kagari.utils.data import DataLoader, Dataset
from kagari.vision.datasets import SyntheticDigits, SyntheticShapes

SIZE, FEATURES, NOISE = 28, 64, 0.5
SHAPES, DIGITS = SyntheticShapes.classes, SyntheticDigits.classes


class Network(nn.Module):
    """A body, which makes features of images, (n, 1, SIZE, SIZE), and a head, which makes logits of features."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in ((1, 16), (16, 32), (32, FEATURES)):
            conv = nn.Conv2d(before, width, 3, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(FEATURES * 9, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits."""
        return self.head(self.body(images))


def train(network: Network, data: DataLoader, steps: int, lr: float, what: str, frozen: bool = False) -> list[float]:
    """Trains what is not frozen, and returns the losses. A frozen body normalizes as it has learned to."""
    network.train()
    network.body.requires_grad_(not frozen).train(not frozen)
    optimizer = optim.Adam([p for p in network.parameters() if p.requires_grad], lr=lr)
    losses: list[float] = []
    with tqdm(total=steps, desc=what, unit="step") as bar:
        while len(losses) < steps:
            for images, kinds in data:
                optimizer.zero_grad()
                loss = F.cross_entropy(network(images), kinds)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
                bar.update()
                if len(losses) == steps:
                    break
    return losses


@torch.no_grad()
def accuracy(network: Network, data: Dataset) -> float:
    """The share of images whose class has the largest logit."""
    network.eval()
    right = [(network(images).argmax(1) == kinds).sum().item() for images, kinds in DataLoader(data, 100)]
    return sum(right) / len(data)


@torch.no_grad()
def plot_digits(path: Path, network: Network, digits: SyntheticDigits) -> None:
    """Digits, and what the network takes them for."""
    network.eval()
    figure, axes = plt.subplots(2, 10, figsize=(10, 2.6))
    for k, place in enumerate(axes.flat):
        image, digit = digits[k]
        found = int(network(image.unsqueeze(0)).argmax())
        place.imshow(image[0].numpy(), cmap="gray")
        place.set_title(DIGITS[found], color="black" if found == digit else "red", fontsize=10)
        place.axis("off")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_losses(path: Path, curves: dict[str, list[float]], unfrozen: int) -> None:
    """The losses of both ways, each a mean over ten steps, and where the body was set free."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, losses in curves.items():
        means = torch.tensor(losses[: len(losses) // 10 * 10]).view(-1, 10).mean(1)
        axes.plot(range(10, len(losses) + 1, 10), means.numpy(), label=name)
    axes.axvline(unfrozen, color="grey", linestyle="dotted", label="body set free")
    axes.set(xlabel="step", ylabel="cross entropy", yscale="log", title="Digits in noise: loss on the examples")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Move what was learned about shapes to digits.")
    parser.add_argument("--shapes", type=int, default=1500, help="how many drawings the first task has")
    parser.add_argument("--digits", type=int, default=50, help="how many examples the second task has")
    parser.add_argument("--steps", type=int, default=150, help="steps of each of the three trainings")
    parser.add_argument("--lr", type=float, default=3e-3, help="learning rate; a tenth of it for tuning")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures and the checkpoint")
    arguments = parser.parse_args(argv)
    steps, lr = arguments.steps, arguments.lr

    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    first = Network(len(SHAPES))
    train(first, DataLoader(list(SyntheticShapes(arguments.shapes, SIZE)), 32, shuffle=True), steps, lr, "shapes")
    print(f"shapes: accuracy {accuracy(first, SyntheticShapes(200, SIZE, seed=1)):.3f}")
    torch.save(first.state_dict(), arguments.out / "transfer.pt")

    digits = DataLoader(list(SyntheticDigits(arguments.digits, SIZE, noise=NOISE)), 10, shuffle=True)
    unseen = SyntheticDigits(500, SIZE, seed=1, noise=NOISE)
    moved = Network(len(SHAPES))
    moved.load_state_dict(torch.load(arguments.out / "transfer.pt"))
    moved.head = nn.Linear(FEATURES * 9, len(DIGITS))
    curve = train(moved, digits, steps // 2, lr, "digits, head only", frozen=True)
    curve += train(moved, digits, steps - steps // 2, lr / 10, "digits, tuned")
    fresh = Network(len(DIGITS))
    other = train(fresh, digits, steps, lr, "digits, from nothing")
    print(f"digits: loss {curve[0]:.4f} -> {curve[-1]:.4f}, accuracy {accuracy(moved, unseen):.3f}")
    print(f"digits, from nothing: loss {other[0]:.4f} -> {other[-1]:.4f}, accuracy {accuracy(fresh, unseen):.3f}")
    plot_digits(arguments.out / "transfer_digits.png", moved, unseen)
    plot_losses(arguments.out / "transfer_loss.png", {"after shapes": curve, "from nothing": other}, steps // 2)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
