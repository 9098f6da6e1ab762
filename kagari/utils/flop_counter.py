"""How many operations on floating-point numbers a program takes: `torch.utils.flop_counter`.

Counted are products of matrices, convolutions and attention, in calls of operators and in their gradients, and
operators of a program's own that have a formula.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from ..autograd import contractions
from ..autograd.recorder import watching
from ..eager import Tensor
from ..nn import Module
from ._pytree import tree_map_only
from .module_tracker import ModuleTracker

Formula = Callable[..., int]
_SUFFIXES = ("", "K", "M", "B", "T")
_NAME = re.compile(r"\w+\.\w+")

flop_registry: dict[str, Formula] = {}
"""The formulas of :func:`register_flop_formula`, by the name of the operator."""


def _name(target: Any) -> str:
    """The name of an operator as tables have it: `aten.mm`, `mylib.foo`. Raises ValueError for what has none."""
    qualified = getattr(target, "_qualname", None)
    name = str(target if qualified is None else qualified.replace("::", ".")).removesuffix(".default")
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            "register_flop_formula(targets): expected each target to be an operator (i.e. torch.ops.mylib.foo) or its "
            f"name, got {target} which is of type {type(target)}"
        )
    return name


def _of_shapes(formula: Formula) -> Formula:
    """A formula that takes shapes, as one that takes the tensors and what the call gave."""

    def raw(*args: Any, out_val: Any, **kwargs: Any) -> int:
        args, kwargs, shape = tree_map_only(Tensor, lambda t: t.shape, (args, kwargs, out_val))
        return formula(*args, out_shape=shape, **kwargs)

    return raw


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[[Formula], Formula]:
    """A decorator that has calls of an operator counted by a formula.

    Args:
        targets (operator, name or list of them): `torch.ops.mylib.foo`, or `"aten.mul"` for one that is there already.
        get_raw (bool): whether the formula takes the tensors, and what the call gave as `out_val`, rather than their
            shapes, and the shape of that as `out_shape`. Default: ``False``

    Raises ValueError for what is no operator, RuntimeError for one that has a formula.

    Example::

        >>> import kagari as torch
        >>> from kagari.utils.flop_counter import FlopCounterMode, register_flop_formula
        >>> @torch.library.custom_op("counted::twice", mutates_args=())
        ... def twice(x: torch.Tensor) -> torch.Tensor:
        ...     return x * 2
        >>> @register_flop_formula(torch.library.namespaces.counted.twice)
        ... def of_twice(x_shape, *, out_shape=None):
        ...     return x_shape.numel()
        >>> with FlopCounterMode(display=False) as counter:
        ...     result = twice(torch.ones(3))
        >>> counter.get_flop_counts()
        {'Global': {'counted.twice': 3}}
    """

    def register(formula: Formula) -> Formula:
        for target in targets if isinstance(targets, list | tuple) else [targets]:
            name = _name(target)
            if name in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[name] = formula if get_raw else _of_shapes(formula)
        return formula

    return register


class FlopCounterMode:
    """Counts the operations inside of a ``with`` block, and prints a table of them at its end.

    Products of matrices take two operations for each multiplication. What a module calls is counted for it, too, and
    what its gradient takes. Calls inside of `vmap` and of the other transformations of `torch.func` are not counted.

    Args:
        mods (Module or list of Module, optional): has no effect; all modules are seen.
        depth (int): down to which level of modules the table goes. Default: 2
        display (bool): whether the table is printed. Default: ``True``
        custom_mapping (dict, optional): formulas by operator or name, as :func:`register_flop_formula` takes them.

    Example::

        >>> import kagari as torch
        >>> from kagari.utils.flop_counter import FlopCounterMode
        >>> model = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
        >>> with FlopCounterMode() as counter:
        ...     model(torch.rand(5, 10)).sum().backward()
        Module          FLOP    % Total
        ------------  ------  ---------
        Sequential      4600    100.00%
        - aten.addmm    2200     47.83%
        - aten.mm       2400     52.17%
        Sequential.0    4000     86.96%
        - aten.addmm    2000     43.48%
        - aten.mm       2000     43.48%
        Sequential.2     600     13.04%
        - aten.addmm     200      4.35%
        - aten.mm        400      8.70%
        >>> counter.get_total_flops()
        4600
    """

    def __init__(
        self,
        mods: Module | list[Module] | None = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Formula] | None = None,
    ) -> None:
        self.depth, self.display = (2 if depth is None else depth), display
        self.flop_counts: dict[str, dict[str, int]] = {}
        self._own = {
            _name(target): formula if getattr(formula, "_get_raw", False) else _of_shapes(formula)
            for target, formula in (custom_mapping or {}).items()
        }
        self._region = ExitStack()
        self._tracker = ModuleTracker()

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts = defaultdict(lambda: defaultdict(int))
        self._region = ExitStack()
        self._region.enter_context(self._tracker)
        self._region.enter_context(watching(self))
        return self

    def __exit__(self, *exception: object) -> None:
        self._region.close()
        if self.display:
            print(self.get_table(self.depth))

    # What is called

    def knows(self, operator: Any) -> bool:
        """Whether there is a formula for an operator of the program's own."""
        return self._formula(_name(operator)) is not None

    def begins(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Nothing is counted before a call is over."""

    def _formula(self, name: str) -> Formula | None:
        return self._own.get(name) or flop_registry.get(name)

    def __call__(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Counts a call."""
        backward = contractions.is_backward(operator)
        name = getattr(operator, "_qualname", None)
        counted = contractions.count(operator, args, kwargs, result) if name is None else None
        name = f"aten.{counted[0] if counted else operator.name}" if name is None else _name(operator)
        formula = None if backward else self._formula(name)
        if formula is not None:
            self._add(backward, name, formula(*args, out_val=result, **kwargs))
        elif counted:
            self._add(backward, name, counted[1])
        if not backward and (counted or formula):
            self._tracker.tie(result)

    def _add(self, backward: bool, name: str, flops: int) -> None:
        for module in self._tracker.behind if backward else self._tracker.parents:
            self.flop_counts[module][name] += flops

    # What came of it

    def get_total_flops(self) -> int:
        """The operations of all calls."""
        return sum(self.flop_counts.get("Global", {}).values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """For each module, and for all as `Global`, the operations by the name of the operator."""
        return {module: dict(counts) for module, counts in self.flop_counts.items()} or {"Global": {}}

    def get_table(self, depth: int | None = None) -> str:
        """A table of modules, operators and their operations."""
        depth = self.depth if depth is None else depth
        counts, total = self.get_flop_counts(), self.get_total_flops()
        suffix = _suffix(total)
        lines = []
        shown = sorted(module for module in counts if module != "Global" and module.count(".") < depth)
        if not any(sum(counts[module].values()) >= total for module in shown):
            shown.insert(0, "Global")
        for module in shown:
            of_module = sum(counts[module].values())
            for title, flops in [(module, of_module), *((f"- {name}", n) for name, n in counts[module].items())]:
                lines.append((title, _scaled(flops, suffix), f"{flops / total:.2%}" if total else "0%"))
        return _table(("Module", "FLOP", "% Total"), lines)


def _suffix(number: int) -> str:
    """The letter of the unit in which a number has two to four digits before the point."""
    return _SUFFIXES[min(len(_SUFFIXES) - 1, max(0, (len(str(number)) - 2) // 3))]


def _scaled(number: int, suffix: str) -> str:
    """A number in a unit."""
    return f"{number / 1000 ** _SUFFIXES.index(suffix):.3f}{suffix}" if suffix else str(number)


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """Columns of text, the first to the left and the others to the right."""
    cells = list(lines)
    widths = [max(len(title) + 2, *(len(line[k]) for line in cells)) for k, title in enumerate(head)]

    def joined(line: tuple[str, ...]) -> str:
        return "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))])

    return "\n".join([joined(head), "  ".join("-" * width for width in widths), *map(joined, cells)])


__all__ = ["FlopCounterMode", "register_flop_formula"]
