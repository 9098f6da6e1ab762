"""Batches of tensors of different sizes, as `torch.nested`.

    nt = torch.nested.nested_tensor([torch.randn(2, 8), torch.randn(5, 8)], layout=torch.jagged)
    nn.Linear(8, 4)(nt).to_padded_tensor(0.0)       # [2, 5, 4]

A nested tensor of the layout `torch.jagged` has one ragged dimension, along which all sequences lie in one tensor, its
values; one of the layout `torch.strided` has tensors of any sizes. Operators are written over those on the values, or
on the tensors of the batch, and so have their gradients.
"""

from .creation import (
    _nested_tensor_from_mask as _nested_tensor_from_mask,
)
from .creation import (
    as_nested_tensor,
    masked_select,
    narrow,
    nested_tensor,
    nested_tensor_from_jagged,
    to_padded_tensor,
)

__all__ = [
    "as_nested_tensor", "masked_select", "narrow", "nested_tensor", "nested_tensor_from_jagged", "to_padded_tensor",
]  # fmt: skip
