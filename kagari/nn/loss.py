"""Losses: what training makes small."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module
from .reduction import legacy_reduction


class _Loss(Module):
    """A loss and how it is reduced."""

    __constants__: tuple[str, ...] = ("reduction",)
    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce, stacklevel=4)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight that moves with the module and is part of its state."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    r"""The mean absolute error.

    .. math::
        \ell(x, y) = \operatorname{mean}_n |x_n - y_n|

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives an error for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.L1Loss()(torch.tensor([1.0, 4.0]), torch.zeros(2)).item()
        2.5
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, None, None, self.reduction)


class MSELoss(_Loss):
    r"""The mean squared error.

    .. math::
        \ell(x, y) = \operatorname{mean}_n (x_n - y_n)^2

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives an error for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.MSELoss()(torch.tensor([1.0, 3.0]), torch.zeros(2)).item()
        5.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, None, None, self.reduction)


class SmoothL1Loss(_Loss):
    r"""Squared where the error is small, absolute where it is large: less sensitive to outliers than :class:`MSELoss`.

    .. math::
        l_n = \begin{cases}
            0.5 (x_n - y_n)^2 / \beta, & \text{if } |x_n - y_n| < \beta \\
            |x_n - y_n| - 0.5 \beta, & \text{otherwise}
        \end{cases}

    It is :class:`HuberLoss` divided by :math:`\beta`.

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives an error for each element. Default: ``"mean"``
        beta (float): where it changes from squared to absolute; 0 gives :class:`L1Loss`. Default: 1.0
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Source: Girshick, *Fast R-CNN* (2015).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.SmoothL1Loss(reduction="none")(torch.tensor([1.0, 3.0]), torch.zeros(2)).tolist()
        [0.5, 2.5]
    """

    beta: float

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, None, None, self.reduction, self.beta)


class HuberLoss(_Loss):
    r"""Squared where the error is small, linear where it is large.

    .. math::
        l_n = \begin{cases}
            0.5 (x_n - y_n)^2, & \text{if } |x_n - y_n| < \delta \\
            \delta (|x_n - y_n| - 0.5 \delta), & \text{otherwise}
        \end{cases}

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives an error for each element. Default: ``"mean"``
        delta (float): where it changes from squared to linear. Default: 1.0

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same.
        - Output: scalar; :math:`(*)` without reduction.

    Source: Huber, *Robust estimation of a location parameter* (1964).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.HuberLoss(reduction="none", delta=2.0)(torch.tensor([1.0, 3.0]), torch.zeros(2)).tolist()
        [0.5, 4.0]
    """

    __constants__ = ("reduction", "delta")
    delta: float

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_WeightedLoss):
    r"""The binary cross entropy between probabilities and targets.

    .. math::
        l_n = -w_n [y_n \log x_n + (1 - y_n) \log (1 - x_n)]

    The logarithms are cut off at -100, so that the loss stays finite. :class:`BCEWithLogitsLoss` is the more exact way
    from logits.

    Args:
        weight (Tensor, optional): :math:`w`, of a shape that broadcasts to the input's.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape, values between 0 and 1.
        - Target: :math:`(*)`, the same, values between 0 and 1.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.BCELoss()(torch.tensor([0.5]), torch.ones(1)).item(), 4)
        0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, None, None, self.reduction)


class BCEWithLogitsLoss(_Loss):
    r"""A :class:`~kagari.nn.Sigmoid` and a :class:`BCELoss` in one, without the loss of precision of doing them in
    turn.

    .. math::
        l_n = -w_n [p_n y_n \log \sigma(x_n) + (1 - y_n) \log (1 - \sigma(x_n))]

    Args:
        weight (Tensor, optional): :math:`w`, of a shape that broadcasts to the input's.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        pos_weight (Tensor, optional): :math:`p`, the weight of positive targets: above 1 it raises recall, below 1
            precision.
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same, values between 0 and 1.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.BCEWithLogitsLoss()(torch.zeros(1), torch.ones(1)).item(), 4)
        0.6931
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, None, None, self.reduction, self.pos_weight
        )


class NLLLoss(_WeightedLoss):
    r"""The negative log-likelihood of classes, from log-probabilities such as :class:`~kagari.nn.LogSoftmax` gives.

    .. math::
        l_n = -w_{y_n} x_{n, y_n}

    The mean is the sum divided by :math:`\sum_n w_{y_n}`.

    Args:
        weight (Tensor, optional): :math:`w`, one number for each class.
        ignore_index (int): a target that counts for nothing. Default: -100
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each target. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(C)`, :math:`(N, C)` or :math:`(N, C, d_1, ..., d_K)`, where :math:`C` is the number of classes.
        - Target: :math:`()`, :math:`(N)` or :math:`(N, d_1, ..., d_K)`, integers from 0 to :math:`C - 1`.
        - Output: scalar; the shape of the target without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.NLLLoss()(torch.tensor([[-1.0, -2.0]]), torch.tensor([1])).item()
        2.0
    """

    __constants__ = ("ignore_index", "reduction")
    ignore_index: int

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    r"""The cross entropy between logits and classes: a log-softmax over classes and an :class:`NLLLoss` in one.

    .. math::
        l_n = -w_{y_n} \log \frac{\exp x_{n, y_n}}{\sum_c \exp x_{n, c}}

    The target may also be a probability for each class, :math:`l_n = -\sum_c w_c \log(\text{softmax}(x_n)_c)\, y_{n,
    c}`. The mean is the sum divided by :math:`\sum_n w_{y_n}` for classes, and by :math:`N` for probabilities.

    Args:
        weight (Tensor, optional): :math:`w`, one number for each class.
        ignore_index (int): a class that counts for nothing as a target. Default: -100
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each target. Default: ``"mean"``
        label_smoothing (float): how much of the target is spread evenly over all classes. Default: 0.0
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(C)`, :math:`(N, C)` or :math:`(N, C, d_1, ..., d_K)`, where :math:`C` is the number of classes.
        - Target: :math:`()`, :math:`(N)` or :math:`(N, d_1, ..., d_K)`, integers from 0 to :math:`C - 1`; or the shape
          of the input, probabilities.
        - Output: scalar; :math:`()`, :math:`(N)` or :math:`(N, d_1, ..., d_K)` without reduction.

    Source of label smoothing: Szegedy et al., *Rethinking the Inception architecture for computer vision* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1])).item(), 4)
        0.6931
    """

    __constants__ = ("ignore_index", "reduction", "label_smoothing")
    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing
        )


__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]
