"""The array API standard: names, promotion, and where its functions differ from PyTorch's.

The public suite (https://github.com/data-apis/array-api-tests) checks the rest.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import kagari
from kagari import array_api as xp

NAMES = [
    "abs", "acos", "acosh", "add", "all", "any", "arange", "argmax", "argmin", "argsort", "asarray", "asin", "asinh",
    "astype", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "broadcast_arrays", "broadcast_to", "can_cast", "ceil", "clip", "concat",
    "conj", "copysign", "cos", "cosh", "count_nonzero", "cumulative_prod", "cumulative_sum", "diff", "divide", "empty",
    "empty_like", "equal", "exp", "expand_dims", "expm1", "eye", "finfo", "flip", "floor", "floor_divide",
    "from_dlpack", "full", "full_like", "greater", "greater_equal", "hypot", "iinfo", "imag", "isdtype", "isfinite",
    "isinf", "isnan", "less", "less_equal", "linspace", "log", "log10", "log1p", "log2", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "matmul", "matrix_transpose", "max", "maximum", "mean", "meshgrid",
    "min", "minimum", "moveaxis", "multiply", "negative", "nextafter", "nonzero", "not_equal", "ones", "ones_like",
    "permute_dims", "positive", "pow", "prod", "real", "reciprocal", "remainder", "repeat", "reshape", "result_type",
    "roll", "round", "searchsorted", "sign", "signbit", "sin", "sinh", "sort", "sqrt", "square", "squeeze", "stack",
    "std", "subtract", "sum", "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "tril", "triu", "trunc",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack", "var", "vecdot", "where", "zeros",
    "zeros_like",
]  # fmt: skip
TYPES = list(xp.__array_namespace_info__().dtypes())


def test_names() -> None:
    for name in NAMES:
        function = getattr(xp, name)
        assert function.__name__ == name and function.__doc__
        inspect.signature(function)
    assert {"e", "inf", "nan", "newaxis", "pi", "__array_api_version__", *TYPES} <= set(xp.__all__)


def test_namespace_of_a_tensor() -> None:
    x = kagari.ones(2)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2023.12") is xp
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match=r"no version '1999\.1'"):
        x.__array_namespace__(api_version="1999.1")


@pytest.mark.parametrize("name", TYPES)
def test_promotion(name: str) -> None:
    """NumPy's table, but where the standard leaves it open: integers with floats, and what has no common integer."""
    for other in TYPES:
        a, b = getattr(xp, name), getattr(xp, other)
        kinds = [xp.isdtype(t, "integral") for t in (a, b)]
        mixed = any(kinds) and not all(kinds) and xp.bool not in (a, b)
        open_ended = {a, b} & {xp.uint64} and {a, b} & {xp.int8, xp.int16, xp.int32, xp.int64}
        if open_ended:
            with pytest.raises(TypeError, match="there is no promotion"):
                xp.result_type(a, b)
        elif not mixed:
            assert xp.result_type(a, b).name == np.result_type(np.dtype(name), np.dtype(other)).name


def test_dimensions_and_numbers_in_promotion() -> None:
    assert xp.add(xp.ones(2, dtype=xp.float32), xp.ones((), dtype=xp.float64)).dtype is xp.float64
    assert xp.add(xp.ones(2, dtype=xp.int8), 3).dtype is xp.int8
    assert xp.result_type(xp.uint16, xp.complex64) is xp.complex64 and xp.can_cast(xp.bool, xp.uint64)
    assert xp.multiply(xp.ones(2, dtype=xp.float64), 1j).dtype is xp.complex128
    assert xp.where(xp.asarray([True]), xp.ones(1, dtype=xp.uint8), xp.ones(1, dtype=xp.int8)).dtype is xp.int16
    with pytest.raises(TypeError, match="a float does not go with"):
        xp.add(xp.ones(2, dtype=xp.int8), 0.5)


def test_sums_of_integers() -> None:
    small = xp.asarray([200, 100], dtype=xp.uint8)
    assert (xp.sum(small).dtype, int(xp.sum(small))) == (xp.uint64, 300)
    assert xp.prod(xp.asarray([2, 3], dtype=xp.int8)).dtype is xp.int64
    assert xp.cumulative_sum(small, include_initial=True).tolist() == [0, 200, 300]
    assert xp.all(small).dtype is xp.bool


