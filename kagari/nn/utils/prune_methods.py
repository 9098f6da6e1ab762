"""Methods of pruning: each computes the mask of a parameter, and is the hook that applies it before each call."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self

from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module


def _check_amount(amount: Any) -> None:
    """Refuses what is neither a count nor a part."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if float(amount) < 0 or (not isinstance(amount, numbers.Integral) and float(amount) > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count_of(amount: Any, size: int) -> int:
    """How many of `size` are meant."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if int(amount) > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)


def _check_structured(t: Tensor, dim: int) -> None:
    if t.ndim <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.ndim} dims"
        )
    if dim >= t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _along(t: Tensor, dim: int, index: Any) -> tuple[Any, ...]:
    """An index that is whole but for one dimension."""
    parts: list[Any] = [slice(None)] * t.ndim
    parts[dim] = index
    return tuple(parts)


class BasePruningMethod(ABC):
    r"""What all methods share; a subclass defines ``PRUNING_TYPE`` and :meth:`compute_mask`.

    ``PRUNING_TYPE`` says what of an already pruned parameter the method sees: of ``"unstructured"`` ones the elements
    that are left, of ``"structured"`` ones the slices along ``dim`` that are left, of ``"global"`` ones all.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor, of zeros and ones, which has zeros wherever ``default_mask`` has."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        original = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Prunes a parameter: computes the mask, and applies it now and before each call."""
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        method = _joined(module, method)
        weight = getattr(module, name)
        if importance_scores is None:
            importance_scores = weight
        elif importance_scores.shape != weight.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} vs {weight.shape}"
            )
        again = isinstance(method, PruningContainer)
        before = getattr(module, f"{name}_mask").detach().clone() if again else ops.ones_like(weight)
        mask = method.compute_mask(importance_scores.detach(), before.detach())
        if not again:
            module.register_parameter(f"{name}_orig", module._parameters.pop(name))
        module.register_buffer(f"{name}_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor, pruned."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        return t * self.compute_mask(scores, ops.ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Makes the pruned values the parameter."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        original = module._parameters.pop(f"{name}_orig")
        original.data = weight.data
        del module._buffers[f"{name}_mask"]
        delattr(module, name)
        setattr(module, name, original)


def _joined(module: Module, method: BasePruningMethod) -> BasePruningMethod:
    """The method, or one container of it and of those that pruned the parameter before; their hook is taken away."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == method._tensor_name:
            container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
            container.add_pruning_method(method)
            del module._forward_pre_hooks[key]
            return container
    return method


class PruningContainer(BasePruningMethod):
    r"""Several methods for one parameter; the last one computes a mask of what the others have left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Adds a method for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method: Any = self._pruning_methods[-1]
        left: Any
        if method.PRUNING_TYPE == "unstructured":
            left = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.ndim
            others = [other for other in range(t.ndim) if other != dim]
            left = _along(t, dim, default_mask.sum(others) != 0)
        elif method.PRUNING_TYPE == "global":
            left = (slice(None),) * t.ndim
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.to(dtype=t.dtype).clone()
        mask[left] = method.compute_mask(t[left], default_mask[left]).to(dtype=mask.dtype)
        return mask


class Identity(BasePruningMethod):
    r"""Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Unstructured(BasePruningMethod):
    """Methods for single elements."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count_of(self.amount, t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[self._pruned(t, count)] = 0
        return mask

    def _pruned(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the elements to prune."""
        raise NotImplementedError


class RandomUnstructured(_Unstructured):
    r"""Prunes elements at random.

    Args:
        amount (int or float): how many elements, or which part of them from 0 to 1.
    """

    def _pruned(self, t: Tensor, count: int) -> Tensor:
        return ops.rand_like(t).view(-1).topk(count)[1]


class L1Unstructured(_Unstructured):
    r"""Prunes the elements of the least magnitude.

    Args:
        amount (int or float): how many elements, or which part of them from 0 to 1.
    """

    def _pruned(self, t: Tensor, count: int) -> Tensor:
        return t.abs().view(-1).topk(count, largest=False)[1]


class _Structured(BasePruningMethod):
    """Methods for slices along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_structured(t, self.dim)
        size = t.shape[self.dim]
        count = _count_of(self.amount, size)
        kept = self._kept(t, count, size)
        if not count:
            return default_mask
        mask = ops.zeros_like(t)
        mask[_along(t, self.dim, kept)] = 1
        return mask * default_mask.to(dtype=mask.dtype)

    def _kept(self, t: Tensor, count: int, size: int) -> Tensor:
        """Which of the slices stay when `count` of them are pruned."""
        raise NotImplementedError


class RandomStructured(_Structured):
    r"""Prunes slices at random.

    Args:
        amount (int or float): how many slices, or which part of them from 0 to 1.
        dim (int): the dimension. Default: -1
    """

    def _kept(self, t: Tensor, count: int, size: int) -> Tensor:
        drawn = ops.rand(size)
        return drawn > drawn.kthvalue(count)[0] if count else drawn >= 0


class LnStructured(_Structured):
    r"""Prunes the slices of the least norm.

    Args:
        amount (int or float): how many slices, or which part of them from 0 to 1.
        n (float or str): which norm.
        dim (int): the dimension. Default: -1
    """

    def __init__(self, amount: float, n: float | str, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int, size: int) -> Tensor:
        others = [other for other in range(t.ndim) if other != self.dim % t.ndim]
        return ops.norm(t, self.n, others).topk(size - count)[1]


class CustomFromMask(BasePruningMethod):
    r"""Prunes by a mask of one's own.

    Args:
        mask (Tensor): zeros and ones.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> Self:  # type: ignore[override]
        """Prunes a parameter by a mask."""
        return super().apply(module, name, mask=mask)


__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
]
