"""Transforms one after the other, some of them, or in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....eager import operators as ops
from ....nn import ModuleList
from .transform import Transform


def _checked(transforms: Any, kinds: tuple[type, ...], words: str) -> Any:
    if not isinstance(transforms, kinds):
        raise TypeError(f"Argument transforms should be a {words}")
    return transforms


def _called(transforms: Any, inputs: tuple[Any, ...]) -> Any:
    """The transforms one after the other, each with as many inputs as there were."""
    several = len(inputs) > 1
    outputs: Any = inputs if several else inputs[0]
    for transform in transforms:
        outputs = transform(*outputs) if several else transform(outputs)
    return outputs


class Compose(Transform):
    r"""Transforms one after the other.

    Args:
        transforms (sequence of callable): what is called, with what the one before returned.

    Raises TypeError for no sequence, ValueError for an empty one.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.Compose([v2.CenterCrop(2), v2.Normalize([0.5], [0.5])])(torch.ones(1, 4, 4)).shape
        torch.Size([1, 2, 2])
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms = _checked(transforms, (list, tuple, ModuleList), "sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")

    def forward(self, *inputs: Any) -> Any:
        return _called(self.transforms, inputs)

    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class RandomApply(Transform):
    r"""Transforms one after the other, with a probability; otherwise nothing.

    Args:
        transforms (sequence or ModuleList): what is called.
        p (float): the probability. Default: 0.5

    Raises TypeError for no sequence, ValueError for another probability.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]] | ModuleList, p: float = 0.5) -> None:
        super().__init__()
        kinds = (list, tuple, ModuleList)
        self.transforms = _checked(transforms, kinds, "sequence of callables or a `nn.ModuleList`")
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if ops.rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return _called(self.transforms, inputs)

    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class RandomChoice(Transform):
    r"""One of several transforms.

    Args:
        transforms (sequence of callable): one of them is called.
        p (list of float, optional): how likely each one is; divided by their sum. Default: all equally

    Raises TypeError for no sequence, ValueError for another number of probabilities.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: list[float] | None = None) -> None:
        super().__init__()
        self.transforms = _checked(transforms, (list, tuple, ModuleList), "sequence of callables")
        if p is None:
            p = [1.0] * len(transforms)
        elif len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        self.p = [probability / sum(p) for probability in p]

    def forward(self, *inputs: Any) -> Any:
        chosen = self.transforms[int(ops.multinomial(ops.tensor(self.p), 1))]
        return chosen(*inputs)


class RandomOrder(Transform):
    r"""All transforms, in a random order.

    Args:
        transforms (sequence of callable): what is called.

    Raises TypeError for no sequence.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms = _checked(transforms, (list, tuple, ModuleList), "sequence of callables")

    def forward(self, *inputs: Any) -> Any:
        order = ops.randperm(len(self.transforms)).tolist()
        return _called([self.transforms[k] for k in order], inputs)


__all__ = ["Compose", "RandomApply", "RandomChoice", "RandomOrder"]
