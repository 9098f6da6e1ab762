"""Losses that are likelihoods or divergences of distributions."""

from __future__ import annotations

import warnings

from ..eager import Tensor
from . import functional as F
from .loss import NLLLoss, _Loss


class KLDivLoss(_Loss):
    r"""The Kullback-Leibler divergence of log-probabilities :math:`x` from probabilities :math:`y`.

    .. math::
        l_n = y_n (\log y_n - x_n)

    Args:
        reduction (str): ``"mean"``, ``"sum"``, ``"none"``, or ``"batchmean"``, the sum divided by the size of the
            batch, which is what the definition of the divergence says. Default: ``"mean"``
        log_target (bool): whether the target holds logarithms too. Default: ``False``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Source: Kullback and Leibler, *On information and sufficiency* (1951).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> input = torch.tensor([[0.5, 0.5]]).log()
        >>> nn.KLDivLoss(reduction="batchmean")(input, torch.tensor([[0.5, 0.5]])).item()
        0.0
    """

    log_target: bool

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    r"""The negative log-likelihood of counts under Poisson distributions.

    .. math::
        l_n = e^{x_n} - y_n x_n + \log y_n!

    Args:
        log_input (bool): whether the input is the logarithm of the rate; otherwise it is the rate itself, and the loss
            is :math:`x_n - y_n \log(x_n + \epsilon)`. Default: ``True``
        full (bool): whether :math:`\log y_n!` is added, as Stirling approximates it. Default: ``False``
        eps (float): keeps the logarithm of the rate finite. Default: 1e-8
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.PoissonNLLLoss()(torch.zeros(2), torch.tensor([1.0, 2.0])).item()
        1.0
    """

    __constants__ = ("log_input", "full", "eps", "reduction")
    log_input: bool
    full: bool
    eps: float

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    r"""The negative log-likelihood under normal distributions of which mean and variance are predicted.

    .. math::
        l_n = \tfrac{1}{2} \left( \log \max(v_n, \epsilon) + \frac{(x_n - y_n)^2}{\max(v_n, \epsilon)} \right)

    Args:
        full (bool): whether the constant :math:`\tfrac{1}{2} \log 2 \pi` is added. Default: ``False``
        eps (float): what the variance is at least. Default: 1e-6
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``

    Shape:
        - Input: :math:`(N, *)`, the means.
        - Target: :math:`(N, *)`, or a shape that broadcasts to it.
        - Var: the shape of the input, or with the last size 1, or without the last size; or a float.
        - Output: scalar; the shape of the input without reduction.

    Source: Nix and Weigend, *Estimating the mean and variance of the target probability distribution* (1994).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.GaussianNLLLoss()(torch.tensor([1.0]), torch.tensor([3.0]), torch.ones(1)).item()
        2.0
    """

    __constants__ = ("full", "eps", "reduction")
    full: bool
    eps: float

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    r""":class:`NLLLoss` by its old name for images. Deprecated.

    Example::

        >>> from kagari import nn
        >>> issubclass(nn.NLLLoss2d, nn.NLLLoss)
        True
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
            "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


__all__ = ["GaussianNLLLoss", "KLDivLoss", "NLLLoss2d", "PoissonNLLLoss"]
