"""Batches whose samples are mixed with each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ....base.dtypes import float32, float64
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as nnF
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap
from .structure import has_any, is_picture, is_pure_tensor, leaves, query_size, with_leaves
from .transform import Transform


def _gamma(shape: float) -> float:
    """A number of the gamma distribution, from PyTorch's stream. Source: Marsaglia and Tsang, 2000."""

    def number(kind: str) -> float:
        made: float = getattr(ops.empty((), dtype=float64), kind)().item()
        return made

    scale = 1.0
    if shape < 1.0:
        scale = (1.0 - number("uniform_")) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = 0.0
        while y <= 0.0:
            x = number("normal_")
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - number("uniform_")
        if u < 1.0 - 0.0331 * x**4 or math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return scale * d * v


def dirichlet(*concentrations: float) -> list[float]:
    """Numbers that sum to 1, of the Dirichlet distribution; float32, as PyTorch draws them."""
    drawn = [max(_gamma(one), 2.2250738585072014e-308) for one in concentrations]
    rounded: list[float] = ops.tensor([one / sum(drawn) for one in drawn], dtype=float32).tolist()
    return rounded


Getter = Callable[[Any], Any] | str | None


def labels_of(getter: Getter) -> Callable[[Any], Any]:
    """What finds the labels in a sample. Raises ValueError for an unknown way."""
    if getter == "default":
        return _usual_labels
    if callable(getter):
        return getter
    if getter is None:
        return lambda inputs: None
    raise ValueError(f"labels_getter should either be 'default', a callable, or None, but got {getter}.")


def _usual_labels(inputs: Any) -> Any:
    """Where labels usually are: in the second part, or under a name that says so. Raises ValueError for others."""
    if isinstance(inputs, tuple | list):
        inputs = inputs[1]
    if isinstance(inputs, Tensor):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a two-tuple "
            f"whose second item is a dictionary or a tensor, but got {inputs} instead."
        )
    for fits in (lambda key: key.lower() == "labels", lambda key: "label" in key.lower()):
        for key in inputs:
            if fits(key):
                return inputs[key]
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the labels_getter parameter?"
        "If there are no labels in the sample by design, pass labels_getter=None."
    )


class _Mixing(Transform):
    """What mixes each sample of a batch with the one before it, and their labels."""

    def __init__(
        self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Getter = "default"
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._labels_getter = labels_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        taken = self._taken(flat)
        if has_any(flat, is_picture, BoundingBoxes, Mask, KeyPoints):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        labels = self._labels_getter(sample)
        self._check_labels(labels)
        params = self.make_params([inpt for inpt, take in zip(flat, taken) if take])
        made = [
            self._mixed_labels(inpt, params["lam"]) if inpt is labels
            else self._batch(inpt, params, len(labels)) if take
            else inpt
            for inpt, take in zip(flat, taken)
        ]  # fmt: skip
        return with_leaves(sample, iter(made))

    def _check_labels(self, labels: Any) -> None:
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape (batch_size, "
                f"num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")

    def _batch(self, inpt: Any, params: dict[str, Any], count: int) -> Any:
        if not (isinstance(inpt, Image | Video) or is_pure_tensor(inpt)):
            return inpt
        dims = 5 if isinstance(inpt, Video) else 4
        if inpt.ndim != dims:
            raise ValueError(
                f"Expected a batched input with {dims} dimensions, but got {inpt.ndim} dimensions instead."
            )
        if inpt.shape[0] != count:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{inpt.shape[0]} != {count}."
            )
        made = self.transform(inpt.as_subclass(Tensor), params)
        return wrap(made, like=inpt) if isinstance(inpt, TVTensor) else made

    def _mixed_labels(self, labels: Tensor, share: float) -> Tensor:
        if labels.ndim == 1:
            labels = nnF.one_hot(labels, num_classes=self.num_classes or -1)
        return _mixed(labels if labels.is_floating_point() else labels.to(float32), share)


def _mixed(batch: Tensor, share: float) -> Tensor:
    """Each sample with the one before it; `share` is its own part."""
    return batch.roll(1, 0) * (1.0 - share) + batch * share


class MixUp(_Mixing):
    r"""Each sample of a batch mixed with another one: :math:`\lambda x_i + (1 - \lambda) x_{i-1}`; so are labels.

    Args:
        alpha (float): :math:`\lambda` is of the distribution Beta(alpha, alpha). Default: 1.0
        num_classes (int, optional): how many there are, where labels are indices.
        labels_getter (callable or 'default'): finds the labels in the sample. Default: the second part, or what its
            name says

    Raises ValueError when called with other labels, with pictures, boxes, points or masks.

    Source: Zhang and others, mixup: Beyond Empirical Risk Minimization, 2017.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> images, labels = v2.MixUp(num_classes=3)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> images.shape, labels.shape
        (torch.Size([4, 3, 8, 8]), torch.Size([4, 3]))
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"lam": dirichlet(self.alpha, self.alpha)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return _mixed(inpt, params["lam"])


class CutMix(_Mixing):
    r"""Each sample of a batch with a rectangle of another one; labels are mixed by the areas.

    Args:
        alpha (float): the area that stays is of the distribution Beta(alpha, alpha). Default: 1.0
        num_classes (int, optional): how many there are, where labels are indices.
        labels_getter (callable or 'default'): finds the labels in the sample. Default: the second part, or what its
            name says

    Raises ValueError when called with other labels, with pictures, boxes, points or masks.

    Source: Yun and others, CutMix, 2019.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        share = dirichlet(self.alpha, self.alpha)[0]
        height, width = query_size(flat_inputs)
        x, y = ops.randint(width, (1,)).item(), ops.randint(height, (1,)).item()
        half = 0.5 * math.sqrt(1.0 - share)
        across, down = int(half * width), int(half * height)
        left, top, right, bottom = max(x - across, 0), max(y - down, 0), min(x + across, width), min(y + down, height)
        area = (right - left) * (bottom - top)
        return {"box": (left, top, right, bottom), "lam": 1.0 - area / (width * height)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        left, top, right, bottom = params["box"]
        made = inpt.clone()
        made[..., top:bottom, left:right] = inpt.roll(1, 0)[..., top:bottom, left:right]
        return made


__all__ = ["CutMix", "MixUp"]
