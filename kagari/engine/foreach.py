"""One element-wise kernel for sets of tensors with equal layouts: parameters with their gradients and moments."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..base.dtypes import dtype, float32, float64
from ..base.layout import Layout
from ..base.symbols import Guards, Sym
from ..compiler.body import build_body
from ..compiler.fuse import Stage
from ..compiler.loops import GRAIN, View, bind
from ..ir.graph import Graph, Value, cast
from ..ir.simplify import simplify
from ..runtime import cpu
from . import code
from .binder import Bound
from .outputs import Output
from .plan import IN_PLACE, UNCHECKED, Frame, Origin, Plan, packed, words

# The sizes a kernel is written for do not matter: they are operands.
_ANY = 1 << 20


class ForEach:
    """A kernel that updates sets of tensors.

    `update(scalars, tensors)` gives the new values of the tensors that `writes` marks, in order.
    """

    def __init__(
        self,
        name: str,
        update: Callable[[Sequence[Value], Sequence[Value]], tuple[Value, ...]],
        writes: tuple[bool, ...],
        scalars: int,
        dt: dtype,
    ) -> None:
        self.name, self.dtype, self.scalars = name, dt, scalars
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
        self._launch, self._written, self._plans = launch, writes, dict[Layout, Plan]()
        self._ops, self._writes = words(*launch.ops), words(*writes)
        self._words = words(
            code.address(launch.kernel),
            len(writes),
            ctypes.addressof(self._writes),
            len(launch.ops),
            ctypes.addressof(self._ops),
            GRAIN,
        )
        self._address = ctypes.addressof(self._words)

    def run(self, scalars: tuple[float, ...], lists: Sequence[list[Any]]) -> int:
        """Updates sets up to the first one that does not share one dense layout of the dtype. Returns its number.

        Where calls are noted, these are, too: one for each set.
        """
        loaded = code.native()
        done = loaded.foreach(self._address, scalars, self.dtype, *lists)
        if done >= 0:
            return done
        for number, tensors in enumerate(zip(*lists)):
            lay = tensors[0]._layout
            if lay.dtype is not self.dtype or not lay.dense or any(t._layout is not lay for t in tensors):
                return number
            plan = self._plans.get(lay) or self._plans.setdefault(lay, self._plan(lay))
            loaded.call_plan(plan.address, 0, *scalars, *tensors)
        return len(lists[0])

    def _plan(self, lay: Layout) -> Plan:
        """The update of a set with this layout as a plan, whose arguments are the numbers and then the tensors."""
        positions = tuple(range(self.scalars, self.scalars + len(self._written)))
        outputs = [Output(IN_PLACE, lay, at) for at, written in zip(positions, self._written) if written]
        n = lay.numel
        grain = ((n + 3) // 4 + 63) & -64 if n > 2 * GRAIN else max(n, 1)
        launch = replace(self._launch, ops=(n, *self._launch.ops[1:]), total=n, grain=grain)
        source = packed(Frame(positions, 0), Bound(outputs, [], [launch], n))
        source = source._replace(words=[source.words[0] | UNCHECKED, *source.words[1:]])
        return Plan(source, None, origin=Origin(self.name, None, dict.fromkeys(positions, lay), ()))


def _no_scratch(count: int, dt: dtype) -> int:
    raise AssertionError("an element-wise kernel needs no scratch memory")
