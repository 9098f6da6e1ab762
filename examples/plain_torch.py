"""A program for PyTorch as it stands: it says `import torch` and nothing of Kagari.

    python -m kagari examples/plain_torch.py        on Kagari
    python examples/plain_torch.py                  on PyTorch

Both print the same losses, as the random numbers of one seed are the same: those of a linear regression, and those of
a perceptron that is trained in mini-batches and saved to a file on the way.
"""

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Perceptron(nn.Module):
    """One hidden layer, and the logits of two classes."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, 2)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        """(n, 2) to (n, 2)."""
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


def linear_regression(epochs):
    """Fits a line to noisy points."""
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = 2 * x + 1 + 0.1 * torch.randn(x.size())
    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        if epoch % 10 == 9:
            print(f"linear regression, epoch {epoch + 1:3d}: loss {loss.item():.5f}")
    print(f"y = {model.weight.item():.4f} x + {model.bias.item():.4f}")


def perceptron(epochs):
    """Tells points in a circle from those outside, saves what it has learned, and loads it again."""
    points = torch.rand(400, 2) * 2 - 1
    labels = (points.norm(dim=1) < 0.7).long()
    loader = DataLoader(TensorDataset(points, labels), batch_size=50, shuffle=True)
    model = Perceptron(32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"perceptron, epoch {epoch + 1:3d}: loss {total / len(points):.5f}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perceptron.pt"
        torch.save(model.state_dict(), path)
        loaded = Perceptron(32)
        loaded.load_state_dict(torch.load(path))
    loaded.eval()
    with torch.no_grad():
        accuracy = (loaded(points).argmax(dim=1) == labels).float().mean()
    print(f"accuracy {accuracy:.4f}")


def main(argv=None):
    """Trains both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    linear_regression(args.epochs)
    perceptron(args.epochs)


if __name__ == "__main__":
    main()
