"""Layers that normalise each sample over its own features, or over groups of its channels."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .functional_pool import tuple_of
from .module import Module
from .parameter import Parameter


class _Affine(Module):
    """A normalisation that may be followed by an affine map, with a factor and a summand for each element."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(
        self, shape: tuple[int, ...], affine: bool, bias: bool, device: str | Device | None, dtype: dtype | None
    ) -> None:
        for name, present in (("weight", affine), ("bias", affine and bias)):
            values = Parameter(ops.empty(shape, device=device, dtype=dtype)) if present else None
            self.register_parameter(name, values)

    def reset_parameters(self) -> None:
        """Makes the affine map the identity."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    r"""Normalises over the last dimensions and applies an affine map to each element:

    .. math::
        y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \cdot \gamma + \beta

    Mean and variance are taken over the last :math:`D` dimensions, where :math:`D` is the length of
    ``normalized_shape``. The variance is the biased one. Training and evaluation do the same.

    Args:
        normalized_shape (int or list of int): the sizes of the last dimensions.
        eps (float): :math:`\epsilon`. Default: 1e-5
        elementwise_affine (bool): whether there are :math:`\gamma` and :math:`\beta`. Default: ``True``
        bias (bool): whether there is :math:`\beta`. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, *)`, ending in ``normalized_shape``.
        - Output: :math:`(N, *)`, the same.

    Attributes:
        weight: :math:`\gamma`, of shape ``normalized_shape``, ones at first.
        bias: :math:`\beta`, of shape ``normalized_shape``, zeros at first.

    Source: Ba, Kiros and Hinton, *Layer normalization* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> norm = nn.LayerNorm(10)
        >>> tuple(norm(torch.randn(20, 5, 10)).shape)
        (20, 5, 10)
    """

    __constants__ = ("normalized_shape", "eps", "elementwise_affine")
    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = tuple_of(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return ops.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    r"""Divides by the root of the mean square over the last dimensions:

    .. math::
        y = \frac{x}{\sqrt{\mathrm{E}[x^2] + \epsilon}} \cdot \gamma

    Args:
        normalized_shape (int or list of int): the sizes of the last dimensions.
        eps (float, optional): :math:`\epsilon`, by default the machine epsilon of the type it is computed in.
        elementwise_affine (bool): whether there is :math:`\gamma`. Default: ``True``
        device, dtype: where the parameter is made, and of which type.

    Shape:
        - Input: :math:`(N, *)`, ending in ``normalized_shape``.
        - Output: :math:`(N, *)`, the same.

    Attributes:
        weight: :math:`\gamma`, of shape ``normalized_shape``, ones at first.

    Source: Zhang and Sennrich, *Root mean square layer normalization* (2019).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.RMSNorm(10)(torch.randn(20, 5, 10)).shape)
        (20, 5, 10)
    """

    __constants__ = ("normalized_shape", "eps", "elementwise_affine")
    normalized_shape: tuple[int, ...]
    eps: float | None
    elementwise_affine: bool
    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = tuple_of(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        values = Parameter(ops.empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", values)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Makes the scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return ops.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    r"""Normalises groups of channels of each sample, and applies an affine map to each channel:

    .. math::
        y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \cdot \gamma + \beta

    Mean and (biased) variance are those of all elements of a group of ``num_channels / num_groups`` channels.

    Args:
        num_groups (int): into how many groups the channels are divided.
        num_channels (int): the number of channels :math:`C`.
        eps (float): :math:`\epsilon`. Default: 1e-5
        affine (bool): whether there are :math:`\gamma` and :math:`\beta`. Default: ``True``
        device, dtype: where the parameters are made, and of which type.
        bias (bool): whether there is :math:`\beta`. Default: ``True``

    Shape:
        - Input: :math:`(N, C, *)`.
        - Output: :math:`(N, C, *)`, the same.

    Attributes:
        weight: :math:`\gamma`, of shape :math:`(C)`, ones at first.
        bias: :math:`\beta`, of shape :math:`(C)`, zeros at first.

    Raises:
        ValueError: if the channels can't be divided into so many groups.

    Source: Wu and He, *Group normalization* (2018).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.GroupNorm(3, 6)(torch.randn(20, 6, 10, 10)).shape)
        (20, 6, 10, 10)
    """

    __constants__ = ("num_groups", "num_channels", "eps", "affine")
    num_groups: int
    num_channels: int
    eps: float
    affine: bool
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make((num_channels,), affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    r"""Divides each element by what its neighbours in the channels around it amount to:

    .. math::
        y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c' = c - n / 2}^{c + (n - 1) / 2} x_{c'}^2\right)^{-\beta}

    Args:
        size (int): :math:`n`, over how many channels the sum goes.
        alpha (float): :math:`\alpha`. Default: 1e-4
        beta (float): :math:`\beta`. Default: 0.75
        k (float): :math:`k`. Default: 1

    Shape:
        - Input: :math:`(N, C, *)`.
        - Output: :math:`(N, C, *)`, the same.

    Source: Krizhevsky, Sutskever and Hinton, *ImageNet classification with deep convolutional neural networks* (2012).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.LocalResponseNorm(2)(torch.randn(32, 5, 24, 24)).shape)
        (32, 5, 24, 24)
    """

    __constants__ = ("size", "alpha", "beta", "k")
    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    r"""Divides each element by what its neighbours in the channels around it amount to:

    .. math::
        y_c = x_c \left(k + \frac{\alpha}{n} \sum_{|c' - c| < (n + 1) / 2} x_{c'}^2\right)^{-\beta}

    :class:`LocalResponseNorm` is the same for odd sizes, but that here :math:`x_0^2` stays in all sums of channels from
    :math:`(n + 1) / 2` on, where PyTorch does not take it out. Gradients are those of what is computed.

    Args:
        size (int): :math:`n`, over how many channels the sum goes; an even number counts as the odd one below it.
        alpha (float): :math:`\alpha`. Default: 1e-4
        beta (float): :math:`\beta`. Default: 0.75
        k (float): :math:`k`. Default: 1

    Shape:
        - Input: :math:`(N, C, H, W)`.
        - Output: the same.

    Raises:
        ValueError: for an input of other dimensions.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)(torch.ones(1, 4, 1, 1)).flatten()
        tensor([0.3333, 0.2500, 0.2000, 0.2500])
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        beyond, channels = (self.size - 1) // 2, input.shape[1]
        squares = input * input
        around = F.pad(squares, (0, 0, 0, 0, beyond, beyond))
        sums = around.unfold(1, 2 * beyond + 1, 1).sum(-1)
        kept = (ops.arange(channels) > beyond).to(input.dtype).reshape(channels, 1, 1)
        return input * (self.k + self.alpha / self.size * (sums + kept * squares[:, :1])) ** -self.beta

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]
