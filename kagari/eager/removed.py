"""What tensors had once: methods that say what stands in their place, and attributes that say nothing any more."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

from .tensor import Tensor

_REMOVED = "This function was deprecated since version 1.9 and is now removed. "


def eig(self: Tensor, eigenvectors: bool = False) -> NoReturn:
    """Raises RuntimeError: `torch.linalg.eig` stands in its place."""
    raise RuntimeError(f"{_REMOVED}`torch.linalg.eig` and `torch.linalg.eigvals` give complex tensors instead.")


def lstsq(self: Tensor, other: Tensor) -> NoReturn:
    """Raises RuntimeError: `torch.linalg.lstsq` stands in its place."""
    raise RuntimeError(
        f"{_REMOVED}`torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`, which takes its arguments the other "
        "way round."
    )


def solve(self: Tensor, other: Tensor) -> NoReturn:
    """Raises RuntimeError: `torch.linalg.solve` stands in its place."""
    raise RuntimeError(
        f"{_REMOVED}`torch.solve` is deprecated in favor of `torch.linalg.solve`, which takes its arguments the other "
        "way round. For the LU factorization see `torch.lu`."
    )


def symeig(self: Tensor, eigenvectors: bool = False) -> NoReturn:
    """Raises RuntimeError: `torch.linalg.eigh` stands in its place."""
    raise RuntimeError(
        f"{_REMOVED}`torch.linalg.eigh` and `torch.linalg.eigvalsh` take the lower triangle unless UPLO='U' is given."
    )


def reinforce(self: Tensor, reward: Any) -> NoReturn:
    """Raises RuntimeError: what `torch.distributions` draws has a `log_prob`."""
    raise RuntimeError(
        "reinforce() was removed.\nUse torch.distributions instead: draw an action with "
        "torch.distributions.Categorical(probs).sample(), and its log_prob times the reward is what is maximised."
    )


def resize(self: Tensor, *sizes: Any) -> Tensor:
    """The tensor in another shape. Deprecated: see `reshape`. Raises RuntimeError for another number of elements."""
    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
    return _resized(self, tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)


def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """The tensor in the shape of another one. Deprecated: see `reshape_as`. Raises RuntimeError for another number of
    elements.
    """
    warnings.warn("non-inplace resize_as is deprecated", UserWarning, stacklevel=2)
    return _resized(self, tuple(tensor.shape))


def _resized(self: Tensor, shape: tuple[int, ...]) -> Tensor:
    count = 1
    for size in shape:
        count *= size
    if count != self.numel():
        asked, have = ("x".join(map(str, sizes)) for sizes in (shape, self.shape))
        raise RuntimeError(
            f"requested resize to {asked} ({count} elements in total), but the given tensor has a size of {have} "
            f"({self.numel()} elements). autograd's resize can only change the shape of a given tensor, while "
            "preserving the number of elements. "
        )
    made: Tensor = self.contiguous().view(shape)
    return made


def _volatile(self: Tensor) -> bool:
    warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
    return False


def _nothing(self: Tensor) -> None:
    return None


PROPERTIES = {
    "name": property(_nothing, doc="None: tensors have no names."),
    "volatile": property(_volatile, doc="False: see `torch.no_grad`."),
}
METHODS = (eig, lstsq, reinforce, resize, resize_as, solve, symeig)
