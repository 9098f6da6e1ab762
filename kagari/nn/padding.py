"""Layers that put elements around their input."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .functional_pool import tuple_of
from .module import Module

Amounts = int | tuple[int, ...]


class _PadNd(Module):
    """What all of them share. `mode` is that of `F.pad`; `rank` counts the dimensions that are padded."""

    __constants__: tuple[str, ...] = ("padding",)
    rank: int
    mode: str
    padding: tuple[int, ...]

    def __init__(self, padding: Amounts) -> None:
        super().__init__()
        self.padding = tuple_of(padding, 2 * self.rank)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """Padding with a number."""

    __constants__ = ("padding", "value")
    mode = "constant"
    value: float

    def __init__(self, padding: Amounts, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    """Padding with zeros."""

    def __init__(self, padding: Amounts) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    """Padding with what lies inside, mirrored."""

    mode = "reflect"


class _ReplicationPadNd(_PadNd):
    """Padding with the outermost element."""

    mode = "replicate"


class _CircularPadNd(_PadNd):
    """Padding with the other end."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        least = self.rank + 1
        if input.ndim not in (least, least + 1):
            raise ValueError(f"expected {least}D or {least + 1}D input (got {input.ndim}D input)")
        return super().forward(input)


class ConstantPad1d(_ConstantPadNd):
    r"""``value`` around the last dimension.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.
        value (float): what is added.

    Shape:
        - Input: :math:`(N, C, W)` or :math:`(C, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ConstantPad1d(1, 2.0)(torch.ones(1, 2, 3)).shape)
        (1, 2, 5)
    """

    rank = 1


class ConstantPad2d(_ConstantPadNd):
    r"""``value`` around the last two dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.
        value (float): what is added.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ConstantPad2d(1, 2.0)(torch.ones(1, 2, 3, 3)).shape)
        (1, 2, 5, 5)
    """

    rank = 2


class ConstantPad3d(_ConstantPadNd):
    r"""``value`` around the last three dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.
        value (float): what is added.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ConstantPad3d(1, 2.0)(torch.ones(1, 2, 3, 3, 3)).shape)
        (1, 2, 5, 5, 5)
    """

    rank = 3


class ZeroPad1d(_ZeroPadNd):
    r"""Zeros around the last dimension.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, W)` or :math:`(C, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ZeroPad1d(1)(torch.ones(1, 2, 3)).shape)
        (1, 2, 5)
    """

    rank = 1


class ZeroPad2d(_ZeroPadNd):
    r"""Zeros around the last two dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ZeroPad2d(1)(torch.ones(1, 2, 3, 3)).shape)
        (1, 2, 5, 5)
    """

    rank = 2


class ZeroPad3d(_ZeroPadNd):
    r"""Zeros around the last three dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`, or any other that ends so.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ZeroPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape)
        (1, 2, 5, 5, 5)
    """

    rank = 3


class ReflectionPad1d(_ReflectionPadNd):
    r"""Elements mirrored at the outermost one around the last dimension.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, W)` or :math:`(C, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReflectionPad1d(1)(torch.ones(1, 2, 3)).shape)
        (1, 2, 5)
    """

    rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    r"""Elements mirrored at the outermost one around the last two dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReflectionPad2d(1)(torch.ones(1, 2, 3, 3)).shape)
        (1, 2, 5, 5)
    """

    rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    r"""Elements mirrored at the outermost one around the last three dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReflectionPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape)
        (1, 2, 5, 5, 5)
    """

    rank = 3


class ReplicationPad1d(_ReplicationPadNd):
    r"""The outermost element again around the last dimension.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, W)` or :math:`(C, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReplicationPad1d(1)(torch.ones(1, 2, 3)).shape)
        (1, 2, 5)
    """

    rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    r"""The outermost element again around the last two dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReplicationPad2d(1)(torch.ones(1, 2, 3, 3)).shape)
        (1, 2, 5, 5)
    """

    rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    r"""The outermost element again around the last three dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.ReplicationPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape)
        (1, 2, 5, 5, 5)
    """

    rank = 3


class CircularPad1d(_CircularPadNd):
    r"""Elements of the other end around the last dimension.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, W)` or :math:`(C, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.CircularPad1d(1)(torch.ones(1, 2, 3)).shape)
        (1, 2, 5)
    """

    rank = 1


class CircularPad2d(_CircularPadNd):
    r"""Elements of the other end around the last two dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.CircularPad2d(1)(torch.ones(1, 2, 3, 3)).shape)
        (1, 2, 5, 5)
    """

    rank = 2


class CircularPad3d(_CircularPadNd):
    r"""Elements of the other end around the last three dimensions.

    Args:
        padding (int or tuple): two amounts for each dimension, the last one first, or one for all; negative ones cut
            elements off.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same, larger by what is added.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.CircularPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape)
        (1, 2, 5, 5, 5)
    """

    rank = 3


__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
