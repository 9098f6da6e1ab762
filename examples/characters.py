"""Teaches a recurrent network to write a poem letter by letter.

    python examples/characters.py

The cell is written out here: a gated recurrent unit over embeddings of letters, unrolled by a Python loop. It learns
"Jabberwocky" and then writes by itself. Pictures: the loss, and the cell's state while it reads a line.

Sources: Lewis Carroll, Through the Looking-Glass, 1871 (in the public domain). K. Cho et al., Learning Phrase
Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014, for the cell.
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

POEM = """'Twas brillig, and the slithy toves
Did gyre and gimble in the wabe:
All mimsy were the borogoves,
And the mome raths outgrabe.

"Beware the Jabberwock, my son!
The jaws that bite, the claws that catch!
Beware the Jubjub bird, and shun
The frumious Bandersnatch!"

He took his vorpal sword in hand;
Long time the manxome foe he sought -
So rested he by the Tumtum tree
And stood awhile in thought.

And, as in uffish thought he stood,
The Jabberwock, with eyes of flame,
Came whiffling through the tulgey wood,
And burbled as it came!

One, two! One, two! And through and through
The vorpal blade went snicker-snack!
He left it dead, and with its head
He went galumphing back.
"""
LETTERS = sorted(set(POEM))
EMBEDDING, HIDDEN, BATCH, WINDOW = 16, 96, 32, 24


class Cell(nn.Module):
    """A gated recurrent unit: new = (1 - z) candidate + z old, with an update gate z and a reset gate r."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Linear(inputs + hidden, 2 * hidden)
        self.candidate = nn.Linear(inputs + hidden, hidden)

    def forward(self, x: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        """(n, inputs) and (n, hidden) to (n, hidden)."""
        z, r = self.gates(torch.cat([x, old], dim=1)).sigmoid().chunk(2, dim=1)
        candidate = self.candidate(torch.cat([x, r * old], dim=1)).tanh()
        return candidate + z * (old - candidate)


class Writer(nn.Module):
    """Embedding, cell, and the logits of the next letter."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(LETTERS), EMBEDDING)
        self.cell = Cell(EMBEDDING, HIDDEN)
        self.out = nn.Linear(HIDDEN, len(LETTERS))

    def forward(self, letters: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, length) and (n, HIDDEN) to logits (n, length, letters), and the states (n, length, HIDDEN)."""
        embedded = self.embedding(letters)
        states = []
        for at in range(letters.shape[1]):
            state = self.cell(embedded[:, at], state)
            states.append(state)
        stacked = torch.stack(states, dim=1)
        return self.out(stacked), stacked


def encode(text: str) -> torch.Tensor:
    """The numbers of the letters."""
    return torch.tensor([LETTERS.index(letter) for letter in text])


def train(model: Writer, steps: int, lr: float) -> list[float]:
    """Windows from anywhere in the poem, each letter to be told from those before it; returns the losses."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    text, losses = encode(POEM), []
    bar = tqdm(range(steps), desc="training", unit="step")
    for _ in bar:
        start = torch.randint(len(text) - WINDOW, (BATCH, 1))
        window = text[start + torch.arange(WINDOW + 1).clamp(max=WINDOW)]  # (BATCH, WINDOW + 1)
        logits, _ = model(window[:, :-1], torch.zeros(BATCH, HIDDEN))
        optimizer.zero_grad()
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return losses


@torch.no_grad()
def write(model: Writer, start: str, length: int, temperature: float) -> str:
    """Goes on from a beginning; the lower the temperature, the likelier the letters."""
    text = start
    logits, states = model(encode(start).unsqueeze(0), torch.zeros(1, HIDDEN))
    for _ in range(length):
        drawn = torch.multinomial((logits[0, -1] / temperature).softmax(0), 1)
        text += LETTERS[int(drawn)]
        logits, states = model(drawn.unsqueeze(0), states[:, -1])
    return text


def plot_loss(path: Path, losses: list[float]) -> None:
    """The loss of each step."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.plot(losses, color="darkorange", linewidth=0.8)
    axes.set(xlabel="step", ylabel="cross entropy of a letter", title="Loss")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_states(path: Path, model: Writer, line: str) -> None:
    """A third of the cell's state, letter by letter."""
    with torch.no_grad():
        _, states = model(encode(line).unsqueeze(0), torch.zeros(1, HIDDEN))
    figure, axes = plt.subplots(figsize=(10, 5))
    axes.imshow(states[0, :, ::3].t().numpy(), cmap="coolwarm", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(line)), list(line))
    axes.set(ylabel="unit", title="The state while it reads")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, writes and plots."""
    parser = argparse.ArgumentParser(description="Teach a recurrent network to write a poem.")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--lr", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    model = Writer()
    losses = train(model, arguments.steps, arguments.lr)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}\n")
    print(write(model, "'Twas ", 200, arguments.temperature))

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_loss(arguments.out / "characters_loss.png", losses)
    plot_states(arguments.out / "characters_states.png", model, POEM.splitlines()[5])
    print(f"\npictures in {arguments.out}")


if __name__ == "__main__":
    main()
