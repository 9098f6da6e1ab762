"""Tensors that know what they show. Results of operations on them are plain tensors; see `wrap`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ...eager import Tensor
from ...eager import operators as ops
from ..pillow import is_picture


class TVTensor(Tensor):
    """The base of the tensors that transforms tell apart.

    `clone`, `to`, `detach` and `requires_grad_` give a tensor of the same kind, every other operation a plain one.

    >>> import kagari as torch
    >>> from kagari.vision import tv_tensors
    >>> image = tv_tensors.Image(torch.zeros(1, 2, 2))
    >>> type(image.to(torch.uint8)).__name__, type(image + 1).__name__
    ('Image', 'Tensor')
    """

    __slots__ = ()
    __torch_function__ = None  # type: ignore[assignment]

    @staticmethod
    def _tensor(data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Tensor:
        """The data as a tensor, without a copy where that can be; None keeps whether a tensor requires gradients."""
        if requires_grad is None:
            requires_grad = isinstance(data, Tensor) and data.requires_grad
        made: Tensor = ops.as_tensor(data, dtype=dtype, device=device)
        return made if made.requires_grad == requires_grad else made.detach().requires_grad_(requires_grad)

    def _like(self, tensor: Tensor) -> Self:
        """A plain tensor as one of this kind, with what this one knows."""
        made: Self = tensor.as_subclass(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def _details(self) -> str | None:
        """What `repr` says of it behind its numbers."""
        return None

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        name = type(self).__name__
        text = repr(self.as_subclass(Tensor)).removeprefix("tensor(").removesuffix(")")
        text = text.replace("\n" + " " * len("tensor("), "\n" + " " * len(f"{name}("))
        details = self._details()
        return f"{name}({text})" if details is None else f"{name}({text}, {details})"

    def clone(self, *args: Any, **kwargs: Any) -> Self:
        """A copy, as :meth:`Tensor.clone` makes it."""
        return self._like(self.as_subclass(Tensor).clone(*args, **kwargs))

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same of another dtype, as :meth:`Tensor.to` makes it."""
        return self._like(super().to(*args, **kwargs))

    def detach(self) -> Self:
        """The same memory without history, as :meth:`Tensor.detach` gives it."""
        return self._like(super().detach())

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Says whether gradients are wanted, in place."""
        super().requires_grad_(requires_grad)
        return self

    def __copy__(self) -> Self:
        return self._like(super().detach().requires_grad_(self.requires_grad))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _restored, (type(self), self.as_subclass(Tensor), dict(self.__dict__))


def _restored(kind: type[TVTensor], tensor: Tensor, state: dict[str, Any]) -> TVTensor:
    """What was pickled."""
    made: TVTensor = tensor.as_subclass(kind)
    made.__dict__.update(state)
    return made


class _Pixels(TVTensor):
    """What images, videos and masks share: their making."""

    __slots__ = ()

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Self:
        if is_picture(data):
            data = image_tensor(data)
        return cls._checked(cls._tensor(data, dtype, device, requires_grad)).as_subclass(cls)

    def __init__(self, data: Any, **options: Any) -> None:
        # `__new__` has made the whole of it. Without this, Tensor's own constructor would see the arguments again.
        pass

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        return tensor


class Image(_Pixels):
    r"""An image, or a batch of images.

    Args:
        data (any): what `torch.as_tensor` takes, or an image of Pillow's. A matrix is an image of one channel.
        dtype (dtype, optional): of the image.
        device (device, optional): where it lies.
        requires_grad (bool, optional): whether gradients are wanted. Default: what holds for ``data``

    Shape:
        - :math:`(*, C, H, W)`.

    Raises ValueError for fewer than two dimensions.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> tv_tensors.Image([[0.0, 1.0]])
        Image([[[0., 1.]]], )
    """

    __slots__ = ()

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return tensor.unsqueeze(0) if tensor.ndim == 2 else tensor

    def _details(self) -> str:
        return ""


class Video(_Pixels):
    r"""A video, or a batch of videos.

    Args:
        data (any): what `torch.as_tensor` takes.
        dtype (dtype, optional): of the video.
        device (device, optional): where it lies.
        requires_grad (bool, optional): whether gradients are wanted. Default: what holds for ``data``

    Shape:
        - :math:`(*, T, C, H, W)`, with :math:`T` frames.

    Raises ValueError for fewer than four dimensions.
    """

    __slots__ = ()

    @classmethod
    def _checked(cls, tensor: Tensor) -> Tensor:
        if tensor.ndim < 4:
            raise ValueError(f"Tensor must be 4D or higher, got {tensor.ndim}D tensor.")
        return tensor

    def _details(self) -> str:
        return ""


class Mask(_Pixels):
    r"""Masks of an image: of objects, one by one, or of classes.

    Args:
        data (any): what `torch.as_tensor` takes, or an image of Pillow's.
        dtype (dtype, optional): of the mask.
        device (device, optional): where it lies.
        requires_grad (bool, optional): whether gradients are wanted. Default: what holds for ``data``

    Shape:
        - :math:`(*, H, W)`.
    """

    __slots__ = ()


def image_tensor(image: Any) -> Tensor:
    """The numbers of a Pillow image or of an array [H, W] or [H, W, C], channels first: [C, H, W]."""
    numbers: Tensor = ops.from_numpy(np.array(image) if is_picture(image) else image)
    return numbers.unsqueeze(0) if numbers.ndim == 2 else numbers.permute(2, 0, 1)


def wrap(wrappee: Tensor, *, like: TVTensor, **kwargs: Any) -> Any:
    """A tensor as one of the kind of `like`, with what `like` knows; keywords replace parts of that.

    >>> import kagari as torch
    >>> from kagari.vision import tv_tensors
    >>> mask = tv_tensors.Mask(torch.zeros(2, 2))
    >>> type(tv_tensors.wrap(mask + 1, like=mask)).__name__
    'Mask'
    """
    made = like._like(wrappee)
    made.__dict__.update({name: value for name, value in kwargs.items() if name in made.__dict__})
    return made
