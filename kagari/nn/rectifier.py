"""Rectifiers: activations that let positive values through, as layers."""

from __future__ import annotations

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from .init import constant_
from .module import Module
from .parameter import Parameter


class _InPlace(Module):
    """An activation without other settings than whether the input is overwritten."""

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    r"""The rectified linear unit.

    .. math::
        \text{ReLU}(x) = \max(0, x)

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Nair and Hinton, *Rectified linear units improve restricted Boltzmann machines* (2010).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.ReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.relu_(input) if self.inplace else ops.relu(input)


class LeakyReLU(Module):
    r"""A rectifier that lets a little of negative values through.

    .. math::
        \text{LeakyReLU}(x) = \max(0, x) + \text{negative\_slope} \cdot \min(0, x)

    Args:
        negative_slope (float): the slope below zero. Default: 0.01
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Maas, Hannun and Ng, *Rectifier nonlinearities improve neural network acoustic models* (2013).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.LeakyReLU(0.5)(torch.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    __constants__ = ("inplace", "negative_slope")
    negative_slope: float
    inplace: bool

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return (
            ops.leaky_relu_(input, self.negative_slope) if self.inplace else ops.leaky_relu(input, self.negative_slope)
        )

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    r"""A rectifier whose slope below zero is learned: one number, or one for each channel.

    .. math::
        \text{PReLU}(x) = \max(0, x) + a \cdot \min(0, x)

    Weight decay on :math:`a` does harm.

    Args:
        num_parameters (int): 1, or the number of channels. Default: 1
        init (float): the initial value of :math:`a`. Default: 0.25

    Shape:
        - Input: :math:`(*)`, any shape; channels are dimension 1.
        - Output: :math:`(*)`, the same.

    Attributes:
        weight (Tensor): :math:`a`, of shape :math:`(\text{num\_parameters})`.

    Source: He et al., *Delving deep into rectifiers* (2015).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.PReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    __constants__ = ("num_parameters",)
    num_parameters: int
    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(ops.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets every slope to the initial value."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return ops.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    r"""A rectifier whose slope below zero is random in training, and the middle of its range in evaluation.

    .. math::
        \text{RReLU}(x) = \max(0, x) + a \cdot \min(0, x), \qquad a \sim \mathcal{U}(\text{lower}, \text{upper})

    Args:
        lower (float): the least slope. Default: 1/8
        upper (float): the greatest slope. Default: 1/3
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Xu et al., *Empirical evaluation of rectified activations in convolutional network* (2015).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.RReLU(0.25, 0.75).eval()(torch.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    __constants__ = ("lower", "upper", "inplace")
    lower: float
    upper: float
    inplace: bool

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Threshold(Module):
    r"""The input where it is above a threshold, another value elsewhere.

    .. math::
        y = \begin{cases} x & x > \text{threshold} \\ \text{value} & \text{otherwise} \end{cases}

    Args:
        threshold (float): what the input has to exceed.
        value (float): what takes its place where it does not.
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Threshold(0.1, 20.0)(torch.tensor([0.0, 1.0])).tolist()
        [20.0, 1.0]
    """

    __constants__ = ("threshold", "value", "inplace")
    threshold: float
    value: float
    inplace: bool

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    r"""A rectifier that saturates exponentially below zero.

    .. math::
        \text{ELU}(x) = \max(0, x) + \min(0, \alpha (e^x - 1))

    Args:
        alpha (float): :math:`\alpha`, the value that is approached on the negative side, negated. Default: 1.0
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Clevert, Unterthiner and Hochreiter, *Fast and accurate deep network learning by exponential linear units*
        (2015).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.ELU()(torch.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    __constants__ = ("inplace", "alpha")
    alpha: float
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.elu_(input, self.alpha) if self.inplace else ops.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    r"""An :class:`ELU` whose slope is continuous for every :math:`\alpha`.

    .. math::
        \text{CELU}(x) = \max(0, x) + \min(0, \alpha (e^{x / \alpha} - 1))

    Args:
        alpha (float): :math:`\alpha`. Default: 1.0
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Barron, *Continuously differentiable exponential linear units* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.CELU()(torch.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    __constants__ = ("inplace", "alpha")
    alpha: float
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.celu_(input, self.alpha) if self.inplace else ops.celu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(_InPlace):
    r"""A scaled :class:`ELU` that drives activations towards mean 0 and variance 1.

    .. math::
        \text{SELU}(x) = s (\max(0, x) + \min(0, \alpha (e^x - 1)))

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Klambauer et al., *Self-normalizing neural networks* (2017): :math:`\alpha = 1.6733, s = 1.0507`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.SELU()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return ops.selu_(input) if self.inplace else ops.selu(input)


__all__ = [
    "CELU",
    "ELU",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "SELU",
    "Threshold",
]