def numbers(value: Any) -> Any:
    return value.numpy() if isinstance(value, kagari.Tensor) else value


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("sum", (), {"axis": (0, 2)}), ("prod", (), {"axis": (0, 1), "keepdims": True}), ("max", (), {"axis": 1}),
        ("std", (), {"axis": 0, "correction": 1}), ("var", (), {}), ("mean", (), {"axis": -1}),
        ("argmax", (), {"keepdims": True}), ("argmin", (), {"axis": 1}), ("flip", (), {"axis": (0, 1)}),
        ("flip", (), {}),
        ("roll", (2,), {}), ("roll", (1,), {"axis": (0, 1)}), ("squeeze", (1,), {}), ("expand_dims", (), {"axis": -1}),
        ("permute_dims", ((2, 0, 1),), {}), ("repeat", (2,), {"axis": 2}), ("repeat", (2,), {}),
        ("tile", ((2, 1),), {}),
        ("sort", (), {"axis": 0}), ("argsort", (), {"axis": 0, "stable": True}), ("matrix_transpose", (), {}),
        ("reshape", ((6,),), {}), ("diff", (), {"n": 2}), ("moveaxis", (0, -1), {}), ("count_nonzero", (), {"axis": 0}),
        ("cumulative_sum", (), {"axis": 0, "include_initial": True}), ("cumulative_prod", (), {"axis": 2}),
        ("clip", (0.2, 0.7), {}), ("round", (), {}), ("sign", (), {}), ("tril", (), {"k": -1}),
    ],
)  # fmt: skip
def test_as_numpy(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    values = np.random.default_rng(0).standard_normal((2, 1, 3))
    got = getattr(xp, name)(xp.asarray(values), *arguments, **named)
    np.testing.assert_allclose(numbers(got), getattr(np, name)(values, *arguments, **named), rtol=1e-12, atol=1e-12)


def test_products() -> None:
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 3, 4)), random.standard_normal((4, 3, 5))
    x, y = xp.asarray(a), xp.asarray(b)
    for axes in (0, 1, ((1, 2), (1, 0))):
        np.testing.assert_allclose(numbers(xp.tensordot(x, y, axes=axes)), np.tensordot(a, b, axes))
    z = random.standard_normal((2, 3)) + 1j * random.standard_normal((2, 3))
    np.testing.assert_allclose(numbers(xp.vecdot(xp.asarray(z), xp.asarray(z))), np.vecdot(z, z))
    with pytest.raises(ValueError, match="sizes of axes"):
        xp.tensordot(x, y, axes=2)
    with pytest.raises(ValueError, match="sizes of axis"):
        xp.vecdot(xp.ones(2), xp.ones(3))


def test_linear_algebra() -> None:
    a = np.random.default_rng(0).standard_normal((2, 3, 3))
    x = xp.asarray(a)
    la = xp.linalg
    symmetric = x + xp.matrix_transpose(x)
    values, vectors = la.eigh(symmetric)
    np.testing.assert_allclose(numbers(vectors * values[:, None] @ xp.matrix_transpose(vectors)), numbers(symmetric))
    q, triangle = la.qr(x)
    np.testing.assert_allclose(numbers(q @ triangle), a)
    u, s, vh = la.svd(x)
    np.testing.assert_allclose(numbers(u * s[:, None] @ vh), a)
    np.testing.assert_allclose(numbers(la.slogdet(x).sign * xp.exp(la.slogdet(x).logabsdet)), np.linalg.det(a))
    np.testing.assert_allclose(numbers(la.solve(x, xp.ones(3))), np.linalg.solve(a, np.ones((3, 1)))[..., 0])
    np.testing.assert_allclose(numbers(la.trace(x, offset=1)), np.trace(a, 1, -2, -1))
    np.testing.assert_allclose(numbers(la.vector_norm(x, axis=(1, 2), ord=3)), (np.abs(a) ** 3).sum((1, 2)) ** (1 / 3))
    assert la.cross(x, xp.ones(3)).shape == (2, 3, 3)
    assert la.cross(xp.asarray([1, 0, 0]), xp.asarray([0.0, 1, 0], dtype=xp.float64)).dtype is xp.float64


def test_sets() -> None:
    values = [3.0, 1.0, float("nan"), 3.0, float("nan"), -0.0, 0.0]
    found = xp.unique_all(xp.asarray(values))
    assert found.counts.tolist() == [2, 1, 2, 1, 1]
    assert found.indices.tolist()[:3] == [5, 1, 0]
    again = xp.take(found.values, found.inverse_indices.reshape(-1))
    np.testing.assert_array_equal(numbers(again), values)
    assert xp.unique_values(xp.asarray([[2, 1], [2, 2]])).tolist() == [1, 2]
    assert xp.unique_all(xp.zeros(0)).counts.shape == (0,)
    assert xp.unique_inverse(xp.asarray([[2, 1]])).inverse_indices.tolist() == [[1, 0]]
    found = xp.unique_all(xp.asarray([[2j, 1], [complex("nan"), 2j]]))
    assert found.values.tolist()[:2] == [2j, 1] and found.counts.tolist() == [2, 1, 1]
    assert found.inverse_indices.tolist() == [[0, 1], [2, 0]]
    assert xp.unique_values(xp.asarray([1j, 1j])).tolist() == xp.unique_counts(xp.asarray([1j])).values.tolist() == [1j]


