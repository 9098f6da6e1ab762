"""PyTorch's files of layers, for programs that name them: `nn.modules.conv._ConvNd`, `torch.nn.modules.linear`.

Layers lie in other files here, and every one can be found in `nn`. A module here shows what the file of its name in
`nn` has, and what `nn` has.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from . import utils

_NN = __name__.rpartition(".")[0]
_FILES = (
    "activation", "adaptive", "batchnorm", "channelshuffle", "container", "conv", "distance", "dropout", "flatten",
    "fold", "instancenorm", "lazy", "linear", "loss", "module", "normalization", "padding", "pixelshuffle", "pooling",
    "rnn", "sparse", "transformer", "upsampling",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """What `nn` has."""
    return _found(__name__, name, _NN)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(sys.modules[_NN])})


def _found(shown: str, name: str, *modules: str) -> Any:
    if not name.startswith("__"):
        for module in modules:
            if hasattr(sys.modules.get(module), name):
                return getattr(sys.modules[module], name)
    raise AttributeError(f"module {shown!r} has no attribute {name!r}")


def _file(name: str) -> ModuleType:
    shown, real = f"{__name__}.{name}", f"{_NN}.{name}"
    made = ModuleType(shown, f"What PyTorch has in `nn/modules/{name}.py`.")
    made.__getattr__ = lambda attribute: _found(shown, attribute, real, _NN)  # type: ignore[method-assign]
    made.__dir__ = lambda: sorted({*dir(sys.modules.get(real)), *dir(sys.modules[_NN])})  # type: ignore[method-assign]
    return made


for _name in _FILES:
    # Importing one finds it where Python looks for modules first.
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _file(_name)

__all__ = [*_FILES, "utils"]
