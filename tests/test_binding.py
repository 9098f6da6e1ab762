"""Plans of further sizes: the functions that recorded bindings leave, held against binding from scratch."""

import operator
import random
from typing import Any

import numpy as np
import pytest

import kagari as torch
import kagari.nn.functional as F
from kagari.base.target import Target
from kagari.engine import plan
from kagari.engine.binding import HIGH, LOW, Bindings, Number, Recorder

OPERATIONS = [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod]
COMPARISONS = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]


@pytest.mark.parametrize("seed", range(200))
def test_recorded_arithmetic_gives_what_plain_arithmetic_gives(seed: int) -> None:
    pick = random.Random(seed)
    names = ["a0", "a1", "a2"]
    program = [(pick.choice(OPERATIONS), pick.random(), pick.random()) for _ in range(12)]
    choices = [(pick.choice(COMPARISONS), pick.random(), pick.random()) for _ in range(6)]

    def steps(given: list[int], constants: random.Random) -> tuple[list[int], list[bool]]:
        known = list(given)
        for compute, i, j in program:
            a = known[int(i * len(known))]
            b = known[int(j * len(known))] if constants.random() < 0.6 else constants.choice([-7, -1, 1, 2, 3, 4096])
            if compute in (operator.floordiv, operator.mod) and b == 0:
                continue
            known.append(compute(a, b))
        answers = [bool(compare(known[int(i * len(known))], known[int(j * len(known))])) for compare, i, j in choices]
        return known, answers

    sizes = [pick.randint(2, 40) for _ in names]
    recorder = Recorder()
    recorded, answers = steps([Number(n, m, recorder, 2, HIGH) for n, m in zip(sizes, names)], random.Random(seed))
    assert (recorded, answers) == steps(sizes, random.Random(seed))
    for n in recorded:
        assert type(n) is not Number or LOW <= n.low <= int(n) <= n.high <= HIGH
    texts = ", ".join(n.name if type(n) is Number else str(n) for n in recorded)
    scope: dict[str, object] = {}
    body = "\n ".join([*recorder.needed(recorded), f"return [{texts}]"])
    exec(f"def made({', '.join(names)}):\n {body}", scope)
    made: Any = scope["made"]
    assert made(*sizes) == recorded
    for _ in range(100):
        other = [pick.randint(2, 60) for _ in names]
        found = made(*other)
        if found is not None:
            assert (found, answers) == steps(other, random.Random(seed))


def test_what_always_holds_leaves_no_condition() -> None:
    recorder = Recorder()
    n = Number(9, "a0", recorder, 2, HIGH)
    assert n > 1 and n != 0 and n % n == 0 and n // n == 1 and n * 1 + 0 == n and n - n == 0
    assert -(-n // 16) >= 1 and n * n >= 4 and abs(n) is n
    assert not recorder.needed(())
    assert n <= 16 and n != 10
    assert recorder.needed(()) == ["if a0 > 16 or a0 == 10: return None"]
    assert n < 17 and n != 20 and n + 5 <= 21 and not n > 16  # follows from what was asked before
    assert recorder.needed(()) == ["if a0 > 16 or a0 == 10: return None"]


def _programs() -> list[tuple[str, object]]:
    return [
        ("relu", lambda n, m: torch.relu(torch.randn(n, m))),
        ("transposed", lambda n, m: torch.exp(torch.randn(n, m).t())),
        ("strided", lambda n, m: torch.randn(2 * n, 3 * m)[::2, 1::3] + torch.randn(m)),
        ("sum", lambda n, m: torch.randn(n, m).sum(0)),
        ("softmax", lambda n, m: torch.softmax(torch.randn(n, m), 1)),
        ("joined", lambda n, m: torch.cat([torch.randn(n, m), torch.zeros(2, m)])),
        ("viewed", lambda n, m: torch.randn(n, m).view(-1)),
        ("running", lambda n, m: torch.randn(n, m).cumsum(1)),
        ("gradient", lambda n, m: F.cross_entropy(torch.randn(n, m, requires_grad=True), torch.zeros(n).long())),
    ]


@pytest.mark.parametrize("name, call", _programs(), ids=[name for name, _ in _programs()])
def test_plans_from_functions_equal_plans_from_scratch(name, call, monkeypatch) -> None:
    """Every plan that a function gives is packed from scratch, too, over sizes that cross what decides."""
    compared, bound = [], []
    original, scratch = Bindings.packed, Bindings.scratch

    def counted(self: Bindings, *args) -> plan.Packed:
        bound.append(self)
        return scratch(self, *args)

    def packed(self: Bindings, layouts, sizes, target: Target) -> plan.Packed:
        before = len(bound)
        found = original(self, layouts, sizes, target)
        whole = plan.packed(self.frame, self.program.bind(layouts, sizes, target))
        assert tuple(found.words) == tuple(whole.words)
        assert (found.references, found.layouts) == (whole.references, whole.layouts)
        compared.append(len(bound) == before)  # a function gave it
        return found

    monkeypatch.setattr(Bindings, "packed", packed)
    monkeypatch.setattr(Bindings, "scratch", counted)
    pick = random.Random(name)
    for _ in range(25):
        result = call(pick.randint(2, 300), pick.randint(2, 300))
        if result.requires_grad:
            result.backward()
    assert sum(compared) >= 2


@pytest.mark.parametrize("batch", [(), (3,)], ids=["matrix", "batch"])
def test_products_from_functions_are_products(batch, monkeypatch) -> None:
    """How a product is cut is weighed in floating point: the plan may be another than from scratch, but not wrong."""
    bound, calls = [], 0
    scratch = Bindings.scratch
    monkeypatch.setattr(Bindings, "scratch", lambda self, *args: bound.append(self) or scratch(self, *args))
    pick = random.Random(0)
    for _ in range(40):
        n, m = pick.randint(2, 300), pick.randint(2, 300)
        a, b, c = torch.randn(*batch, n, m), torch.randn(*batch, m, 70), torch.randn(70)
        before = len(bound)
        result = torch.matmul(a, b) if batch else torch.addmm(c, a, b)
        calls += len(bound) == before
        expected = a.numpy().astype(np.float64) @ b.numpy() + (0 if batch else c.numpy())
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert calls >= 5


def test_a_function_that_is_wrong_is_dropped(monkeypatch) -> None:
    """Its first result is held against binding from scratch."""
    record, made, wrongly = Bindings.record, [], []

    def wrong(self: Bindings, layouts, sizes, target):
        function = record(self, layouts, sizes, target)

        def changed(*args):
            found = function(*args)
            if found is not None:
                wrongly.append(found)
                found = found._replace(words=(*found.words[:-1], 12345))
            return found

        made.append((self, changed))
        return changed

    monkeypatch.setattr(Bindings, "record", wrong)
    for n in range(65, 75):
        assert (torch.ones(n, 3) * 2).sum(1).tolist() == [6.0] * n
    assert made and wrongly
    for bindings, function in made:
        assert function not in bindings.proven
