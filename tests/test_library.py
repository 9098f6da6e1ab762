"""Operators of a program's own, next to the oracle's: results, gradients, errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

CASES = """
torch.ops.tests.scale(x, 2.0)
torch.ops.tests.scale.default(x, s=3.0)
torch.ops.tests.scale(x, s=2.0).grad_fn.name()
both(x)
both(x, 3)
torch.ops.tests.both(x, n=1)
torch.ops.tests.scale
torch.ops.tests.scale.default
change(x.detach())
torch.library.infer_schema(typed, mutates_args=())
torch.library.infer_schema(typed, mutates_args=("x",))
torch.library.infer_schema(lambda x: x, mutates_args=())
torch.ops.tests.nothing
torch.ops.tests.scale(x)
torch.library.register_fake("tests::nothing", abs)
plain(x).sum().backward()
same(x).shape
"""


def made(torch: ModuleType) -> dict[str, Any]:
    def save(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.by = inputs[1]
        ctx.save_for_backward(inputs[0])

    def add_one(x: Any) -> None:
        x.add_(1)

    def typed(x: Any, n: int, s: float = 1.0, *, flag: bool = False) -> Any:
        return x

    typed.__annotations__.update(x=torch.Tensor, n=int, s=float, flag=bool)
    typed.__annotations__["return"] = tuple[torch.Tensor, torch.Tensor]
    schema = "(Tensor x, float s) -> Tensor"
    torch.library.custom_op("tests::scale", lambda x, s: x * s, mutates_args=(), schema=schema)
    torch.library.register_autograd("tests::scale", lambda ctx, g: (g * ctx.by, None), setup_context=save)
    pair = "(Tensor x, int n=2) -> (Tensor, Tensor)"
    both = torch.library.custom_op("tests::both", lambda x, n=2: (x * n, x + n), mutates_args=(), schema=pair)
    both.register_autograd(lambda ctx, a, b: (a * ctx.by + b, None), setup_context=save)
    one = "(Tensor x) -> Tensor"
    return {
        "torch": torch,
        "both": both,
        "typed": typed,
        "plain": torch.library.custom_op("tests::plain", lambda x: x * 2, mutates_args=(), schema=one),
        "same": torch.library.custom_op("tests::same", lambda x: x, mutates_args=(), schema=one),
        "change": torch.library.custom_op("tests::change", add_one, mutates_args=("x",), schema="(Tensor(a!) x) -> ()"),
        "x": torch.ones(3, requires_grad=True),
    }


def outcome(text: str, names: dict[str, Any]) -> Any:
    x = names["x"] = names["x"].detach().clone().requires_grad_()
    try:
        result = eval(text, names)
    except (AttributeError, RuntimeError, ValueError) as error:
        return type(error), str(error).partition("(with")[0][:40] if "custom operator" not in str(error) else ""
    parts = result if isinstance(result, tuple) else (result,)
    if not all(hasattr(part, "grad_fn") for part in parts):
        return str(result)
    if all(part.requires_grad for part in parts):
        sum((i + 2) * part.sum() for i, part in enumerate(parts)).backward()
    return [part.tolist() for part in parts], None if x.grad is None else x.grad.tolist()


@pytest.mark.filterwarnings("ignore")
def test_as_the_oracle(oracle: ModuleType) -> None:
    import kagari.library.namespaces

    class Shown:
        """Kagari with `ops`, which the name torch alone has."""

        ops = kagari.library.namespaces

        def __getattr__(self, name: str) -> Any:
            return getattr(kagari, name)

    ours, theirs = made(Shown()), made(oracle)  # type: ignore[arg-type]
    for text in CASES.strip().splitlines():
        assert outcome(text, ours) == outcome(text, theirs), text


def test_lists_of_tensors_do_not_lose_gradients() -> None:
    op = kagari.library.custom_op(
        "tests::total", lambda xs: xs[0] + xs[1], mutates_args=(), schema="(Tensor[] xs) -> Tensor"
    )
    assert op([kagari.ones(1)] * 2).tolist() == [2]
    with pytest.raises(RuntimeError, match="don't pass gradients to"):
        op([kagari.ones(1, requires_grad=True)] * 2)


def test_the_compiler_does_not_look_into_them() -> None:
    """Not even where no split is allowed: what an operator reads is its own business, forward and backward."""

    @kagari.library.custom_op("tests::through_numpy", mutates_args=())
    def through_numpy(x: kagari.Tensor) -> kagari.Tensor:
        return kagari.from_numpy(np.sin(x.numpy()))

    through_numpy.register_autograd(
        lambda ctx, grad: kagari.from_numpy(grad.numpy() * np.cos(ctx.saved_tensors[0].detach().numpy())),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )

    @kagari.compile(fullgraph=True)
    def step(x: kagari.Tensor) -> kagari.Tensor:
        y = through_numpy(x * 2) + 1
        y.sum().backward()
        return y * 3

    for value in (0.5, 1.0, 1.5):
        x = kagari.full((2,), value, requires_grad=True)
        np.testing.assert_allclose(step(x).detach().numpy(), 3 * (np.sin(2 * value) + 1) * np.ones(2), rtol=1e-6)
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(2 * value) * np.ones(2), rtol=1e-6)


def rules(lib: Any, name: str) -> list[Any]:
    """What rules for kernels, many examples and autocast make of an operator."""
    seen: list[Any] = []

    def summed(x: Any, n: int) -> Any:
        return x.sum(-1) * n

    op = lib.library.custom_op(f"rules::{name}", summed, mutates_args=(), schema="(Tensor x, int n) -> Tensor")

    def of_many(info: Any, in_dims: Any, x: Any, n: int) -> Any:
        seen.append((info.batch_size, info.randomness, in_dims[1]))  # examples are always in front here
        return op(x.movedim(in_dims[0], 0), n), 0

    lib.library.register_vmap(op, of_many)
    for dim in (0, 1):
        seen.append(lib.func.vmap(lambda x: op(x, 2), in_dims=dim)(lib.ones(3, 4)).tolist())
    lib.library.register_autocast(op, "cpu", lib.bfloat16)
    with lib.autocast("cpu"):
        seen.append([str(op(x, 1).dtype) for x in (lib.ones(2), lib.ones(2, dtype=lib.float64), lib.ones(2).long())])
    seen.append(str(op(lib.ones(2), 1).dtype))
    op.register_kernel("cpu", lambda x, n: x.sum(-1) * n + 100)
    op.register_kernel(["cuda"])(lambda x, n: x)
    seen.append(op(lib.ones(2), 1).item())
    return seen


def test_rules_are_the_oracles(oracle: ModuleType) -> None:
    assert rules(kagari, "ours") == rules(oracle, "theirs")
    with pytest.raises(ValueError, match="must be one of"):
        kagari.library.register_autocast("rules::ours", "tpu", kagari.bfloat16)
