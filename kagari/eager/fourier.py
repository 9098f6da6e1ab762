"""The discrete Fourier transform: of complex numbers, of real ones, and back to real ones, along several dimensions.

NumPy's pocketfft does the work. All functions are made of three linear transforms, each of which is the gradient of
one of the others, so gradients of any order are there. A transform sums up `x[k] exp(-2 pi i j k / n)`; its inverse
has the other sign. What either is divided by, `norm` says: `"backward"`, the default, divides the inverse by the number
of elements n, `"forward"` the transform itself, and `"ortho"` both by the root of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..autograd import Function
from ..base.dtypes import default_dtype
from ..ops.check import TYPE_NAMES
from . import composed, convert, creation, inplace
from .calls import call
from .lapack import array, made, with_out
from .views import checked_dim

Ints: TypeAlias = tuple[int, ...]


class FftC2C(Function, node="Backward0"):
    """A transform of complex numbers; its adjoint is the inverse of the same scale."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, x: Any, dims: Ints, scale: float, inverse: bool) -> Any:
        """Sums along all dimensions, times the scale."""
        ctx.dims, ctx.scale, ctx.inverse = dims, scale, inverse
        return made(_scaled(_transformed(array(x), dims, inverse), scale), x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The inverse of the gradient."""
        return FftC2C.apply(grads[0], ctx.dims, ctx.scale, not ctx.inverse), None, None, None


class FftR2C(Function, node="Backward0"):
    """A transform of real numbers; `half` leaves out of the last dimension what is the conjugate of the rest."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, x: Any, dims: Ints, scale: float, inverse: bool, half: bool) -> Any:
        """Sums along all dimensions, times the scale."""
        ctx.dims, ctx.scale, ctx.inverse, ctx.half = dims, scale, inverse, half
        ctx.length = x.shape[dims[-1]]
        values = array(x)
        if half:
            found = np.fft.rfftn(values, axes=dims)
            found = found.conj() if inverse else found
        else:
            found = _transformed(values, dims, inverse)
        return made(_scaled(found, scale), x.dtype.to_complex())

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The real part of the inverse of the gradient, with zeros for what was left out."""
        whole = _resized(grads[0], ctx.dims[-1], ctx.length) if ctx.half else grads[0]
        return FftC2C.apply(whole, ctx.dims, ctx.scale, not ctx.inverse).real, None, None, None, None


class FftC2R(Function, node="Backward0"):
    """The real numbers of which the half of a transform along the last dimension is given; it has `length` of them."""

    stacked = True

    @staticmethod
    def forward(ctx: Any, x: Any, dims: Ints, scale: float, inverse: bool, length: int) -> Any:
        """Sums along all dimensions, times the scale."""
        ctx.dims, ctx.scale, ctx.inverse, ctx.length = dims, scale, inverse, length
        values = array(x)
        sizes = [*(x.shape[d] for d in dims[:-1]), length]
        found = np.fft.irfftn(values if inverse else values.conj(), sizes, dims, norm="forward")
        return made(_scaled(found, scale), x.dtype.to_real())

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The half of the transform of the gradient, doubled where an element stands for its conjugate, too."""
        dims, length = ctx.dims, ctx.length
        found = FftR2C.apply(grads[0], dims, ctx.scale, not ctx.inverse, True)
        weights = np.ones(length // 2 + 1, convert.numpy_dtype(grads[0].dtype))
        weights[1 : (length + 1) // 2] = 2
        doubled = made(weights, grads[0].dtype)
        return found * doubled.reshape([-1, *[1] * (-1 - dims[-1])]), None, None, None, None


def _transformed(values: np.ndarray, dims: Ints, inverse: bool) -> np.ndarray:
    if not dims:
        return values
    return np.fft.ifftn(values, axes=dims, norm="forward") if inverse else np.fft.fftn(values, axes=dims)


def _scaled(values: np.ndarray, scale: float) -> np.ndarray:
    return values if scale == 1 else values * values.real.dtype.type(scale)


# Arguments


def _number(name: str, argument: str, position: int, n: Any) -> None:
    if n is not None and (not isinstance(n, int) or isinstance(n, bool)):
        raise TypeError(
            f"fft_{name}(): argument '{argument}' (position {position}) must be int, not {type(n).__name__}"
        )


def _promoted(x: Any) -> Any:
    """Integers in the default dtype. Raises RuntimeError for floats of 16 bits."""
    if x.dtype.category < 2:
        return convert.to(x, default_dtype())
    if x.dtype.to_real().itemsize < 4:
        raise RuntimeError(f"Unsupported dtype {TYPE_NAMES[x.dtype]}")
    return x


def _complex(x: Any) -> Any:
    x = _promoted(x)
    return x if x.dtype.is_complex else convert.to(x, x.dtype.to_complex())


def _real(x: Any, says: str) -> Any:
    if x.dtype.is_complex:
        raise RuntimeError(f"{says} {TYPE_NAMES[x.dtype]}")
    return _promoted(x)


def _scale(name: str, norm: Any, count: int, inverse: bool) -> float:
    """What results are multiplied by, of so many elements."""
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    if norm == "ortho":
        return 1 / math.sqrt(count)
    if norm not in (None, "backward", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return 1 / count if inverse != (norm == "forward") else 1.0


def _resized(x: Any, dim: int, n: int) -> Any:
    """x with so many elements along a dimension: the last ones are cut off, or zeros follow."""
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    dim %= x.ndim
    size = x.shape[dim]
    if n < size:
        return x.narrow(dim, 0, n)
    return x if n == size else composed.constant_pad_nd(x, [*[0, 0] * (x.ndim - 1 - dim), 0, n - size])


def _one(x: Any, dim: int) -> int:
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return checked_dim(dim, x.ndim)


def _dims_and_sizes(x: Any, s: Any, dim: Any, last: int | None = None) -> tuple[Ints, list[int]]:
    """The dimensions that are transformed, and how many elements of each; `last` is the default of the last one."""
    sizes = None if s is None else (s,) if isinstance(s, int) else tuple(s)
    if dim is not None:
        dims = tuple([checked_dim(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim)])
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif sizes is not None:
        if len(sizes) > x.ndim:
            raise RuntimeError(f"Got shape with {len(sizes)} values but input tensor only has {x.ndim} dimensions.")
        dims = tuple(range(x.ndim - len(sizes), x.ndim))
    else:
        dims = tuple(range(x.ndim))
    whole = [x.shape[d] for d in dims]
    if last is not None and whole:
        whole[-1] = 2 * (whole[-1] - 1)
    return dims, whole if sizes is None else [n if g == -1 else g for n, g in zip(whole, sizes)]


# Transforms along one dimension, and along several


def _back(x: Any, dims: Ints) -> Ints:
    """Dimensions counted from the end."""
    return tuple([d - x.ndim for d in dims])


def _c2c(name: str, x: Any, n: Any, dim: int, norm: Any, inverse: bool) -> Any:
    _number(name, "n", 2, n)
    dim = _one(x, dim)
    x = _resized(_promoted(x), dim, x.shape[dim] if n is None else n)
    return _c2cn(name, x, (dim,), norm, inverse)


def _c2cn(name: str, x: Any, dims: Ints, norm: Any, inverse: bool) -> Any:
    scale = _scale(name, norm, math.prod([x.shape[d] for d in dims]), inverse)
    if x.dtype.is_complex:
        return FftC2C.apply(x, _back(x, dims), scale, inverse)
    return FftR2C.apply(x, _back(x, dims), scale, inverse, False) if dims else _complex(x)


def _several(name: str, x: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Any:
    x = _promoted(x)
    dims, sizes = _dims_and_sizes(x, s, dim)
    for d, n in zip(dims, sizes):
        x = _resized(x, d, n)
    return _c2cn(name, x, dims, norm, inverse)


def _r2c(name: str, x: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Any:
    dims, sizes = _dims_and_sizes(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    for d, n in zip(dims, sizes):
        x = _resized(x, d, n)
    return FftR2C.apply(x, _back(x, dims), _scale(name, norm, math.prod(sizes), inverse), inverse, True)


def _c2r(name: str, x: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Any:
    x = _complex(x)
    dims, sizes = _dims_and_sizes(x, s, dim, 0)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    if sizes[-1] < 1:
        raise RuntimeError(f"Invalid number of data points ({sizes[-1]}) specified")
    for d, n in zip(dims, [*sizes[:-1], sizes[-1] // 2 + 1]):
        x = _resized(x, d, n)
    return FftC2R.apply(x, _back(x, dims), _scale(name, norm, math.prod(sizes), inverse), inverse, sizes[-1])


def _along(name: str, x: Any, n: Any, dim: int) -> tuple[Any, int]:
    _number(name, "n", 2, n)
    return None if n is None else (n,), _one(x, dim)


FFT: dict[str, Callable[..., Any]] = {}
"""What `torch.fft` has, by name."""


def _of_fft(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__
    found = FFT[name] = with_out(function, "fft_")
    return found


# The functions


@_of_fft
def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    r"""The discrete Fourier transform along a dimension: :math:`X_j = \sum_k x_k e^{-2 \pi i j k / n}`.

    Of n elements: others are cut off, or zeros follow. `norm` divides it: `"forward"` by n, `"ortho"` by its root.
    Raises RuntimeError for n below 1, another `norm`, and floats of 16 bits; IndexError for no such dimension.

    >>> import kagari as torch
    >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _c2c("fft", input, n, dim, norm, False)


@_of_fft
def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    r"""The inverse of `fft`: :math:`x_k = \frac{1}{n} \sum_j X_j e^{2 \pi i j k / n}`.

    `norm` is that of the transform: with `"forward"` the inverse is divided by nothing, with `"ortho"` by the root.

    >>> import kagari as torch
    >>> torch.fft.ifft(torch.fft.fft(torch.tensor([1.0, 2.0]))).real
    tensor([1., 2.])
    """
    return _c2c("ifft", input, n, dim, norm, True)


@_of_fft
def fft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`fftn` along two dimensions, the last ones by default.

    >>> import kagari as torch
    >>> torch.fft.fft2(torch.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _several("fft2", input, s, dim, norm, False)


@_of_fft
def ifft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `fft2`.

    >>> import kagari as torch
    >>> torch.fft.ifft2(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    return _several("ifft2", input, s, dim, norm, True)


@_of_fft
def fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The transform along several dimensions, one after the other: all by default, the last ones with sizes `s`.

    -1 for a size leaves it. Raises RuntimeError for dimensions that occur twice, and for sizes of other number.

    >>> import kagari as torch
    >>> torch.fft.fftn(torch.eye(2)).real
    tensor([[2., 0.],
            [0., 2.]])
    """
    return _several("fftn", input, s, dim, norm, False)


@_of_fft
def ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `fftn`.

    >>> import kagari as torch
    >>> torch.fft.ifftn(torch.fft.fftn(torch.ones(2, 2))).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _several("ifftn", input, s, dim, norm, True)


@_of_fft
def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The first `n // 2 + 1` elements of the transform of real numbers; the others are their conjugates.

    Raises RuntimeError for complex numbers, and as `fft` does.

    >>> import kagari as torch
    >>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    x = _real(input, "rfft expects a real input tensor, but got")
    return _r2c("rfft", x, *_along("rfft", x, n, dim), norm, False)


@_of_fft
def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `rfft`: n real numbers, by default `2 * (m - 1)` of m elements.

    >>> import kagari as torch
    >>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0])), 3)
    tensor([1., 2., 3.])
    """
    return _c2r("irfft", input, *_along("irfft", input, n, dim), norm, True)


@_of_fft
def rfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`rfftn` along two dimensions, the last ones by default.

    >>> import kagari as torch
    >>> torch.fft.rfft2(torch.ones(2, 3)).shape
    torch.Size([2, 2])
    """
    return _r2c("rfft2", _real(input, "rfftn expects a real-valued input tensor, but got"), s, dim, norm, False)


@_of_fft
def irfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `rfft2`.

    >>> import kagari as torch
    >>> torch.fft.irfft2(torch.fft.rfft2(torch.ones(2, 2)))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _c2r("irfft2", input, s, dim, norm, True)


@_of_fft
def rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`fftn` of real numbers, of the last dimension only the first half.

    Raises RuntimeError for complex numbers, and for no dimension.

    >>> import kagari as torch
    >>> torch.fft.rfftn(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return _r2c("rfftn", _real(input, "rfftn expects a real-valued input tensor, but got"), s, dim, norm, False)


@_of_fft
def irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `rfftn`; the last size is `2 * (m - 1)` by default, of m elements.

    >>> import kagari as torch
    >>> torch.fft.irfftn(torch.fft.rfftn(torch.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _c2r("irfftn", input, s, dim, norm, True)


@_of_fft
def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The transform, which is real, of numbers of which the second half are conjugates of the first: that is given.

    >>> import kagari as torch
    >>> torch.fft.hfft(torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 8., -2.,  0., -2.])
    """
    return _c2r("hfft", input, *_along("hfft", input, n, dim), norm, False)


@_of_fft
def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`: the first half of the inverse transform of real numbers.

    >>> import kagari as torch
    >>> torch.fft.ihfft(torch.tensor([8.0, -2.0, 0.0, -2.0])).real
    tensor([1., 2., 3.])
    """
    x = _real(input, "ihfft expects a real input tensor, but got")
    return _r2c("ihfft", x, *_along("ihfft", x, n, dim), norm, True)


@_of_fft
def hfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`hfftn` along two dimensions, the last ones by default.

    >>> import kagari as torch
    >>> torch.fft.hfft2(torch.ones(2, 2))
    tensor([[4., 0.],
            [0., 0.]])
    """
    return _c2r("hfft2", input, s, dim, norm, False)


@_of_fft
def ihfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `hfft2`.

    >>> import kagari as torch
    >>> torch.fft.ihfft2(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    return _r2c("ihfft2", _real(input, "Only supports floating-point dtypes, but found:"), s, dim, norm, True)


@_of_fft
def hfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`hfft` along the last of several dimensions, and `fft` along the others.

    >>> import kagari as torch
    >>> torch.fft.hfftn(torch.ones(2, 2))
    tensor([[4., 0.],
            [0., 0.]])
    """
    return _c2r("hfftn", input, s, dim, norm, False)


@_of_fft
def ihfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `hfftn`.

    >>> import kagari as torch
    >>> torch.fft.ihfftn(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    return _r2c("ihfftn", _real(input, "Only supports floating-point dtypes, but found:"), s, dim, norm, True)


# Frequencies


def _frequencies(name: str, counts: Callable[[int], np.ndarray], n: Any, d: float, settings: dict[str, Any]) -> Any:
    if not isinstance(n, int):
        raise TypeError(f"fft_{name}(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    dt, out = settings.pop("dtype", None) or default_dtype(), settings.pop("out", None)
    if dt.category < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    kind = convert.numpy_dtype(dt.to_real())
    with np.errstate(invalid="ignore"):
        values = counts(n).astype(kind) * kind.type(1 / (n * d) if n * d else math.inf)
    found = creation.tensor(values, dtype=dt, **settings)
    if out is None:
        return found
    inplace.write_out(out, found)
    return out


def fftfreq(n: int, d: float = 1.0, **settings: Any) -> Any:
    r"""The frequencies of the elements of `fft`: :math:`[0, 1, .., (n - 1) // 2, -(n // 2), .., -1] / (n d)`.

    `d` is the distance of samples. It takes the keywords of functions that create tensors.

    >>> import kagari as torch
    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", lambda n: np.fft.ifftshift(np.arange(-(n // 2), (n + 1) // 2)), n, d, settings)


def rfftfreq(n: int, d: float = 1.0, **settings: Any) -> Any:
    r"""The frequencies of the elements of `rfft`: :math:`[0, 1, .., n // 2] / (n d)`.

    >>> import kagari as torch
    >>> torch.fft.rfftfreq(4, 0.5)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _frequencies("rfftfreq", lambda n: np.arange(n // 2 + 1), n, d, settings)


def _rolled(input: Any, dim: Any, distance: Callable[[int], int]) -> Any:
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if not len(dims):
        raise RuntimeError("`shifts` required")
    dims = tuple([checked_dim(d, input.ndim) for d in dims])
    return call("roll")(input, tuple([distance(input.shape[d]) for d in dims]), dims)


def fftshift(input: Any, dim: Any = None) -> Any:
    """The elements of a transform with the frequency 0 in the middle: rolled by half of a dimension's size.

    Along all dimensions, or those that are given.

    >>> import kagari as torch
    >>> torch.fft.fftshift(torch.tensor([0, 1, 2, -2, -1]))
    tensor([-2, -1,  0,  1,  2])
    """
    return _rolled(input, dim, lambda n: n // 2)


def ifftshift(input: Any, dim: Any = None) -> Any:
    """The inverse of `fftshift`.

    >>> import kagari as torch
    >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1, 2]))
    tensor([ 0,  1,  2, -2, -1])
    """
    return _rolled(input, dim, lambda n: (n + 1) // 2)


for _f in (fftfreq, rfftfreq, fftshift, ifftshift):
    FFT[_f.__name__] = _f
for _name, _f in FFT.items():  # where pickle finds them; messages have names of their own
    _f.__module__, _f.__qualname__ = f"{__name__.partition('.')[0]}.fft", _name
