"""Quantized tensors: integers in memory, and the scale and zero point that say which numbers they stand for.

A quantized tensor is a subclass of Tensor whose layout has a quantized dtype over the memory of its integers, so that
shapes, strides and views are those of any tensor. It answers calls of operators by `__torch_function__`: what moves
elements is done to the integers, and see :mod:`answers` for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..base import dtypes
from ..base.layout import layout
from ..eager import Tensor, printing
from . import answers
from .scheme import PerChannel, PerTensor, Quantizer, qscheme

if TYPE_CHECKING:
    import numpy as np

_INTEGERS_OF = dtypes.QUANTIZED
_QUANTIZED_OF = {integers: dt for dt, integers in _INTEGERS_OF.items()}
# What a tensor says of its layout and of the tape holds for this one, too.
_OF_LAYOUT = (
    "_is_view", "_version", "data_ptr", "device", "dim", "dtype", "element_size", "grad", "grad_fn", "is_complex",
    "is_contiguous", "is_cpu", "is_floating_point", "is_inference", "is_leaf", "is_meta", "itemsize", "layout",
    "nbytes", "ndim", "nelement", "numel", "output_nr", "requires_grad", "retains_grad", "shape", "size",
    "storage_offset", "stride", "untyped_storage", "__len__", "get_device", "is_shared", "is_pinned", "is_cuda",
    "is_sparse", "is_mkldnn", "is_mps", "is_nested", "is_sparse_csr", "is_xpu", "share_memory_", "dim_order",
    "requires_grad_",
)  # fmt: skip


class QuantizedTensor(Tensor):
    """A tensor of numbers that are kept as integers; made by `torch.quantize_per_tensor` and its like."""

    _quantizer: Quantizer

    def __new__(cls, integers: Tensor, quantizer: Quantizer) -> Any:
        """The memory of integers as that of a quantized tensor."""
        made: Any = Tensor._make_subclass(cls, integers)
        lay = integers._layout
        made._layout = layout(tuple(lay.shape), lay.strides, _QUANTIZED_OF[lay.dtype], lay.meta)
        made._quantizer = quantizer
        return made

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answers a call; see :mod:`answers`. Raises NotImplementedError for what quantized tensors lack."""
        return answers.answer(func, args, kwargs or {})

    # What the integers are

    def _integers(self) -> Tensor:
        """The integers: a view of the memory."""
        lay = self._layout
        made: Any = Tensor._make_subclass(Tensor, self)
        made._layout = layout(tuple(lay.shape), lay.strides, _INTEGERS_OF[lay.dtype], lay.meta)
        return made

    is_quantized = property(lambda self: True, doc="True.")

    def int_repr(self) -> Tensor:
        """The integers, copied."""
        return self._integers().clone()

    def dequantize(self) -> Tensor:
        """The numbers, as float32."""
        return self._quantizer.dequantize(self._integers())

    def qscheme(self) -> qscheme:
        """How the integers stand for numbers."""
        return self._quantizer.scheme

    def _uniform(self) -> PerTensor:
        if not isinstance(self._quantizer, PerTensor):
            raise RuntimeError("Expected quantizer->qscheme() == kPerTensorAffine to be true, but got false.")
        return self._quantizer

    def _by_channel(self) -> PerChannel:
        if not isinstance(self._quantizer, PerChannel):
            raise RuntimeError(
                "Expected quantizer->qscheme() == kPerChannelAffine || quantizer->qscheme() == "
                "kPerChannelAffineFloatQParams to be true, but got false."
            )
        return self._quantizer

    def q_scale(self) -> float:
        """The scale. Raises RuntimeError where each channel has its own."""
        return self._uniform().scale

    def q_zero_point(self) -> int:
        """The integer that stands for 0. Raises RuntimeError where each channel has its own."""
        return self._uniform().zero_point

    def q_per_channel_scales(self) -> Tensor:
        """The scales of the channels."""
        return self._by_channel().scales

    def q_per_channel_zero_points(self) -> Tensor:
        """The zero points of the channels."""
        return self._by_channel().zero_points

    def q_per_channel_axis(self) -> int:
        """The dimension of the channels."""
        return self._by_channel().axis

    # What differs from other tensors

    def is_signed(self) -> bool:
        """Raises RuntimeError, as PyTorch does."""
        raise RuntimeError("isSignedType not supported for quantized types")

    def type(self, dtype: Any = None) -> Any:
        """The name of the tensor's type."""
        if dtype is not None:
            raise RuntimeError("Creation of quantized tensor requires quantized dtype like torch.quint8")
        return f"torch.quantized.{self._layout.dtype.type_name}Tensor"

    def item(self) -> float:
        """The only element, as a number."""
        return self.dequantize().item()

    def tolist(self) -> Any:
        """Raises RuntimeError, as PyTorch does: `dequantize` first."""
        raise RuntimeError("load_scalar: invalid type")

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Raises TypeError, as PyTorch does: `dequantize` or take `int_repr` first."""
        raise TypeError(f"Got unsupported ScalarType {self._layout.dtype.type_name}")

    @property
    def data(self) -> Any:
        """The same memory."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, QuantizedTensor):
            raise TypeError("the data of a quantized tensor has to be one, too")
        self._layout, self._storage, self._offset = value._layout, value._storage, value._offset
        self._quantizer = value._quantizer

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in the opposite order."""
        return self.permute(tuple(range(self.ndim - 1, -1, -1)))

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
        return self.transpose(-2, -1)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self))])

    def __repr__(self) -> str:
        said = [
            f"size={tuple(self.shape)}", f"dtype={self.dtype}", f"quantization_scheme={self.qscheme()}",
            *self._quantizer.suffixes(),
        ]  # fmt: skip
        return printing.format_values(None if self.is_meta else self.dequantize().numpy(), said)

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return QuantizedTensor, (self._integers(), self._quantizer)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]


for _name in _OF_LAYOUT:
    setattr(QuantizedTensor, _name, Tensor.__dict__[_name])

__all__ = ["QuantizedTensor"]
