"""One element-wise kernel for sets of tensors with equal layouts: parameters with their gradients and moments."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from ..base.dtypes import dtype, float32, float64
from ..base.symbols import Guards, Sym
from ..compiler.body import build_body
from ..compiler.fuse import Stage
from ..compiler.loops import GRAIN, View, bind
from ..ir.graph import Graph, Value, cast
from ..ir.simplify import simplify
from ..runtime import cpu
from . import code
from .plan import words

# The sizes a kernel is written for do not matter: they are operands.
_ANY = 1 << 20


class ForEach:
    """A kernel for `native().foreach`: `address` is that of its description.

    `update(scalars, tensors)` gives the new values of the tensors that `writes` marks, in order.
    """

    def __init__(
        self,
        update: Callable[[Sequence[Value], Sequence[Value]], tuple[Value, ...]],
        writes: tuple[bool, ...],
        scalars: int,
        dt: dtype,
    ) -> None:
        n = Sym.symbol("s0", _ANY, Guards())
        operands = [Value("scalar", (), (i,), (), float64 if dt is float64 else float32, True) for i in range(scalars)]
        tensors = [Value("input", (), (i,), (n,), dt) for i in range(len(writes))]
        results = [cast(v, dt) for v in update(operands, tensors)]
        graph = simplify(Graph([*tensors, *operands], results))
        stage = Stage("loop", list(graph.outputs), ((n,), ()))
        body = build_body(stage, set(tensors), set())
        loads = [View(a.base.attrs[0], 0, (1,), dt) for a in body.accesses]
        stores = [View(i, 0, (1,), dt) for i, written in enumerate(writes) if written]
        (launch,) = bind(body, (_ANY,), loads, stores, [], cpu.host_target(), _no_scratch)
        position = {b: i for i, b in enumerate(launch.bufs)}
        assert all(position.get(i, i) == i for i in range(len(writes)))
        self._ops, self._writes = words(*launch.ops), words(*writes)
        self._words = words(
            code.address(launch.kernel),
            len(writes),
            ctypes.addressof(self._writes),
            len(launch.ops),
            ctypes.addressof(self._ops),
            GRAIN,
        )
        self.address = ctypes.addressof(self._words)


def _no_scratch(count: int, dt: dtype) -> int:
    raise AssertionError("an element-wise kernel needs no scratch memory")
