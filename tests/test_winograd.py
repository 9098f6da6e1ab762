"""Convolutions of 3 x 3 by Winograd's transformations, in memory that ends at a page nobody may touch, and whole."""

from __future__ import annotations

import numpy as np
import pytest
from test_contract import TARGETS, guarded, run
from test_contract_windows import scratch_in

import kagari
import kagari.nn.functional as F
from kagari.compiler import winograd, winograd_weight
from kagari.compiler.contract import contraction
from kagari.compiler.contract_epilogue import Epilogue
from kagari.compiler.contract_windows import Border, Windows
from kagari.compiler.winograd import image_of, suited
from kagari.engine.binding import Number, Recorder

RANDOM = np.random.default_rng(11)
HOST = TARGETS["host"]
WIDE = HOST.vector_bytes == 64


@pytest.mark.parametrize(
    ("images", "channels", "size", "low", "high", "m", "how"),
    [
        (2, 40, (37, 41), (1, 1), (1, 1), 50, "taps"),
        (2, 40, (37, 41), (1, 1), (1, 1), 50, "turned"),
        (3, 33, (12, 13), (2, 1), (0, 2), 47, "gather"),
        (9, 64, (7, 7), (1, 1), (1, 1), 65, "taps"),
        (40, 64, (4, 5), (1, 1), (1, 1), 64, "turned"),
        (1, 70, (9, 90), (0, 0), (0, 0), 61, "taps"),
    ],
)
@pytest.mark.skipif(not WIDE, reason="masks cost something")
def test_kernels(images: int, channels: int, size: tuple, low: tuple, high: tuple, m: int, how: str) -> None:
    x = guarded((images, channels, *size), np.dtype(np.float32))
    x[...] = RANDOM.standard_normal(x.shape)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *zip(low, high)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    seen = seen[..., ::-1, ::-1] if how == "turned" else seen
    places = seen.shape[2:4]
    right = seen.transpose(0, 1, 4, 5, 2, 3).reshape(images, -1, places[0] * places[1])
    k, n = right.shape[1:]
    a = guarded((k, m) if how == "gather" else (m, k), np.dtype(np.float32))
    a[...] = RANDOM.standard_normal(a.shape)
    left, strides = (a.T, (0, 1, m)) if how == "gather" else (a, (0, k, 1))
    c = guarded((images, m, n), np.dtype(np.float32))
    c[...] = np.nan
    arrays = [a, x, c]

    line, plane = padded.shape[3], padded[0, 0].size
    border = Border((channels * plane, plane, line), (x[0].size, x[0, 0].size, size[1]), 0, low, size)
    sign, offset = (-1, 2 * line + 2) if how == "turned" else (1, 0)
    rows = ((3, sign), (3, sign * line), (channels, plane))
    windows = Windows(rows, ((places[1], 1), (places[0], line)), offset, border)
    assert suited("float32", m, channels, images, places, HOST) is not None
    launches = contraction(
        "float32", (images,), m, n, k, strides, (x[0].size, 0, 0), (m * n, n, 1), 0, 1, 2, scratch_in(arrays),
        Epilogue("float32"), HOST, windows,
    )  # fmt: skip
    assert [launch.kernel.symbol for launch in launches] == ["winograd_weights", "winograd"]
    run(launches, arrays, "host")
    np.testing.assert_allclose(c, left.astype(np.float64) @ right, rtol=0, atol=1e-5 * k**0.5)


@pytest.mark.parametrize(
    ("images", "channels", "size", "low", "high", "m"),
    [
        (3, 40, (37, 41), (1, 1), (1, 1), 50),
        (2, 33, (12, 31), (2, 1), (0, 2), 47),
        (9, 64, (7, 7), (1, 1), (1, 1), 129),
        (60, 64, (6, 6), (0, 0), (0, 0), 64),
        (5, 130, (16, 16), (1, 1), (1, 1), 300),
    ],
)
@pytest.mark.skipif(not WIDE, reason="masks cost something")
def test_kernels_of_weights(images: int, channels: int, size: tuple, low: tuple, high: tuple, m: int) -> None:
    x = guarded((images, channels, *size), np.dtype(np.float32))
    x[...] = RANDOM.standard_normal(x.shape)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *zip(low, high)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    places = seen.shape[2:4]
    right = seen.transpose(0, 2, 3, 1, 4, 5).reshape(images, places[0] * places[1], channels * 9)
    y = guarded((images, m, places[0] * places[1]), np.dtype(np.float32))
    y[...] = RANDOM.standard_normal(y.shape)
    c = guarded((m, channels * 9), np.dtype(np.float32))
    c[...] = np.nan
    arrays = [y, x, c]

    line, plane = padded.shape[3], padded[0, 0].size
    border = Border((channels * plane, plane, line), (x[0].size, x[0, 0].size, size[1]), 0, low, size)
    rows = ((places[1], 1), (places[0], line), (images, channels * plane))
    windows = Windows(rows, ((3, 1), (3, line), (channels, plane)), 0, border)
    assert winograd_weight.suited("float32", m, channels, images, places, HOST) is not None
    launches = contraction(
        "float32", (), m, channels * 9, images * places[0] * places[1], (places[0] * places[1], 1), (0, 0),
        (channels * 9, 1), 0, 1, 2, scratch_in(arrays), Epilogue("float32"), HOST, windows, (images, y[0].size),
    )  # fmt: skip
    assert [launch.kernel.symbol for launch in launches] == ["winograd_sums", "winograd_taps"]
    run(launches, arrays, "host")
    wanted = np.einsum("nmp,npk->mk", y.astype(np.float64), right)
    np.testing.assert_allclose(c, wanted, rtol=0, atol=2e-5 * (images * places[0] * places[1]) ** 0.5)


