"""Tensor: a layout over a storage, with a place on the tape. Its operators are added by `activate` from the records."""

from __future__ import annotations

import importlib
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import modes
from ..autograd.api import backward, backward_from
from ..autograd.node import Node, OutputOf, RemovableHandle, named
from ..autograd.views import refresh
from ..base import dtypes
from ..base.dtypes import dtype
from ..base.layout import Layout, Size
from ..engine.code import Native, native, slot_offset
from ..engine.plan import Tape
from . import answering, convert, indexing, overriding, printing, views
from .blocks import told_size
from .device import CPU, META, Device
from .formats import layout, strided
from .storage import UntypedStorage, shown


def _never() -> property:
    """A property that is False: there are no such tensors."""
    return property(lambda self: False, doc="False: there are no such tensors.")


_REVERSES = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an "
    "error in a future release. Consider `x.mT` to transpose batches of matrices or "
    "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor."
)
_ALONE = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\nConsider using "
    "tensor.detach() first."
)
_IDENTITY = "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."


class Tensor:
    """An n-dimensional array that knows how it was computed.

    Made by `torch.tensor`, `torch.zeros`, `torch.randn` and their like. Calling the class itself makes a float tensor
    from sizes or from a list, as PyTorch's legacy constructor does.

    >>> import kagari as torch
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
    tensor([4., 6.])
    """

    __slots__ = (
        "_layout", "_storage", "_offset", "_needs", "_grad_fn", "_grad", "_base", "_extra", "__dict__", "__weakref__",
    )  # fmt: skip

    _layout: Layout
    _storage: Any
    _offset: int
    _needs: bool
    _grad_fn: Any
    _grad: Tensor | None
    _base: Tensor | None
    _extra: dict[str, Any] | None

    __array_priority__ = 1000

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        answering.prepare(cls, Tensor)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answers calls of operators with a tensor of a subclass: it calls `func`, and makes the results ones of
        the subclass. A subclass may do something else, or have None here, so that results are plain tensors.
        """
        return overriding.as_plain(cls, func, types, args, kwargs or {})

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The operators, which `activate` adds."""

    if TYPE_CHECKING:
        # The operators come from the records when the first tensor is made.

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lshift__(self, other: Any) -> Tensor: ...
        def __rshift__(self, other: Any) -> Tensor: ...
        def __iadd__(self, other: Any) -> Tensor: ...
        def __isub__(self, other: Any) -> Tensor: ...
        def __imul__(self, other: Any) -> Tensor: ...
        def __itruediv__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """The legacy constructor."""
        made: Any
        if not args:
            made = convert.from_data([], dtypes.float32)
        elif isinstance(args[0], Tensor):
            made = args[0].detach()
        elif all(isinstance(a, int) for a in args):
            made = convert.empty(tuple(args), dtypes.float32)
        else:
            made = convert.from_data(args[0], dtypes.float32)
        return made if cls is Tensor else Tensor._make_subclass(cls, made, False)

    @staticmethod
    def _make_subclass(cls: type, data: Tensor, require_grad: bool = False) -> Any:
        """The same memory as a tensor of a subclass, as a leaf."""
        made: Any = object.__new__(cls)
        answering.appear(cls)
        made._layout, made._storage, made._offset = data._layout, data._storage, data._offset
        made._grad_fn = made._grad = made._base = made._extra = None
        made._needs = False
        return wanting_grad(made) if require_grad else made

    # Shape and memory

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return self._layout.shape

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes."""
        shape = self._layout.shape
        if dim is None:
            return shape
        return shape[views.checked_dim(dim, len(shape))]

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours of a dimension, in elements."""
        strides = self._layout.strides
        return strides if dim is None else strides[views.checked_dim(dim, len(strides))]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._layout.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._layout.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._layout.numel

    nelement = numel

    @property
    def dtype(self) -> dtype:
        """The number type of the elements."""
        return self._layout.dtype

    @property
    def device(self) -> Device:
        """Where the tensor lies."""
        return META if self._layout.meta else CPU

    @property
    def layout(self) -> layout:
        """`torch.strided`; sparse tensors have another one."""
        return strided

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self._layout.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of an element."""
        return self._layout.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._layout.nbytes

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating-point one."""
        return self._layout.dtype.category == 2

    def is_complex(self) -> bool:
        """Whether the dtype is a complex one."""
        return self._layout.dtype.category == 3

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self._layout.dtype.is_signed

    def storage_offset(self) -> int:
        """How many elements into its storage the tensor begins."""
        return self._offset // self._layout.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        lay = self._layout
        return self._storage.data_ptr + self._offset if lay.numel and not lay.meta else 0

    def untyped_storage(self) -> UntypedStorage:
        """The block of memory that the tensor and its views share."""
        if self._layout.meta:
            lay = (self if self._base is None else self._base)._layout
            last = sum((n - 1) * s for n, s in zip(lay.shape, lay.strides))
            told_size(self._storage, (1 + last) * lay.dtype.itemsize if lay.numel else 0)
        return shown(self._storage)

    @property
    def _version(self) -> int:
        """How often the memory was changed in place. Raises RuntimeError for tensors of inference mode."""
        if self._storage.version < 0:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._storage.version

    @property
    def is_meta(self) -> bool:
        """Whether the tensor is on the device `meta`, and so has no memory."""
        return self._layout.meta

    @property
    def is_cpu(self) -> bool:
        """Whether the tensor has memory of the CPU."""
        return not self._layout.meta

    is_cuda, is_sparse, is_quantized, is_mkldnn = _never(), _never(), _never(), _never()
    is_mps, is_nested, is_sparse_csr, is_xpu = _never(), _never(), _never(), _never()

    # Gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted."""
        if self._base is not None:
            refresh(self)
        return self._needs

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and not self._layout.dtype.is_differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets whether gradients are wanted; a leaf alone can stop wanting them."""
        refresh(self)
        if self._grad_fn is not None:
            if requires_grad:
                return self
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a subgraph that "
                "doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and not self._layout.dtype.is_differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad:
            _check_inference(self)
        self._needs = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no operator on the tape made the tensor."""
        return self._node() is None

    @property
    def grad_fn(self) -> Any:
        """The node of the operator that made the tensor; None for a leaf."""
        return named(self._node())

    def _node(self) -> Any:
        if self._base is not None:
            refresh(self)
        edge = self._grad_fn
        return edge.node if type(edge) is OutputOf else edge

    @property
    def output_nr(self) -> int:
        """Which output of its node the tensor is."""
        return self._grad_fn.index if type(self._grad_fn) is OutputOf else 0

    @property
    def grad(self) -> Tensor | None:
        """What backward passes have added up; None before the first one.

        Warns where that is asked of a tensor that is no leaf, and does not retain its gradient.
        """
        if self._grad is None and self._grad_fn is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value._layout.meta is not self._layout.meta:
                raise RuntimeError(
                    f"attempting to assign a gradient with device type '{value.device}' to a tensor with device type "
                    f"'{self.device}'. Please ensure that the gradient and the tensor are on the same device"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._layout.dtype is not self._layout.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{_name(value)}' to a tensor with grad_dtype "
                    f"'{_name(self)}'. The gradient "
                    "must match the tensor's grad_dtype."
                )
            if value._layout.shape != self._layout.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. "
                    "Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Adds the gradients of this tensor to the `grad` of the leaves it was computed from.

        `gradient` is that of some scalar with respect to this tensor; it may be left out where this tensor has one
        element. Raises RuntimeError where nothing recorded how the tensor came about.

        >>> import kagari as torch
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        if inputs is None and not create_graph and not modes.anomaly:
            backward_from(self, gradient, bool(retain_graph))
        else:
            backward(self, None if gradient is None else (gradient,), retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Calls `hook(grad)` when the gradient of this tensor is known; what it returns replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self._node()
        if node is None:
            return RemovableHandle(self._notes().setdefault("hooks", {}), hook)
        return RemovableHandle(node.notes().setdefault("hooks", {}).setdefault(self.output_nr, {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Calls `hook(self)` after a backward pass added to `grad`. For leaves."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return RemovableHandle(self._notes().setdefault("accumulated", {}), hook)

    def retain_grad(self) -> None:
        """Makes a backward pass fill in `grad` though this is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._grad_fn is None or self.retains_grad:
            return
        self._node().notes().setdefault("retains", {})[self.output_nr] = weakref.ref(self)
        self._notes()["retains"] = True

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was asked of a tensor that is no leaf."""
        return self._extra is not None and "retains" in self._extra

    def _notes(self) -> dict[str, Any]:
        if type(self._extra) is not dict:
            self._extra = dict(self._extra or ())
        return self._extra

    def detach(self) -> Tensor:
        """The same memory without history."""
        return native().make_tensor(self._layout, self._storage, self._offset)

    def detach_(self) -> Tensor:
        """Forgets this tensor's history. Raises RuntimeError for views."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn, self._needs = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history. Unlike in PyTorch, changes through it count as changes of what was saved."""
        return native().make_tensor(self._layout, self._storage, self._offset)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._layout, self._storage, self._offset = value._layout, value._storage, value._offset

    def is_inference(self) -> bool:
        """Whether the memory was made in inference mode."""
        return not self._layout.compound and self._storage.version < 0

    def _is_view(self) -> bool:
        return self._base is not None

    # Numbers, lists and arrays

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number."""
        return convert.item(self)

    def tolist(self) -> Any:
        """The values as nested lists; a number where there are no dimensions."""
        return convert.array_of(self).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """A NumPy array over the same memory."""
        if self._needs and not force and modes.is_grad_enabled():
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._layout.dtype in convert.AS_BITS:
            raise TypeError(f"Got unsupported ScalarType {self._layout.dtype.type_name}")
        if self._layout.meta and not force:
            raise TypeError(
                "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
                "first."
            )
        return convert.array_of(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else array.copy() if copy else array

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
        return convert.from_numpy(np.asarray(array, order="C"))

    def __bool__(self) -> bool:
        if self._layout.numel != 1:
            if self._layout.numel == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(convert.item(self))

    def __float__(self) -> float:
        if self._needs and modes.is_grad_enabled():
            warnings.warn(_ALONE, stacklevel=2)
        return float(self._real_only("double"))

    def __int__(self) -> int:
        return int(self._real_only("int64_t"))

    def __complex__(self) -> complex:
        if self._needs and modes.is_grad_enabled():
            warnings.warn(_ALONE, stacklevel=2)
        return complex(self._only())

    def _real_only(self, kind: str) -> Any:
        """The only element as a real number. Raises RuntimeError where it has an imaginary part."""
        value = self._only()
        if not isinstance(value, complex):
            return value
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
        return value.real

    def _only(self) -> Any:
        """The only element as a Python number. Raises ValueError where there are more."""
        if self._layout.numel != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return convert.item(self)

    def __index__(self) -> int:
        if self._layout.dtype.category > 1 or self._layout.numel != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(convert.item(self))

    def __len__(self) -> int:
        if not self._layout.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._layout.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._layout.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(views.unbind(self, 0))

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, Tensor | int | float):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}."
            )
        found: Any = self == value
        return bool(found.any())

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The module with the functions of the array API standard. Raises ValueError for a version it is not of."""
        module = importlib.import_module(f"{__name__.partition('.')[0]}.array_api")
        if api_version not in (None, *module.VERSIONS):
            raise ValueError(f"there is no version {api_version!r} of the array API here: {', '.join(module.VERSIONS)}")
        return module

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """The tensor on a device, as the array API standard spells it."""
        return convert.to(self, device)

    def __format__(self, spec: str) -> str:
        return (
            format(self.item(), spec)
            if not self._layout.ndim and not self._layout.meta
            else object.__format__(self, spec)
        )

    __hash__ = object.__hash__  # by identity, though `==` compares elements

    def __repr__(self) -> str:
        edge = self._node()
        dt, kind = self._layout.dtype, type(self)
        plain = kind is Tensor or not overriding.answers(kind)
        return printing.format_tensor(
            None if self._layout.meta else convert.raw_array(self), size=tuple(self._layout.shape),
            decode=lambda array: convert.numbers_of(array, dt), dtype_name=dt.name,
            default_dtype_name=convert.default_dtype().name, prefix="tensor(" if plain else f"{kind.__name__}(",
            requires_grad=self._needs, grad_fn=edge.name().rpartition("::")[2] if edge is not None else None,
        )  # fmt: skip

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        indexing.put(self, index, value)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        made: tuple[Any, ...]
        if (lay := self._layout).meta:
            made = convert.rebuild_meta, (tuple(lay.shape), lay.strides, lay.dtype, self._needs)
        else:
            made = convert.rebuild, (convert.array_of(self).copy(), self._layout.dtype, self._needs)
        if type(self) is not Tensor:
            made = convert.rebuild_as, (type(self), self._needs, *made)
        return (*made, dict(self.__dict__)) if self.__dict__ else made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._grad_fn is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment. "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm "
                "usage."
            )
        if id(self) in memo:
            return memo[id(self)]
        with modes.no_grad():
            made = self.detach().clone()
        made._needs = self._needs
        if type(self) is not Tensor:
            made = Tensor._make_subclass(type(self), made, self._needs)
        made.__dict__.update(self.__dict__)
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        memo[id(self)] = made
        return made

    # Conversions and views that are no operators of their own

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """A tensor of another dtype; the same tensor where nothing changes. Accepts a dtype, a device, another
        tensor.
        """
        return convert.to(self, *args, **kwargs)

    def type(self, dtype: Any = None) -> Any:
        """The name of the tensor's type, or the tensor in another dtype."""
        if dtype is None:
            return f"torch.{'meta.' * self._layout.meta}{_type_name(self._layout.dtype)}"
        if isinstance(dtype, str):
            dtype = next((dt for dt in dtypes.ALL if f"torch.{_type_name(dt)}" == dtype), None)
            if dtype is None:
                raise ValueError("invalid type")
        return convert.to(self, getattr(dtype, "dtype", dtype))

    def cpu(self, memory_format: Any = None) -> Tensor:
        """The tensor itself; `memory_format` asks for another order in memory.

        Raises NotImplementedError for a tensor on the device `meta`.
        """
        return convert.to(self, CPU, memory_format=memory_format)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix. Of other tensors, the dimensions in the opposite order, with a warning."""
        if self._layout.ndim != 2:
            warnings.warn(_REVERSES if self._layout.ndim else _IDENTITY, stacklevel=2)
        return self.permute(tuple(range(self._layout.ndim - 1, -1, -1)))

    @property
    def H(self) -> Tensor:
        """The transpose of a matrix."""
        if self._layout.ndim not in (0, 2):
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self._layout.ndim}-D tensor."
            )
        return self.t().conj()

    @property
    def mH(self) -> Tensor:
        """The conjugates with the last two dimensions exchanged."""
        return self.mT.conj()

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged; a number is its own transpose."""
        if not self._layout.ndim:
            return self.t()
        if self._layout.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self._layout.ndim}-D tensor."
            )
        return self.transpose(-2, -1)

    def view_as(self, other: Tensor) -> Tensor:
        """A view with the shape of another tensor."""
        return self.view(other.shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """`self.expand(other.size())`."""
        return self.expand(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """The shape of another tensor."""
        return self.reshape(other.shape)


def wanting_grad(made: Any) -> Any:
    """A new tensor as a leaf that wants gradients. Raises RuntimeError for one of integers."""
    if not made._layout.dtype.is_differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    _check_inference(made)
    made._needs = True
    return made


def _check_inference(t: Tensor) -> None:
    if t.is_inference() and not modes.is_inference_mode_enabled():
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")


def _type_name(dt: Any) -> str:
    return f"{dt.type_name}Tensor"


def _name(t: Tensor) -> str:
    return {
        "float32": "float", "float64": "double", "int64": "long", "int32": "int", "int16": "short", "uint8": "byte",
        "int8": "char", "bool": "bool", "float16": "half", "bfloat16": "bfloat16",
        "uint16": "uint16", "uint32": "uint32", "uint64": "uint64", "complex64": "c10::complex<float>",
        "complex128": "c10::complex<double>",
    }.get(t._layout.dtype.name, t._layout.dtype.type_name)  # fmt: skip


Tensor.__module__ = __name__.partition(".")[0]  # where programs find it


def offsets(loaded: Native) -> None:
    """Tells the resident code where the slots of tensors and nodes are."""
    names = ["layout", "storage", "offset", "needs", "grad_fn", "grad", "base", "extra"]
    loaded.set_offsets(**{f"at_{n}": slot_offset(Tensor, f"_{n}") for n in names})
    names = ["tape", "saved", "edges", "sequence", "extra"]
    loaded.set_offsets(**{f"node_{n}": slot_offset(Node, f"_{n}") for n in names})
    loaded.set_offsets(**{f"tape_{n}": slot_offset(Tape, n) for n in ("backward", "shapes")})
    loaded.set_offsets(**{f"output_{n}": slot_offset(OutputOf, n) for n in ("node", "index")})
    loaded.set_offsets(**{f"layout_{n}": slot_offset(Layout, n) for n in ("numel", "dense", "dtype", "nbytes")})
