"""gradcheck, gradgradcheck and autograd.functional."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from programs import Program, outcome

import kagari
from kagari.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck


def test_gradcheck_accepts_what_is_right() -> None:
    x = kagari.tensor([[0.5, -1.0, 2.0], [0.1, 0.3, -0.7]], dtype=kagari.float64, requires_grad=True)
    w = kagari.tensor([1.0, 0.2, 0.4], dtype=kagari.float64, requires_grad=True)
    assert gradcheck(lambda a, b: (a @ b).tanh(), (x, w))
    assert gradcheck(lambda a, b: kagari.softmax(a * b, 1), (x, w))
    assert gradcheck(lambda a: kagari.var_mean(a, 1), x)
    assert gradcheck(lambda a, b: (a.t(), b.detach(), a * 2), (x, w))
    assert gradgradcheck(lambda a, b: (a * b).sigmoid(), (x, w))
    assert gradgradcheck(lambda a: kagari.var_mean(a, 1), x)


class _Wrong(kagari.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


def test_gradcheck_refuses_what_is_wrong() -> None:
    x = kagari.ones(2, dtype=kagari.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0,\nnumerical:"):
        gradcheck(_Wrong.apply, x)
    assert not gradcheck(_Wrong.apply, x, raise_exception=False)
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda a: a.detach(), x)
    with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
        gradcheck(lambda a: a, x.detach())
    with pytest.warns(UserWarning, match="is not a double precision floating point"):
        gradcheck(lambda a: a * 2, kagari.ones(3, requires_grad=True), atol=0.1)


FUNCTIONAL: list[Program] = [
    lambda t: t.autograd.functional.jacobian(lambda a: a * a, t.tensor([1.0, 2.0])),
    lambda t: t.autograd.functional.jacobian(
        lambda a, b: (a * b, a.sum()), (t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0]))
    ),
    lambda t: t.autograd.functional.hessian(lambda a: (a**3).sum(), t.tensor([1.0, 2.0])),
    lambda t: t.autograd.functional.hessian(
        lambda a, b: (a * b * b).sum(), (t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0]))
    ),
    lambda t: t.autograd.functional.vjp(lambda a: a.exp().sum(0), t.ones(2, 2), t.tensor([1.0, 2.0])),
    lambda t: t.autograd.functional.hvp(lambda a: (a**3).sum(), t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0])),
    lambda t: t.autograd.functional.vhp(lambda a: (a**3).sum(), t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0])),
    lambda t: t.autograd.functional.jvp(lambda a: a**2, t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0])),
    lambda t: t.autograd.functional.jvp(lambda a, b: (a * b, b.exp()), (t.ones(2), t.ones(1)), (t.ones(2), t.ones(1))),
    lambda t: t.autograd.functional.jvp(lambda a: t.ones(3), t.tensor([2.0])),
    lambda t: t.autograd.functional.jvp(lambda a: t.ones(3), t.tensor([2.0]), strict=True),
    lambda t: t.autograd.functional.jvp(lambda a: a, t.ones(2)),
    lambda t: t.autograd.functional.jvp(lambda a: a, t.ones(2), t.ones(3)),
    lambda t: t.autograd.functional.jvp(lambda a: a, t.ones(2), (t.ones(2), t.ones(2))),
    lambda t: t.autograd.functional.vhp(lambda a: a * 2, t.ones(2), t.ones(2)),
    lambda t: t.autograd.functional.jacobian(lambda a: a, 3.0),
]


@pytest.mark.parametrize("run", FUNCTIONAL)
def test_functional(run: Program, oracle: ModuleType) -> None:
    assert outcome(run, kagari) == outcome(run, oracle)


def test_the_random_gradients_are_those_of_the_oracle(oracle: ModuleType) -> None:
    """A program that goes on drawing after a check gets the same numbers."""
    drawn = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        x = lib.ones(2, 3, dtype=lib.float64, requires_grad=True)
        assert lib.autograd.gradgradcheck(lambda x: x * x, x)
        drawn.append(lib.rand(2).tolist())
    assert drawn[0] == drawn[1]


class _Forward(kagari.autograd.Function):
    """A square whose rule for forward mode may be wrong."""

    factor = 2.0

    @staticmethod
    def forward(x: Any) -> Any:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * g

    @staticmethod
    def jvp(ctx: Any, change: Any) -> Any:
        return _Forward.factor * ctx.saved_tensors[0] * change


@pytest.mark.parametrize("options", [{}, {"check_batched_forward_grad": True}, {"check_backward_ad": False}])
def test_forward_mode(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    x = kagari.tensor([1.0, 2.0], dtype=kagari.float64, requires_grad=True)
    check = kagari.autograd.gradcheck
    assert check(_Forward.apply, x, check_forward_ad=True, **options)
    assert check(lambda x: (x.sin(), x.sum()), x, check_forward_ad=True, **options)
    monkeypatch.setattr(_Forward, "factor", 3.0)
    with pytest.raises(RuntimeError, match="Jacobian computed with forward mode mismatch for output 0"):
        check(_Forward.apply, x, check_forward_ad=True, **options)


def test_gradients_at_once() -> None:
    x = kagari.tensor([1.0, 2.0], dtype=kagari.float64, requires_grad=True)
    assert kagari.autograd.gradcheck(lambda x: (x.sin(), x.outer(x)), x, check_batched_grad=True)
    with pytest.raises(AssertionError, match="requires check_forward_ad"):
        kagari.autograd.gradcheck(kagari.sin, x, check_batched_forward_grad=True)


def test_forward_over_reverse() -> None:
    x = kagari.tensor([1.0, 2.0], dtype=kagari.float64, requires_grad=True)
    assert kagari.autograd.gradgradcheck(lambda x: x.sin() * x, x, check_fwd_over_rev=True)
