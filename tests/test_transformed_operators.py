"""What is derived from every operator, against what it stands for: many examples are one after the other, and the
derivative along a direction is that of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.autograd.functional import jvp
from kagari.ops.records import OPERATORS
from kagari.testing.cases import Case, build, cases, target

pytestmark = pytest.mark.filterwarnings("ignore")

# What looks at elements, and so can't be called for many examples, in PyTorch either.
SEEN = {"gaussian_nll_loss"}
# What users call by a name of its own, without writing to an argument.
NAMED = [r for r in OPERATORS if (r.function or r.method) and r.name not in SEEN]
FOUND = [c for c in cases(NAMED) if c.dtype == "float64" and c.number < 2 and c.arrays]
DIFFERENTIABLE = [c for c in FOUND if any(a.differentiable for a in c.arrays)]


def each(found: list[Case]) -> Any:
    return pytest.mark.parametrize("case", found, ids=map(str, found))


def taken(case: Case) -> tuple[Callable[..., Any], list[Any]]:
    """The operator as a function of its tensors alone, and these."""
    args, kwargs, tensors = build(case, kagari, False)
    operator = target(case.record, kagari, "")
    numbers = {id(t): k for k, t in enumerate(tensors)}

    def replaced(x: Any, new: tuple[Any, ...]) -> Any:
        if isinstance(x, list | tuple):
            return type(x)([replaced(item, new) for item in x])
        return new[numbers[id(x)]] if id(x) in numbers else x

    def function(*new: Any) -> Any:
        result = operator(*replaced(tuple(args), new), **{k: replaced(v, new) for k, v in kwargs.items()})
        return tuple(result) if isinstance(result, tuple | list) else (result,)

    return function, tensors


def examples(t: Any) -> Any:
    """Three tensors with the same elements, in another order each."""
    dims = tuple(range(t.ndim))
    return kagari.stack([t.contiguous(), t.flip(dims), t.reshape(-1).roll(1).reshape(t.shape)])


def close(ours: Any, theirs: Any) -> None:
    assert ours.dtype is theirs.dtype and ours.shape == theirs.shape
    np.testing.assert_allclose(
        ours.detach().resolve_conj().numpy(), theirs.detach().resolve_conj().numpy(), rtol=1e-6, atol=1e-9,
        equal_nan=True,
    )  # fmt: skip


@each(FOUND)
def test_many_examples(case: Case) -> None:
    function, tensors = taken(case)
    stacks = [examples(t) for t in tensors]
    for mapped in {tuple([0] * len(tensors)), (0, *[None] * (len(tensors) - 1)), (*[None] * (len(tensors) - 1), 0)}:
        rows = [[s[i] if d == 0 else t for s, t, d in zip(stacks, tensors, mapped)] for i in range(3)]
        apart = [function(*row) for row in rows]
        together = kagari.vmap(function, in_dims=mapped)(
            *[s if d == 0 else t for s, t, d in zip(stacks, tensors, mapped)]
        )
        for k, whole in enumerate(together):
            close(whole, kagari.stack([row[k] for row in apart]))


@each(DIFFERENTIABLE)
def test_gradients_of_examples(case: Case) -> None:
    function, tensors = taken(case)
    wanted = [k for k, a in enumerate(case.arrays) if a.differentiable]

    def total(*new: Any) -> Any:
        values = list(tensors)
        for k, x in zip(wanted, new):
            values[k] = x
        results = [r for r in function(*values) if r.is_floating_point() or r.is_complex()]
        sums = [(r * kagari.arange(1.0, r.numel() + 1, dtype=r.dtype).view(r.shape)).sum() for r in results]
        return sum((s.real + s.imag if s.is_complex() else s for s in sums), kagari.zeros(()))

    stacks = [examples(tensors[k]) for k in wanted]
    numbers = tuple(range(len(wanted)))
    apart = [kagari.func.grad(total, numbers)(*[s[i] for s in stacks]) for i in range(3)]
    together = kagari.vmap(kagari.func.grad(total, numbers))(*stacks)
    for k, whole in enumerate(together):
        close(whole, kagari.stack([row[k] for row in apart]))


@each(DIFFERENTIABLE)
def test_derivative_along_a_direction(case: Case) -> None:
    function, tensors = taken(case)
    wanted = [k for k, a in enumerate(case.arrays) if a.differentiable]

    def of(*new: Any) -> Any:
        values = list(tensors)
        for k, x in zip(wanted, new):
            values[k] = x
        return tuple([r for r in function(*values) if r.is_floating_point() or r.is_complex()])

    primals = tuple([tensors[k].contiguous() for k in wanted])
    generator = kagari.Generator().manual_seed(1)
    tangents = tuple([kagari.randn(t.shape, dtype=t.dtype, generator=generator) for t in primals])
    _, theirs = jvp(of, primals, tangents)
    _, ours = kagari.func.jvp(of, primals, tangents)
    for a, b in zip(ours, theirs if isinstance(theirs, tuple) else (theirs,)):
        close(a, b)

    if case.number == 0 and ours:
        gradients_agree(of, primals, tangents)


def gradients_agree(of: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> None:
    """The gradient of the derivative along a direction, of both kinds."""

    def size(slopes: Any) -> Any:
        return sum((s * s.conj()).real.sum() for s in (slopes if isinstance(slopes, tuple) else (slopes,)))

    leaves = tuple([p.detach().requires_grad_() for p in primals])
    total = size(jvp(of, leaves, tangents, create_graph=True)[1])
    if total.requires_grad:
        theirs = kagari.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        ours = kagari.func.grad(lambda *new: size(kagari.func.jvp(of, new, tangents)[1]), tuple(range(len(leaves))))
        for a, b in zip(ours(*primals), theirs):
            close(a, b)
