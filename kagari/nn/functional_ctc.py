"""Connectionist temporal classification as a function, with PyTorch's signature.

Shapes: T outputs of a network, N sequences in a batch, C classes, S labels in the longest target, and L = 2 S + 1
places in it: blank, label, blank, label, ..., blank.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..autograd.casting import in_float32
from ..base.dtypes import bfloat16, float16, int64
from ..eager import Tensor
from ..eager import operators as ops
from .reduction import check_reduction

_WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _lengths(name: str, lengths: Tensor | Sequence[int], batch: int, most: int | None) -> list[int]:
    """Lengths as numbers, checked."""
    if isinstance(lengths, Tensor) and lengths.dtype.category != 1:
        raise RuntimeError(f"{name} must be integral")
    found = [int(x) for x in (lengths.reshape(-1) if isinstance(lengths, Tensor) else lengths)]
    if len(found) != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    for length in found:
        if length < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {length} {_WHERE}")
        if most is not None and length > most:
            raise RuntimeError(f"Expected {name} to have value at most {most}, but got value {length} {_WHERE}")
    return found


def _padded_targets(targets: Tensor, lengths: list[int], blank: int) -> Tensor:
    """The labels of all targets, (N, S), filled up with blanks."""
    batch, longest = len(lengths), max(lengths)
    if targets.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets' {_WHERE}"
        )
    for dim, size in enumerate((sum(lengths),) if targets.ndim == 1 else (batch,)):
        if targets.shape[dim] != size:
            raise RuntimeError(
                f"Expected tensor to have size {size} at dimension {dim}, but got size {targets.shape[dim]} for "
                f"argument #2 'targets' {_WHERE}"
            )
    if targets.ndim == 2 and targets.shape[1] < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for "
            f"argument #2 'targets' {_WHERE}"
        )
    padded = ops.full((batch, longest), blank, dtype=int64)
    start = 0
    for row, length in enumerate(lengths):
        padded[row, :length] = targets[start : start + length] if targets.ndim == 1 else targets[row, :length]
        start += length
    return padded


def _read(log_probs: Tensor, targets: Tensor, inputs: list[int], blank: int) -> Tensor:
    """The log-probability of having come to each place of each target at the end of its input: (N, L)."""
    batch, labels = targets.shape
    places = ops.full((batch, 2 * labels + 1), blank, dtype=int64)
    places[:, 1::2] = targets
    # A label may follow the one before it without a blank where the two differ.
    skips = ops.zeros_like(places) == 1
    skips[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    steps = max(inputs)
    emitted = log_probs[:steps].gather(2, places.expand(steps, -1, -1))  # (T, N, L)
    active = ops.arange(steps).reshape(-1, 1, 1) < ops.tensor(inputs).reshape(1, -1, 1)
    alpha = ops.full(tuple(places.shape), float("-inf"), dtype=log_probs.dtype)
    alpha[:, 0] = 0
    for each, running in zip(emitted.unbind(0), active.unbind(0)):
        alpha = ops.ctc_step(alpha, each, skips, running)
    return alpha


@in_float32
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    r"""The negative log-probability of reading ``targets`` from ``log_probs``. See :class:`~kagari.nn.CTCLoss`.

    The gradient is that of the loss, all log-probabilities taken for independent of each other.

    Args:
        log_probs (Tensor): :math:`(T, N, C)` or :math:`(T, C)`.
        targets (Tensor): :math:`(N, S)`, or all labels one after the other.
        input_lengths, target_lengths: :math:`(N)`, tensors or sequences of integers.
        blank (int): the class that stands for nothing. Default: 0
        reduction (str): ``"mean"``, of losses divided by the lengths of targets, ``"sum"`` or ``"none"``. Default:
            ``"mean"``
        zero_infinity (bool): takes infinite losses, of inputs too short for their targets, for 0. Default: ``False``
    """
    check_reduction(reduction)
    batched = log_probs.ndim == 3
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {log_probs.ndim + 1}-dimensional tensor for argument #1 "
            f"'log_probs' {_WHERE}"
        )
    if not batched:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.ndim == 1 else targets
    steps, batch, classes = log_probs.shape
    if not log_probs.numel():
        raise RuntimeError("log_probs tensor must not be empty")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    inputs = _lengths("input_lengths", input_lengths, batch, steps)
    lengths = _lengths("target_lengths", target_lengths, batch, None)
    if log_probs.dtype in (float16, bfloat16):
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{log_probs.dtype.type_name}'")
    alpha = _read(log_probs, _padded_targets(targets, lengths, blank), inputs, blank)
    count = ops.tensor(lengths)
    # A target may end with its last label or with the blank after it.
    ends = ops.stack([2 * count, (2 * count - 1).clamp(min=0)], 1)
    come = alpha.gather(1, ends).masked_fill(ops.stack([count < 0, count == 0], 1), float("-inf"))
    lost = come.detach().amax(1) == float("-inf")
    losses = -ops.logsumexp(come.masked_fill(lost.unsqueeze(1), 0.0), 1)
    losses = losses.masked_fill(lost, 0.0 if zero_infinity else float("inf"))
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean":
        return (losses / count.clamp(min=1)).mean()
    return losses if batched else losses.squeeze(0)


__all__ = ["ctc_loss"]
