"""Running a program on tensors without memory, and noting the calls of operators that it makes as a graph."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ...amp.state import is_autocast_enabled
from ...autograd.modes import is_grad_enabled
from ...eager import Size, Tensor, device
from ...eager import operators as ops
from ...eager.aten import schemas
from ...eager.operators import FROM_SIZES
from ...library import overloads
from ...library.aten_calls import aten_call
from ...library.matching import Arguments
from ...library.namespaces import CustomOpDef
from ...nn import Module
from ...overrides import TorchFunctionMode, redispatch_function, resolve_name
from ..graph import Graph
from ..node import Node, map_aggregate
from .branches import record_cond
from .places import in_operation, stack, where
from .symbolic_shapes import Disagreement, GuardOnDataDependentSymNode, Symbols, argument, at, symbolic

_OF_VALUES = frozenset((
    "__array__", "__bool__", "__complex__", "__contains__", "__float__", "__index__", "__int__", "allclose", "argwhere",
    "backward", "data_ptr", "equal", "is_nonzero", "item", "masked_select", "nonzero", "numpy", "tolist", "unique",
    "unique_consecutive", "untyped_storage",
))  # fmt: skip
_PLAIN = frozenset((
    "__dir__", "__format__", "__hash__", "__repr__", "_base", "_version", "dim", "dtype", "element_size", "grad_fn",
    "is_complex", "is_conj", "is_contiguous", "is_floating_point", "is_inference", "is_leaf", "is_neg", "is_nested",
    "is_quantized", "is_signed", "is_sparse", "itemsize", "layout", "names", "ndim", "ndimension", "output_nr",
    "requires_grad", "requires_grad_", "stride",
))  # fmt: skip
_MADE = frozenset(("as_tensor", "asarray", "from_numpy", "new_tensor", "scalar_tensor", "tensor"))
META, CPU = device("meta"), device("cpu")


class Unfit(RuntimeError):
    """An operator takes the sizes of the example, and not those of another choice of the symbols' values."""

    def __init__(self, choice: int, message: str) -> None:
        super().__init__(message)
        self.choice = choice


class Known:
    """What stands for a tensor of the program: tensors without memory, and the node that gives it."""

    def __init__(self, node: Node, standing: tuple[Tensor, ...]) -> None:
        self.node, self.standing = node, standing


def standing_for(tensor: Tensor, shape: Any = None) -> Tensor:
    """A tensor without memory that has what else a tensor has, or another shape."""
    sizes = tuple(tensor.shape) if shape is None else shape
    if sizes == tuple(tensor.shape):
        made = ops.empty_strided(sizes, tensor.stride(), dtype=tensor.dtype, device=META)
    else:
        made = ops.empty(sizes, dtype=tensor.dtype, device=META)
    return made.requires_grad_(tensor.requires_grad)


