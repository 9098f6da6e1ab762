"""How nested tensors are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.dtypes import bool_, dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from ..eager.formats import jagged, layout, strided
from ..eager.overlay import elements, leaf
from . import jagged_answers, strided_answers
from .base import Nested
from .jagged import NestedTensor, jagged_of
from .sequences import Sequences, of_lengths
from .strided import StridedNestedTensor, packed, strided_of

NestedTensor._answers, StridedNestedTensor._answers = jagged_answers.ANSWERS, strided_answers.ANSWERS


def nested_tensor(
    tensor_list: Any,
    *,
    dtype: dtype | None = None,
    layout: layout | None = None,
    device: str | Device | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A nested tensor with copies of tensors, without their history.

    Args:
        tensor_list: tensors of one number of dimensions, or what `torch.tensor` takes for each of them.
        dtype: of the result; by default that of the first tensor.
        layout: ``torch.strided`` (default) or ``torch.jagged``, for tensors that differ in one dimension alone.
        device: where it lies.
        requires_grad: whether gradients are wanted.
        pin_memory: pins the memory for copies to a device, of which there is none.

    Raises RuntimeError where the tensors differ in the number of dimensions, and with ``torch.jagged`` in more than one
    size.

    >>> import kagari as torch
    >>> nt = torch.nested.nested_tensor([torch.arange(2), torch.arange(3)], layout=torch.jagged)
    >>> nt.offsets(), nt.values()
    (tensor([0, 2, 5]), tensor([0, 1, 0, 1, 2]))
    """
    kind = strided if layout is None else layout
    if kind is strided:
        if not isinstance(tensor_list, list):
            raise TypeError("Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor")
        tensors = [_tensor(t) for t in tensor_list]
        dt = dtype if dtype is not None or not tensors else tensors[0].dtype
        made = packed(_of_one_rank([t.to(device=device, dtype=dt) for t in tensors]))
        return leaf(StridedNestedTensor, elements(made).detach(), requires_grad, _parts=made._parts)
    if kind is not jagged:
        raise RuntimeError(f"Specified layout is unsupported for nested tensors: {kind}")
    if pin_memory:
        ops.empty(0).pin_memory()
    found = _jagged([_tensor(t) for t in tensor_list], dtype, device)
    if requires_grad and not found.is_floating_point() and not found.is_complex():
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    return leaf(NestedTensor, elements(found).detach(), requires_grad, **found.__dict__)


def _tensor(given: Any) -> Tensor:
    """One entry of a list as a tensor without history."""
    return given.detach() if isinstance(given, Tensor) else ops.tensor(given)


def _of_one_rank(tensors: list[Tensor]) -> list[Tensor]:
    for i, t in enumerate(tensors):
        if t.ndim != tensors[0].ndim:
            raise RuntimeError(
                f"All Tensors given to nested_tensor must have the same dimension. Found dimension {t.ndim} for Tensor "
                f"at index {i} and dimension {tensors[0].ndim} for Tensor at index 0."
            )
    return tensors


def _jagged(tensors: Sequence[Tensor], dt: dtype | None, device: Any) -> NestedTensor:
    """Tensors joined along the dimension that they differ in; gradients pass back to them."""
    if not tensors:
        raise RuntimeError("Cannot construct a nested tensor from an empty tensor list")
    first = tensors[0]
    for what, others in (("dtype", {t.dtype for t in tensors}), ("dim", {t.ndim for t in tensors})):
        if len(others) > 1:
            raise RuntimeError(f"When constructing a nested tensor, all tensors in list must have the same {what}")
    if first.ndim == 0:
        raise RuntimeError("Cannot construct a nested tensor from a list of zero-dim tensors")
    ragged = [d for d in range(first.ndim) if len({t.shape[d] for t in tensors}) > 1] or [0]
    if len(ragged) > 1:
        raise RuntimeError(
            "Cannot represent given tensor list as a nested tensor with the jagged layout. Note that the jagged layout "
            "only allows for a single ragged dimension. For example: (B, *, D_0, D_1, ..., D_N), with ragged * dim."
        )
    along = ragged[0]
    values = ops.cat([t.to(device=device, dtype=dt) for t in tensors], along)
    return jagged_of(values, of_lengths([t.shape[along] for t in tensors]), along + 1)


