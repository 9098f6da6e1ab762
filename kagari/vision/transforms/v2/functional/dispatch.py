"""One function for all kinds of input: it calls the kernel that the kind of its first argument asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from .....eager import Tensor
from ....pillow import is_picture
from ....tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap

Kernel = Callable[..., Any]
PICTURE = "PIL.Image.Image"
"""What stands for the class of Pillow's images, which may not be there, among the kinds of input."""

_OF_COORDINATES = ("format", "canvas_size", "clamping_mode")


def by_kind(
    image: Kernel,
    *,
    picture: Kernel | None = None,
    mask: Kernel | None = None,
    boxes: Kernel | None = None,
    points: Kernel | None = None,
    images: bool = True,
    videos: bool = True,
) -> Kernel:
    """The function `name` of the kernels `name_image`, `name_mask`...; its parameters are those of the first one.

    The kernel for images is for plain tensors and, unless it is said, for videos, too. Those for masks, boxes and
    points get the arguments that they have parameters for; those for boxes and points get what the tensor knows, and
    may return the size of a new canvas besides the coordinates.
    """
    name = image.__name__.removesuffix("_image").removesuffix("_video")
    signature = _signature(image)

    @wraps(image)
    def function(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        kernel = kernel_of(function, inpt)
        if kernel is None:
            kinds = ", ".join(str(getattr(kind, "__name__", kind)) for kind in kernels)
            raise TypeError(f"{name}() supports inputs of the types {kinds}, but got {type(inpt)} instead.")
        return kernel(inpt, *args, **kwargs)

    kernels: dict[Any, Kernel] = {Tensor: image}
    for kind, wanted in ((Image, images), (Video, videos)):
        if wanted:
            kernels[kind] = _keeping(image)
    if picture is not None:
        kernels[PICTURE] = _positional(picture, signature)
    if mask is not None:
        kernels[Mask] = _adapted(mask, signature)
    if boxes is not None:
        kernels[BoundingBoxes] = _adapted(boxes, signature)
    if points is not None:
        kernels[KeyPoints] = _adapted(points, signature)
    function.__name__ = function.__qualname__ = name
    made: Any = function
    made.kernels, made.__signature__ = kernels, signature
    return function


def _signature(image: Kernel) -> inspect.Signature:
    """The signature of a kernel, with the name that a first argument of any kind has."""
    signature = inspect.signature(image)
    first, *others = signature.parameters.values()
    return signature.replace(parameters=[first.replace(name="inpt"), *others])


def _keeping(kernel: Kernel) -> Kernel:
    """The kernel on a tensor of some kind, with results of the same kind."""

    def kept(inpt: TVTensor, *args: Any, **kwargs: Any) -> Any:
        made = kernel(inpt.as_subclass(Tensor), *args, **kwargs)
        if isinstance(made, tuple):
            return tuple(wrap(part, like=inpt) for part in made)
        return wrap(made, like=inpt)

    return kept


def _positional(kernel: Kernel, signature: inspect.Signature) -> Kernel:
    """The kernel for pictures, whose parameters are in the same order and may have other names."""

    def called(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return kernel(inpt, *args)
        bound = signature.bind(inpt, *args, **kwargs)
        bound.apply_defaults()
        return kernel(*bound.args)

    return called


def _adapted(kernel: Kernel, signature: inspect.Signature) -> Kernel:
    """The kernel on the arguments that it has parameters for, and on what the tensor knows."""
    parameters = list(inspect.signature(kernel).parameters)[1:]

    def adapted(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(inpt, *args, **kwargs).arguments
        arguments |= {name: getattr(inpt, name) for name in _OF_COORDINATES if hasattr(inpt, name)}
        made = kernel(inpt.as_subclass(Tensor), **{name: arguments[name] for name in parameters if name in arguments})
        if isinstance(made, tuple):
            return wrap(made[0], like=inpt, canvas_size=tuple(made[1]))
        return wrap(made, like=inpt)

    return adapted


def kernel_of(function: Any, inpt: Any) -> Kernel | None:
    """The kernel of a function for an input; None where it has none."""
    kernels: dict[Any, Kernel] = function.kernels
    if isinstance(inpt, TVTensor):
        return next((kernels[kind] for kind in type(inpt).__mro__ if kind in kernels and kind is not Tensor), None)
    if isinstance(inpt, Tensor):
        return kernels[Tensor]
    return kernels.get(PICTURE) if is_picture(inpt) else None


def call(function: Any, inpt: Any, *args: Any, **kwargs: Any) -> Any:
    """The function on an input; an input of a kind that it has no kernel for stays as it is."""
    kernel = kernel_of(function, inpt)
    return inpt if kernel is None else kernel(inpt, *args, **kwargs)


def register_kernel(functional: Any, tv_tensor_cls: type[TVTensor]) -> Callable[[Kernel], Kernel]:
    """A decorator for the kernel of a function for a kind of tensor of your own.

    Args:
        functional (callable): a function of this module.
        tv_tensor_cls (type): a subclass of :class:`~kagari.vision.tv_tensors.TVTensor`.

    Raises ValueError for kinds that are there already and for what is no function of kernels.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision import tv_tensors
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> class Depth(tv_tensors.TVTensor):
        ...     pass
        >>> @F.register_kernel(F.horizontal_flip, Depth)
        ... def flip_depth(depth):
        ...     return tv_tensors.wrap(depth.flip(-1), like=depth)
        >>> F.horizontal_flip(torch.arange(3).as_subclass(Depth))
        Depth([2, 1, 0])
    """
    if not hasattr(functional, "kernels"):
        raise ValueError(f"Kernels can only be registered on functionals, but got {functional}.")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, TVTensor)):
        raise ValueError(f"Kernels can only be registered for subclasses of TVTensor, but got {tv_tensor_cls}.")
    if tv_tensor_cls in (Image, Video, Mask, BoundingBoxes, KeyPoints):
        raise ValueError(f"Kernels cannot be registered for the builtin TVTensor classes, but got {tv_tensor_cls}")

    def register(kernel: Kernel) -> Kernel:
        functional.kernels[tv_tensor_cls] = kernel
        return kernel

    return register
