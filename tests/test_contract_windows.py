"""Contractions whose right factor is packed straight from windows, in memory that ends at a page nobody may touch."""

from __future__ import annotations

from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np
import pytest
from test_contract import TARGETS, guarded, run

from kagari.base.target import Target
from kagari.compiler.contract import contraction, slab_for
from kagari.compiler.contract_epilogue import Epilogue
from kagari.compiler.contract_slab import slab_of
from kagari.compiler.contract_windows import Border, Windows
from kagari.compiler.llvm import compile_object

RANDOM = np.random.default_rng(5)


def scratch_in(arrays: list) -> Callable[[int], int]:
    """Adds buffers of other bytes than 0, with guards, to the arrays of a launch, and gives their numbers."""

    def scratch(nbytes: int) -> int:
        arrays.append(guarded((-(-nbytes // 64) * 64,), np.dtype(np.uint8)))
        arrays[-1][...] = 0xFF
        return len(arrays) - 1

    return scratch


def offsets(dims: tuple[tuple[int, int], ...]) -> np.ndarray:
    """The offset of each row or lane, the innermost dimension running fastest."""
    total = np.zeros(1, int)
    for size, stride in dims:
        total = np.add.outer(stride * np.arange(size), total).reshape(-1)
    return total


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("mode", "rows", "lanes", "m", "batch"),
    [
        ("runs1", ((3, 1), (3, 23), (5, 200)), ((21, 1), (7, 23)), 20, 2),
        ("runs1", ((2, 1), (2, 4)), ((3, 1), (33, 4)), 3, 1),
        ("columns2", ((3, 2), (4, 60)), ((2, 1), (9, 6)), 17, 1),
        ("runs1", ((1, 0),), ((40, 1), (3, 50)), 5, 1),
        ("runs2", ((3, 1), (3, 50), (4, 800)), ((24, 2), (7, 100)), 33, 2),
        ("runs2", ((2, 1), (700, 40)), ((5, 2), (2, 12)), 9, 1),
        ("runs1", ((7, 3), (400, 30)), ((11, 1), (4, 3)), 50, 1),
        ("columns1", ((21, 1), (7, 23), (3, 900)), ((3, 1), (3, 23), (5, 180)), 20, 1),
        ("columns1", ((6, 1), (500, 7)), ((2, 300), (50, 3)), 10, 1),
        ("columns2", ((13, 2), (6, 55), (30, 400)), ((3, 1), (3, 55)), 15, 2),
        ("columns1", ((5, 1),), ((3, 7), (2, 40)), 4, 3),
        ("runs1", ((2, 1), (2, 3), (6, 9)), ((2, 1), (2, 3)), 7, 5),
        ("runs1", ((3, 1), (3, 9), (300, 54)), ((4, 1), (4, 9)), 15, 3),
        ("columns1", ((30, 1), (2, 60)), ((1, 0),), 9, 19),
    ],
)
def test_windows(cpu: str, kind: type, mode: str, rows: tuple, lanes: tuple, m: int, batch: int) -> None:
    places = np.add.outer(offsets(rows), offsets(lanes))
    (k, n), offset, apart = places.shape, 3, int(places.max()) + 2
    x = guarded((offset + apart * (batch - 1) + int(places.max()) + 1,), np.dtype(kind))
    a, c = guarded((batch, m, k), np.dtype(kind)), guarded((batch, m, n), np.dtype(kind))
    x[...], a[...], c[...] = RANDOM.standard_normal(x.shape), RANDOM.standard_normal(a.shape), np.nan
    arrays = [a, x, c]

    windows = Windows(rows, lanes, offset)
    assert windows.mode == mode
    name = np.dtype(kind).name
    launches = contraction(
        name, (batch,), m, n, k, (m * k, k, 1), (apart, 0, 0), (m * n, n, 1), 0, 1, 2, scratch_in(arrays),
        Epilogue(name),
        TARGETS[cpu], windows,
    )  # fmt: skip
    run(launches, arrays, cpu)
    right = np.stack([x[offset + i * apart :][places] for i in range(batch)]).astype(np.float64)
    np.testing.assert_allclose(c, a.astype(np.float64) @ right, rtol=0, atol=np.finfo(kind).eps * 90 * k**0.5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "lanes", "m", "offset"),
    [
        (((3, 1), (3, 30), (9, 900)), ((28, 1), (28, 30)), 31, 0),
        (((4, 1), (5, 34), (20, 1200)), ((16, 2), (16, 68)), 16, 1),
        (((7, 1), (7, 99), (3, 9900)), ((47, 2), (40, 198)), 64, 0),
        (((12, 700), (3, -1), (3, -26)), ((24, 1), (24, 26)), 5, 54),  # as the gradient of an input does
        (((3, 2), (3, 56), (8, 900)), ((24, 1), (20, 28)), 30, 7),
        (((3, 2), (5, 80), (9, 2000)), ((18, 2), (8, 80)), 29, 0),
        (((5, 1), (4, 42)), ((38, 1), (9, 42)), 2, 0),
        (((5, 1), (6, 800)), ((38, 1), (9, 42)), 15, 3),
        (((3, 1), (3, 46), (200, 2000)), ((44, 1), (40, 46)), 40, 0),
    ],
)
def test_windows_read_in_place(kind: type, rows: tuple, lanes: tuple, m: int, offset: int) -> None:
    windows = Windows(rows, lanes, offset)
    vector = TARGETS["host"].lanes(np.dtype(kind).itemsize)
    assert slab_of(windows, vector) is not None
    places = np.add.outer(offsets(rows), offsets(lanes)) + offset
    assert places.min() >= 0
    (k, n), apart, name = places.shape, int(places.max()) + 2, np.dtype(kind).name
    x = guarded((apart + int(places.max()) + 1,), np.dtype(kind))
    a, c = guarded((m, k), np.dtype(kind)), guarded((2, m, n), np.dtype(kind))
    x[...], a[...], c[...] = RANDOM.standard_normal(x.shape), RANDOM.standard_normal(a.shape), np.nan
    arrays = [a, x, c]

    launches = contraction(
        name, (2,), m, n, k, (0, k, 1), (apart, 0, 0), (m * n, n, 1), 0, 1, 2, scratch_in(arrays), Epilogue(name),
        TARGETS["host"], windows,
    )  # fmt: skip
    run(launches, arrays, "host")
    right = np.stack([x[i * apart :][places] for i in range(2)]).astype(np.float64)
    np.testing.assert_allclose(c, a.astype(np.float64) @ right, rtol=0, atol=np.finfo(kind).eps * 90 * k**0.5)


@pytest.mark.parametrize(
    ("taps", "step", "low", "high", "turned"),
    [
        ((3, 3), 1, (1, 1), (1, 1), False),
        ((3, 3), 1, (1, 1), (1, 1), True),
        ((7, 7), 2, (3, 3), (3, 3), False),
        ((5, 4), 1, (0, 2), (3, 1), False),
        ((5, 1), 1, (2, 0), (2, 0), False),
        ((1, 6), 1, (0, 20), (0, 20), False),
        ((4, 4), 2, (5, 1), (0, 4), False),
    ],
)
def test_zeros_that_are_not_in_memory(taps: tuple, step: int, low: tuple, high: tuple, turned: bool) -> None:
    images, planes, m, size = 2, 7, 18, (37, 41)
    x = guarded((images, planes, *size), np.dtype(np.float32))
    x[...] = RANDOM.standard_normal(x.shape)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *zip(low, high)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, taps, (2, 3))[:, :, ::step, ::step]
    seen = seen[..., ::-1, ::-1] if turned else seen
    places = seen.shape[2:4]
    right = seen.transpose(0, 1, 4, 5, 2, 3).reshape(images, -1, places[0] * places[1])
    k, n = right.shape[1:]
    a, c = guarded((m, k), np.dtype(np.float32)), guarded((images, m, n), np.dtype(np.float32))
    a[...], c[...] = RANDOM.standard_normal(a.shape), np.nan
    arrays = [a, x, c]

    line = padded.shape[3]
    whole, inner = (planes * padded[0, 0].size, padded[0, 0].size, line), (planes * x[0, 0].size, x[0, 0].size, size[1])
    sign = -1 if turned else 1
    rows = tuple(d for d in ((taps[1], sign), (taps[0], sign * line), (planes, whole[1])) if d[0] > 1)
    offset = (taps[0] - 1) * line + taps[1] - 1 if turned else 0
    border = Border(whole, inner, 0, low, size)
    windows = Windows(rows, ((places[1], step), (places[0], step * line)), offset, border)
    assert slab_of(windows, TARGETS["host"].lanes(4)) is not None
    if slab_for("float32", windows, TARGETS["host"]) is None:
        pytest.skip("masks cost something")
    launches = contraction(
        "float32", (images,), m, n, k, (0, k, 1), (inner[0], 0, 0), (m * n, n, 1), 0, 1, 2, scratch_in(arrays),
        Epilogue("float32"), TARGETS["host"], windows,
    )  # fmt: skip
    run(launches, arrays, "host")
    np.testing.assert_allclose(c, a.astype(np.float64) @ right, rtol=0, atol=1e-3)


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize(("parts", "inner"), [(3, 49), (8, 7), (300, 9), (2, 2300), (5, 1)])
def test_sums_in_parts(cpu: str, parts: int, inner: int) -> None:
    """The columns of the left factor are two dimensions, as channels and taps of weights, or images and places, are."""
    m, n = 29, 40
    a, x = guarded((parts, m, inner), np.dtype(np.float32)), guarded((parts, n, inner), np.dtype(np.float32))
    c = guarded((m, n), np.dtype(np.float32))
    a[...], x[...], c[...] = RANDOM.standard_normal(a.shape), RANDOM.standard_normal(x.shape), np.nan
    arrays = [a, x, c]

    windows = Windows(((inner, 1), (parts, n * inner)), ((n, inner),))
    launches = contraction(
        "float32", (), m, n, parts * inner, (inner, 1), (0, 0), (n, 1), 0, 1, 2, scratch_in(arrays),
        Epilogue("float32"),
        TARGETS[cpu], windows, (parts, m * inner),
    )  # fmt: skip
    run(launches, arrays, cpu)
    expected = np.einsum("pmk,pnk->mn", a.astype(np.float64), x.astype(np.float64))
    np.testing.assert_allclose(c, expected, rtol=0, atol=np.finfo(np.float32).eps * 200 * (parts * inner) ** 0.5)


def test_windows_without_runs_are_left_to_a_copy() -> None:
    assert Windows(((3, 3), (4, 60)), ((2, 5), (9, 10))).mode == ""


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_windows_compile_for_aarch64(kind: str) -> None:
    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("llvmlite was built without AArch64")
    target = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32, True, False, 4)
    taps = ((3, 1), (3, 20))
    for windows in (Windows(taps, ((10, 2), (5, 40))), Windows(((20, 1), (7, 50)), taps)):
        k, n = (a * b for (a, _), (b, _) in (windows.rows, windows.lanes))
        strides = (k, 1), (0, 0), (n, 1)
        launches = contraction(kind, (), 20, n, k, *strides, 0, 1, 2, lambda n: 3, Epilogue(kind), target, windows)
        for launch in launches:
            assert compile_object(launch.kernel.write(), target, launch.kernel.level)[:4] == b"\x7fELF"
