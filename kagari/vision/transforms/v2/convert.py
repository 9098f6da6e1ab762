"""Between tensors and pictures, dtypes, and formats of boxes; and what goes with that."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ....base.dtypes import dtype as Dtype
from ....base.dtypes import float32
from ....eager import Tensor
from ...pillow import is_picture
from ...tv_tensors import Image, TVTensor, Video, wrap
from . import functional as F
from .structure import is_array, is_pure_tensor
from .transform import Transform


class PILToTensor(Transform):
    """Pillow images as tensors, of the numbers that they have. See :func:`~.functional.pil_to_tensor`."""

    _transformed_types = (is_picture,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """Tensors, arrays and Pillow images as :class:`~kagari.vision.tv_tensors.Image`, of the numbers that they have."""

    _transformed_types = (is_pure_tensor, is_picture, is_array)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Image:
        return F.to_image(inpt)


class ToPILImage(Transform):
    r"""Tensors and arrays as Pillow images. See :func:`~.functional.to_pil_image`.

    Args:
        mode (str, optional): Pillow's name for the meaning of the channels. Default: by their number and dtype
    """

    _transformed_types = (is_pure_tensor, Image, is_array)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_pil_image(inpt, self.mode)

    def extra_repr(self) -> str:
        return "" if self.mode is None else f"mode={self.mode}"


class ToPureTensor(Transform):
    """Images, masks, boxes and points as plain tensors."""

    _transformed_types = (TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        plain: Tensor = inpt.as_subclass(Tensor)
        return plain


class ToTensor(Transform):
    """Pillow images and arrays as tensors of numbers from 0 to 1. See :func:`~.functional.to_tensor`.

    Deprecated: :class:`ToImage` and :class:`ToDtype` do it in two clear steps.
    """

    _transformed_types = (is_picture, is_array)

    def __init__(self) -> None:
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, please use "
            "`v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`.Output is equivalent up to float "
            "precision.",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return F.to_tensor(inpt)


class ToDtype(Transform):
    r"""Another dtype.

    Args:
        dtype (dtype or dict): of images and videos; or by type of input, with the key ``'others'`` for those that are
            not named. None leaves what is there.
        scale (bool): whether white stays white. Default: ``False``

    Raises ValueError for what a dictionary does not say.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.ToDtype(torch.float32, scale=True)(torch.tensor([[[51]]], dtype=torch.uint8))
        tensor([[[0.2000]]])
    """

    def __init__(self, dtype: Dtype | dict[Any, Dtype | None], scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, dict | Dtype):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        if isinstance(dtype, dict) and Tensor in dtype and (Image in dtype or Video in dtype):
            warnings.warn(
                "Got `dtype` values for `torch.Tensor` and either `tv_tensors.Image` or `tv_tensors.Video`. Note that "
                "a plain `torch.Tensor` will *not* be transformed by this (or any other transformation) in case a "
                "`tv_tensors.Image` or `tv_tensors.Video` is present in the input.",
                stacklevel=2,
            )
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_dtype(inpt, wanted, scale=self.scale) if (wanted := self._wanted(inpt)) is not None else inpt

    def _wanted(self, inpt: Any) -> Dtype | None:
        of_image = is_pure_tensor(inpt) or isinstance(inpt, Image | Video)
        if not isinstance(self.dtype, dict):
            return self.dtype if of_image else None
        for key in (type(inpt), "others"):
            if key in self.dtype:
                return self.dtype[key]
        if of_image and self.scale:
            return None
        raise ValueError(
            f"No dtype was specified for type {type(inpt)}. If you only need to convert the dtype of images or videos, "
            'you can just pass e.g. dtype=torch.float32. If you\'re passing a dict as dtype, you can use "others" as a '
            'catch-all key e.g. dtype={tv_tensors.Mask: torch.int64, "others": None} to pass-through the rest of the '
            "inputs."
        )


class ConvertImageDtype(Transform):
    r"""Another dtype, in which white stays white.

    Args:
        dtype (dtype): of images and videos. Default: float32
    """

    _transformed_types = (is_pure_tensor, Image, Video)

    def __init__(self, dtype: Dtype = float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_dtype(inpt, self.dtype, scale=True)


class Normalize(Transform):
    r"""Subtracts a mean from each channel and divides by a deviation. See :func:`~.functional.normalize`.

    Args:
        mean (sequence of float): for each channel.
        std (sequence of float): for each channel.
        inplace (bool): whether the image is written over. Default: ``False``

    Raises TypeError when called with Pillow images, which are to become tensors first.
    """

    _transformed_types = (is_pure_tensor, Image, Video)

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if any(is_picture(inpt) for inpt in flat_inputs):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.normalize, inpt, self.mean, self.std, self.inplace)


class Lambda(Transform):
    r"""A function of your own.

    Args:
        lambd (callable): the function.
        types (type): of what it is called with. Default: everything
    """

    _transformed_types = (object,)

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", "")
        return ", ".join([*([name] if name else []), f"types={[kind.__name__ for kind in self.types]}"])


class Identity(Transform):
    """Nothing at all."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class LinearTransformation(Transform):
    r"""All numbers of an image, less a mean, times a square matrix: whitening, for example.

    Args:
        transformation_matrix (Tensor): [D, D], for images of D numbers.
        mean_vector (Tensor): [D].

    Raises ValueError for other sizes, TypeError when called with Pillow images.
    """

    _transformed_types = (is_pure_tensor, Image, Video)

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                f"transformation_matrix should be square. Got {tuple(transformation_matrix.shape)} rectangular matrix."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the dimensions of the "
                f"transformation_matrix {tuple(transformation_matrix.shape)}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if any(is_picture(inpt) for inpt in flat_inputs):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        plain = inpt.as_subclass(Tensor)
        size = plain.shape[-3] * plain.shape[-2] * plain.shape[-1]
        if size != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{plain.shape[-3]} x {plain.shape[-2]} x {plain.shape[-1]}] != {self.transformation_matrix.shape[0]}"
            )
        flat = plain.reshape(-1, size) - self.mean_vector
        made = (flat @ self.transformation_matrix.to(flat.dtype)).reshape(plain.shape)
        return wrap(made, like=inpt) if isinstance(inpt, TVTensor) else made


__all__ = [
    "ConvertImageDtype", "Identity", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "ToDtype",
    "ToImage", "ToPILImage", "ToPureTensor", "ToTensor",
]  # fmt: skip
