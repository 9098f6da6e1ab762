"""Comparing results: `assert_close`, with PyTorch's tolerances and words."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.dtypes import COMPLEX, complex128, float16, float32, float64
from ..eager import Tensor
from ..eager.convert import array_of
from ..eager.creation import as_tensor

TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
TOLERANCES |= {dt.name: TOLERANCES[dt.to_real().name] for dt in COMPLEX}
"""Relative and absolute tolerance by dtype; other dtypes must be equal."""
_OF_OLD = {float16: (1e-3, 1e-3), float32: (1e-4, 1e-5), float64: (1e-5, 1e-8)}  # those of `assert_allclose`


@dataclass(frozen=True, slots=True)
class _Options:
    rtol: float | None
    atol: float | None
    equal_nan: bool
    allow_subclasses: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool
    msg: str | Callable[[str], str] | None


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """:func:`assert_close` of old, which does not look at dtypes. Deprecated.

    Relative and absolute tolerance are 1e-4 and 1e-5 for float32, 1e-3 for float16, 1e-5 and 1e-8 for float64, unless
    they are given.
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. Please "
        "use `torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if rtol is None and atol is None:
        found = [_OF_OLD.get(as_tensor(v).dtype, (0.0, 0.0)) for v in (actual, expected)]
        rtol, atol = (max(pair) for pair in zip(*found))
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless `|actual - expected| <= atol + rtol * |expected|` everywhere.

    Args:
        actual: a tensor, a number, or a sequence or mapping of these.
        expected: what it should be.
        allow_subclasses: whether only related types are compared, or only equal ones.
        rtol: relative tolerance; given together with `atol`. Default: by dtype
        atol: absolute tolerance. Default: by dtype
        equal_nan: whether NaN equals NaN.
        check_device: whether the devices must be the same. There is one.
        check_dtype: whether the dtypes must be the same.
        check_layout: whether the layouts must be the same; else sparse tensors are compared as dense ones.
        check_stride: whether the strides must be the same.
        msg: the message of the error, or what makes it from the message there would be.

    Raises:
        ValueError: one tolerance is given without the other.
        TypeError: values of types that cannot be compared.

    >>> import kagari as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-6]))
    """
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = _Options(rtol, atol, equal_nan, allow_subclasses, check_dtype, check_layout, check_stride, msg)
    _compare(actual, expected, (), options)


def _compare(actual: Any, expected: Any, path: tuple[Any, ...], options: _Options) -> None:
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            _fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path, options)
        for i, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, (*path, i), options)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            missing, more = sorted(set(expected) - set(actual)), sorted(set(actual) - set(expected))
            _fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\nAdditional keys in the actual mapping: {more}",
                path, options,
            )  # fmt: skip
        for key in expected:
            _compare(actual[key], expected[key], (*path, key), options)
    elif actual is None and expected is None:
        return
    else:
        _compare_leaves(actual, expected, path, options)


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _compare_leaves(actual: Any, expected: Any, path: tuple[Any, ...], options: _Options) -> None:
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    sparse = [isinstance(x, Tensor) and x._layout.compound for x in (actual, expected)]
    if any(sparse) and all(isinstance(x, Tensor) for x in (actual, expected)):
        return _compare_sparse(actual.detach(), expected.detach(), path, options)
    numbers = all(isinstance(x, int | float | complex) for x in (actual, expected))
    if not (numbers or (related if options.allow_subclasses else type(actual) is type(expected))):
        at = _place(path)
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.{at}"
        )
    if numbers and options.check_dtype and type(actual) is not type(expected):
        _fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path, options)
    a, e = (x.detach() if isinstance(x, Tensor) else _as_number(x) for x in (actual, expected))
    if a.shape != e.shape:
        _fail(f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}.", path, options)
    if not numbers and options.check_dtype and a.dtype is not e.dtype:
        _fail(f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}.", path, options)
    if options.check_stride and a.stride() != e.stride():
        _fail(f"The values for attribute 'stride()' do not match: {a.stride()} != {e.stride()}.", path, options)
    rtol, atol = _tolerances(a, e, options, numbers)
    _compare_values(array_of(a), array_of(e), rtol, atol, numbers, path, options)


def _compare_sparse(a: Tensor, e: Tensor, path: tuple[Any, ...], options: _Options) -> None:
    """Compares sparse tensors, or a sparse and a dense one: their indices must be equal, their values close."""
    if a.shape != e.shape:
        _fail(f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}.", path, options)
    if a.layout is not e.layout:
        if options.check_layout:
            _fail(f"The values for attribute 'layout' do not match: {a.layout} != {e.layout}.", path, options)
        return _compare_leaves(a.to_dense(), e.to_dense(), path, options)
    if options.check_dtype and a.dtype is not e.dtype:
        _fail(f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}.", path, options)
    kind = repr(a.layout).removeprefix("torch.sparse_").upper()
    if a._nnz() != e._nnz():
        said = f"The number of specified values in sparse {kind} tensors does not match: {a._nnz()} != {e._nnz()}"
        _fail(said, path, options)
    names = {"COO": ("_indices",), "CSR": ("crow_indices", "col_indices"), "CSC": ("ccol_indices", "row_indices")}
    for name in names[kind.replace("B", "C")]:
        part, subject = name.lstrip("_"), f"Sparse {kind} {name.lstrip('_')}"
        found = [array_of(getattr(x, name if kind == "COO" else part)()) for x in (a, e)]
        _compare_values(found[0], found[1], 0, 0, False, path, options, subject)
    values = [x._values() if kind == "COO" else x.values() for x in (a, e)]
    rtol, atol = _tolerances(a, e, options, False)
    _compare_values(array_of(values[0]), array_of(values[1]), rtol, atol, False, path, options, f"Sparse {kind} values")


def _as_number(x: Any) -> Tensor:
    wide = float64 if isinstance(x, float) else complex128 if isinstance(x, complex) else None
    return as_tensor(x, wide)


def _tolerances(a: Tensor, e: Tensor, options: _Options, numbers: bool) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    names = ("float64", "float64") if numbers and a.dtype.is_differentiable else (a.dtype.name, e.dtype.name)
    both = [TOLERANCES.get(name, (0.0, 0.0)) for name in names]
    return max(t[0] for t in both), max(t[1] for t in both)


def _compare_values(
    a: np.ndarray, e: np.ndarray, rtol: float, atol: float, numbers: bool, path: tuple[Any, ...], options: _Options,
    subject: str = "Tensor-likes",
) -> None:  # fmt: skip
    exact = not {a.dtype.kind, e.dtype.kind} & {"f", "c"} and rtol == atol == 0
    if exact:
        a, e = a.astype(np.int64), e.astype(np.int64)
    wide = complex if "c" in (a.dtype.kind, e.dtype.kind) else float
    with np.errstate(all="ignore"):
        near = np.isclose(a.astype(wide), e.astype(wide), rtol=rtol, atol=atol, equal_nan=options.equal_nan)
        close = a == e if exact else near
        if close.all():
            return
        # The differences are those of the dtype, not of float64, as PyTorch prints them.
        zero = np.abs(a.dtype.type(0))
        distance = np.where(close, zero, np.abs(a - e))
        ratio = np.where(close, zero, distance / np.abs(e))
    kind = "equal" if rtol == atol == 0 else "close"
    if numbers:
        lines = [f"Scalars are not {kind}!", "", f"Expected {e.item()} but got {a.item()}."]
        lines += [
            f"Absolute difference: {distance.item()}{_allowed(atol)}",
            f"Relative difference: {ratio.item()}{_allowed(rtol)}",
        ]
    else:
        bad = int((~close).sum())
        lines = [
            f"{subject} are not {kind}!",
            "",
            f"Mismatched elements: {bad} / {close.size} ({bad / close.size:.1%})",
        ]
        lines += [_greatest("absolute", distance, atol), _greatest("relative", ratio, rtol)]
    _fail("\n".join(lines), path, options)


def _allowed(tolerance: float) -> str:
    return f" (up to {tolerance} allowed)" if tolerance else ""


def _greatest(kind: str, differences: np.ndarray, tolerance: float) -> str:
    place = np.unravel_index(int(np.argmax(differences)), differences.shape)
    index = tuple(int(i) for i in place)
    at = f" at index {index}" if index else ""
    return f"Greatest {kind} difference: {differences[place].item()}{at}{_allowed(tolerance)}"


def _place(path: tuple[Any, ...]) -> str:
    return f"\n\nThe failure occurred for item {''.join(f'[{p!r}]' for p in path)}" if path else ""


def _fail(message: str, path: tuple[Any, ...], options: _Options) -> None:
    message += _place(path)
    if options.msg is not None:
        message = options.msg(message) if callable(options.msg) else options.msg
    raise AssertionError(message)
