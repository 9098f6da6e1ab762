"""What a type checker knows of modules: mypy checks this file, and an assertion that does not hold is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, assert_type

from kagari import Tensor, nn


class Net(nn.Module):
    """A model with two results."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.register_buffer("running", None)

    def forward(self, x: Tensor, count: int = 1) -> tuple[Tensor, int]:
        assert_type(self.layer(x), Tensor)
        assert_type(self.layer.weight, nn.Parameter)
        assert_type(self.running, Any)
        return self.layer(x), count


def use(net: Net, any_module: nn.Module, x: Tensor) -> None:
    """Calls and looks into modules."""
    assert_type(net(x), tuple[Tensor, int])
    assert_type(net(x, count=3), tuple[Tensor, int])
    assert_type(any_module(x, 3, name="x"), Any)
    assert_type(net.eval().to("cpu").float(), Net)
    assert_type(net.parameters(), Iterator[nn.Parameter])
    assert_type(nn.ModuleList([net])[0], nn.Module)
    activation: Callable[[Tensor], Tensor] = nn.ReLU()
    assert_type(activation(x), Tensor)
    net(3)  # type: ignore[arg-type]
    nn.ReLU()(x, x)  # type: ignore[call-arg]