def test_creation() -> None:
    assert xp.arange(3, 1).shape == (0,)
    assert xp.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    assert xp.linspace(0, 1j, 3).tolist() == [0, 0.5j, 1j]
    assert xp.eye(2, 3, k=1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert xp.asarray([1, 2], dtype=xp.uint16).dtype is xp.uint16
    assert xp.clip(xp.full(1, 2**64 - 1, dtype=xp.uint64), max=2**63).tolist() == [2**63]
    assert [m.shape for m in xp.meshgrid(xp.ones(2), xp.ones(3))] == [(3, 2), (3, 2)]
    assert xp.concat((xp.ones((1, 2)), xp.ones(1, dtype=xp.float64)), axis=None).dtype is xp.float64


def test_limits_and_kinds() -> None:
    assert (xp.finfo(xp.complex128).dtype, xp.finfo(xp.ones(1)).bits) == (xp.float64, 32)
    assert (xp.iinfo(xp.uint16).max, xp.iinfo(xp.asarray(1)).dtype) == (65535, xp.int64)
    assert xp.isdtype(xp.complex64, "numeric") and not xp.isdtype(xp.bool, "numeric")
    assert xp.isdtype(xp.int8, (xp.int16, "signed integer"))
    assert xp.can_cast(xp.int8, xp.float64) and not xp.can_cast(xp.float64, xp.float32)
    with pytest.raises(ValueError, match="no kind 'text'"):
        xp.isdtype(xp.int8, "text")
    info = xp.__array_namespace_info__()
    assert info.default_dtypes() == {
        "real floating": xp.float32, "complex floating": xp.complex64, "integral": xp.int64, "indexing": xp.int64,
    }  # fmt: skip
    assert info.dtypes(kind=("bool", "signed integer")).keys() == {"bool", "int8", "int16", "int32", "int64"}
    assert info.devices() == [info.default_device()]


def test_refusals() -> None:
    with pytest.raises(ValueError, match="axis 0 has size 2"):
        xp.squeeze(xp.ones(2), 0)
    with pytest.raises(ValueError, match="axis must be given"):
        xp.take(xp.ones((2, 2)), xp.asarray([0]))
    with pytest.raises(ValueError, match="axis must be given"):
        xp.cumulative_sum(xp.ones((2, 2)))
    with pytest.raises(ValueError, match="arrays without dimensions"):
        xp.nonzero(xp.asarray(1))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        xp.reshape(xp.ones((2, 3)).T, (6,), copy=False)


def test_special_values() -> None:
    inf, nan = float("inf"), float("nan")
    assert np.isnan(xp.sign(xp.asarray([nan])).item())
    assert xp.signbit(xp.asarray([-nan, nan, -0.0])).tolist() == [True, False, True]
    assert xp.floor_divide(xp.asarray([inf, 1.0, -7.0]), xp.asarray([2.0, -inf, 2.0])).tolist() == [inf, 0, -4]
    assert np.signbit(xp.remainder(xp.asarray([0.0, 5.0]), xp.asarray([-1.0, -5.0])).numpy()).all()
    assert xp.nextafter(xp.asarray(1.0), 2).item() == 1 + xp.finfo(xp.float32).eps
    assert xp.tensordot(xp.asarray(2), xp.asarray([1, 2]), axes=0).tolist() == [2, 4]
    assert xp.round(xp.asarray([1.5 + 2.5j])).item() == 2 + 2j
    for function, reference in itertools.product(("exp", "sinh", "cosh", "tanh"), (inf, -inf)):
        got = getattr(xp, function)(xp.asarray([complex(reference, 0)], dtype=xp.complex128)).numpy()
        want = getattr(np, function)(np.array([complex(reference, 0)]))
        np.testing.assert_array_equal(got, want)
    zero = xp.expm1(xp.asarray([complex(-0.0, 0.0), complex(-0.0, -0.0)]))
    assert np.signbit(zero.real.numpy()).tolist() == [False, False]
    assert np.signbit(zero.imag.numpy()).tolist() == [False, True]
    far = [complex(a, b) for a in (inf, -inf) for b in (2.0, -2.0)]
    limit = xp.tanh(xp.asarray(far))
    assert limit.real.tolist() == [1, 1, -1, -1] and limit.imag.tolist() == [0] * 4
    assert np.signbit(limit.imag.numpy()).tolist() == [False, True, False, True]


def test_fourier_transforms() -> None:
    a = np.random.default_rng(4).normal(size=(4, 6))
    x = xp.asarray(a)
    np.testing.assert_allclose(numbers(xp.fft.rfftn(x, axes=(0, 1))), np.fft.rfftn(a))
    np.testing.assert_allclose(numbers(xp.fft.irfft(xp.fft.rfft(x, axis=0), n=4, axis=0)), a)
    np.testing.assert_allclose(
        numbers(xp.fft.fftshift(xp.fft.fftfreq(6, d=0.5))), np.fft.fftshift(np.fft.fftfreq(6, 0.5))
    )
