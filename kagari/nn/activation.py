"""Activations as layers: the smooth ones. The others are shown here too, as PyTorch has them all in one place."""

from __future__ import annotations

from ..eager import Tensor
from ..eager import operators as ops
from . import functional as F
from .activation_hard import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink, Tanhshrink
from .module import Module
from .rectifier import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, RReLU, Threshold, _InPlace
from .softmax import LogSoftmax, Softmax, Softmax2d, Softmin


class Sigmoid(Module):
    r"""The logistic function.

    .. math::
        \text{Sigmoid}(x) = \frac{1}{1 + e^{-x}}

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Sigmoid()(torch.tensor([0.0])).tolist()
        [0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.sigmoid(input)


class Tanh(Module):
    r"""The hyperbolic tangent.

    .. math::
        \text{Tanh}(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}}

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Tanh()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.tanh(input)


class LogSigmoid(Module):
    r"""The logarithm of the logistic function.

    .. math::
        \text{LogSigmoid}(x) = \log \frac{1}{1 + e^{-x}}

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.LogSigmoid()(torch.tensor([200.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.logsigmoid(input)


class Softplus(Module):
    r"""A smooth rectifier, always positive.

    .. math::
        \text{Softplus}(x) = \frac{1}{\beta} \log(1 + e^{\beta x})

    Where :math:`\beta x > \text{threshold}`, it is the input itself.

    Args:
        beta (float): :math:`\beta`. Default: 1.0
        threshold (float): above it the function is linear. Default: 20.0

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softplus()(torch.tensor([30.0])).tolist()
        [30.0]
    """

    __constants__ = ("beta", "threshold")
    beta: float
    threshold: float

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return ops.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    r"""A sigmoid with slow tails.

    .. math::
        \text{Softsign}(x) = \frac{x}{1 + |x|}

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softsign()(torch.tensor([-1.0, 0.0, 3.0])).tolist()
        [-0.5, 0.0, 0.75]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class GELU(Module):
    r"""The Gaussian error linear unit: the input, weighted by the normal distribution's probability of being below it.

    .. math::
        \text{GELU}(x) = x \cdot \Phi(x)

    With ``approximate="tanh"`` it is :math:`0.5 x (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3)))`.

    Args:
        approximate (str): ``"none"`` or ``"tanh"``. Default: ``"none"``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Hendrycks and Gimpel, *Gaussian error linear units* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.GELU()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    __constants__ = ("approximate",)
    approximate: str

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return ops.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    r"""The input, gated by its own sigmoid; also known as swish.

    .. math::
        \text{SiLU}(x) = x \cdot \sigma(x)

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Hendrycks and Gimpel, *Gaussian error linear units* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.SiLU()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.silu_(input) if self.inplace else ops.silu(input)


class Mish(_InPlace):
    r"""A smooth gate, close to :class:`SiLU`.

    .. math::
        \text{Mish}(x) = x \cdot \tanh(\log(1 + e^x))

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Misra, *Mish: a self regularized non-monotonic activation function* (2019).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Mish()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.mish_(input) if self.inplace else ops.mish(input)


class GLU(Module):
    r"""One half of the input, gated by the sigmoid of the other half.

    .. math::
        \text{GLU}(a, b) = a \cdot \sigma(b)

    Args:
        dim (int): the dimension that is halved. Default: -1

    Shape:
        - Input: :math:`(*, 2N, *)`.
        - Output: :math:`(*, N, *)`.

    Source: Dauphin et al., *Language modeling with gated convolutional networks* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.GLU()(torch.tensor([4.0, 0.0])).tolist()
        [2.0]
    """

    __constants__ = ("dim",)
    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return ops.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]
