"""Activations made of straight pieces, as layers."""

from __future__ import annotations

import warnings

from ..eager import Tensor
from ..eager import operators as ops
from . import functional as F
from .module import Module


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


class Hardshrink(Module):
    r"""Zero near zero, the input elsewhere.

    .. math::
        y = \begin{cases} x & |x| > \lambda \\ 0 & \text{otherwise} \end{cases}

    Args:
        lambd (float): :math:`\lambda`. Default: 0.5

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Hardshrink()(torch.tensor([-0.25, 2.0])).tolist()
        [0.0, 2.0]
    """

    __constants__ = ("lambd",)
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return ops.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    r"""The input, moved towards zero.

    .. math::
        y = \text{sign}(x) \cdot \max(0, |x| - \lambda)

    Args:
        lambd (float): :math:`\lambda`, not negative. Default: 0.5

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Softshrink()(torch.tensor([-0.25, 2.0])).tolist()
        [0.0, 1.5]
    """

    __constants__ = ("lambd",)
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return ops.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


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
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "ReLU6",
    "Softshrink",
    "Tanhshrink",
]
