"""The loss of sequences that are not aligned with their labels."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .loss import _Loss


class CTCLoss(_Loss):
    r"""Connectionist temporal classification: the negative log-probability of all ways to read a target from outputs.

    A way is a class for each output; it reads as what is left when repetitions are joined and blanks left out.

    Args:
        blank (int): the class that stands for nothing. Default: 0
        reduction (str): ``"mean"``, of losses divided by the lengths of targets, ``"sum"`` or ``"none"``. Default:
            ``"mean"``
        zero_infinity (bool): takes infinite losses, of inputs too short for their targets, for 0. Default: ``False``

    Shape:
        - Log_probs: :math:`(T, N, C)` or :math:`(T, C)`, where :math:`C` is the number of classes, the blank included.
        - Targets: :math:`(N, S)`, or :math:`(\sum S)`, all one after the other; classes other than the blank.
        - Input_lengths, target_lengths: :math:`(N)` or :math:`()`.
        - Output: scalar; :math:`(N)` or :math:`()` without reduction.

    Source: Graves et al., *Connectionist temporal classification: labelling unsegmented sequence data with recurrent
    neural networks* (2006).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> log_probs = torch.full((2, 1, 2), 0.5).log()
        >>> lengths = torch.tensor([2]), torch.tensor([1])
        >>> round(nn.CTCLoss()(log_probs, torch.tensor([[1]]), *lengths).exp().item(), 4)  # 3 ways of 4
        1.3333
    """

    __constants__ = ("blank", "reduction")
    blank: int
    zero_infinity: bool

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


__all__ = ["CTCLoss"]
