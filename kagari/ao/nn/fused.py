"""Layers that are several in one, before they are quantized."""

from __future__ import annotations

from typing import Any

from ...nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    LeakyReLU,
    Linear,
    Module,
    ReLU,
    Sequential,
    Tanh,
)


class Whole:
    """Several layers in one, which is quantized as a whole: nothing observes, or exchanges, what is inside."""


class _FusedModule(Whole, Sequential):
    """Layers in a row that are quantized as one."""


def _plain(module: Module) -> type:
    """The class of a layer, without what a parametrization has put before it."""
    return type(module).__mro__[1] if hasattr(module, "parametrizations") else type(module)


def _fused(name: str, *kinds: type) -> Any:
    """A class of layers in a row, each of a kind."""
    what = ", ".join(kind.__name__ for kind in kinds)

    def __init__(self: Any, *layers: Module) -> None:
        if len(layers) != len(kinds) or any(_plain(m) is not kind for m, kind in zip(layers, kinds)):
            given = "".join(str(type(m)) for m in layers)
            raise AssertionError(f"Incorrect types for input modules{given}")
        Sequential.__init__(self, *layers)

    members = {
        "__init__": __init__,
        "__doc__": f"{what}, quantized as one layer.",
        "__module__": f"{__package__}.intrinsic",
    }
    return type(name, (_FusedModule,), members)


ConvReLU1d, ConvReLU2d, ConvReLU3d = (
    _fused(f"ConvReLU{d}d", conv, ReLU) for d, conv in enumerate((Conv1d, Conv2d, Conv3d), 1)
)
_NORMALISED = ((Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d))
ConvBn1d, ConvBn2d, ConvBn3d = (_fused(f"ConvBn{d}d", *pair) for d, pair in enumerate(_NORMALISED, 1))
ConvBnReLU1d, ConvBnReLU2d, ConvBnReLU3d = (
    _fused(f"ConvBnReLU{d}d", *pair, ReLU) for d, pair in enumerate(_NORMALISED, 1)
)
LinearReLU = _fused("LinearReLU", Linear, ReLU)
LinearBn1d = _fused("LinearBn1d", Linear, BatchNorm1d)
LinearLeakyReLU = _fused("LinearLeakyReLU", Linear, LeakyReLU)
LinearTanh = _fused("LinearTanh", Linear, Tanh)
BNReLU2d = _fused("BNReLU2d", BatchNorm2d, ReLU)
BNReLU3d = _fused("BNReLU3d", BatchNorm3d, ReLU)


class ConvAdd2d(_FusedModule):
    """A convolution and the addition of another tensor: `forward(x1, x2)` is `add(conv(x1), x2)`."""

    def __init__(self, conv: Module, add: Any) -> None:
        super().__init__(conv)
        self.add = add

    def forward(self, x1: Any, x2: Any) -> Any:  # type: ignore[override]
        return self.add(self[0](x1), x2)


class ConvAddReLU2d(_FusedModule):
    """A convolution, the addition of another tensor, and the positive part of the sum."""

    def __init__(self, conv: Module, add: Any, relu: Module) -> None:
        super().__init__(conv)
        self.add = add
        self.relu = relu

    def forward(self, x1: Any, x2: Any) -> Any:  # type: ignore[override]
        return self.relu(self.add(self[0](x1), x2))


for _cls in (_FusedModule, ConvAdd2d, ConvAddReLU2d):
    _cls.__module__ = f"{__package__}.intrinsic"  # where programs find it

__all__ = [
    "BNReLU2d", "BNReLU3d", "ConvAdd2d", "ConvAddReLU2d", "ConvBn1d", "ConvBn2d", "ConvBn3d", "ConvBnReLU1d",
    "ConvBnReLU2d", "ConvBnReLU3d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearBn1d", "LinearLeakyReLU",
    "LinearReLU", "LinearTanh", "Whole", "_FusedModule",
]  # fmt: skip
