"""Learns to find the way through a grid world by deep Q-learning.

    python examples/dqn.py

The world has walls, a pit and a goal; a step costs a little, the pit a lot, the goal pays. The agent keeps what it has
seen in a memory, learns from random parts of it, and takes its aims from an older copy of its network. Pictures: the
value of each place with the best move there, and the returns of the episodes.

Source: V. Mnih et al., Human-level control through deep reinforcement learning, 2015.
"""

from __future__ import annotations

import argparse
import copy
from collections import deque
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tqdm import tqdm

import kagari as torch
from kagari import nn, optim
from kagari.nn import functional as F

WORLD = ("S..#..", ".#.#..", ".#...#", ".##.#.", "...O..", "#....G")  # start, wall, pit, goal
ROWS, COLUMNS = len(WORLD), len(WORLD[0])
PLACES = ROWS * COLUMNS
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))
ARROWS = "↑↓←→"
DISCOUNT, BATCH, MEMORY, LONGEST = 0.95, 64, 5000, 60


def move(place: int, action: int) -> tuple[int, float, bool]:
    """The next place, the reward, and whether that is the end. Who runs into a wall stays."""
    row, column = place // COLUMNS + MOVES[action][0], place % COLUMNS + MOVES[action][1]
    if not (0 <= row < ROWS and 0 <= column < COLUMNS) or WORLD[row][column] == "#":
        return place, -0.05, False
    kind = WORLD[row][column]
    reward = {"G": 1.0, "O": -1.0}.get(kind, -0.02)
    return row * COLUMNS + column, reward, kind in "GO"


def one_hot(places: torch.Tensor) -> torch.Tensor:
    """(n,) to (n, PLACES): what the network sees."""
    return F.one_hot(places, PLACES).float()


def make_network() -> nn.Sequential:
    """(n, PLACES) to (n, 4): the return that each move promises."""
    return nn.Sequential(nn.Linear(PLACES, 64), nn.ReLU(), nn.Linear(64, len(MOVES)))


def learn(network: nn.Module, aims: nn.Module, optimizer: optim.Optimizer, memory: deque) -> None:
    """One step on a batch of memories: Q(s, a) towards r + discount max Q'(s', a')."""
    chosen = [memory[i] for i in torch.randint(len(memory), (BATCH,)).tolist()]
    places, actions, rewards, following, ended = (torch.tensor(part) for part in zip(*chosen))
    with torch.no_grad():
        best = aims(one_hot(following)).max(1).values
        target = rewards + DISCOUNT * best * (~ended).float()
    promised = network(one_hot(places)).gather(1, actions.unsqueeze(1)).squeeze(1)
    optimizer.zero_grad()
    F.smooth_l1_loss(promised, target).backward()
    optimizer.step()


def train(network: nn.Module, episodes: int, lr: float) -> list[float]:
    """Plays and learns; returns the sum of rewards of each episode."""
    aims, optimizer = copy.deepcopy(network), optim.Adam(network.parameters(), lr=lr)
    memory: deque = deque(maxlen=MEMORY)
    returns, steps = [], 0
    bar = tqdm(range(episodes), desc="training", unit="episode")
    for episode in bar:
        place, total, ended = 0, 0.0, False
        curious = max(0.05, 1 - episode / (0.6 * episodes))
        for _ in range(LONGEST):
            if torch.rand(1).item() < curious:
                action = int(torch.randint(len(MOVES), (1,)))
            else:
                with torch.no_grad():
                    action = int(network(one_hot(torch.tensor([place]))).argmax())
            following, reward, ended = move(place, action)
            memory.append((place, action, reward, following, ended))
            place, total, steps = following, total + reward, steps + 1
            if len(memory) >= BATCH:
                learn(network, aims, optimizer, memory)
            if steps % 100 == 0:
                aims.load_state_dict(network.state_dict())
            if ended:
                break
        returns.append(total)
        bar.set_postfix({"return": f"{total:.2f}"}, refresh=False)
    return returns


def follow(network: nn.Module) -> tuple[list[int], float]:
    """The way from the start by the best moves, and its return."""
    place, way, total, ended = 0, [0], 0.0, False
    while not ended and len(way) < LONGEST:
        with torch.no_grad():
            action = int(network(one_hot(torch.tensor([place]))).argmax())
        place, reward, ended = move(place, action)
        way.append(place)
        total += reward
    return way, total


def plot_values(path: Path, network: nn.Module, way: list[int]) -> None:
    """The best promise of each place, the move that goes with it, and the way."""
    with torch.no_grad():
        promised = network(one_hot(torch.arange(PLACES)))
    values, best = promised.max(1)
    figure, axes = plt.subplots(figsize=(6, 6))
    free = torch.tensor([[kind not in "#OG" for kind in row] for row in WORLD])
    shown = torch.where(free, values.reshape(ROWS, COLUMNS), torch.tensor(float("nan")))
    axes.imshow(shown.numpy(), cmap="viridis")
    for place in range(PLACES):
        row, column = divmod(place, COLUMNS)
        text = ARROWS[int(best[place])] if free[row, column] else WORLD[row][column]
        axes.text(column, row, text, ha="center", va="center", fontsize=18)
    axes.plot([p % COLUMNS for p in way], [p // COLUMNS for p in way], color="darkorange", linewidth=3, alpha=0.6)
    axes.set(title="Values, best moves, and the way", xticks=[], yticks=[])
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_returns(path: Path, returns: list[float]) -> None:
    """The sum of rewards of each episode."""
    figure, axes = plt.subplots(figsize=(7, 5))
    axes.plot(returns, ".", color="darkorange", markersize=3)
    axes.set(xlabel="episode", ylabel="return", title="Returns while learning")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Trains, follows the best moves, prints and plots."""
    parser = argparse.ArgumentParser(description="Find the way through a grid world by deep Q-learning.")
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--lr", type=float, default=3e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    network = make_network()
    returns = train(network, arguments.episodes, arguments.lr)
    way, total = follow(network)
    arrived = WORLD[way[-1] // COLUMNS][way[-1] % COLUMNS] == "G"
    print(f"{'arrived' if arrived else 'lost'} after {len(way) - 1} moves, return {total:.2f}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    plot_values(arguments.out / "dqn_values.png", network, way)
    plot_returns(arguments.out / "dqn_returns.png", returns)
    print(f"pictures in {arguments.out}")


if __name__ == "__main__":
    main()
