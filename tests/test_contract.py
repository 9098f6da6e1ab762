"""Contractions of every structure against NumPy in float64, in memory that ends at a page nobody may touch."""

import ctypes
import mmap

import llvmlite.binding as llvm
import numpy as np
import pytest

from kagari.base.target import Target
from kagari.compiler.contract import contraction
from kagari.compiler.contract_epilogue import Epilogue, fetch, put
from kagari.compiler.llvm import compile_object
from kagari.compiler.text import vector
from kagari.runtime.cpu import define, load

PAGE = mmap.PAGESIZE
FEATURES = llvm.get_host_cpu_features()


def target(cpu: str, threads: int = 2) -> Target:
    """The host, or the same host with 256-bit vectors only."""
    triple = llvm.get_process_triple()
    wide = bool(FEATURES.get("avx512f")) and cpu == "host"
    x86 = triple.startswith("x86_64")
    if cpu == "host":
        name, features = llvm.get_host_cpu_name(), FEATURES.flatten()
    else:
        name, features = cpu, ""
    size = 64 if wide else 32 if x86 else 16
    registers = 16 if x86 and not wide else 32
    return Target(triple, name, features, size, registers, True, wide and bool(FEATURES.get("avx512bf16")), threads)


TARGETS = {"host": target("host")}
if FEATURES.get("avx2"):
    TARGETS["haswell"] = target("haswell")


