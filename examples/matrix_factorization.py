"""Predicts what people think of things from what they have said of others: matrix factorisation.

    python examples/matrix_factorization.py

Each person and each thing has a vector of a few numbers; their product, with a bias of each, is the rating. The ratings
are made up from hidden tastes, and a part is held out. Pictures: the errors, and ratings next to predictions.

Source: Y. Koren, R. Bell and C. Volinsky, Matrix Factorization Techniques for Recommender Systems, 2009.
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
from kagari.utils.data import DataLoader, TensorDataset, random_split

PEOPLE, THINGS, TASTES, RATINGS, NOISE, RANK = 300, 200, 3, 12000, 0.25, 8


def make_ratings() -> TensorDataset:
    """Who, what and how many stars, from one to five. Three tensors of shape (RATINGS,)."""
    tastes, features = torch.randn(PEOPLE, TASTES), torch.randn(THINGS, TASTES)
    kindness, quality = 0.4 * torch.randn(PEOPLE), 0.6 * torch.randn(THINGS)
    who, what = torch.randint(PEOPLE, (RATINGS,)), torch.randint(THINGS, (RATINGS,))
    liking = 0.5 * (tastes[who] * features[what]).sum(1)
    stars = 3 + liking + kindness[who] + quality[what] + NOISE * torch.randn(RATINGS)
    return TensorDataset(who, what, stars.clamp(1, 5))


class Factors(nn.Module):
    """mean + bias of the person + bias of the thing + product of their vectors."""

    def __init__(self, mean: float) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(PEOPLE, RANK), nn.Embedding(THINGS, RANK)
        self.of_person, self.of_thing = nn.Embedding(PEOPLE, 1), nn.Embedding(THINGS, 1)
        for table in (self.people, self.things, self.of_person, self.of_thing):
            nn.init.normal_(table.weight, std=0.1)
        self.register_buffer("mean", torch.tensor(mean))

    def forward(self, who: torch.Tensor, what: torch.Tensor) -> torch.Tensor:
        """(n,) and (n,) to the stars, (n,)."""
        product = (self.people(who) * self.things(what)).sum(1)
        return self.mean + product + (self.of_person(who) + self.of_thing(what)).squeeze(1)


def error(model: nn.Module, who: torch.Tensor, what: torch.Tensor, stars: torch.Tensor) -> float:
    """The root of the mean squared error, in stars."""
    with torch.no_grad():
        return F.mse_loss(model(who, what), stars).sqrt().item()


def train(model: nn.Module, training: tuple, held_out: tuple, epochs: int, lr: float) -> list[tuple[float, float]]:
    """Returns the errors on both sets after each epoch."""
    optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.2)
    loader = DataLoader(TensorDataset(*training), batch_size=512, shuffle=True)
    history = []
    bar = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in bar:
        for who, what, stars in loader:
            optimizer.zero_grad()
            F.mse_loss(model(who, what), stars).backward()
            optimizer.step()
        history.append((error(model, *training), error(model, *held_out)))
        bar.set_postfix(error=f"{history[-1][1]:.3f}", refresh=False)
    return history


def plot_errors(path: Path, history: list[tuple[float, float]], guess: float) -> None:
    """The errors of each epoch, and that of always guessing the mean."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.plot(history, label=["training", "held out"])
    axes.axhline(guess, linestyle="--", color="black", label="the mean for all")
    axes.set(xlabel="epoch", ylabel="error in stars", title="Errors", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_predictions(path: Path, stars: torch.Tensor, predicted: torch.Tensor) -> None:
    """Ratings that were held out next to their predictions."""
    figure, axes = plt.subplots(figsize=(6, 6))
    axes.scatter(stars.numpy(), predicted.numpy(), s=4, alpha=0.4, color="darkorange")
    axes.plot([1, 5], [1, 5], "--", color="black")
    axes.set(xlabel="stars", ylabel="predicted", title="Ratings that were held out", aspect="equal")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Makes the ratings, trains, prints and plots."""
    parser = argparse.ArgumentParser(description="Predict ratings by matrix factorisation.")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--lr", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    parts = random_split(make_ratings(), [0.8, 0.2])
    training, held_out = (part[list(range(len(part)))] for part in parts)
    mean = training[2].mean().item()
    model = Factors(mean)
    history = train(model, training, held_out, arguments.epochs, arguments.lr)
    guess = (held_out[2] - mean).square().mean().sqrt().item()
    print(f"error {history[-1][1]:.3f} stars on held-out ratings, {guess:.3f} by guessing the mean")

    arguments.out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        plot_predictions(arguments.out / "matrix_factorization_predictions.png", held_out[2], model(*held_out[:2]))
    plot_errors(arguments.out / "matrix_factorization_errors.png", history, guess)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
