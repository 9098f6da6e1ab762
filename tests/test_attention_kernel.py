"""Attention in blocks, without its matrix of weights, against the oracle: values, gradients, memory, code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from graphs import check, tensor
from outcomes import assert_same_error

import kagari
from kagari.base.dtypes import bfloat16, bool_, dtype, float16, float32, float64
from kagari.compiler.attention_backward import write_backward
from kagari.compiler.attention_forward import write_forward
from kagari.compiler.attention_parts import Form
from kagari.compiler.llvm import compile_object
from kagari.ir import graph
from kagari.ir.graph import Value
from kagari.runtime.cpu import host_target

TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "bfloat16": 2e-2, "float16": 3e-3}

# Queries, keys and values, by shape; what is asked for. Blocks are 64 queries, and 256 keys forward, 64 backward.
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int, dict[str, Any]]] = {
    "few queries": ((2, 3, 5, 4), (2, 3, 7, 4), 4, {}),
    "one block": ((2, 3, 10, 4), (2, 3, 7, 4), 4, {}),
    "blocks": ((1, 2, 150, 16), (1, 2, 530, 16), 16, {}),
    "whole blocks": ((1, 1, 128, 64), (1, 1, 512, 64), 64, {}),
    "odd sizes": ((1, 2, 67, 33), (1, 2, 301, 33), 17, {}),
    "sizes of 1": ((1, 2, 9, 1), (1, 2, 6, 1), 1, {}),
    "long keys": ((3, 5, 200), (3, 9, 200), 70, {}),
    "no batch": ((20, 8), (30, 8), 12, {}),
    "causal": ((1, 2, 150, 16), (1, 2, 150, 16), 16, {"is_causal": True}),
    "causal, fewer keys": ((1, 1, 300, 8), (1, 1, 70, 8), 8, {"is_causal": True}),
    "causal, more keys": ((1, 1, 70, 8), (1, 1, 300, 8), 8, {"is_causal": True}),
    "scale": ((2, 40, 8), (2, 40, 8), 8, {"scale": 0.7, "is_causal": True}),
    "scale below 0": ((2, 40, 8), (2, 40, 8), 8, {"scale": -1.5}),
    "scale of 0": ((2, 20, 8), (2, 40, 8), 8, {"scale": 0.0}),
    "boolean mask": ((2, 2, 70, 8), (2, 2, 300, 8), 8, {"attn_mask": ("bool", (70, 300))}),
    "mask of keys": ((2, 2, 70, 8), (2, 2, 90, 8), 8, {"attn_mask": ("bool", (2, 1, 1, 90))}),
    "mask of queries": ((2, 2, 70, 8), (2, 2, 90, 8), 8, {"attn_mask": ("bool", (2, 70, 1))}),
    "added mask": ((2, 2, 70, 8), (2, 2, 90, 8), 8, {"attn_mask": ("same", (2, 1, 70, 90))}),
    "shared heads": ((2, 6, 40, 8), (2, 2, 40, 8), 8, {"enable_gqa": True, "is_causal": True}),
    "shared heads, mask": ((2, 4, 9, 8), (2, 2, 50, 8), 8, {"enable_gqa": True, "attn_mask": ("bool", (2, 4, 9, 50))}),
    "one query": ((2, 3, 1, 16), (2, 3, 40, 16), 16, {}),
    "one query, shared heads": ((2, 6, 1, 16), (2, 3, 40, 16), 16, {"enable_gqa": True}),
    "one key": ((2, 3, 20, 16), (2, 3, 1, 16), 16, {"is_causal": True}),
    "no queries": ((2, 0, 4), (2, 5, 4), 3, {}),
    "no keys": ((2, 30, 4), (2, 0, 4), 3, {}),
    "no batch at all": ((0, 2, 30, 4), (0, 2, 30, 4), 4, {}),
    "keys of size 0": ((2, 30, 0), (2, 5, 0), 4, {}),
    "values of size 0": ((2, 30, 4), (2, 5, 4), 0, {}),
}  # fmt: skip
DTYPES = [*((name, "float32") for name in CASES)] + [
    (name, dt)
    for dt in ("float64", "bfloat16", "float16")
    for name in ("blocks", "odd sizes", "causal", "boolean mask", "added mask", "one query")
]


def numbers(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def operands(lib: ModuleType, case: str, dt: str) -> tuple[list[Any], dict[str, Any]]:
    """Query, key and value, and the options; row 3 of a mask allows nothing."""
    query, key, width, options = CASES[case]
    values = [lib.tensor(numbers(i, s)).to(getattr(lib, dt)) for i, s in enumerate((query, key, (*key[:-1], width)))]
    options = dict(options)
    if "attn_mask" in options:
        kind, shape = options["attn_mask"]
        mask = numbers(7, shape)
        if kind == "bool":
            allowed = mask > 0
            allowed[..., 3 % shape[-2], :] = shape[-2] == 1
            options["attn_mask"] = lib.tensor(allowed)
        else:
            mask[..., 3, :] = -np.inf
            options["attn_mask"] = lib.tensor(mask).to(getattr(lib, dt))
    return values, options


def run(lib: ModuleType, values: list[Any], options: dict[str, Any]) -> list[np.ndarray]:
    """The result, and the gradients of query, key and value."""
    leaves = [x.detach().requires_grad_() for x in values]
    y = lib.nn.functional.scaled_dot_product_attention(*leaves, **options)
    grads = lib.autograd.grad(y, leaves, lib.tensor(numbers(5, tuple(y.shape))).to(y.dtype))
    return [x.detach().double().numpy() for x in (y, *grads)]


def same(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize(("case", "dt"), DTYPES)
def test_result_and_gradients(case: str, dt: str, oracle: ModuleType) -> None:
    ours = run(kagari, *operands(kagari, case, dt))
    same(ours, run(oracle, *operands(oracle, case, dt)), TOLERANCE[dt])


def arranged(lib: ModuleType, how: str) -> list[Any]:
    """Query, key and value of shape (2, 3, 70, 8) that do not lie row behind row."""
    if how == "heads inside":
        return [lib.tensor(numbers(i, (2, 70, 3, 8))).float().transpose(1, 2) for i in range(3)]
    if how == "one tensor":
        whole = lib.tensor(numbers(0, (2, 70, 3, 3, 8))).float()
        return [whole[:, :, i].transpose(1, 2) for i in range(3)]
    if how == "columns":
        return [lib.tensor(numbers(i, (2, 3, 8, 70))).float().transpose(2, 3) for i in range(3)]
    if how == "every second":
        return [lib.tensor(numbers(i, (2, 3, 140, 16))).float()[:, :, ::2, ::2] for i in range(3)]
    return [
        lib.tensor(numbers(i, shape)).float().expand(2, 3, 70, 8)
        for i, shape in enumerate(((2, 1, 70, 8), (3, 70, 8), (1, 8)))
    ]


@pytest.mark.parametrize("how", ["heads inside", "one tensor", "columns", "every second", "repeated"])
def test_operands_are_read_where_they_lie(how: str, oracle: ModuleType) -> None:
    same(
        run(kagari, arranged(kagari, how), {"is_causal": True}),
        run(oracle, arranged(oracle, how), {"is_causal": True}),
        2e-5,
    )


def test_heads_become_rows_again_without_a_copy(oracle: ModuleType) -> None:
    """The result lies as the query does, and a gradient as what it is the gradient of."""
    for lib in (kagari, oracle):
        values = [x.detach().requires_grad_() for x in arranged(lib, "heads inside")]
        y = lib.nn.functional.scaled_dot_product_attention(*values, is_causal=True)
        grads = lib.autograd.grad(y, values, lib.ones_like(y))
        for x in (y, *grads):
            assert x.transpose(1, 2).view(2, 70, 24).is_contiguous()


def test_parts_of_a_compiled_program(oracle: ModuleType) -> None:
    """Queries, keys and values are cut out of one product: parts of a buffer that is no argument."""
    found = []
    for lib in (kagari, oracle):
        x = lib.tensor(numbers(0, (2, 70, 24))).float().requires_grad_()
        weight = lib.tensor(numbers(1, (72, 24))).float() / 5

        def layer(x: Any, weight: Any, lib: Any = lib) -> Any:
            q, k, v = lib.nn.functional.linear(x, weight).view(2, 70, 3, 3, 8).unbind(2)
            q, k, v = (part.transpose(1, 2) for part in (q, k, v))
            y = lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return y.transpose(1, 2).reshape(2, 70, 24)

        y = (kagari.compile(layer) if lib is kagari else layer)(x, weight)
        y.square().sum().backward()
        found.append([y.detach().numpy(), x.grad.numpy()])
    same(*found, 1e-4)


def test_heads_that_keys_and_values_share_differently(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        values = [lib.tensor(numbers(i, (2, h, 12, 8))).float() for i, h in enumerate((8, 2, 4))]
        found.append(run(lib, values, {"enable_gqa": True, "is_causal": True}))
    same(*found, 2e-5)


def test_masks_of_other_heads_are_refused(oracle: ModuleType) -> None:
    def attend(lib: Any) -> Any:
        q, k = lib.ones(2, 4, 3, 2), lib.ones(2, 2, 3, 2)
        return lib.nn.functional.scaled_dot_product_attention(q, k, k, lib.ones(2, 2, 3, 3), enable_gqa=True)

    assert_same_error(attend, oracle, kagari, exact=False)


def test_wanted_gradients_only(oracle: ModuleType) -> None:
    for wanted in range(3):
        found = []
        for lib in (kagari, oracle):
            values, _ = operands(lib, "causal", "float32")
            values[wanted].requires_grad_()
            lib.nn.functional.scaled_dot_product_attention(*values, is_causal=True).square().sum().backward()
            assert [x.grad is not None for x in values] == [i == wanted for i in range(3)]
            found.append([values[wanted].grad.numpy()])
        same(*found, 2e-5)


def test_gradient_of_a_mask(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        values, options = operands(lib, "added mask", "float64")
        mask = options["attn_mask"].clamp(min=-3).requires_grad_()
        attend = lib.nn.functional.scaled_dot_product_attention
        attend(*values, mask).square().sum().backward()
        found.append([mask.grad.numpy()])
    same(*found, 1e-11)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf"), 1e30])
def test_numbers_that_are_not_finite(value: float, oracle: ModuleType) -> None:
    """In keys that all queries look at."""
    found = []
    for lib in (kagari, oracle):
        q, k, v = (lib.tensor(numbers(i, (2, 70, 8))).float() for i in range(3))
        q[0, 5, 2] = value
        k[1, 0, 3] = value
        found.append(lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).numpy())
    np.testing.assert_allclose(*found, rtol=2e-5, atol=2e-5)


def test_keys_that_are_hidden_do_not_matter() -> None:
    """PyTorch adds -inf to their scores, which leaves NaN where they are not finite."""
    q, k, v = (kagari.randn(1, 80, 8) for _ in range(3))
    attend = kagari.nn.functional.scaled_dot_product_attention
    mask = kagari.arange(80) < 70
    for rows, options in (
        (70, {"is_causal": True}),
        (80, {"attn_mask": mask}),
        (80, {"attn_mask": mask.expand(80, 80)}),
    ):
        found = [attend(q, keys, v, **options) for keys in (k, kagari.where(mask[:, None], k, float("nan")))]
        assert kagari.equal(*(x[:, :rows] for x in found))


def test_large_scores_do_not_overflow(oracle: ModuleType) -> None:
    """The maximum rises from block to block."""
    found = []
    for lib in (kagari, oracle):
        q, v = (lib.tensor(numbers(i, (1, 20, 8))).float() for i in range(2))
        keys, values = (x.repeat(1, 50, 1) for x in (q, v))
        ramp = lib.linspace(-40, 40, 1000).reshape(1, 1000, 1)
        found.append(run(lib, [q, keys * ramp, values], {}))
    same(*found, 2e-4)


def test_second_gradient_in_blocks(oracle: ModuleType) -> None:
    """PyTorch has none of its kernel: of the formula."""
    found = []
    for lib in (kagari, oracle):
        q, k, v = (lib.tensor(numbers(i, (2, 70, 4))).requires_grad_() for i in range(3))
        if lib is kagari:
            y = lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            hidden = lib.ones(70, 70).triu(1).bool()
            y = ((q @ k.mT) / 2).masked_fill(hidden, -float("inf")).softmax(-1) @ v
        weights = lib.tensor(numbers(5, (2, 70, 4)))
        firsts = lib.autograd.grad((y * weights).sum(), [q, k, v], create_graph=True)
        seconds = lib.autograd.grad(sum((x**3).sum() for x in firsts), [q, k, v])
        found.append([x.detach().numpy() for x in (*firsts, *seconds)])
    same(*found, 1e-10)


PARTS: dict[str, Callable[..., Value]] = {
    "result": lambda causal, q, k, v, g, sums, delta, scale, *mask: graph.attend((q, k, v, scale, *mask), causal),
    "logsums": lambda causal, q, k, v, g, sums, delta, scale, *mask: graph.attend(
        (q, k, v, scale, *mask), causal, "logsums"
    ),
    **{
        f"gradient of argument {i}": lambda causal, *args, argument=i: graph.attend_grad(args, causal, argument)
        for i in range(3)
    },
}


@pytest.mark.parametrize("dt", [float32, float64, bfloat16, float16], ids=lambda dt: dt.name)
@pytest.mark.parametrize("part", PARTS)
def test_kernels_do_what_the_interpreter_says(part: str, dt: dtype) -> None:
    """Operands in any memory, results into any; logarithms and deltas that are not those of the scores."""
    wide = float64 if dt is float64 else float32
    shapes = [(2, 70, 9), (2, 90, 9), (2, 90, 6), (2, 70, 6)]
    operands = [
        *(
            tensor(numbers(i, s) / 2, dt, m)
            for i, (s, m) in enumerate(zip(shapes, ("gaps", "permuted", "contiguous", "gaps")))
        ),
        *(tensor(numbers(i, (2, 70)) + 3, wide, m) for i, m in ((4, "gaps"), (5, "contiguous"))),
        tensor(np.array(0.6), wide),
    ]
    check(partial(PARTS[part], True), *operands)
    check(partial(PARTS[part], False), *operands, tensor(numbers(6, (2, 70, 90)) > 0, bool_))
    check(partial(PARTS[part], False), *operands, tensor(numbers(6, (2, 70, 90)), wide, "permuted"))


def memory_of(length: int, causal: bool) -> int:
    """Bytes that a forward and a backward call take beyond those there were, all that was freed in between included."""
    q, k, v = (kagari.randn(1, 4, length, 32, requires_grad=True) for _ in range(3))

    def held() -> int:
        return sum(kagari.backends.kagari.memory_stats().values())

    kagari.backends.kagari.empty_cache()
    before = held()
    kagari.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal).sum().backward()
    return held() - before


@pytest.mark.parametrize("causal", [False, True])
def test_memory_is_linear_in_the_length(causal: bool) -> None:
    memory_of(1024, causal)
    short, long = memory_of(1024, causal), memory_of(2048, causal)
    assert long < 2.3 * short
    assert long < 4 * 2048 * 2048 * 4 / 2


def test_sizes_are_operands() -> None:
    def attend(length: int, size: int, causal: bool) -> None:
        q, k, v = (kagari.randn(2, length, size, requires_grad=True) for _ in range(3))
        kagari.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal).sum().backward()

    attend(12, 4, True)
    attend(12, 4, False)
    before = kagari.backends.kagari.kernels_compiled()
    attend(200, 36, True)
    attend(77, 9, False)
    assert kagari.backends.kagari.kernels_compiled() == before


def forms() -> Iterator[Form]:
    """Vectors of 16, 32 and 64 bytes, whatever this processor has."""
    kinds: list[tuple[dtype, dtype | None]] = [(float32, None), (float64, bool_), (bfloat16, float32)]
    for size, heights in ((16, (14, 8, 4, 2)), (32, (6, 4, 2)), (64, (14, 8, 4, 2))):
        for of, mask in kinds:
            element = "double" if of is float64 else "float"
            yield Form(element, size // (8 if of is float64 else 4), 2, heights, of, mask)


@pytest.mark.parametrize("form", [*forms()], ids=lambda form: form.key)
def test_code_of_other_widths_is_legal(form: Form) -> None:
    for write in (write_forward, write_backward):
        assert compile_object(write(form), host_target(), 1)


def test_heads_of_a_layer(oracle: ModuleType) -> None:
    """A layer whose weights are not asked for gives what it gives with them."""
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        layer = lib.nn.MultiheadAttention(32, 4, batch_first=True)
        x = lib.tensor(numbers(0, (2, 90, 32))).float().requires_grad_()
        y, weights = layer(x, x, x, need_weights=False)
        assert weights is None
        y.square().sum().backward()
        results.append([z.detach().numpy() for z in (y, x.grad, layer.in_proj_weight.grad)])
    same(*results, 1e-4)
