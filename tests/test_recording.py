"""Recordings: calls of a function that native code runs again on other tensors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import kagari
from kagari import Tensor, nn
from kagari.capture import recording
from kagari.capture.recording import SIGHTS, Recorded
from kagari.engine.code import native


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many results each replay had."""
    loaded = native()
    real, found = loaded.replay, []

    def replay(*args: Any) -> Any:
        results = real(*args)
        if results is not None:
            found.append(len(results))
        return results

    monkeypatch.setattr(loaded, "replay", replay)
    return found


def met(recorded: Recorded, *args: Any) -> None:
    """Calls it as often as it takes to have the next call recorded."""
    with kagari.no_grad():
        for _ in range(SIGHTS - 1):
            recorded(*args)


def scaled_sums(static: tuple[float], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    total = (x @ y) * static[0] + 1.5
    halves = total.split(2)
    joined = kagari.cat([halves[1], halves[0].exp()])
    return joined, joined[1:, 1:], total.sum(0)


def test_results_are_the_functions(replays: list[int]) -> None:
    recorded = Recorded(scaled_sums)
    whole = kagari.randn(9, 4)
    x, y = whole[2:6], kagari.randn(5, 4).mT  # views that do not begin where their memory does
    met(recorded, (0.5,), x, y)
    assert replays == []
    for n in range(4):
        x, y = kagari.randn(9 + n, 4)[n : n + 4], kagari.randn(5, 4).mT
        with kagari.no_grad():
            ours, theirs = recorded((0.5,), x, y), scaled_sums((0.5,), x, y)
        assert all(a.equal(b) and a.stride() == b.stride() for a, b in zip(ours, theirs))
        assert ours[1].data_ptr() - ours[0].data_ptr() == 4 * 6  # which are memory of one tensor still
    assert replays == [3] * 4


def test_one_tensor_for_two_arguments(replays: list[int]) -> None:
    recorded = Recorded(lambda _, x, y: (x * 2 + y,))
    met(recorded, (), kagari.ones(3), kagari.ones(3))
    with kagari.no_grad():
        recorded((), kagari.ones(3), kagari.ones(3))
        x = kagari.tensor([1.0, 2.0, 3.0])
        assert recorded((), x, x)[0].tolist() == [3.0, 6.0, 9.0]
    assert replays == [1, 1]


def test_what_is_static_sizes_and_modes_make_recordings_of_their_own(replays: list[int]) -> None:
    recorded = Recorded(lambda static, x: (x @ x.mT * static[0],))
    small, large = kagari.randn(3, 3), kagari.randn(5, 5)
    for factor, x in ((2, small), (3, small), (2, large)):
        met(recorded, (factor,), x)
        with kagari.no_grad():
            assert recorded((factor,), x)[0].equal(x @ x.mT * factor)
    with kagari.no_grad(), kagari.autocast("cpu"):
        for _ in range(SIGHTS):
            assert recorded((2,), small)[0].dtype is kagari.bfloat16
    assert len(replays) == 4
    recorded((2,), small.requires_grad_())[0].sum().backward()
    assert small.grad is not None and len(replays) == 4


OUTSIDE = [kagari.ones(3)]
KEPT: list[Tensor] = []


def reads(_: Any, x: Tensor) -> tuple[Tensor]:
    return (x * 2 if x.sum().item() > 0 else x * 3,)


def holds(_: Any, x: Tensor) -> tuple[Tensor]:
    KEPT.append(x * 5)
    return (x + 1,)


@pytest.mark.parametrize(
    "function",
    [
        lambda _, x: (x + OUTSIDE[0],),  # memory of others
        lambda _, x: (x,),
        lambda _, x: (x.add_(1) * 2,),
        reads,
        holds,
    ],
)
def test_what_cannot_be_repeated_runs_the_function(function: Callable[..., Any], replays: list[int]) -> None:
    recorded = Recorded(function)
    for n in range(SIGHTS + 2):
        x = kagari.full((3,), (-1.0) ** n)
        with kagari.no_grad():
            ours, theirs = recorded((), x.clone())[0], function((), x.clone())[0]
        assert ours.equal(theirs)
    assert replays == []


def test_an_error_of_the_function(replays: list[int]) -> None:
    fails = []

    def function(_: Any, x: Tensor) -> tuple[Tensor]:
        doubled = x * 2
        if fails:
            raise ValueError("no")
        return (doubled,)

    recorded = Recorded(function)
    met(recorded, (), kagari.ones(2))
    fails.append(1)
    with kagari.no_grad(), pytest.raises(ValueError, match="no"):
        recorded((), kagari.ones(2))
    assert (kagari.ones(2) + 1).tolist() == [2.0, 2.0] and not native().notes


def test_an_error_of_a_kernel(replays: list[int]) -> None:
    recorded = Recorded(lambda _, x, i: (x.index_select(0, i) * 2,))
    x, good = kagari.arange(4.0), kagari.tensor([1, 2])
    met(recorded, (), x, good)
    with kagari.no_grad():
        assert recorded((), x, good)[0].tolist() == [2.0, 4.0]
        with pytest.raises(IndexError):
            recorded((), x, kagari.tensor([1, 9]))
        assert recorded((), x, good)[0].tolist() == [2.0, 4.0]


def test_memory_of_others(replays: list[int]) -> None:
    numpy = pytest.importorskip("numpy")
    recorded = Recorded(lambda _, x: ((x + 1) * 2,))
    theirs = kagari.from_numpy(numpy.zeros(3, "float32"))
    met(recorded, (), theirs)
    with kagari.no_grad():
        assert recorded((), theirs)[0].tolist() == [2.0, 2.0, 2.0]
        assert replays == []
        recorded((), kagari.zeros(3))
        theirs += 1
        assert recorded((), theirs)[0].tolist() == [4.0, 4.0, 4.0]
    assert replays == [1, 1]


def test_old_recordings_go(monkeypatch: pytest.MonkeyPatch, replays: list[int]) -> None:
    monkeypatch.setattr(recording, "MAX_RECORDINGS", 2)
    recorded = Recorded(lambda _, x: (x * 2 + 1,))
    for n in (1, 2, 3, 4, 2):
        met(recorded, (), kagari.ones(n))
        with kagari.no_grad():
            assert recorded((), kagari.ones(n))[0].tolist() == [3.0] * n
    assert len(recorded._known) == 2


def test_threads(replays: list[int]) -> None:
    model = nn.LSTM(8, 16)
    x = kagari.randn(12, 3, 8)
    with kagari.no_grad():
        want = model(x)[0]
    wrong: list[Tensor] = []

    def run() -> None:
        with kagari.no_grad():
            wrong.extend(y for y in (model(x)[0] for _ in range(40)) if not y.equal(want))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(replays) > 100


LAYERS: dict[str, Callable[[], nn.RNNBase]] = {
    "lstm": lambda: nn.LSTM(5, 7, 2, bidirectional=True),
    "lstm without biases, projected": lambda: nn.LSTM(5, 7, bias=False, proj_size=3),
    "gru": lambda: nn.GRU(5, 7, 2, batch_first=True),
    "relu": lambda: nn.RNN(5, 7, nonlinearity="relu", bidirectional=True),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers(name: str, packed: bool, replays: list[int]) -> None:
    """Equal to the last bit, whatever else happens to the weights, the state and what was returned."""
    kagari.manual_seed(0)
    model = LAYERS[name]()
    x = kagari.randn(9, 4, 5, requires_grad=True)
    pack = lambda x: nn.utils.rnn.pack_padded_sequence(x, [9, 9, 5, 2]) if packed else x  # noqa: E731
    if model.batch_first and packed:
        return

    def run(state: Any) -> list[Tensor]:
        for p in (x, *model.parameters()):
            p.grad = None
        y, last = model(pack(x), state)
        out = y.data if packed else y
        loss = (out**2).sum() + (last[0] if isinstance(last, tuple) else last).sin().sum()
        loss.backward()
        return [out.detach().clone(), loss.detach(), *(p.grad.clone() for p in (x, *model.parameters()))]

    first = run(None)
    for _ in range(SIGHTS):
        again = run(None)
    assert replays and all(a.equal(b) for a, b in zip(first, again))
    with kagari.no_grad():
        for p in model.parameters():
            p.mul_(0.5)
    found = run(None)
    count = len(replays)
    found_plain = plain(run)
    assert len(replays) == count and all(a.equal(b) for a, b in zip(found, found_plain))
    assert not found[0].equal(first[0])


def plain(run: Callable[[Any], list[Tensor]]) -> list[Tensor]:
    """The same without recordings: these are not made of what is watched."""
    with kagari.autograd.detect_anomaly(check_nan=False):
        return run(None)


def test_results_may_be_changed_in_place(replays: list[int]) -> None:
    model = nn.LSTM(3, 4)
    x = kagari.randn(6, 2, 3)
    grads = []
    for change in (False, True):
        for _ in range(SIGHTS + 1):
            model.weight_ih_l0.grad = None
            y, (h, c) = model(x)
            loss = (y.relu_() if change else y.relu()).sum() + h.sum() + c.sum()
            loss.backward()
        grads.append(model.weight_ih_l0.grad)
    assert replays and grads[0].equal(grads[1])


def test_within_a_compiled_function(replays: list[int]) -> None:
    model, x = nn.GRU(3, 4), kagari.randn(6, 2, 3)
    compiled = kagari.compile(lambda x: model(x)[0] * 2)
    with kagari.no_grad():
        want = model(x)[0] * 2
        assert all(kagari.allclose(compiled(x), want, atol=1e-6) for _ in range(SIGHTS + 4))