class Recorder(TorchFunctionMode):
    """While it lasts, calls of functions on tensors are noted in a graph, as calls of `torch.ops.aten`.

    Tensors that are known stand for nodes. All others that have memory are constants: they become members of the
    module. Operators run on tensors without memory, so nothing of the program is changed.
    """

    asserting = "_assert_tensor_metadata_default"

    def __init__(self, graph: Graph, root: Module, symbols: Symbols | None = None, count: int = 1) -> None:
        self.graph, self.root, self.count = graph, root, count
        self.symbols = symbols or Symbols()
        self._known: dict[int, Known] = {}
        self._kept: list[Any] = []  # whose identities must not pass to others
        self.outside: tuple[Recorder, Callable[[Tensor, Known], bool]] | None = None
        self._graded = is_grad_enabled()
        self.at: str | None = None  # where the program is, if not where it runs
        self.sizes_read: set[tuple[Node, int]] = set()
        resolve_name(ops.tensor)  # the names are looked up before calls are told

    # Tensors

    def know(self, tensor: Tensor, node: Node, standing: tuple[Tensor, ...]) -> None:
        """Has a tensor stand for a node from now on."""
        self._enter(tensor, Known(node, standing))
        node.meta.setdefault("val", standing[0])
        node.meta.setdefault("shape", self._expressions(standing))

    def _enter(self, tensor: Tensor, known: Known) -> None:
        for one in (tensor, *known.standing):
            self._known[id(one)] = known
            self._kept.append(one)

    def _expressions(self, standing: tuple[Tensor, ...]) -> tuple[Any, ...]:
        rows = zip(*(tuple(t.shape) for t in standing))
        return tuple(self.symbols.expression(row) for row in rows)

    def found(self, tensor: Tensor) -> Known:
        """What stands for a tensor; one that has memory and is not known becomes a constant."""
        known = self._known.get(id(tensor)) or self._from_outside(tensor)
        if known is not None:
            return known
        if tensor.is_meta:
            raise NotImplementedError(
                "a tensor was made by what has no operator in torch.ops.aten, such as a torch.autograd.Function or a "
                f"gradient; it is used at {where()}"
            )
        self.know(tensor, self.constant(tensor), (standing_for(tensor),) * self.count)
        return self._known[id(tensor)]

    def inside(self, graph: Graph, enter: Callable[[Tensor, Known], bool]) -> Recorder:
        """A recorder for a part of the program; `enter` is told of the tensors that the part uses from outside."""
        inner = Recorder(graph, Module(), self.symbols, self.count)
        inner.outside = (self, enter)
        return inner

    def _from_outside(self, tensor: Tensor) -> Known | None:
        """What stands for a tensor that the program outside has: one more input of the graph."""
        if self.outside is None:
            return None
        outer, enter = self.outside
        known = outer.found(tensor)
        if enter(tensor, known):
            first = next((node for node in self.graph.nodes if node.op != "placeholder"), None)
            place = self.graph.inserting_after() if first is None else self.graph.inserting_before(first)
            with place:
                node = self.graph.placeholder(known.node.name)
            self.know(tensor, node, known.standing)
        return self._known[id(known.standing[0])]

    def constant(self, tensor: Tensor) -> Node:
        """The node of a tensor that the program has: it becomes a member of the module."""
        name = next(n for k in range(sys.maxsize) if not hasattr(self.root, n := f"_tensor_constant{k}"))
        setattr(self.root, name, tensor)
        return self.graph.create_node("get_attr", name)

    def node_of(self, value: Any) -> Any:
        """A value as nodes have it."""
        if isinstance(value, Tensor):
            return self.found(value).node
        found = argument(value)
        if isinstance(found, Node) and found.graph is not self.graph:
            raise NotImplementedError(f"torch.cond: a branch uses a size that is not fixed, at {where()}")
        return found

    def _given(self, value: Any) -> Any:
        """An argument as nodes have it; where gradients are off for a while, without its history."""
        node = self.node_of(value)
        if not isinstance(value, Tensor) or is_grad_enabled() or not self._graded or in_operation():
            return node
        known = self.found(value)
        if not known.standing[0].requires_grad:
            return node
        made = self.graph.call_function(overloads.overload("detach", "default"), (node,))
        made.meta.update(val=known.standing[0].detach(), shape=node.meta["shape"], stack_trace=stack())
        return made

    # Calls

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Notes a call, or says what is asked."""
        kwargs = kwargs or {}
        path = resolve_name(func) or f"torch.{getattr(func, '__name__', func)}"
        name = path.removesuffix(".__get__").rpartition(".")[2]
        if name in _MADE:
            return self._made(func, args, kwargs)
        if path == "torch.cond":
            return record_cond(self, *args, **kwargs)
        if isinstance(func, CustomOpDef):
            return self._own_operator(func, args, kwargs)
        if args and isinstance(args[0], Tensor):
            answer = self._answer(name, func, args, kwargs)
            if answer is not NotImplemented:
                return answer
        result = aten_call(self.call, path, func, args, kwargs)
        return self._looked_into(path, func, args, kwargs) if result is NotImplemented else result

    def _made(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A tensor of Python's numbers: a constant, of which the program gets a copy."""
        if func.__name__ == "new_tensor":
            func, args, kwargs = ops.tensor, args[1:], {"dtype": args[0].dtype, **kwargs}
        elif isinstance(args[0], Tensor):
            return self._looked_into(f"torch.{func.__name__}", func, args, kwargs)
        made = self._overload("lift_fresh_copy", func(*args, **kwargs))
        return self._overload("detach_", made)

    def _overload(self, name: str, *args: Any) -> Any:
        return self.call(Arguments(schemas(f"aten::{name}")[0], list(args), {}))

    def _answer(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """What is asked of a tensor without computing anything of it."""
        tensor = args[0]
        if name in _OF_VALUES:
            if id(tensor) not in self._known:
                return func(*args, **kwargs)
            raise GuardOnDataDependentSymNode(_DATA_DEPENDENT.format(name, where()))
        if name in ("shape", "size"):
            sizes = self.sizes(tensor)
            at_dim = args[1] if len(args) > 1 else kwargs.get("dim")
            return sizes if at_dim is None else sizes[at_dim]
        if name == "__len__":
            return self.sizes(tensor)[0]
        if name in ("numel", "nelement"):
            count: Any = 1
            for size in self.sizes(tensor):
                count = size * count
            return count
        if name in ("device", "is_meta", "is_cpu", "is_cuda"):
            return {"device": CPU, "is_cpu": True}.get(name, False)
        known = self._known.get(id(tensor))
        if name in _PLAIN:
            return func(tensor if known is None or name == "requires_grad_" else known.standing[0], *args[1:], **kwargs)
        return NotImplemented

    def sizes(self, tensor: Tensor) -> Size:
        """The shape of a tensor, with numbers that stand for what is not fixed."""
        known = self._known.get(id(tensor))
        if known is None:
            return tensor.shape
        rows = list(zip(*(tuple(t.shape) for t in known.standing)))
        return Size([symbolic(row, self.symbols, self._size_of(known.node, dim, row)) for dim, row in enumerate(rows)])

    def _size_of(self, node: Node, dim: int, values: Any) -> Callable[[], Node]:
        def make() -> Node:
            self.sizes_read.add((node, dim))
            for symbol in self.symbols.each:
                if symbol.values == values and symbol.make is not None:
                    return symbol.make()
            return self.size_node(node, dim, values)

        return make

    def size_node(self, node: Node, dim: int, values: Any, name: str = "sym_size_int") -> Node:
        """A new step of the graph that reads a size of what a node gives."""
        target = overloads.overload("sym_size", "int")
        made = self.graph.create_node("call_function", target, (node, dim), {}, name)
        made.meta["val"] = symbolic(values, self.symbols, lambda: made)
        return made

    def _own_operator(self, op: CustomOpDef, args: Any, kwargs: Any) -> Any:
        """Notes a call of an operator of the program's own, whose shapes the function of `register_fake` tells."""
        target = op.overload()
        positional, named = op.trimmed(args, kwargs)

        def run(choice: int) -> Any:
            def value(part: Any) -> Any:
                return self.found(part).standing[choice] if isinstance(part, Tensor) else at(part, choice)

            return op(*map_aggregate(tuple(args), value), **map_aggregate(kwargs, value))

        results = [run(choice) for choice in range(self.count)]
        arguments = (map_aggregate(part, self.node_of) for part in (tuple(positional), named))
        node = self.graph.create_node("call_function", target, *arguments)
        node.meta["stack_trace"] = stack()
        return self._noted(node, Arguments(_NOTHING, [], {}), results)

    def call(self, found: Arguments) -> Any:
        """Notes a call of an operator, and gives what stands for its result."""
        target = overloads.of(found)
        results = [self._attempted(target, found, choice) for choice in range(self.count)]
        if target._opname == "contiguous" and self._is_argument(results[0], found):
            return found.args[0]
        if is_autocast_enabled("cpu"):
            raise NotImplementedError(f"graphs of regions of autocast are not there yet; there is one at {where()}")
        args, kwargs = (map_aggregate(part, self._given) for part in (tuple(found.args), found.kwargs))
        if target._opname == "_assert_tensor_metadata":
            node = self.graph.create_node("call_function", target, args, kwargs, self.asserting)
        else:
            node = self.graph.create_node("call_function", target, args, kwargs)
        node.meta["stack_trace"] = stack() if self.at is None else self.at
        return self._noted(node, found, results)

    def _is_argument(self, result: Any, found: Arguments) -> bool:
        return isinstance(found.args[0], Tensor) and result is self.found(found.args[0]).standing[0]

    def _attempted(self, target: Any, found: Arguments, choice: int) -> Any:
        """What an operator gives for one choice. Raises Unfit where only another choice than the example fails."""
        try:
            return self._run(target, found, choice)
        except Disagreement:
            raise
        except Exception as error:
            if not choice:
                raise
            raise Unfit(choice, f"{target}: {error}") from error

    def _run(self, target: Any, found: Arguments, choice: int) -> Any:
        """What an operator gives for one choice of the symbols' values."""

        def value(part: Any) -> Any:
            if isinstance(part, Tensor):
                return self.found(part).standing[choice]
            return META if isinstance(part, device) else at(part, choice)

        args, kwargs = map_aggregate(tuple(found.args), value), map_aggregate(found.kwargs, value)
        try:
            return target(*args, **kwargs)
        except NotImplementedError as error:
            raise NotImplementedError(f"{target}: {error} It is called at {where()}") from error

    def _noted(self, node: Node, found: Arguments, results: list[Any]) -> Any:
        """The result of a call, which stands for its node from now on."""
        first = results[0]
        if isinstance(first, Tensor):
            if found.schema.mutates:
                known = self.found(found.args[0])
                known.node = node
                self.know_value(node, known.standing)
                return found.args[0]
            standing = tuple(self._own(result) for result in results)
            self.know(standing[0], node, standing)
            return standing[0]
        if isinstance(first, tuple | list):
            node.meta["val"] = list(first)
            parts = []
            for i, rows in enumerate(zip(*results)):
                part = self.graph.call_function(operator.getitem, (node, i))
                part.meta["stack_trace"] = node.meta["stack_trace"]
                parts.append(self._noted(part, Arguments(_NOTHING, [], {}), list(rows)))
            return _rebuilt(first, parts)
        if isinstance(first, int | float):
            return symbolic(tuple(results), self.symbols, lambda: node)
        return first

    def know_value(self, node: Node, standing: tuple[Tensor, ...]) -> None:
        """Notes what a node gives."""
        node.meta["val"], node.meta["shape"] = standing[0], self._expressions(standing)

    def _own(self, result: Tensor) -> Tensor:
        """A result that stands for its node alone: another object, where an operator gave its argument."""
        return result.view_as(result) if id(result) in self._known else result

    def _looked_into(self, path: str, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of a function that no operator stands for, of whose calls this is told."""
        missing = f"{path}: there is no operator of torch.ops.aten for this call, at {where()}"
        name = path.rpartition(".")[2]
        if not isinstance(func, FunctionType) or name in FROM_SIZES:
            raise NotImplementedError(missing)
        target = self._known.get(id(args[0])) if args and name.endswith("_") and not name.endswith("__") else None
        before = None if target is None else target.node
        with self:
            result = redispatch_function(func, (), args, kwargs)
        if target is not None and target.node is before:
            raise NotImplementedError(missing)  # a change in place that was not noted

        def check(part: Any) -> Any:
            if isinstance(part, Tensor) and part.is_meta and id(part) not in self._known:
                raise NotImplementedError(missing)
            return part

        return map_aggregate(result, check)


_NOTHING = schemas("aten::relu")[0]
_DATA_DEPENDENT = (
    "Could not guard on data-dependent expression: {}() of a tensor asks for a value that only running the program "
    "tells, and control flow of Python may depend on it. Use torch.cond for a branch that depends on values, or have "
    "the program compute on tensors alone.\n{}"
)


def _rebuilt(like: Any, parts: list[Any]) -> Any:
    """Parts in the same kind of sequence."""
    if type(like) in (tuple, list):
        return type(like)(parts)
    return type(like)._make(parts) if hasattr(like, "_make") else type(like)(tuple(parts))


__all__ = ["Known", "Recorder", "Unfit", "standing_for"]
