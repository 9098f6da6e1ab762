"""Bounding boxes and points: tensors of coordinates that know the size of the image they lie in."""

from __future__ import annotations

from enum import Enum
from typing import Any, Self

from ...eager import Tensor
from .tensors import TVTensor

CLAMPING_MODES = (None, "hard", "soft")


class BoundingBoxFormat(Enum):
    """What the four numbers of a box are.

    `XYXY`: left, top, right and bottom edge. `XYWH`: left and top edge, width, height. `CXCYWH`: centre, width, height.
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"


def box_format(format: BoundingBoxFormat | str) -> BoundingBoxFormat:
    """A format by its name in capital or small letters. Raises KeyError for others."""
    return format if isinstance(format, BoundingBoxFormat) else BoundingBoxFormat[format.upper()]


class _Coordinates(TVTensor):
    """What boxes and points share: their making."""

    __slots__ = ()

    @classmethod
    def _made(cls, data: Any, dtype: Any, device: Any, requires_grad: bool | None, **known: Any) -> Self:
        made: Self = cls._checked(cls._tensor(data, dtype, device, requires_grad)).as_subclass(cls)
        made.__dict__.update(known)
        return made

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        return tensor

    def __init__(self, data: Any, **options: Any) -> None:
        # As in the other tensors, `__new__` has made the whole of it.
        pass


class BoundingBoxes(_Coordinates):
    r"""The bounding boxes of objects in one image.

    Args:
        data (any): what `torch.as_tensor` takes. A vector is one box.
        format (BoundingBoxFormat or str): what the numbers are.
        canvas_size (tuple of int): height and width of the image.
        clamping_mode (str, optional): whether transforms clamp the boxes to the image: ``'soft'`` and ``'hard'`` do,
            None doesn't. Default: ``'soft'``
        dtype (dtype, optional): of the coordinates.
        device (device, optional): where they lie.
        requires_grad (bool, optional): whether gradients are wanted. Default: what holds for ``data``

    Shape:
        - :math:`(N, 4)`.

    Raises ValueError for another number of dimensions or another mode, KeyError for another format.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> tv_tensors.BoundingBoxes([0, 0, 5, 5], format="XYXY", canvas_size=(10, 10))
        BoundingBoxes([[0, 0, 5, 5]], format=BoundingBoxFormat.XYXY, canvas_size=(10, 10), clamping_mode=soft)
    """

    __slots__ = ()

    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Self:
        if clamping_mode not in CLAMPING_MODES:
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        known = {"format": box_format(format), "canvas_size": canvas_size, "clamping_mode": clamping_mode}
        return cls._made(data, dtype, device, requires_grad, **known)

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim not in (1, 2):
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        return tensor.unsqueeze(0) if tensor.ndim == 1 else tensor

    def _details(self) -> str:
        return f"format={self.format}, canvas_size={self.canvas_size}, clamping_mode={self.clamping_mode}"


class KeyPoints(_Coordinates):
    r"""Points in one image.

    Args:
        data (any): what `torch.as_tensor` takes.
        canvas_size (tuple of int): height and width of the image.
        dtype (dtype, optional): of the coordinates.
        device (device, optional): where they lie.
        requires_grad (bool, optional): whether gradients are wanted. Default: what holds for ``data``

    Shape:
        - :math:`(*, 2)`: x and y.

    Raises ValueError where the last size is not 2.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> tv_tensors.KeyPoints([[1.0, 2.0]], canvas_size=(3, 4))
        KeyPoints([[1., 2.]], canvas_size=(3, 4))
    """

    __slots__ = ()

    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Self:
        return cls._made(data, dtype, device, requires_grad, canvas_size=canvas_size)

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        if tensor.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tensor.shape}")
        return tensor

    def _details(self) -> str:
        return f"canvas_size={self.canvas_size}"
