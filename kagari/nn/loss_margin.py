"""Losses that ask for a margin: between scores, or between distances."""

from __future__ import annotations

from collections.abc import Callable

from ..eager import Tensor
from . import functional as F
from .distance import PairwiseDistance
from .loss import _Loss, _WeightedLoss


class HingeEmbeddingLoss(_Loss):
    r"""Makes distances :math:`x` small where the target is 1, and larger than a margin where it is -1.

    .. math::
        l_n = \begin{cases}
            x_n, & \text{if } y_n = 1 \\
            \max(0, \text{margin} - x_n), & \text{if } y_n = -1
        \end{cases}

    Args:
        margin (float): what is far enough. Default: 1.0
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same, of 1 and -1.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.HingeEmbeddingLoss(reduction="none")(torch.tensor([0.5, 0.25]), torch.tensor([1, -1])).tolist()
        [0.5, 0.75]
    """

    __constants__ = ("margin", "reduction")
    margin: float

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    r"""Ranks the first input above the second where the target is 1, and below it where the target is -1.

    .. math::
        l_n = \max(0, -y_n (x_{1, n} - x_{2, n}) + \text{margin})

    Args:
        margin (float): by how much. Default: 0.0
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Inputs: :math:`(N)` or any other shape.
        - Target: the same, of 1 and -1.
        - Output: scalar; the shape of the inputs without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.MarginRankingLoss(margin=1.0)(torch.tensor([1.5]), torch.tensor([1.0]), torch.tensor([1])).item()
        0.5
    """

    __constants__ = ("margin", "reduction")
    margin: float

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    r"""The logistic loss of two classes, 1 and -1.

    .. math::
        l_n = \log(1 + \exp(-y_n x_n))

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each element. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Target: :math:`(*)`, the same, of 1 and -1.
        - Output: scalar; :math:`(*)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.SoftMarginLoss()(torch.zeros(1), torch.ones(1)).item(), 4)
        0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    r"""Raises the score of the right class above that of each other class by a margin.

    .. math::
        l_n = \frac{1}{C} \sum_{i \neq y_n} w_{y_n} \max(0, \text{margin} - x_{n, y_n} + x_{n, i})^p

    Args:
        p (int): 1 or 2. Default: 1
        margin (float): by how much. Default: 1.0
        weight (Tensor, optional): :math:`w`, one number for each class.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each target. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(N, C)` or :math:`(C)`, where :math:`C` is the number of classes.
        - Target: :math:`(N)` or :math:`()`, integers from 0 to :math:`C - 1`.
        - Output: scalar; the shape of the target without reduction.

    Source: Crammer and Singer, *On the algorithmic implementation of multiclass kernel-based vector machines* (2001).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.MultiMarginLoss()(torch.tensor([[0.5, 1.0]]), torch.tensor([1])).item()
        0.25
    """

    __constants__ = ("p", "margin", "reduction")
    p: int
    margin: float

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.ndim}D instead")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    r"""Raises the scores of the right classes, of which there may be several, above those of all others by 1.

    .. math::
        l_n = \frac{1}{C} \sum_{j} \sum_{i \notin y_n} \max(0, 1 - x_{n, y_{n, j}} + x_{n, i})

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each row. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(C)` or :math:`(N, C)`, where :math:`C` is the number of classes.
        - Target: the same, integers from 0 to :math:`C - 1`; the first -1 ends a row's list of classes.
        - Output: scalar; :math:`()` or :math:`(N)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.MultiLabelMarginLoss()(torch.tensor([0.0, 0.5, 1.0, 0.0]), torch.tensor([2, 1, -1, -1])).item()
        0.25
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    r"""The mean over classes of binary cross entropies, each class being right or not by itself.

    .. math::
        l_n = -\frac{1}{C} \sum_c w_c [y_{n, c} \log \sigma(x_{n, c}) + (1 - y_{n, c}) \log \sigma(-x_{n, c})]

    Args:
        weight (Tensor, optional): :math:`w`, one number for each class.
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each row. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Input: :math:`(N, C)`, where :math:`C` is the number of classes.
        - Target: :math:`(N, C)`, of 0 and 1.
        - Output: scalar; :math:`(N)` without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.ones(1, 2)).item(), 4)
        0.6931
    """

    __constants__ = ("reduction",)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    r"""Turns vectors to one direction where the target is 1, and away from each other where it is -1.

    .. math::
        l_n = \begin{cases}
            1 - \cos(x_{1, n}, x_{2, n}), & \text{if } y_n = 1 \\
            \max(0, \cos(x_{1, n}, x_{2, n}) - \text{margin}), & \text{if } y_n = -1
        \end{cases}

    Args:
        margin (float): from -1 to 1, the cosine that is far enough. Default: 0.0
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each pair. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Inputs: :math:`(N, D)` or :math:`(D)`.
        - Target: :math:`(N)` or :math:`()`, of 1 and -1.
        - Output: scalar; the shape of the target without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> nn.CosineEmbeddingLoss()(a, b, torch.ones(1)).item()
        1.0
    """

    __constants__ = ("margin", "reduction")
    margin: float

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    r"""Brings an anchor :math:`a` nearer to its positive :math:`p` than to its negative :math:`n`, by a margin.

    .. math::
        l = \max(0, d(a, p) - d(a, n) + \text{margin}), \qquad d(x, y) = \| x - y + \epsilon \|_p

    Args:
        margin (float): by how much; above 0. Default: 1.0
        p (float): which norm. Default: 2
        eps (float): keeps the distance away from 0. Default: 1e-6
        swap (bool): takes :math:`d(p, n)` for :math:`d(a, n)` where it is smaller. Default: ``False``
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each triple. Default: ``"mean"``
        size_average, reduce (bool, optional): deprecated; ``reduction`` says both.

    Shape:
        - Inputs: :math:`(N, D)` or :math:`(D)`.
        - Output: scalar; :math:`(N)` or :math:`()` without reduction.

    Source: Balntas et al., *Learning local feature descriptors with triplets and shallow convolutional neural networks*
    (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> a, p, n = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 4.0]])
        >>> round(nn.TripletMarginLoss()(a, p, n).item(), 4)
        2.0
    """

    __constants__ = ("margin", "p", "eps", "swap", "reduction")
    margin: float
    p: float
    eps: float
    swap: bool

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    r"""A :class:`TripletMarginLoss` with any distance.

    Args:
        distance_function (Callable, optional): a distance of two tensors. Default:
            :class:`~kagari.nn.PairwiseDistance`
        margin (float): by how much; above 0. Default: 1.0
        swap (bool): takes :math:`d(p, n)` for :math:`d(a, n)` where it is smaller. Default: ``False``
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``, which gives a loss for each triple. Default: ``"mean"``

    Shape:
        - Inputs: :math:`(N, *)`, as the distance takes them.
        - Output: scalar; the shape of the distances without reduction.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().amax(-1))
        >>> loss(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).item()
        3.0
    """

    __constants__ = ("margin", "swap", "reduction")
    margin: float
    swap: bool

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]