def guarded(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array whose last byte is followed by a page that faults when it is touched."""
    nbytes = max(1, int(np.prod(shape)) * dtype.itemsize)
    pages = -(-nbytes // PAGE)
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(base + pages * PAGE), PAGE, 0) == 0
    start = pages * PAGE - int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(memory, dtype, int(np.prod(shape)), start).reshape(shape)


def loaded(kernel, cpu: str):
    """The kernel's code as a callable."""
    for part in kernel.parts:
        for name, place in zip(
            part.symbols, load(compile_object(part.write(), TARGETS[cpu], part.level), part.symbols)
        ):
            define(name, place)
    (address,) = load(compile_object(kernel.write(), TARGETS[cpu], kernel.level), (kernel.symbol,))
    words = (ctypes.c_void_p,) * 3 + (ctypes.c_int64,) * 3 + (ctypes.c_void_p,)
    return ctypes.CFUNCTYPE(None, *words)(address)


CODE: dict[tuple[str, str], object] = {}


def run(launches, arrays, cpu: str) -> None:
    """All launches, their pieces backwards and with alternating workers."""
    status = ctypes.c_int64(0)
    for launch in launches:
        key = (launch.kernel.key, cpu)
        if key not in CODE:
            CODE[key] = loaded(launch.kernel, cpu)
        bufs = (ctypes.c_void_p * len(launch.bufs))(*(arrays[i].ctypes.data for i in launch.bufs))
        ops = (ctypes.c_int64 * len(launch.ops))(*launch.ops)
        for piece in reversed(range(0, launch.total, launch.grain)):
            end = min(piece + launch.grain, launch.total)
            CODE[key](bufs, ops, None, piece, end, piece % TARGETS[cpu].threads, ctypes.addressof(status))


def strides(x: np.ndarray) -> tuple[int, ...]:
    return tuple(s // x.itemsize for s in x.strides)


def product(
    a: np.ndarray, b: np.ndarray, cpu="host", dtype=None, out_dtype=None, epilogue=None, extra=()
) -> np.ndarray:
    """a @ b through generated code; a and b may be any views."""
    dtype = dtype or str(a.dtype)
    out_dtype = out_dtype or dtype
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (m, k), n = a.shape[-2:], b.shape[-1]
    a, b = np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n))
    c = guarded((*batch, m, n), np.dtype(np.uint16 if out_dtype == "bfloat16" else out_dtype))
    c.view(np.uint8)[...] = 0xFF
    arrays = [a, b, c, *extra]

    def scratch(nbytes: int) -> int:
        arrays.append(guarded((-(-nbytes // 64) * 64,), np.dtype(np.uint8)))
        arrays[-1][...] = 0xFF
        return len(arrays) - 1

    epilogue = epilogue or Epilogue(out_dtype)
    launches = contraction(
        dtype, batch, m, n, k, strides(a), strides(b), strides(c), 0, 1, 2, scratch, epilogue, TARGETS[cpu]
    )
    run(launches, arrays, cpu)
    return c


def operand(rows: int, cols: int, order: str, dtype, seed: int, batch=()) -> np.ndarray:
    """Normal numbers: `n` contiguous rows, `t` contiguous columns, `g` neither, `r` reversed."""
    values = np.random.default_rng(seed).standard_normal((*batch, rows, cols)).astype(dtype)
    if order == "t":
        view = guarded((*batch, cols, rows), values.dtype).swapaxes(-1, -2)
    elif order == "g":
        view = guarded((*batch, 2 * rows, 2 * cols), values.dtype)[..., 1::2, 1::2]
    elif order == "r":
        view = guarded((*batch, rows, cols), values.dtype)[..., ::-1, ::-1]
    else:
        view = guarded((*batch, rows, cols), values.dtype)
    view[...] = values
    return view


def check(c: np.ndarray, a: np.ndarray, b: np.ndarray, relative: float) -> None:
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    scale = np.abs(wide_a) @ np.abs(wide_b) + 1e-30
    np.testing.assert_array_less(np.abs(c - wide_a @ wide_b) / scale, relative)


SHAPES = [
    (1, 1, 1), (4, 4, 4), (2, 3, 5), (3, 17, 2), (15, 33, 17), (29, 31, 16), (64, 10, 64), (10, 64, 64), (61, 65, 47),
    (1, 100, 50), (100, 1, 50), (1, 70, 3), (2, 200, 1), (130, 94, 77),
]  # fmt: skip


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("orders", ["nn", "nt", "tn", "tt", "gn", "ng", "gg", "rr"])
def test_orders(cpu: str, orders: str) -> None:
    for m, n, k in SHAPES:
        a, b = operand(m, k, orders[0], np.float32, 1), operand(k, n, orders[1], np.float32, 2)
        check(product(a, b, cpu), a, b, 1e-5)


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("orders", ["nn", "nt", "tn", "tt"])
def test_double(cpu: str, orders: str) -> None:
    for m, n, k in SHAPES:
        a, b = operand(m, k, orders[0], np.float64, 1), operand(k, n, orders[1], np.float64, 2)
        check(product(a, b, cpu), a, b, 1e-14)


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize(
    "m, n, k",
    [
        (300, 320, 500),
        (64, 700, 1024),
        (90, 70, 2500),
        (500, 260, 2100),
        (1, 3000, 300),
        (20, 200, 800),
        (27, 136, 150),
        (50, 3100, 300),
    ],
)
@pytest.mark.parametrize("orders", ["nn", "nt", "tn", "tt"])
def test_blocks(m: int, n: int, k: int, orders: str, cpu: str) -> None:
    a, b = operand(m, k, orders[0], np.float32, 1), operand(k, n, orders[1], np.float32, 2)
    check(product(a, b, cpu), a, b, 1e-5)


def bfloat16_bits(x: np.ndarray) -> np.ndarray:
    """The upper halves of floats whose lower halves are zero."""
    return (np.ascontiguousarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def bfloat16_values(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("orders", ["nn", "nt", "tn", "tt", "gn", "gg"])
def test_half(cpu: str, orders: str) -> None:
    for m, n, k in [*SHAPES, (140, 150, 2300), (400, 300, 1001)]:
        a, b = operand(m, k, orders[0], np.float16, 1), operand(k, n, orders[1], np.float16, 2)
        check(product(a, b, cpu), a, b, 1e-3)


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("orders", ["nn", "nt", "tn", "tt", "gn", "gg"])
def test_bfloat16(cpu: str, orders: str) -> None:
    for m, n, k in [*SHAPES, (140, 150, 2300), (400, 600, 1001)]:
        bits = []
        for order, rows, cols in ((orders[0], m, k), (orders[1], k, n)):
            values = bfloat16_bits(np.random.default_rng(rows).standard_normal((rows, cols)))
            view = operand(rows, cols, order, np.uint16, 3)
            view[...] = values
            bits.append(view)
        c = product(*bits, cpu, "bfloat16")
        check(bfloat16_values(c), bfloat16_values(bits[0]), bfloat16_values(bits[1]), 1e-2)


def test_wider_result() -> None:
    a, b = operand(20, 30, "n", np.float16, 1), operand(30, 40, "n", np.float16, 2)
    check(product(a, b, out_dtype="float32"), a, b, 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("m, n", [(3, 5), (1, 70), (70, 1)])
def test_empty_sum(dtype: str, m: int, n: int) -> None:
    kind = np.uint16 if dtype == "bfloat16" else dtype
    assert not product(np.zeros((m, 0), kind), np.zeros((0, n), kind), dtype=dtype).any()


def test_empty_result() -> None:
    epilogue = Epilogue("float32")
    for m, n, batch in ((0, 4, ()), (4, 0, ()), (4, 4, (2, 0))):
        flat = (0,) * len(batch) + (1, 1)
        launches = contraction("float32", batch, m, n, 3, *[flat] * 3, 0, 1, 2, lambda n: 3, epilogue, TARGETS["host"])
        assert launches == []


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("orders", ["nn", "nt", "tn"])
@pytest.mark.parametrize(
    "batch_a, batch_b",
    [((3,), (3,)), ((2, 3), (3,)), ((3,), ()), ((), (2, 3)), ((2, 1, 3), (1, 4, 1)), ((50,), (50,))],
)
def test_batch(batch_a: tuple[int, ...], batch_b: tuple[int, ...], orders: str, dtype: str) -> None:
    for m, n, k in ((5, 7, 9), (1, 20, 30), (50, 33, 70)):
        a, b = operand(m, k, orders[0], dtype, 1, batch_a), operand(k, n, orders[1], dtype, 2, batch_b)
        check(product(a, b), a, b, 1e-5 if dtype == "float32" else 1e-3)


def test_expanded() -> None:
    row, column = operand(1, 40, "n", np.float32, 1), operand(30, 1, "n", np.float32, 2)
    a, b = np.broadcast_to(column, (30, 40)), np.broadcast_to(row.T, (40, 50))
    check(product(a, b), a, b, 1e-5)


class BiasRelu(Epilogue):
    """max(0, sum + bias[n]) * scale."""

    def __init__(self, bias: int, scale: int) -> None:
        super().__init__("float32", "bias_relu", (bias,), (scale,), folds=True)

    def store(self, b, out, acc, row, col, lanes, mask, context) -> None:
        bias = fetch(b, b.gep(context.bufs[0], col, "float"), vector(lanes, "float"), mask)
        x = b.intrinsic("maxnum", acc.type, b.fadd(acc, bias), b.zero(acc.type))
        scale = b.splat(b.cast("sitofp", context.ops[0], "float"), lanes)
        put(b, out, b.fmul(x, scale), mask)


@pytest.mark.parametrize("orders", ["nn", "nt"])
@pytest.mark.parametrize("m, n, k", [(5, 9, 11), (64, 130, 60), (1, 90, 40), (90, 1, 40), (33, 70, 2200)])
def test_epilogue(m: int, n: int, k: int, orders: str) -> None:
    a, b = operand(m, k, orders[0], np.float32, 1, (2,)), operand(k, n, orders[1], np.float32, 2)
    bias = operand(1, n, "n", np.float32, 3)
    c = product(a, b, epilogue=BiasRelu(3, 2), extra=[bias])
    expected = np.maximum(a.astype(np.float64) @ b + bias, 0) * 2
    np.testing.assert_allclose(c, expected, rtol=1e-4, atol=1e-4 * np.sqrt(k))


class Position(Epilogue):
    """sum + row + column + 100 * batch: what an epilogue is told about where it stands."""

    def __init__(self) -> None:
        super().__init__("float32", "position", folds=False)

    def store(self, b, out, acc, row, col, lanes, mask, context) -> None:
        at = b.splat(b.add(b.add(row, col), b.mul(context.batch, b.int(100))), lanes)
        put(b, out, b.fadd(acc, b.cast("sitofp", b.add(at, b.iota(lanes)), acc.type)), mask)


@pytest.mark.parametrize("orders", ["nn", "nt"])
@pytest.mark.parametrize("m, n", [(9, 40), (40, 9), (1, 5), (5, 1), (64, 200)])
def test_position(m: int, n: int, orders: str) -> None:
    a, b = operand(m, 20, orders[0], np.float32, 1, (3,)), operand(20, n, orders[1], np.float32, 2)
    where = np.arange(n) + np.arange(m)[:, None] + 100 * np.arange(3)[:, None, None]
    np.testing.assert_allclose(product(a, b, epilogue=Position()), a @ b + where, rtol=1e-5, atol=1e-4)


def test_position_in_small_matrices() -> None:
    """Their lanes are those of one, and a tile has lanes of two."""
    a, b = operand(60, 20, "n", np.float32, 1), operand(20, 49, "n", np.float32, 2, (3,))
    where = np.arange(49) + np.arange(60)[:, None] + 100 * np.arange(3)[:, None, None]
    np.testing.assert_allclose(product(a, b, epilogue=Position()), a @ b + where, rtol=1e-5, atol=1e-4)


def test_same_code_for_other_sizes() -> None:
    keys = set()
    for m, n, k in ((50, 60, 70), (55, 66, 77), (40, 90, 100)):
        flat, epilogue = ((k, 1), (n, 1), (n, 1)), Epilogue("float32")
        launches = contraction("float32", (), m, n, k, *flat, 0, 1, 2, lambda n: 3, epilogue, TARGETS["host"])
        keys |= {launch.kernel.key for launch in launches}
    assert len(keys) == 1
