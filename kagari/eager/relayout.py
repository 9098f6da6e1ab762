"""In-place changes of how a tensor sees its memory: of its shape and strides, not of its elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import modes
from ..autograd.views import check_writable
from ..base.layout import Layout, layout
from ..engine.code import native
from . import inplace
from .calls import call
from .formats import format_asked, strides_in
from .indexing import recorded
from .sizes import sizes_of
from .strided import as_strided
from .tensor import Tensor


def _changing(name: str, operator: str | Callable[..., Any], seen: str) -> Any:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if name == "t" and self._layout.ndim > 2:
            raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {self._layout.ndim}D")
        wanted = modes.is_grad_enabled() and self._needs
        if wanted:
            check_writable(self)
            recorded(self)  # a view whose base was changed gets its new place on the tape
        make = call(operator) if isinstance(operator, str) else operator
        view = make(inplace.as_it_is(self), *args, **kwargs)
        if wanted:
            self._grad_fn = view._grad_fn
        modes.count_change(self)
        self._layout, self._offset = view._layout, view._offset
        return self

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}` in place: the tensor itself has {seen} from now on. No element is moved."
    return method


CHANGING = tuple(
    _changing(*names)
    for names in (
        ("t", "t", "its two dimensions exchanged"),
        ("transpose", "transpose", "two dimensions exchanged"),
        ("swapaxes", "swapaxes", "two dimensions exchanged"),
        ("swapdims", "swapaxes", "two dimensions exchanged"),
        ("squeeze", "squeeze", "no dimension of size 1, or not the given one"),
        ("unsqueeze", "unsqueeze", "a further dimension of size 1"),
        ("as_strided", as_strided, "the given sizes and strides"),
    )
)


def _resized(self: Tensor, lay: Layout) -> Tensor:
    if modes.is_grad_enabled() and self._needs:
        raise RuntimeError("cannot resize variables that require grad")
    modes.count_change(self)
    if not lay.meta and self._storage.nbytes < self._offset + lay.nbytes:
        if self._base is not None or self._storage.owner is not None:
            raise RuntimeError("Trying to resize storage that is not resizable")
        with modes.no_grad():
            made = native().make_tensor(lay, native().allocate_storage(self._offset + lay.nbytes), self._offset)
            kept = layout(
                (min(lay.nbytes, self._storage.nbytes - self._offset) // lay.dtype.itemsize,), None, lay.dtype
            )
            old, new = (native().make_tensor(kept, t._storage, self._offset) for t in (self, made))
            call("copy_")(new, old)
        self._storage = made._storage
    self._layout = lay
    return self


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Gives the tensor another shape, row-major. Where it needs more memory it gets a new block, with the old elements
    in front and any values after them; views of it keep the old block.

    Raises RuntimeError for a tensor that requires a gradient, and for memory of others that would have to grow.

    >>> import kagari as torch
    >>> torch.arange(4).resize_(2, 1)
    tensor([[0],
            [1]])
    """
    shape, form = sizes_of("resize_", sizes), format_asked("resize_", memory_format)
    return _resized(
        self, layout(shape, None if form is None else strides_in(form, shape), self._layout.dtype, self._layout.meta)
    )


def resize_as_(self: Tensor, other: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor.

    >>> import kagari as torch
    >>> torch.arange(4).resize_as_(torch.ones(1, 2))
    tensor([[0, 1]])
    """
    return resize_(self, tuple(other.shape), memory_format=memory_format)


def ndimension(self: Tensor) -> int:
    """The number of dimensions.

    >>> import kagari as torch
    >>> torch.ones(2, 3).ndimension()
    2
    """
    return self._layout.ndim


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors see the same memory in the same way.

    >>> import kagari as torch
    >>> x = torch.ones(2, 2)
    >>> x.is_set_to(x[:]), x.is_set_to(x.t())
    (True, False)
    """
    same = self._storage is tensor._storage and self._offset == tensor._offset
    return same and self._layout.shape == tensor._layout.shape and self._layout.strides == tensor._layout.strides


METHODS = (*CHANGING, is_set_to, ndimension, resize_, resize_as_)
