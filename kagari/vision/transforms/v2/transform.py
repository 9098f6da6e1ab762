"""What all transforms are made of."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ....nn import Module
from ...tv_tensors import TVTensor
from .functional.dispatch import call
from .structure import Check, check_type, has_any, is_image, is_picture, is_pure_tensor, leaves, with_leaves


class Transform(Module):
    r"""The base of all transforms. It is called with a sample: images and what belongs to them, in any structure.

    A subclass has :meth:`transform`, which is called for each part of the sample, and :meth:`make_params` where the
    parts have to share something, such as random numbers. Images, videos, masks, boxes, points and Pillow images are
    parts; so is the first plain tensor, unless there is an image that says so. Everything else stays as it is.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> class Brighter(v2.Transform):
        ...     def make_params(self, flat_inputs):
        ...         return {"by": 0.25}
        ...
        ...     def transform(self, inpt, params):
        ...         return inpt + params["by"]
        >>> Brighter()({"image": torch.zeros(1, 1, 1), "label": 3})
        {'image': tensor([[[0.2500]]]), 'label': 3}
    """

    _transformed_types: tuple[Check, ...] = (is_pure_tensor, is_picture, TVTensor)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises an error for parts that the transform can't do anything with."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What the transforms of all parts share."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part, transformed; every subclass defines it."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        """The sample, transformed."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        self.check_inputs(flat)
        return self._transformed(sample, flat)

    def _transformed(self, sample: Any, flat: list[Any]) -> Any:
        taken = self._taken(flat)
        params = self.make_params([inpt for inpt, take in zip(flat, taken) if take])
        made = [self.transform(inpt, params) if take else inpt for inpt, take in zip(flat, taken)]
        return with_leaves(sample, iter(made))

    def _taken(self, flat: list[Any]) -> list[bool]:
        """Which of the parts are transformed."""
        of_plain = not has_any(flat, is_image)
        taken = []
        for inpt in flat:
            take = check_type(inpt, self._transformed_types)
            if take and is_pure_tensor(inpt):
                take, of_plain = of_plain, False
            taken.append(take)
        return taken

    def _call_kernel(self, functional: Any, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        """A function on a part; the part itself where the function has no kernel for it."""
        return call(functional, inpt, *args, **kwargs)

    def extra_repr(self) -> str:
        shown = (bool, int, float, str, tuple, list, Enum)
        return ", ".join(
            f"{name}={value}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, shown)
        )


def uniform(low: float, high: float) -> float:
    """A random number between two."""
    made: float = ops.empty(1).uniform_(low, high).item()
    return made


def below(bound: int, start: int = 0) -> int:
    """A random whole number from `start` on, below a bound."""
    made: int = ops.randint(start, bound, ()).item()
    return made


class RandomApplyTransform(Transform):
    """The base of what is done with a probability."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        self.check_inputs(flat)
        return sample if ops.rand(1) >= self.p else self._transformed(sample, flat)


def two_sizes(size: Any, message: str) -> tuple[int, int]:
    """Height and width from one number or a sequence. Raises TypeError and ValueError with the message for others."""
    if not isinstance(size, int | list | tuple):
        raise TypeError(message)
    if isinstance(size, int):
        return size, size
    if len(size) not in (1, 2):
        raise ValueError(message)
    return (size[0], size[0]) if len(size) == 1 else (size[0], size[1])


Fills = dict[Any, Any]


def fills_of(fill: Any) -> Fills:
    """A fill by the kind of input. Raises TypeError for what is none."""
    fills = fill if isinstance(fill, dict) else {"others": fill}
    for one in fills.values():
        if not (one is None or isinstance(one, int | float | list | tuple | Tensor)):
            raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return fills


def fill_for(fills: Fills, inpt: Any) -> Any:
    """The fill for an input. Raises ValueError where nobody has said it."""
    if type(inpt) in fills:
        return fills[type(inpt)]
    if "others" in fills:
        return fills["others"]
    raise ValueError(f"There is no fill for {type(inpt)}, and none for 'others'")