def test_what_it_is_not_for() -> None:
    lanes = ((20, 1), (20, 22))
    assert image_of(Windows(((3, 1), (3, 22), (64, 484)), lanes)) is not None
    for rows in (((5, 1), (5, 22), (64, 484)), ((3, 2), (3, 22), (64, 484)), ((3, 1), (3, 44), (64, 484)), ((9, 1),)):
        assert image_of(Windows(rows, lanes)) is None
    assert image_of(Windows(((3, 1), (3, 22), (64, 484)), ((10, 2), (10, 44)))) is None
    wide = HOST._replace(vector_bytes=64)
    assert suited("float32", 64, 64, 8, (56, 56), wide) is not None
    for dtype, rows, channels, images, side in (
        ("float64", 64, 64, 8, 56),
        ("float32", 4, 64, 8, 56),
        ("float32", 64, 3, 8, 224),
        ("float32", 512, 512, 1, 2),
    ):
        assert suited(dtype, rows, channels, images, (side, side), wide) is None


SHAPES = [
    (8, 64, 16, 16, 64, 1),
    (3, 33, 9, 31, 20, (2, 1)),
    (1, 48, 29, 17, 64, 0),
    (7, 64, 3, 5, 130, 2),
]


@pytest.mark.parametrize("kind", ["plain", "slice", "expand", "channels last", "cut", "images apart"])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape: tuple, kind: str) -> None:
    """Next to the same in double precision, which is a plain sum."""
    images, channels, height, width, m, padding = shape
    kagari.manual_seed(0)
    x, w = kagari.randn(images, channels, height, width), kagari.randn(m, channels, 3, 3)
    if kind == "slice":
        x = kagari.randn(images, channels + 2, height + 2, width + 3)[:, 1:-1, 1:-1, 2:-1]
    elif kind == "expand":
        x = x[:1].expand(images, -1, -1, -1)
    elif kind == "channels last":
        w = w.contiguous(memory_format=kagari.channels_last)
    elif kind == "cut":
        w = kagari.randn(m, channels, 3, 5)[..., 1:4]
    elif kind == "images apart":
        x = kagari.randn(channels, images, height, width).transpose(0, 1)
    found, grads = [], None
    for dtype in (kagari.float32, kagari.float64):
        a, b = (t.to(dtype).detach().requires_grad_() for t in (x, w))
        y = (F.conv2d(a, b, kagari.ones(m, dtype=dtype), padding=padding) * 0.02).tanh()
        grads = kagari.randn_like(y) if grads is None else grads.to(dtype)
        y.backward(grads)
        found.append([t.detach().to(kagari.float64).numpy() for t in (y, a.grad, b.grad)])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=0, atol=3e-5 * abs(other).max())


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_what_is_not_finite_stays_nearby(bad: float) -> None:
    kagari.manual_seed(0)
    x, w = kagari.randn(2, 64, 20, 20), kagari.randn(64, 64, 3, 3)
    clean = F.conv2d(x, w, padding=1)
    x[0, 3, 8, 11] = bad
    spoiled = F.conv2d(x, w, padding=1)
    assert not spoiled[0, :, 7:10, 10:13].isfinite().any()
    near = kagari.zeros(2, 64, 20, 20, dtype=kagari.bool)
    near[0, :, 5:12, 8:15] = True
    assert kagari.equal(spoiled[~near], clean[~near])


@pytest.mark.parametrize("bias", [True, False])
def test_further_sizes(bias: bool) -> None:
    """What is found out of one size holds for others, and is of no other operator."""
    kagari.manual_seed(0)
    layer = kagari.nn.Conv2d(64, 64, 3, padding=1, bias=bias)
    exact = kagari.nn.Conv2d(64, 64, 3, padding=1, bias=bias, dtype=kagari.float64)
    exact.load_state_dict(layer.state_dict())
    for images, height, width in (
        (4, 12, 13),
        (2, 9, 14),
        (8, 20, 17),
        (3, 9, 14),
        (5, 28, 31),
        (1, 40, 9),
        (16, 7, 7),
    ):
        x = kagari.randn(images, 64, height, width)
        found = []
        for conv, dtype in ((layer, kagari.float32), (exact, kagari.float64)):
            conv.zero_grad()
            a = x.to(dtype, copy=True).requires_grad_()
            y = conv(a)
            (y * y).sum().backward()
            found.append([t.detach().to(kagari.float64).numpy() for t in (y, a.grad, conv.weight.grad)])
        for one, other in zip(*found):
            np.testing.assert_allclose(one, other, rtol=0, atol=3e-5 * abs(other).max())


def test_what_is_weighed_is_of_no_binding() -> None:
    """Numbers that know a function's names must not be met again in another one."""
    recorder = Recorder()
    sizes = [Number(n, f"s{i}", recorder, 0, 1 << 20) for i, n in enumerate((72, 80, 9, 21, 35))]
    rows, channels, images, *size = sizes
    for module in (winograd, winograd_weight):
        wide = HOST._replace(vector_bytes=64)
        blocks = module.suited("float32", rows, channels, images, tuple(size), wide)
        assert blocks is not None
        assert all(type(n) is int for n in blocks)
    assert not recorder.lines
