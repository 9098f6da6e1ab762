r"""Windows: weights that let the ends of a signal fade, :math:`w_i` for :math:`i = 0, \dots, M - 1`.

With ``sym`` a window is symmetric and :math:`N = M - 1`. Else it is periodic, :math:`N = M`: the first :math:`M`
weights of the symmetric window of :math:`M + 1`. A window of one weight is 1.

All take ``sym`` (default: ``True``), ``dtype``, float32 or float64 (default: the default dtype), ``layout``, ``device``
and ``requires_grad`` (default: ``False``), and raise ValueError for a negative length and for another dtype or layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ..base.dtypes import default_dtype, dtype, float32, float64
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.formats import layout as layout_type
from ..eager.formats import strided


def _window(
    name: str,
    M: int,
    weigh: Callable[[Tensor, int], Tensor],
    sym: bool = True,
    dtype: dtype | None = None,
    layout: layout_type = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The weights that a function of the places and of N gives."""
    kind = default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if kind not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    places = ops.arange(M, dtype=float64, device=device)
    weights = weigh(places, M - 1 if sym else M) if M > 1 else ops.ones_like(places)
    made: Tensor = weights.to(kind).detach()
    return made.requires_grad_(requires_grad)


def bartlett(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Bartlett's window, a triangle: :math:`w_i = 1 - \left|\frac{2i}{N} - 1\right|`.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", M, lambda i, n: 1 - (2 * i / n - 1).abs(), sym, **how)


def cosine(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Half a wave: :math:`w_i = \sin\left(\pi\frac{i + 0.5}{N + 1}\right)`.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.cosine(3)
        tensor([0.5000, 1.0000, 0.5000])
    """
    return _window("cosine", M, lambda i, n: (math.pi * (i + 0.5) / (n + 1)).sin(), sym, **how)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **how: Any) -> Tensor:
    r"""Falls on both sides of the centre: :math:`w_i = \exp\left(-\frac{|i - center|}{\tau}\right)`.

    Args:
        M (int): how many weights there are.
    Keyword args:
        center (float, optional): where it is highest, in periodic windows. Default: :math:`N / 2`
        tau (float): how far it falls to :math:`1 / e`. Default: 1

    Raises ValueError for a ``tau`` that is not positive and for the centre of a symmetric window.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.exponential(3, tau=2.0)
        tensor([0.6065, 1.0000, 0.6065])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def weigh(i: Tensor, n: int) -> Tensor:
        return (-(i - (n / 2 if center is None else center)).abs() / tau).exp()

    return _window("exponential", M, weigh, sym, **how)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **how: Any) -> Tensor:
    r"""Gauss's curve: :math:`w_i = \exp\left(-\frac{(i - N/2)^2}{2\,std^2}\right)`.

    Args:
        M (int): how many weights there are.
    Keyword args:
        std (float): how wide it is. Default: 1

    Raises ValueError for a ``std`` that is not positive.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.gaussian(3, std=2.0)
        tensor([0.8825, 1.0000, 0.8825])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", M, lambda i, n: (-(((i - n / 2) / std) ** 2) / 2).exp(), sym, **how)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **how: Any) -> Tensor:
    r"""Kaiser's window: :math:`w_i = I_0\left(\beta\sqrt{1 - \left(\frac{2i}{N} - 1\right)^2}\right) / I_0(\beta)`.

    Args:
        M (int): how many weights there are.
    Keyword args:
        beta (float): the larger, the faster the ends fade. Default: 12

    Raises ValueError for a negative ``beta``.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.kaiser(3, beta=2.0)
        tensor([0.4387, 1.0000, 0.4387])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def weigh(i: Tensor, n: int) -> Tensor:
        inside = (1 - (2 * i / n - 1) ** 2).clamp(min=0)
        made: Tensor = ops.i0(beta * inside.sqrt()) / ops.i0(ops.tensor(beta, dtype=float64))
        return made

    return _window("kaiser", M, weigh, sym, **how)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **how: Any) -> Tensor:
    r"""A sum of waves: :math:`w_i = \sum_k (-1)^k a_k \cos\left(\frac{2\pi k i}{N}\right)`.

    Args:
        M (int): how many weights there are.
    Keyword args:
        a (list of float): the height of each wave.

    Raises TypeError where ``a`` is no sequence, ValueError where it is empty.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.general_cosine(3, a=[0.6, 0.4])
        tensor([0.2000, 1.0000, 0.2000])
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    heights = list(a)
    if not heights:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", M, _waves(heights), sym, **how)


def _waves(heights: list[float]) -> Callable[[Tensor, int], Tensor]:
    def weigh(i: Tensor, n: int) -> Tensor:
        waves = [(-1) ** k * height * (2 * math.pi * k / n * i).cos() for k, height in enumerate(heights)]
        return sum(waves[1:], waves[0])

    return weigh


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **how: Any) -> Tensor:
    r"""One wave: :math:`w_i = \alpha - (1 - \alpha)\cos\left(\frac{2\pi i}{N}\right)`.

    Args:
        M (int): how many weights there are.
    Keyword args:
        alpha (float): what the wave is around. Default: 0.54

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.general_hamming(3, alpha=0.6)
        tensor([0.2000, 1.0000, 0.2000])
    """
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, **how)


def hamming(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Hamming's window: :math:`w_i = 0.54 - 0.46\cos\left(\frac{2\pi i}{N}\right)`.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, **how)


def hann(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Hann's window: :math:`w_i = \frac{1}{2}\left(1 - \cos\left(\frac{2\pi i}{N}\right)\right)`.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.hann(3)
        tensor([0., 1., 0.])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **how)


def blackman(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Blackman's window, of two waves: :math:`a = (0.42, 0.5, 0.08)` in :func:`general_cosine`.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.blackman(5)[1:4]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman", M, _waves([0.42, 0.5, 0.08]), sym, **how)


def nuttall(M: int, *, sym: bool = True, **how: Any) -> Tensor:
    r"""Nuttall's window, of three waves: :math:`a = (0.3635819, 0.4891775, 0.1365995, 0.0106411)` in
    :func:`general_cosine`.

    Source: Heinzel, Rüdiger and Schilling, Spectrum and spectral density estimation by the Discrete Fourier transform
    (DFT), 2002.

    Example::

        >>> import kagari as torch
        >>> torch.signal.windows.nuttall(3)[1]
        tensor(1.)
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **how)


__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip
