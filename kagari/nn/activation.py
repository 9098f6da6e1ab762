"""Activations: element-wise nonlinearities as layers."""

from __future__ import annotations

import warnings

from ..eager import Tensor
from ..eager import operators as ops
from . import functional as F
from .module import Module


class ReLU(Module):
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

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.relu_(input) if self.inplace else ops.relu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Hardtanh(Module):
    r"""The input, clipped to an interval.

    .. math::
        \text{Hardtanh}(x) = \min(\max(\text{min\_val}, x), \text{max\_val})

    Args:
        min_val (float): the least value. Default: -1.0
        max_val (float): the greatest value. Default: 1.0
        inplace (bool): whether the input is overwritten. Default: ``False``
        min_value, max_value (float, optional): deprecated names of the two.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Hardtanh()(torch.tensor([-3.0, 0.5])).tolist()
        [-1.0, 0.5]
    """

    __constants__ = ("min_val", "max_val", "inplace")
    min_val: float
    max_val: float
    inplace: bool

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        if min_value is not None:
            warnings.warn(
                "keyword argument `min_value` is deprecated and renamed to `min_val`", FutureWarning, stacklevel=2
            )
            min_val = min_value
        if max_value is not None:
            warnings.warn(
                "keyword argument `max_value` is deprecated and renamed to `max_val`", FutureWarning, stacklevel=2
            )
            max_val = max_value
        if not max_val > min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    r"""A rectifier with a ceiling.

    .. math::
        \text{ReLU6}(x) = \min(\max(0, x), 6)

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Krizhevsky, *Convolutional deep belief networks on CIFAR-10* (2010).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.ReLU6()(torch.tensor([-1.0, 9.0])).tolist()
        [0.0, 6.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


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


class SiLU(Module):
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

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.silu_(input) if self.inplace else ops.silu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Mish(Module):
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

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.mish_(input) if self.inplace else ops.mish(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


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


class SELU(Module):
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

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.selu_(input) if self.inplace else ops.selu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Hardsigmoid(Module):
    r"""A sigmoid made of three straight lines.

    .. math::
        \text{Hardsigmoid}(x) = \frac{\min(\max(0, x + 3), 6)}{6}

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Hardsigmoid()(torch.tensor([-3.0, 0.0, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.hardsigmoid_(input) if self.inplace else ops.hardsigmoid(input)


class Hardswish(Module):
    r"""The input, gated by :class:`Hardsigmoid`.

    .. math::
        \text{Hardswish}(x) = x \cdot \frac{\min(\max(0, x + 3), 6)}{6}

    Args:
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Howard et al., *Searching for MobileNetV3* (2019).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Hardswish()(torch.tensor([0.0, 3.0])).tolist()
        [0.0, 3.0]
    """

    __constants__ = ("inplace",)
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return ops.hardswish_(input) if self.inplace else ops.hardswish(input)


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


class Tanhshrink(Module):
    r"""What the hyperbolic tangent takes away.

    .. math::
        \text{Tanhshrink}(x) = x - \tanh(x)

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Tanhshrink()(torch.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]
