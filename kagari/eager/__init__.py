"""Eager execution: the Tensor, its creation, indexing and printing, and every operator as a function."""

from __future__ import annotations

from ..autograd import api
from ..base.dtypes import dtype
from ..base.later import postpone
from ..base.layout import Size
from ..engine import code
from ..engine.code import get_num_threads, set_num_threads
from ..engine.function import Hooks
from . import fused, operators
from .activate import install, register_parameter_type
from .answering import told
from .device import Device as device
from .methods import attach
from .random import Generator
from .tensor import Tensor

attach()
for _function in (api.backward, api.grad):
    told(_function, "torch.autograd")
code.ON_LOAD.append(install)
postpone(__name__, "applied", "batched", "dual", "sparse")
Hooks.applications, Hooks.batches, Hooks.duals = (globals()[name] for name in ("applied", "batched", "dual"))
Hooks.sparse = globals()["sparse"]

__all__ = [
    "Generator", "Size", "Tensor", "device", "dtype", "fused", "get_num_threads", "operators",
    "register_parameter_type", "set_num_threads",
]  # fmt: skip
