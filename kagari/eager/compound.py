"""Tensors whose elements lie in other tensors, such as sparse ones.

A compound tensor has a shape and a dtype, a place on the tape and a gradient, as every tensor. It has no memory of its
own: kernels never see it. Calls of operators and functions are answered by its class, by the name of what is called,
and computed by other operators on the tensors that it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from ..base.dtypes import dtype
from ..base.layout import compound_layout
from ..engine.derived import nothing
from ..engine.function import Function
from . import answering, inplace, overriding
from .tensor import Tensor

# Methods and properties that work for every tensor with a layout.
_OWN = (
    "backward", "device", "dim", "dtype", "element_size", "get_device", "grad", "grad_fn", "is_complex", "is_cpu",
    "is_cuda", "is_floating_point", "is_inference", "is_leaf", "is_meta", "is_mkldnn", "is_mps", "is_nested",
    "is_quantized", "is_same_size", "is_signed", "is_sparse", "is_sparse_csr", "is_xpu", "itemsize", "ndim", "nelement",
    "numel", "output_nr", "register_hook", "register_post_accumulate_grad_hook", "requires_grad", "requires_grad_",
    "retain_grad", "retains_grad", "shape", "size", "__hash__", "__len__",
)  # fmt: skip
# These, which modes are told of, and functions that do nothing but to ask them.
_PASSED = frozenset((*_OWN, "_is_view", "as_subclass", "is_tensor", "result_type"))
_set_offset, _set_storage = Tensor._offset.__set__, Tensor._storage.__set__  # type: ignore[attr-defined]


class Compound(Tensor):
    """A tensor whose elements lie in other tensors.

    A subclass says in `_answers` what it answers calls with, by the name of the function, method or property, and makes
    its objects by `_fill`.
    """

    _compound = True
    _answers: ClassVar[dict[str, Callable[..., Any]]] = {}
    _backend: ClassVar[str] = ""  # what messages call it
    _precedence: ClassVar[int] = 0  # of the kinds among the arguments the one with the highest answers
    _edits: int

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answers a call. Raises NotImplementedError for what has no answer."""
        if any(issubclass(kind, Compound) and kind._precedence > cls._precedence for kind in types):
            return NotImplemented
        name = name_of(func)
        answer = cls._answers.get(name)
        if answer is not None:
            kwargs = dict(kwargs or {})
            out = kwargs.pop("out", None)
            found = answer(*args, **kwargs)
            return found if out is None else cls._written(out, found)
        if name.removesuffix("=") in _PASSED:
            overriding.state.skip = True
            try:
                return func(*args, **(kwargs or {}))
            finally:
                overriding.state.skip = False
        raise cls.cannot(name)

    @classmethod
    def _written(cls, out: Any, found: Any) -> Any:
        """A result, written to where `out=` says."""
        if not isinstance(out, Compound) and not found._layout.compound:
            inplace.write_out(out, found)
            return out
        if type(out) is not type(found):
            raise RuntimeError(f"out=: expected a tensor of the layout {found.layout}, got one of {out.layout}")
        out.take_over(found.to(out.dtype))
        return out

    @classmethod
    def cannot(cls, name: str) -> NotImplementedError:
        """The error for a call that has no answer."""
        return NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the '{cls._backend}' backend: Kagari does not have it."
        )

    def _fill(self, shape: tuple[int, ...], dt: dtype) -> Self:
        """Makes a tensor of a new object: one without history."""
        answering.appear(type(self))
        self._layout = compound_layout(shape, dt)
        _set_offset(self, 0)
        _set_storage(self, nothing())
        self._needs, self._grad_fn, self._grad, self._base, self._extra = False, None, None, None, None
        self._edits = 0
        return self

    def take_over(self, other: Self) -> None:
        """Becomes what another one is, but for its history."""
        raise NotImplementedError

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An object alone: `_fill` makes a tensor of it."""
        return object.__new__(cls)

    @property
    def _storage(self) -> Any:
        raise NotImplementedError(f"Cannot access storage of a {type(self).__name__}")

    @property
    def _version(self) -> int:
        return self._edits

    for _name in _OWN:
        locals()[_name] = Tensor.__dict__[_name]
    del _name


def name_of(func: Any) -> str:
    """The name of a function, a method, an operator, or a property whose getter or setter it is."""
    owner = getattr(func, "__self__", None)
    if isinstance(owner, property) and owner.fget is not None:
        setter = "=" if func.__name__ == "__set__" else ""
        return owner.fget.__name__ + setter
    return owner.name if isinstance(owner, Function) else func.__name__
