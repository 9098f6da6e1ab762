"""A graph module written out as a package of Python files that can be read, changed and imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from ..nn import Module, Parameter
from ..serialization import save
from . import names

if TYPE_CHECKING:
    from .graph_module import GraphModule

_HEAD = """\
from math import inf, nan
from pathlib import Path

from {package}.fx.names import torch
from {package}.nn import *
{imports}
device = torch.device
{wrapped}

class {name}(torch.nn.Module):
    def __init__(self):
        super().__init__()
        folder = Path(__file__).parent
{members}
        self.load_state_dict(torch.load(folder / "state_dict.pt"))
{forward}"""
_GIVEN = frozenset(("torch", "device", "inf", "nan"))


def write(module: GraphModule, folder: str | os.PathLike[str], name: str) -> None:
    """Writes a module into a folder: its class in `module.py`, its state, and members that are no layers of ``nn`` as
    files of their own.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    save(module.state_dict(), place / "state_dict.pt")
    code = module.graph.python_code("self")
    wrapped, _, forward = code.src.partition("\ndef forward")
    text = _HEAD.format(
        package=names.package().__name__,
        imports="\n".join(_imports(code.globals)),
        wrapped=wrapped.strip(),
        name=name,
        members="\n".join(f"        {line}" for line in _members(module, place)),
        forward="\n".join(f"    {line}".rstrip() for line in f"\ndef forward{forward}".splitlines()),
    )
    (place / "module.py").write_text(text + "\n", encoding="utf-8")
    (place / "__init__.py").write_text("from .module import *\n", encoding="utf-8")


def _imports(found: dict[str, Any]) -> Iterator[str]:
    """The lines that bring the globals of the code; an annotation that is no class becomes a text."""
    for name, value in found.items():
        if name in _GIVEN:
            continue
        if isinstance(value, type | FunctionType | BuiltinFunctionType):
            yield f"from {value.__module__} import {value.__qualname__} as {name}"
        else:
            yield f"{name} = {str(value)!r}"


def _members(module: GraphModule, place: Path) -> Iterator[str]:
    """The lines that make the members: layers by what they print, others from files."""
    for name, child in module.named_children():
        if _says_all(child):
            yield f'setattr(self, "{name}", {child!r})'
        else:
            save(child, place / f"{name}.pt")
            yield f'setattr(self, "{name}", torch.load(folder / "{name}.pt", weights_only=False))'
    for name, value in {**module._parameters, **module._buffers, **_constants(module)}.items():
        if value is None:
            yield f"self.{name} = None"
            continue
        empty = f"torch.empty({list(value.shape)}, dtype={value.dtype})"
        if isinstance(value, Parameter):
            yield f"self.{name} = torch.nn.Parameter({empty}, requires_grad={value.requires_grad})"
        elif name in module._buffers:
            yield f'self.register_buffer("{name}", {empty}, {name not in module._non_persistent_buffers_set})'
        else:
            save(value, place / f"{name}.pt")
            yield f'self.{name} = torch.load(folder / "{name}.pt")'


def _says_all(child: Module) -> bool:
    """Whether what a layer of ``nn`` prints is how to make one like it."""
    layers = vars(names.package().nn)
    if layers.get(type(child).__name__) is not type(child):
        return False
    try:
        made = eval(repr(child), dict(layers))
    except (NameError, SyntaxError, TypeError, ValueError):
        return False
    states = [{key: (t.shape, t.dtype) for key, t in m.state_dict().items()} for m in (made, child)]
    return type(made) is type(child) and repr(made) == repr(child) and states[0] == states[1]


def _constants(module: Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name.startswith("_tensor_constant")}


__all__ = ["write"]