def as_nested_tensor(
    ts: Any, dtype: dtype | None = None, device: str | Device | None = None, layout: layout | None = None
) -> Tensor:
    """A nested tensor of tensors, to which gradients pass back. A plain tensor is one batch of those along its first
    dimension, without a copy.

    Raises TypeError for what are no tensors, and RuntimeError as :func:`nested_tensor` does.

    >>> import kagari as torch
    >>> a = torch.ones(2, requires_grad=True)
    >>> nt = torch.nested.as_nested_tensor([a, torch.ones(3)], layout=torch.jagged)
    >>> (nt * 2).sum().backward()
    >>> a.grad
    tensor([2., 2.])
    """
    kind = strided if layout is None else layout
    several = isinstance(ts, list | tuple) and all(isinstance(t, Tensor) for t in ts)
    if not several and not isinstance(ts, Tensor):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors ")
    if isinstance(ts, Tensor) and ts.ndim < 2:
        raise RuntimeError("as_nested_tensor(): Expected tensor argument to have dim() > 1")
    if isinstance(ts, Nested):
        if ts.layout is not kind:
            raise RuntimeError("as_nested_tensor(): Converting between nested tensor layouts is not supported")
        return ts.to(device=device, dtype=dtype)
    if kind not in (strided, jagged):
        raise RuntimeError(f"Specified layout is unsupported for nested tensors: {kind}")
    if isinstance(ts, Tensor):
        whole = ts.to(device=device, dtype=dtype)
        if kind is jagged:
            return jagged_of(whole.flatten(0, 1), of_lengths([whole.shape[1]] * whole.shape[0]), 1)
        return strided_of(whole.reshape(-1), [tuple(whole.shape[1:])] * whole.shape[0])
    if kind is jagged:
        return _jagged(ts, dtype, device)
    first = ts[0].dtype if dtype is None and ts else dtype
    return packed(_of_one_rank([t.to(device=device, dtype=first) for t in ts]))


