"""Arithmetic as modules: so that what observes their results has a place, and `convert` something to replace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ....nn import Identity, Module
from ....quantized import functions


class _Arithmetic(Module):
    """The functions of numbers. What becomes of a result is the subclass's to say."""

    def forward(self, x: Tensor) -> Tensor:
        """Raises RuntimeError: what is called are the methods."""
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def _seen(self, x: Tensor) -> Tensor:
        return x

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """`x + y`."""
        return self._seen(ops.add(x, y))

    def add_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x + y` for a number y."""
        return ops.add(x, y)

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """`x * y`."""
        return self._seen(ops.mul(x, y))

    def mul_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x * y` for a number y."""
        return ops.mul(x, y)

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Tensor:
        """Tensors side by side."""
        return self._seen(ops.cat(list(x), dim))

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        """The positive part of `x + y`."""
        return self._seen(ops.relu(ops.add(x, y)))

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """The product of matrices."""
        return self._seen(ops.matmul(x, y))


class FloatFunctional(_Arithmetic):
    """Arithmetic of numbers, of which the results are observed: `f.add(x, y)` in place of `x + y`.

    >>> import kagari as torch
    >>> f = torch.ao.nn.quantized.FloatFunctional()
    >>> f.add(torch.ones(2), torch.ones(2))
    tensor([2., 2.])
    """

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process: Any = Identity()

    def _seen(self, x: Tensor) -> Tensor:
        seen: Tensor = self.activation_post_process(x)
        return seen

    def add_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x + y` for a number y."""
        return self._seen(ops.add(x, y))

    def mul_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x * y` for a number y."""
        return self._seen(ops.mul(x, y))


class FXFloatFunctional(_Arithmetic):
    """Arithmetic of numbers for graph mode, which puts observers behind it itself."""


class QFunctional(Module):
    """Arithmetic of quantized tensors: what `convert` makes of a :class:`FloatFunctional`.

    Attributes:
        scale, zero_point: those of the results.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.zero_point = 1.0, 0
        self.activation_post_process: Any = Identity()

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}scale"] = ops.tensor(self.scale)
        destination[f"{prefix}zero_point"] = ops.tensor(self.zero_point)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *rest: Any
    ) -> None:
        self.scale = float(state_dict.pop(f"{prefix}scale"))
        self.zero_point = int(state_dict.pop(f"{prefix}zero_point"))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, *rest)

    def _get_name(self) -> str:
        return "QFunctional"

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}"

    def forward(self, x: Tensor) -> Tensor:
        """Raises RuntimeError: what is called are the methods."""
        raise RuntimeError("Functional is not intended to use the 'forward'. Please use the underlying operation")

    def _call(self, name: str, *args: Any) -> Tensor:
        made: Tensor = self.activation_post_process(functions.find(name)(*args))
        return made

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """`x + y`."""
        return self._call("add", x, y, self.scale, self.zero_point)

    def add_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x + y` for a number y."""
        return self._call("add_scalar", x, y)

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """`x * y`."""
        return self._call("mul", x, y, self.scale, self.zero_point)

    def mul_scalar(self, x: Tensor, y: float) -> Tensor:
        """`x * y` for a number y."""
        return self._call("mul_scalar", x, y)

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Tensor:
        """Tensors side by side."""
        return self._call("cat", x, dim, self.scale, self.zero_point)

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        """The positive part of `x + y`."""
        return self._call("add_relu", x, y, self.scale, self.zero_point)

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """The product of matrices."""
        return self._call("matmul", x, y, self.scale, self.zero_point)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> QFunctional:
        """The quantized one of a :class:`FloatFunctional` that was observed."""
        assert type(mod) is FloatFunctional, "QFunctional.from_float expects an instance of FloatFunctional"
        scale, zero_point = mod.activation_post_process.calculate_qparams()
        made = cls()
        made.scale, made.zero_point = float(scale), int(zero_point)
        return made


__all__ = ["FXFloatFunctional", "FloatFunctional", "QFunctional"]
