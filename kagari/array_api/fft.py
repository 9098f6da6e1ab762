"""The Fourier transform extension of the array API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import dtype as Dtype
from ..eager import Tensor
from ..eager.fourier import FFT


def fft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The transform of complex numbers along an axis.

    >>> import kagari as torch
    >>> torch.array_api.fft.fft(torch.tensor([1 + 0j, 2 + 0j]))
    tensor([ 3.+0.j, -1.+0.j])
    """
    return FFT["fft"](x, n, axis, norm)


def ifft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `fft`.

    >>> import kagari as torch
    >>> torch.array_api.fft.ifft(torch.tensor([3 + 0j, -1 + 0j]))
    tensor([1.+0.j, 2.+0.j])
    """
    return FFT["ifft"](x, n, axis, norm)


def fftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """The transform of complex numbers along several axes, all by default.

    >>> import kagari as torch
    >>> torch.array_api.fft.fftn(torch.ones(2, 2, dtype=torch.complex64)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    return FFT["fftn"](x, s, axes, norm)


def ifftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """The inverse of `fftn`.

    >>> import kagari as torch
    >>> torch.array_api.fft.ifftn(torch.ones(2, 2, dtype=torch.complex64)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    return FFT["ifftn"](x, s, axes, norm)


def rfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The first half of the transform of real numbers.

    >>> import kagari as torch
    >>> torch.array_api.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    return FFT["rfft"](x, n, axis, norm)


def irfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `rfft`.

    >>> import kagari as torch
    >>> torch.array_api.fft.irfft(torch.tensor([3 + 0j, -1 + 0j]))
    tensor([1., 2.])
    """
    return FFT["irfft"](x, n, axis, norm)


def rfftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """The transform of real numbers along several axes, the first half of the last one.

    >>> import kagari as torch
    >>> torch.array_api.fft.rfftn(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return FFT["rfftn"](x, s, axes, norm)


def irfftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """The inverse of `rfftn`.

    >>> import kagari as torch
    >>> torch.array_api.fft.irfftn(torch.ones(2, 2, dtype=torch.complex64))
    tensor([[1., 0.],
            [0., 0.]])
    """
    return FFT["irfftn"](x, s, axes, norm)


def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The transform, which is real, of numbers whose second half are conjugates of the first one, which is given.

    >>> import kagari as torch
    >>> torch.array_api.fft.hfft(torch.tensor([1 + 0j, 2 + 0j]))
    tensor([ 3., -1.])
    """
    return FFT["hfft"](x, n, axis, norm)


def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `hfft`.

    >>> import kagari as torch
    >>> torch.array_api.fft.ihfft(torch.tensor([3.0, -1.0])).real
    tensor([1., 2.])
    """
    return FFT["ihfft"](x, n, axis, norm)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of `fft`, with samples a distance of `d` apart.

    >>> import kagari as torch
    >>> torch.array_api.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return FFT["fftfreq"](n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of `rfft`, with samples a distance of `d` apart.

    >>> import kagari as torch
    >>> torch.array_api.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return FFT["rfftfreq"](n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The elements of a transform with the frequency 0 in the middle.

    >>> import kagari as torch
    >>> torch.array_api.fft.fftshift(torch.tensor([0, 1, -1]))
    tensor([-1,  0,  1])
    """
    return FFT["fftshift"](x, axes)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> import kagari as torch
    >>> torch.array_api.fft.ifftshift(torch.tensor([-1, 0, 1]))
    tensor([ 0,  1, -1])
    """
    return FFT["ifftshift"](x, axes)
