"""A softmax over very many classes that spends little on rare ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""The log-softmax over very many classes, sorted by how frequent they are, in clusters.

    The most frequent classes, and one stand-in for each cluster of the others, are in the head; a cluster is only
    looked into for the targets that are in it, through a smaller layer the rarer its classes are.

    Args:
        in_features (int): the size of an input.
        n_classes (int): :math:`C`, how many classes.
        cutoffs (Sequence): where clusters begin: the first number of each, increasing.
        div_value (float): by how much the inner size of a cluster is smaller than that of the one before. Default: 4.0
        head_bias (bool): whether the head has a bias. Default: ``False``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, \text{in\_features})` or :math:`(\text{in\_features})`.
        - Target: :math:`(N)` or :math:`()`, integers from 0 to :math:`C - 1`.
        - Output: :math:`(N)` or :math:`()`, the log-probability of each target; and the loss, a scalar.

    Source: Grave et al., *Efficient softmax approximation for GPUs* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 40])
        >>> result = layer(torch.randn(5, 16), torch.tensor([0, 5, 15, 50, 99]))
        >>> tuple(result.output.shape), tuple(result.loss.shape)
        ((5,), ())
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = cutoffs == sorted(set(cutoffs)) and all(int(c) == c for c in cutoffs)
        if not rising or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for cluster, (low, high) in enumerate(self._clusters()):
            inner = int(in_features // div_value ** (cluster + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, device=device, dtype=dtype),
                    Linear(inner, high - low, bias=False, device=device, dtype=dtype),
                )
            )

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class of each cluster, and the first one after it."""
        return list(zip(self.cutoffs, self.cutoffs[1:]))

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster.children():
                if isinstance(layer, Linear):
                    layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        _check(input_, target_)
        batched = target_.ndim > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if not bool(((target >= 0) & (target < self.n_classes)).all()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        output, column = input.new_zeros((target.shape[0],)), target.clone()
        for cluster, (low, high) in enumerate(self._clusters()):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if not rows.numel():
                continue
            column[rows] = self.shortlist_size + cluster
            inside = F.log_softmax(self.tail[cluster](input.index_select(0, rows)), dim=1)
            found = inside.gather(1, (target.index_select(0, rows) - low).unsqueeze(1)).squeeze(1)
            output = output.index_add(0, rows, found)
        output = output + F.log_softmax(self.head(input), dim=1).gather(1, column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        r"""The log-probabilities of all classes: :math:`(N, \text{in\_features})` to :math:`(N, C)`."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for cluster, layers in enumerate(self.tail):
            inside = F.log_softmax(layers(input), dim=1)
            parts.append(inside + head[:, self.shortlist_size + cluster].unsqueeze(1))
        return ops.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        r"""The most probable class of each input: :math:`(N, \text{in\_features})` to :math:`(N)`."""
        best = self.head(input).argmax(1)
        if bool((best >= self.shortlist_size).any()):
            # The stand-in of a cluster is the best: which of its classes is, all log-probabilities tell.
            rows = (best >= self.shortlist_size).nonzero().squeeze(1)
            best[rows] = self.log_prob(input.index_select(0, rows)).argmax(1)
        return best


def _check(input: Tensor, target: Tensor) -> None:
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.ndim == 1 and input.shape[0] != target.shape[0]:
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
            f"{input.size()}"
        )


__all__ = ["AdaptiveLogSoftmaxWithLoss"]
