"""An observer that keeps a histogram, and searches the range with the smallest error of quantization."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops
from ...quantized.scheme import per_tensor_affine, qscheme
from .observing import EPS, QParams, UniformQuantizationObserverBase, require_per_tensor

_FINER = 16
"""Into how many parts each bin is cut when a histogram is brought to a wider range."""
_QUANTILE_STEP = 1e-5


class HistogramObserver(UniformQuantizationObserverBase):
    r"""Keeps a histogram of all that it sees, and chooses the range that makes the expected squared error of quantizing
    smallest, rather than the whole one.

    The search cuts off tails of the distribution, :math:`10^{-5}` of it in a step and always where more bins go, as
    long as the error falls; each bin counts as evenly filled. What lies outside of the range is what the error of
    cutting off is.

    Args:
        bins: the number of bins. Default: 2048


    The others are those of :class:`UniformQuantizationObserverBase`; raises NotImplementedError for schemes with a
    scale for each channel.
    """

    histogram: Tensor

    def __init__(
        self,
        bins: int = 2048,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_tensor_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        factory_kwargs: dict[str, Any] | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        require_per_tensor("HistogramObserver", qscheme)
        if is_dynamic:
            raise NotImplementedError("HistogramObserver doesn't support dynamic quantization")
        super().__init__(
            dtype=dtype, qscheme=qscheme, reduce_range=reduce_range, quant_min=quant_min, quant_max=quant_max,
            factory_kwargs=factory_kwargs, eps=eps, is_dynamic=is_dynamic, **kwargs,
        )  # fmt: skip
        self.bins = bins
        self.register_buffer("histogram", ops.zeros(bins, **(factory_kwargs or {})))
        self.register_buffer("min_val", ops.tensor(float("inf"), **(factory_kwargs or {})))
        self.register_buffer("max_val", ops.tensor(float("-inf"), **(factory_kwargs or {})))
        self.dst_nbins = 2 ** (dtype.itemsize * 8)
        self.upsample_rate = _FINER

    def forward(self, x_orig: Tensor) -> Tensor:
        if not x_orig.numel():
            return x_orig
        x = x_orig.detach().to(dtypes.float32)
        low, high = (t.item() for t in ops.aminmax(x))
        if not (np.isfinite(low) and np.isfinite(high)):
            warnings.warn("torch.inf detected in input tensor, ignoring input", stacklevel=2)
            return x_orig
        first = self.min_val.item() == float("inf") and self.max_val.item() == float("-inf")
        if first:
            self._keep(ops.histc(x, self.bins, min=low, max=high), low, high)
            return x_orig
        old_low, old_high = self.min_val.item(), self.max_val.item()
        new_low, new_high = min(old_low, low), max(old_high, high)
        seen = ops.histc(x, self.bins, min=new_low, max=new_high)
        if (new_low, new_high) == (old_low, old_high):
            kept = self.histogram
        else:
            kept = self._widened(old_low, old_high, new_low, new_high)
        self._keep(kept + seen, new_low, new_high)
        return x_orig

    def _keep(self, histogram: Tensor, low: float, high: float) -> None:
        self.histogram.resize_(histogram.shape).copy_(histogram)
        self.min_val.copy_(ops.tensor(low))
        self.max_val.copy_(ops.tensor(high))

    def _widened(self, old_low: float, old_high: float, low: float, high: float) -> Tensor:
        """The histogram over a wider range: each bin, cut into parts, is given to the bins where their middles lie."""
        counts = self.histogram.numpy()
        if old_low == old_high:  # all of it is one number
            made = np.zeros(self.bins, np.float32)
            made[min(int((old_low - low) / (high - low) * self.bins), self.bins - 1)] = counts.sum()
            return ops.tensor(made)
        parts = self.bins * self.upsample_rate
        size = np.float32((np.float32(old_high) - np.float32(old_low)) / np.float32(parts))
        middles = ops.linspace(old_low, old_high, parts + 1).numpy()[:-1] + np.float32(0.5) * size
        edges = ops.linspace(low, high, self.bins + 1).numpy()
        places = (np.searchsorted(edges, middles, side="right") - 1).clip(0, self.bins - 1)
        weights = np.repeat(counts / np.float32(self.upsample_rate), self.upsample_rate)
        return ops.tensor(np.bincount(places, weights, self.bins).astype(np.float32))

    def calculate_qparams(self) -> QParams:
        """The scale and the zero point for the best range; 1 and 0, with a warning, where nothing was seen."""
        if self.min_val.item() == float("inf") and self.max_val.item() == float("-inf"):
            warnings.warn("must run observer before calling calculate_qparams. Returning default values.", stacklevel=2)
            return ops.tensor([1.0]), ops.tensor([0])
        assert self.bins == len(self.histogram), "The number of bins in histogram should be equal to the number of bins"
        return self._calculate_qparams(*self._non_linear_param_search())

    def _non_linear_param_search(self) -> QParams:
        """The range with the smallest error, at edges of bins."""
        low, high = np.float32(self.min_val.item()), np.float32(self.max_val.item())
        width = np.float32((high - low) / np.float32(self.bins))
        counts = self.histogram.numpy()
        cumulated = np.cumsum(counts, dtype=np.float32)
        total = counts.sum(dtype=np.float32)
        begin, end, least = 0, self.bins - 1, np.inf
        alpha, beta = 0.0, 1.0
        while alpha < beta:
            next_alpha, next_beta = alpha + _QUANTILE_STEP, beta - _QUANTILE_STEP
            left = max(begin, min(int(np.searchsorted(cumulated, next_alpha * total, "left")), end))
            right = min(end, max(int(np.searchsorted(cumulated, next_beta * total, "right")) - 1, begin))
            if left - begin > end - right:
                tried, alpha = (left, end), next_alpha
            else:
                tried, beta = (begin, right), next_beta
            if tried == (begin, end):
                continue
            error = self._error(counts, width, *tried)
            if error > least:
                break
            least, (begin, end) = error, tried
        return ops.tensor(low + width * np.float32(begin)), ops.tensor(low + width * np.float32(end + 1))

    def _error(self, counts: np.ndarray, width: np.float32, begin: int, end: int) -> float:
        """The sum of squared errors where the bins from `begin` to `end` are the range."""
        step = np.float32(width * np.float32(end - begin + 1) / np.float32(self.dst_nbins))
        if step == 0:
            return 0.0
        lefts = (np.arange(self.bins, dtype=np.float32) - np.float32(begin)) * width
        rights = lefts + width
        first = np.clip(np.floor(lefts / step), 0, self.dst_nbins - 1)
        last = np.clip(np.floor(rights / step), 0, self.dst_nbins - 1)
        half = np.float32(step / 2)
        density = counts / width
        whole = last - first - 1
        errors = _cubes(lefts - (first + np.float32(0.5)) * step, half, density)
        errors = errors + whole * _cubes(-half, half, density)
        errors = errors + _cubes(-half, rights - (last * step + half), density)
        return float(errors.sum(dtype=np.float32))

    def reset_histogram(self) -> None:
        """Forgets what was seen."""
        self.histogram.resize_(self.bins).copy_(ops.zeros(self.bins))
        self.min_val.copy_(ops.tensor(float("inf")))
        self.max_val.copy_(ops.tensor(float("-inf")))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        given = state_dict.get(f"{prefix}histogram")
        if given is not None:
            self.histogram.resize_(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


def _cubes(begin: Any, end: Any, density: np.ndarray) -> np.ndarray:
    """The integral of density times x squared."""
    return density * (end * end * end - begin * begin * begin) / np.float32(3)


__all__ = ["HistogramObserver"]
