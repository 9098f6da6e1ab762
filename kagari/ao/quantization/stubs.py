"""Where a model changes from numbers to integers and back."""

from __future__ import annotations

from typing import Any

from ...eager import Tensor
from ...nn import Module


class _Stub(Module):
    """Gives its input back."""

    def __init__(self, qconfig: Any = None) -> None:
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x: Tensor) -> Tensor:
        return x


class QuantStub(_Stub):
    """Gives its input back; `prepare` makes it observe, and `convert` a module that quantizes.

    Args:
        qconfig: the configuration; that of the module around it if not given.
    """


class DeQuantStub(_Stub):
    """Gives its input back; `convert` makes it a module that takes numbers of integers.

    Args:
        qconfig: the configuration; that of the module around it if not given.
    """


class QuantWrapper(Module):
    """A module with stubs before and behind it.

    Args:
        module: the module.
    """

    def __init__(self, module: Module) -> None:
        super().__init__()
        qconfig = getattr(module, "qconfig", None)
        self.add_module("quant", QuantStub(qconfig))
        self.add_module("dequant", DeQuantStub(qconfig))
        self.add_module("module", module)
        self.train(module.training)

    def forward(self, X: Tensor) -> Any:
        return self.dequant(self.module(self.quant(X)))


__all__ = ["DeQuantStub", "QuantStub", "QuantWrapper"]