def nested_tensor_from_jagged(
    values: Tensor,
    offsets: Tensor | None = None,
    lengths: Tensor | None = None,
    jagged_dim: int | None = None,
    min_seqlen: int | None = None,
    max_seqlen: int | None = None,
) -> Tensor:
    """A nested tensor that sees sequences in a tensor, without a copy.

    Args:
        values: all sequences, one after the other along a dimension, ``(T, *)``.
        offsets: where each begins, and the end of the last; by default they lie without gaps.
        lengths: how long each is; by default up to where the next one begins.
        jagged_dim: the ragged dimension of the result. Default: 1
        min_seqlen, max_seqlen: the lengths of the shortest and longest sequence, which Kagari finds itself.

    Raises RuntimeError without offsets and lengths, ValueError where ``jagged_dim`` is that of the batch.

    >>> import kagari as torch
    >>> nt = torch.nested.nested_tensor_from_jagged(torch.arange(5), torch.tensor([0, 2, 5]))
    >>> nt.unbind()
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    if offsets is None:
        if lengths is None:
            raise RuntimeError("nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        offsets, lengths = ops.pad(lengths.cumsum(0), (1, 0)), None
    for at, (name, given) in enumerate((("values", values), ("offsets", offsets))):
        if not isinstance(given, Tensor):
            raise TypeError(
                f"nested_tensor_from_jagged(): argument '{name}' (position {at + 1}) must be Tensor, not "
                f"{type(given).__name__}"
            )
    ragged = 1 if jagged_dim is None else jagged_dim
    if ragged < 1:
        raise ValueError(f"Expected jagged_dim >=1, but got {ragged}.")
    if ragged > values.ndim:
        raise IndexError(
            f"jagged_dim is {ragged}, but a nested tensor of these values has {values.ndim + 1} dimensions"
        )
    return jagged_of(values, Sequences(offsets, lengths), ragged)


def narrow(tensor: Tensor, dim: int, start: int | Tensor, length: int | Tensor, layout: layout = strided) -> Tensor:
    """A nested tensor of parts of the rows of a tensor, without a copy: each from its own start and of its own length.

    Args:
        tensor: ``(B, S, *)``.
        dim: the dimension of which parts are taken: 1.
        start: where they begin; one number for each, or one for all.
        length: how long they are, in the same way.
        layout: ``torch.jagged``. With ``torch.strided`` both are numbers.

    >>> import kagari as torch
    >>> torch.nested.narrow(torch.arange(6).view(2, 3), 1, 0, torch.tensor([1, 2]), layout=torch.jagged).unbind()
    (tensor([0]), tensor([3, 4]))
    """
    if not isinstance(start, int | Tensor):
        raise RuntimeError("start must be an integer or a tensor")
    if not isinstance(length, int | Tensor):
        raise RuntimeError("length must be an integer or a tensor")
    if layout is strided:
        if isinstance(start, Tensor) or isinstance(length, Tensor):
            raise RuntimeError("start and length must be integers for the strided layout NT impl")
        return as_nested_tensor(tensor.unbind()).narrow(dim, start, length)
    if layout is not jagged:
        raise RuntimeError(f"Specified layout is unsupported for nested narrow: {layout}")
    if dim != 1:
        raise RuntimeError("jagged layout only supports dim=1")
    count, row = tensor.shape[:2]
    begins = np.broadcast_to(np.asarray(start), (count,)) + np.arange(count) * row
    sizes = np.broadcast_to(np.asarray(length), (count,)).astype(np.int64)
    offsets = np.concatenate([begins, begins[-1:] + sizes[-1:]])
    sequences = Sequences(ops.from_numpy(offsets), ops.from_numpy(sizes))
    return jagged_of(tensor.flatten(0, 1), sequences, 1)


def masked_select(tensor: Tensor, mask: Tensor) -> Tensor:
    """A nested tensor of the elements of each row where a mask is true.

    Args:
        tensor: ``(*, S)``.
        mask: booleans that broadcast with it.

    >>> import kagari as torch
    >>> x = torch.arange(4).view(2, 2)
    >>> torch.nested.masked_select(x, torch.tensor([[True, False], [True, True]])).unbind()
    (tensor([0]), tensor([2, 3]))
    """
    if tensor.layout is not strided or isinstance(tensor, Nested):
        raise RuntimeError(f"torch.nested.masked_select requires a strided tensor, given {tensor.layout}")
    if mask.dtype is not bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    tensor, mask = ops.broadcast_tensors(tensor, mask)
    kept = ops.masked_select(tensor, mask)
    counts = mask.sum(-1).reshape(-1)
    return jagged_of(kept, of_lengths([int(n) for n in counts.tolist()]), 1)


def to_padded_tensor(input: Tensor, padding: float, output_size: Any = None) -> Tensor:
    """The tensors of a batch filled up to one size, as a plain tensor.

    Args:
        input: a nested tensor.
        padding: what they are filled with.
        output_size: the shape of the result; by default as small as can be.

    >>> import kagari as torch
    >>> torch.nested.to_padded_tensor(torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), 0.0)
    tensor([[1., 0.],
            [1., 1.]])
    """
    if not isinstance(input, Nested):
        raise NotImplementedError("to_padded_tensor() is there for nested tensors alone")
    return input.to_padded_tensor(padding, output_size)


def _nested_tensor_from_mask(t: Tensor, mask: Tensor, mask_check: bool = True) -> Tensor:
    """The first elements of each sequence of a batch, as many as a mask has true in its row.

    Args:
        t: ``(B, S, E)``.
        mask: booleans, ``(B, S)``, true from the left on.
        mask_check: whether that is checked.

    Raises RuntimeError for a mask that is not true from the left on.
    """
    counts = [int(n) for n in mask.sum(1).tolist()]
    if mask_check and not bool((mask == (ops.arange(mask.shape[1]) < mask.sum(1, keepdim=True))).all()):
        raise RuntimeError("Mask must be left-aligned without gaps")
    return packed([row[:n] for row, n in zip(t.unbind(), counts)])
