"""Functions of layers as `torch` itself has them, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch

Program = Callable[[Any, Callable[..., Any]], Any]


def network(torch: Any, name: str, made: Any, parts: int, sizes: Any = None, **how: Any) -> Any:
    """A network's weights given to the function of its name."""
    weights = [p for group in made.all_weights for p in group]
    rows = made.num_layers * (2 if made.bidirectional else 1)
    count = 3 if sizes is None else sizes[0]
    widths = [made.proj_size or made.hidden_size, made.hidden_size][:parts]
    states = [torch.arange(rows * count * w, dtype=torch.float32).reshape(rows, count, w) / 50 for w in widths]
    state = states if parts == 2 else states[0]
    x = torch.arange(5 * 3 * 4, dtype=torch.float32).reshape(5, 3, 4).sin()
    settings = made.bias, made.num_layers, 0.0, False, made.bidirectional
    if sizes is not None:
        return getattr(torch, name)(x.reshape(15, 4)[: sum(sizes)], torch.tensor(sizes), state, weights, *settings)
    x = x.transpose(0, 1) if made.batch_first else x
    return getattr(torch, name)(x, state, weights, *settings, made.batch_first)


def filled(module: Any) -> Any:
    """A module whose weights are waves."""
    for k, p in enumerate(module.parameters()):
        p.data = p.new_tensor(np.sin(np.arange(p.numel()) + k)).reshape(p.shape)
    return module


PROGRAMS: dict[str, Program] = {
    "bce": lambda torch, r: torch.binary_cross_entropy_with_logits(r(3, 2), r(3, 2).sigmoid().detach()),
    "bce, sum": lambda torch, r: torch.binary_cross_entropy_with_logits(
        r(3, 2), r(3, 2).sigmoid().detach(), r(2).detach(), r(2).detach(), 2
    ),
    "ctc": lambda torch, r: torch.ctc_loss(
        r(6, 2, 4).log_softmax(2), torch.tensor([[1, 2], [3, 1]]), torch.tensor([6, 5]), torch.tensor([2, 2]), 0, 0
    ),
    "grid": lambda torch, r: torch.grid_sampler(r(1, 2, 4, 4), r(1, 3, 3, 2), 0, 1, True),
    "grid 2d": lambda torch, r: torch.grid_sampler_2d(r(1, 2, 4, 4), r(1, 3, 3, 2), 2, 0, False),
    "grid 3d": lambda torch, r: torch.grid_sampler_3d(r(1, 2, 3, 4, 4), r(1, 2, 3, 3, 3), 1, 2, False),
    "affine": lambda torch, r: torch.affine_grid_generator(r(1, 2, 3), [1, 1, 3, 3], False),
    "tbc": lambda torch, r: torch.conv_tbc(r(5, 2, 3), r(3, 3, 4), r(4), 1),
    "bags": lambda torch, r: torch.embedding_bag(r(6, 2), torch.tensor([1, 2, 4, 5, 0]), torch.tensor([0, 2, 2])),
    "bags, mean": lambda torch, r: torch.embedding_bag(
        r(6, 2), torch.tensor([1, 2, 4, 5, 0]), torch.tensor([0, 2, 2, 5]), False, 1, False, None, True, 2
    ),
    "bags, which": lambda torch, r: torch.embedding_bag(
        r(6, 2), torch.tensor([1, 2, 4, 5, 0]), torch.tensor([0, 2, 2]), mode=2
    ),
    "bags, which but one": lambda torch, r: torch.embedding_bag(
        r(6, 2), torch.tensor([1, 2, 4, 5, 0]), torch.tensor([0, 2, 2]), False, 2, False, None, False, 2
    ),
    "layer norm": lambda torch, r: torch.native_layer_norm(r(2, 3, 4), [3, 4], r(3, 4), r(3, 4), 1e-5),
    "group norm": lambda torch, r: torch.native_group_norm(r(2, 6, 5), r(6), r(6), 2, 6, 5, 3, 1e-5),
    "batch norm": lambda torch, r: torch.native_batch_norm(r(4, 3, 5), r(3), r(3), None, None, True, 0.1, 1e-5),
    "batch norm, later": lambda torch, r: torch.native_batch_norm(
        r(4, 3, 5), None, None, torch.ones(3), torch.ones(3) * 2, False, 0.1, 1e-5
    ),
    "no dropout": lambda torch, r: torch.native_dropout(r(4, 3), 0.5, False),
    "lstm cell": lambda torch, r: torch.lstm_cell(r(2, 3), (r(2, 4), r(2, 4)), r(16, 3), r(16, 4), r(16), r(16)),
    "gru cell": lambda torch, r: torch.gru_cell(r(2, 3), r(2, 4), r(12, 3), r(12, 4), r(12), r(12)),
    "rnn cell": lambda torch, r: torch.rnn_tanh_cell(r(2, 3), r(2, 4), r(4, 3), r(4, 4)),
    "relu cell": lambda torch, r: torch.rnn_relu_cell(r(2, 3), r(2, 4), r(4, 3), r(4, 4), r(4), r(4)),
    "lstm": lambda torch, r: network(torch, "lstm", filled(torch.nn.LSTM(4, 3, 2, bidirectional=True)), 2),
    "lstm, batch first": lambda torch, r: network(torch, "lstm", filled(torch.nn.LSTM(4, 3, batch_first=True)), 2),
    "lstm, projected": lambda torch, r: network(torch, "lstm", filled(torch.nn.LSTM(4, 3, proj_size=2)), 2),
    "lstm, packed": lambda torch, r: network(torch, "lstm", filled(torch.nn.LSTM(4, 3)), 2, [3, 2, 2, 1]),
    "gru": lambda torch, r: network(torch, "gru", filled(torch.nn.GRU(4, 3, 2, bias=False)), 1),
    "gru, packed": lambda torch, r: network(torch, "gru", filled(torch.nn.GRU(4, 3, bidirectional=True)), 1, [3, 1]),
    "rnn": lambda torch, r: network(torch, "rnn_tanh", filled(torch.nn.RNN(4, 3)), 1),
    "rnn, relu": lambda torch, r: network(torch, "rnn_relu", filled(torch.nn.RNN(4, 3, nonlinearity="relu")), 1),
}


