"""How masked tensors are made."""

from __future__ import annotations

from typing import Any

from ..eager import Tensor
from ..eager.formats import sparse_coo, sparse_csr
from ..eager.overlay import pass_back
from . import answers
from .gradients import Marked, passed_back
from .sparse import SparseMaskedTensor, sparse_of
from .tensor import MaskedTensor, check, masked_of

MaskedTensor._answers, SparseMaskedTensor._answers = answers.ANSWERS, answers.OF_SPARSE
pass_back(passed_back)


def masked_tensor(data: Tensor, mask: Tensor, requires_grad: bool = False) -> MaskedTensor:
    """A masked tensor with a copy of data, without their history.

    Args:
        data: the elements, as a plain tensor or a sparse one.
        mask: booleans of the same shape, true where an element is there; sparse as the data are.
        requires_grad: whether gradients are wanted.

    >>> import kagari as torch
    >>> torch.masked.masked_tensor(torch.tensor([1, 2]), torch.tensor([True, False])).to_tensor(0)
    tensor([1, 0])
    """
    check(data, mask)
    if data.layout in (sparse_coo, sparse_csr):
        return sparse_of(data, mask, requires_grad)
    return MaskedTensor(data.detach().clone(), mask.detach().clone(), requires_grad)


def as_masked_tensor(data: Any, mask: Any) -> MaskedTensor:
    """A masked tensor of data, without a copy. Gradients pass back to what they were computed from, with the mask.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.masked.as_masked_tensor(x * 3, torch.tensor([True, False])).sum().backward()
    >>> x.grad
    MaskedTensor(
      [  3.0000,       --]
    )
    """
    check(data, mask)
    return masked_of(Marked.apply(data, mask) if data.requires_grad else data, mask)
