"""Convolutions of each channel alone: values, first and second gradients at all kinds of borders."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from graphs import check, run_with_256_bit_vectors, tensor
from test_contract import guarded

import kagari
from kagari.base.dtypes import float32, float64
from kagari.ir import graph

F = kagari.nn.functional


class Case(NamedTuple):
    """An input, and with what it is convolved; `each` is how many results a channel has."""

    shape: tuple[int, ...]
    taps: tuple[int, ...]
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    each: int = 1


# Tiles are 4 rows of two vectors, or 7 of one; vectors are 4 to 16 elements. A band has lines of 24 KiB.
CASES = {
    "odd": Case((2, 3, 13, 11), (3, 3), 1, 1),
    "even taps": Case((2, 3, 12, 40), (4, 2), 1, (2, 1)),
    "wide": Case((1, 2, 9, 70), (5, 5), 1, 2),
    "one column more than a tile": Case((1, 2, 6, 33), (3, 5), 1, (1, 2)),
    "an end that two tiles need": Case((1, 2, 5, 63), (1, 3), 1, (0, 2)),
    "an end that dilated taps need": Case((2, 2, 9, 65), (3, 5), 1, (2, 4), 2),
    "rows of half a tile": Case((2, 2, 17, 28), (5, 5), 1, 2),
    "whole tiles": Case((2, 2, 14, 32), (3, 3), 1, 1),
    "no padding": Case((1, 3, 8, 37), (3, 6)),
    "stride 2": Case((2, 3, 13, 37), (3, 3), 2, 1),
    "stride 2, even": Case((2, 3, 16, 64), (3, 3), 2, 1),
    "stride 2, even taps": Case((1, 2, 15, 35), (4, 4), 2, 1),
    "stride 3": Case((2, 3, 17, 53), (5, 4), 3, 2),
    "two strides": Case((2, 2, 12, 33), (3, 5), (1, 2), (1, 2)),
    "two other strides": Case((2, 2, 12, 33), (3, 5), (3, 1), (0, 3)),
    "dilation": Case((1, 3, 14, 30), (3, 3), 1, 2, 2),
    "stride and dilation": Case((1, 3, 19, 41), (3, 4), 2, (3, 2), (2, 3)),
    "stride 3 and dilation 3": Case((1, 3, 19, 41), (3, 2), 3, 1, 3),
    "most taps": Case((1, 2, 9, 20), (7, 7), 1, 3),
    "too many taps": Case((1, 2, 9, 20), (8, 3), 1, 3),
    "too long a stride": Case((1, 2, 13, 20), (3, 3), 4, 1),
    "fewer taps than the stride": Case((2, 2, 10, 40), (1, 2), 3, 1),
    "one tap": Case((2, 2, 5, 18), (1, 1)),
    "far beyond the border": Case((2, 2, 3, 2), (7, 6), 1, (6, 7)),
    "far beyond, stride": Case((2, 2, 3, 2), (7, 6), 2, (6, 7)),
    "elements left over": Case((1, 2, 11, 38), (3, 3), 3, 0),
    "bands": Case((1, 2, 150, 90), (3, 3), 1, 1),
    "bands, stride": Case((1, 2, 150, 190), (3, 5), 2, (1, 2)),
    "one row": Case((2, 3, 1, 20), (1, 3), 1, (0, 1)),
    "one column": Case((2, 3, 20, 1), (3, 1), 2, (1, 0)),
    "lines": Case((2, 3, 41), (5,), 2, 3),
    "lines without a batch": Case((3, 41), (4,), 1, 3, 2),
    "no images": Case((0, 3, 8, 9), (3, 3), 2, 1),
    "several results": Case((2, 3, 10, 19), (3, 3), 2, 1, 1, 2),
}


def of(lib: ModuleType, seed: int, shape: tuple[int, ...], dt: str = "float64") -> Any:
    values = np.random.default_rng(seed).normal(size=shape).astype(dt)
    return lib.tensor(values, requires_grad=True)


def numbers(t: Any) -> np.ndarray:
    return np.array(t.detach().numpy())


def same(got: list[Any], want: list[Any], tolerance: float) -> None:
    for a, b in zip(got, want, strict=True):
        a, b = numbers(a), numbers(b)
        assert a.shape == b.shape and a.dtype == b.dtype
        scale = np.abs(b).max(initial=1e-30)
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance)


def arguments(lib: ModuleType, case: Case, dt: str) -> tuple[Any, Any, Any]:
    channels = case.shape[-1 - len(case.taps)]
    outs = channels * case.each
    return of(lib, 0, case.shape, dt), of(lib, 1, (outs, 1, *case.taps), dt), of(lib, 2, (outs,), dt)


FEW = ("odd", "stride 2", "stride 3 and dilation 3", "most taps", "bands, stride", "lines")


@pytest.mark.parametrize(("name", "dt"), [*((n, "float64") for n in CASES), *((n, "float32") for n in FEW)])
def test_values_and_gradients(name: str, dt: str, oracle: ModuleType) -> None:
    case, found = CASES[name], []
    for lib in (kagari, oracle):
        x, w, b = arguments(lib, case, dt)
        convolution = getattr(lib, f"conv{len(case.taps)}d")
        y = convolution(x, w, b, case.stride, case.padding, case.dilation, b.shape[0] // case.each)
        first = lib.autograd.grad((y**3).sum(), (x, w, b), create_graph=True)
        second = lib.autograd.grad(sum((d**2).sum() for d in first), (x, w, b))
        found.append([y, *first, *second])
    same(*found, 1e-12 if dt == "float64" else 1e-5)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("name", [*FEW, "even taps", "two strides", "fewer taps than the stride", "several results"])
def test_transposed(name: str, more: int, oracle: ModuleType) -> None:
    """Values and first gradients; `more` rows and columns at the end, where the stride has left some out."""
    case, found = CASES[name], []
    rank = len(case.taps)
    stride = case.stride if isinstance(case.stride, tuple) else (case.stride,) * rank
    low = case.padding if isinstance(case.padding, tuple) else (case.padding,) * rank
    for lib in (kagari, oracle):
        x, w, b = arguments(lib, case, "float64")
        x = x.repeat_interleave(case.each, -1 - rank)
        y = getattr(lib, f"conv_transpose{rank}d")(
            x, w, b, stride, [min(p, 2) for p in low], [min(more, s - 1) for s in stride], len(b), case.dilation
        )
        found.append([y, *lib.autograd.grad((y**3).sum(), (x, w, b))])
    same(*found, 1e-12)


@pytest.mark.parametrize("memory", ["contiguous", "permuted", "gaps"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_kernels_do_what_the_interpreter_says(stride: tuple[int, int], memory: str) -> None:
    """All parts; operands in any memory."""
    random = np.random.default_rng(0)
    for dt in (float32, float64):
        for low, dilation in (((1, 2), (1, 1)), ((3, 0), (2, 1))):
            x, w, y = (2, 3, 13, 41), (3, 3, 5), (2, 3, 6, 13)
            a, b, c = (tensor(random.normal(size=s), dt, memory) for s in (x, w, y))
            for part, args, shape in (("output", (a, b), y), ("input", (c, b), x), ("weight", (a, c), w)):
                check(
                    lambda *v, made=(part, shape, stride, low, dilation): graph.depthwise(
                        made[0], v, made[1], *made[2:]
                    ),
                    *args,
                )


def test_weights_see_only_their_own_places() -> None:
    """What lies beyond the last place of a tap is not multiplied, not even by zero."""
    for stride, size in ((1, (12, 38)), (2, (13, 39))):
        x = kagari.ones(1, 2, *size)
        x[..., -1, :], x[..., -1] = float("inf"), float("nan")
        w = kagari.ones(2, 1, 2, 2, requires_grad=True)
        y = F.conv2d(x, w, None, stride, groups=2)
        y.sum().backward()
        seen = w.grad[:, 0, 0, 0] if stride == 1 else w.grad
        assert (seen == y[0, 0].numel()).all()


@pytest.mark.parametrize("stride", [1, 2])
def test_channels_last(stride: int, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        x, w, b = arguments(lib, Case((2, 19, 9, 11), (3, 3)), "float64")
        with lib.no_grad():
            x = x.to(memory_format=lib.channels_last)
        x.requires_grad_()
        y = lib.conv2d(x, w, b, stride, 1, 1, 19)
        assert y.is_contiguous(memory_format=lib.channels_last)
        found.append([y, *lib.autograd.grad((y**3).sum(), (x, w, b))])
    same(*found, 1e-12)


def test_epilogues(oracle: ModuleType) -> None:
    """What follows is computed with the sums: a bias, an activation, something added of the same shape, a cast."""

    def block(lib: ModuleType, x: Any, w: Any, b: Any) -> Any:
        made = lib.relu(lib.conv2d(x, w, b, 1, 1, 1, 5)) + x
        return made, lib.conv2d(made, w, b, 2, 1, 1, 5).to(lib.float16).relu()

    values = [
        [of(lib, i, s, "float32") for i, s in enumerate([(2, 5, 9, 21), (5, 1, 3, 3), (5,)])]
        for lib in (kagari, oracle)
    ]
    compiled = kagari.compile(block)
    with kagari.no_grad():
        got = compiled(kagari, *values[0])
    same([*got], [*block(oracle, *values[1])], 1e-3)
    same([got[0]], [block(oracle, *values[1])[0]], 1e-5)


def test_sizes_are_operands() -> None:
    def convolve(*shape: int) -> None:
        x, w = kagari.randn(*shape, requires_grad=True), kagari.randn(shape[1], 1, 3, 3, requires_grad=True)
        F.conv2d(x, w, None, 2, 1, 1, shape[1]).sum().backward()

    convolve(2, 8, 70, 70)
    before = kagari.backends.kagari.kernels_compiled()
    for shape in ((1, 5, 90, 87), (3, 4, 75, 200)):
        convolve(*shape)
    assert kagari.backends.kagari.kernels_compiled() == before


def test_with_256_bit_vectors() -> None:
    run_with_256_bit_vectors(__file__, "interpreter or float32")


@pytest.mark.parametrize("shape", [(2, 3, 5, 28), (1, 2, 1, 17), (2, 1, 4, 45), (1, 2, 3, 64)])
@pytest.mark.parametrize("taps", [3, 5, 7])
def test_nothing_is_read_beyond_the_end(shape: tuple[int, ...], taps: int) -> None:
    x, w = guarded(shape, np.dtype(np.float32)), guarded((shape[1], 1, taps, taps), np.dtype(np.float32))
    random = np.random.default_rng(0)
    x[...], w[...] = random.standard_normal(x.shape), random.standard_normal(w.shape)
    found, wanted = (
        F.conv2d(kagari.from_numpy(x).to(dt), kagari.from_numpy(w).to(dt), padding=taps // 2, groups=shape[1]).numpy()
        for dt in (float32, float64)
    )
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)