def outcome(torch: Any, program: Program) -> list[Any]:
    """The results, and the gradients of all that was drawn."""
    leaves: list[Any] = []

    def r(*shape: int) -> Any:
        values = np.sin(np.arange(int(np.prod(shape))) * 1.3 + len(leaves)).astype(np.float32)
        leaves.append(torch.tensor(values.reshape(shape), requires_grad=True))
        return leaves[-1]

    made = program(torch, r)
    results = list(made) if isinstance(made, tuple) else [made]
    if results[0].requires_grad:
        results[0].pow(2).sum().backward()
    grads = [leaf.grad for leaf in leaves]
    return [None if t is None else (list(t.shape), str(t.dtype), t.detach().numpy()) for t in [*results, *grads]]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_are_the_oracles(name: str, oracle: ModuleType) -> None:
    ours, theirs = outcome(torch, PROGRAMS[name]), outcome(oracle, PROGRAMS[name])
    assert [r and r[:2] for r in ours] == [r and r[:2] for r in theirs]
    for a, b in zip(ours, theirs):
        if a is not None:
            np.testing.assert_allclose(a[2], b[2], rtol=2e-5, atol=1e-5)


def test_dropout_draws_as_the_oracles(oracle: ModuleType) -> None:
    found = []
    for library in (torch, oracle):
        library.manual_seed(3)
        made, kept = library.native_dropout(library.arange(8.0), 0.5, True)
        found.append((made.tolist(), kept.tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize("wrong", range(3))
def test_errors_of_convolutions_are_the_oracles(wrong: int, oracle: ModuleType) -> None:
    shapes = [(5, 2, 3), (3, 3, 4), (4,)]
    shapes[wrong] = (5, 2)
    messages = []
    for library in (torch, oracle):
        with pytest.raises(RuntimeError) as failure:
            library.conv_tbc(*(library.ones(shape) for shape in shapes))
        messages.append(str(failure.value))
    assert messages[0] == messages[1]
