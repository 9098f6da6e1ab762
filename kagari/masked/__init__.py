"""Tensors of which some elements are not there, as `torch.masked`.

    mt = torch.masked.masked_tensor(torch.tensor([1.0, 2.0, float("nan")]), torch.tensor([True, True, False]))
    mt.mean()                       # of the two that are there

A :class:`MaskedTensor` has data and a mask, true where an element is there. The functions of this package take a plain
tensor and a mask as well, and leave out what is not there.
"""

from .creation import as_masked_tensor, masked_tensor
from .normalizations import log_softmax, normalize, softmax, softmin
from .reductions import (
    amax,
    amin,
    argmax,
    argmin,
    cumprod,
    cumsum,
    logaddexp,
    logsumexp,
    mean,
    median,
    norm,
    prod,
    std,
    sum,
    var,
)
from .tensor import MaskedTensor, is_masked_tensor

__all__ = [
    "MaskedTensor", "amax", "amin", "argmax", "argmin", "as_masked_tensor", "cumprod", "cumsum", "is_masked_tensor",
    "log_softmax", "logaddexp", "logsumexp", "masked_tensor", "mean", "median", "norm", "normalize", "prod", "softmax",
    "softmin", "std", "sum", "var",
]  # fmt: skip
