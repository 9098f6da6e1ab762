"""`ExportedProgram`: a graph of operators, its state, what is known of its inputs. The module has PyTorch's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from ..eager import Tensor
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule
from ..nn import Module, Parameter
from .dynamic_shapes import ValueRanges, int_oo
from .functional import Functional, Table
from .graph_signature import ExportGraphSignature
from .unlift import Check, UnliftedModule, constant_checks, unlifted


@dataclass
class CallSpec:
    """The structures of what a program takes and gives."""

    in_spec: Any
    out_spec: Any


@dataclass
class ModuleCallSignature:
    """What a module takes and gives in an exported program."""

    inputs: list[Any]
    outputs: list[Any]
    in_spec: Any
    out_spec: Any
    forward_arg_names: list[str] | None = None


@dataclass
class ModuleCallEntry:
    """A module of an exported program; the one without a name is the whole."""

    fqn: str
    signature: ModuleCallSignature | None = None


@dataclass
class Conditions:
    """What the sizes of inputs have to be: for each tensor, by the number of the input, its path and its sizes, which
    are numbers or expressions; further comparisons of these, with their outcomes; and the user's names of sizes.
    """

    shapes: list[tuple[int, str, tuple[Any, ...]]] = field(default_factory=list)
    guards: list[tuple[str, bool]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


class ExportedProgram:
    """What :func:`export` makes of a module: a graph of the operators of `torch.ops.aten` that it calls.

    Parameters, buffers and constants are inputs of the graph, in front of those of the user; `graph_signature` says
    which is which. :meth:`module` gives a module that is called as the exported one.

    Example::

        >>> import kagari as torch
        >>> exported = torch.export.export(torch.nn.ReLU(), (torch.ones(2),))
        >>> exported.module()(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])
    """

    def __init__(
        self,
        root: Module,
        graph: Graph,
        graph_signature: ExportGraphSignature,
        state_dict: dict[str, Any],
        range_constraints: dict[Any, ValueRanges],
        module_call_graph: list[ModuleCallEntry],
        example_inputs: tuple[tuple[Any, ...], dict[str, Any]] | None = None,
        constants: dict[str, Any] | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        self._graph_module = GraphModule(root, graph)
        self._graph_signature, self._state_dict = graph_signature, state_dict
        self._range_constraints, self._module_call_graph = range_constraints, module_call_graph
        self._example_inputs, self._constants = example_inputs, constants or {}
        self._conditions = conditions or Conditions()

    @property
    def graph_module(self) -> GraphModule:
        """The graph as a module, whose members it takes as arguments."""
        return self._graph_module

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph_module.graph

    @property
    def graph_signature(self) -> ExportGraphSignature:
        """What the inputs and outputs of the graph are."""
        return self._graph_signature

    @property
    def state_dict(self) -> dict[str, Any]:
        """The parameters and persistent buffers by name."""
        return self._state_dict

    @property
    def constants(self) -> dict[str, Any]:
        """The tensors that are neither parameters nor persistent buffers, by name."""
        return self._constants

    tensor_constants = constants

    @property
    def range_constraints(self) -> dict[Any, ValueRanges]:
        """From where to where sizes go that are not fixed."""
        return self._range_constraints

    @property
    def module_call_graph(self) -> list[ModuleCallEntry]:
        """The modules that are kept as such: the whole one."""
        return self._module_call_graph

    @property
    def call_spec(self) -> CallSpec:
        """The structures of what the program takes and gives."""
        signature = self._module_call_graph[0].signature
        assert signature is not None
        return CallSpec(signature.in_spec, signature.out_spec)

    @property
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """The arguments that the program was exported with."""
        return self._example_inputs

    @property
    def size_names(self) -> dict[str, str]:
        """What the user calls sizes, by their names in the graph."""
        return self._conditions.names

    @property
    def argument_names(self) -> list[str]:
        """The names of the arguments of the exported module."""
        signature = self._module_call_graph[0].signature
        return list(signature.forward_arg_names or ()) if signature is not None else []

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their names."""
        return ((name, self._state_dict[name]) for name in self._graph_signature.parameters)

    def parameters(self) -> Iterator[Parameter]:
        """The parameters."""
        return (value for _, value in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their names."""
        values = {**self._constants, **self._state_dict}
        return ((name, values[name]) for name in self._graph_signature.buffers)

    def buffers(self) -> Iterator[Tensor]:
        """The buffers."""
        return (value for _, value in self.named_buffers())

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises RuntimeError: what is called is the program's module."""
        raise RuntimeError(
            "Unable to call ExportedProgram directly. You should use `exported_program.module()` instead."
        )

    def module(self, check_guards: bool = True) -> UnliftedModule:
        """A module that is called as the exported one, and has its parameters and buffers.

        It raises AssertionError for arguments of sizes that the program does not take, and ValueError for another
        structure of them.
        """
        return unlifted(self, check_guards)

    def checks(self) -> list[Check]:
        """What arguments are checked for: sizes, and values that are no tensors."""
        found: list[Check] = []
        seen: dict[str, str] = {}
        for at, path, sizes in self._conditions.shapes:
            for dim, size in enumerate(sizes):
                found += self._size_checks(at, path, dim, size, seen)
        for text, answer in self._conditions.guards:
            found.append(
                (_shown(text, answer, seen), partial(self._comes_out, compile(text, "<guard>", "eval"), answer))
            )
        return found + constant_checks(self)

    def _size_checks(self, at: int, path: str, dim: int, size: Any, seen: dict[str, str]) -> list[Check]:
        """The checks of one size; where it is equal to one before, that is all."""
        name = f"{path}.size()[{dim}]"

        def check(text: str, holds: Callable[[int, tuple[Any, ...]], bool]) -> Check:
            return f"{name} {text}", lambda args: holds(args[at].shape[dim], args)

        if isinstance(size, int):
            return [check(f"== {size}", lambda n, args: n == size)]
        code = compile(size, "<size>", "eval")
        first = seen.setdefault(size, name)
        if first is not name or not size.isidentifier():
            equal = check(f"== {size if first is name else first}", lambda n, args: n == self._evaluated(code, args))
            return [equal]
        bounds = self._range_constraints[size]
        found = [check(f">= {bounds.lower}", lambda n, args: n >= bounds.lower)] if bounds.lower > 0 else []
        above = [check(f"<= {bounds.upper}", lambda n, args: n <= bounds.upper)] if bounds.upper < int_oo else []
        return found + above

    def _comes_out(self, code: Any, answer: bool, args: tuple[Any, ...]) -> bool:
        return bool(self._evaluated(code, args)) is answer

    def _evaluated(self, code: Any, args: tuple[Any, ...]) -> Any:
        """An expression for the sizes of arguments."""
        return eval(code, {}, self._symbols_of(args))

    def _symbols_of(self, args: tuple[Any, ...]) -> dict[str, int]:
        found: dict[str, int] = {}
        derived: list[tuple[str, int]] = []
        for at, _, sizes in self._conditions.shapes:
            for dim, size in enumerate(sizes):
                if isinstance(size, str) and size.isidentifier():
                    found.setdefault(size, args[at].shape[dim])
                elif isinstance(size, str):
                    derived.append((size, args[at].shape[dim]))
        for text, value in derived:
            unknown = [w for w in text.replace("*", " ").split() if w.isidentifier() and w not in found]
            if len(unknown) == 1:  # factor * name + rest
                known = {**found, unknown[0]: 0}
                rest = eval(text, {}, known)
                found[unknown[0]] = (value - rest) // (eval(text, {}, {**known, unknown[0]: 1}) - rest)
        return found

    def run_decompositions(
        self, decomp_table: Table | None = None, decompose_custom_triton_ops: bool = False
    ) -> ExportedProgram:
        """A program of the same module whose graph has fewer kinds of operators, none of which works in place.

        New values of buffers are outputs of the graph, which `graph_signature` names. What has no rule stays as it is:
        the rules are those for layers and functions that networks use most (`kagari/export/decompositions.py`).

        Args:
            decomp_table (dict): functions of tensors to put in the place of operators; with an empty one all stay.
                Default: the rules of this package
            decompose_custom_triton_ops: has no effect, as there are none.

        Raises NotImplementedError for a change in place of a tensor that shares its memory with another one.

        Example::

            >>> import kagari as torch
            >>> exported = torch.export.export(torch.nn.Linear(2, 1), (torch.ones(3, 2),)).run_decompositions()
            >>> [str(node.target) for node in exported.graph.nodes if node.op == "call_function"]
            ['aten.permute.default', 'aten.addmm.default']
        """
        root, graph, signature = Functional(self, decomp_table).run()
        calls = [ModuleCallEntry(entry.fqn, entry.signature) for entry in self._module_call_graph]
        return ExportedProgram(
            root, graph, signature, dict(self._state_dict), dict(self._range_constraints), calls, self._example_inputs,
            dict(self._constants), self._conditions,
        )  # fmt: skip

    def validate(self) -> None:
        """Checks the graph. Raises RuntimeError where it is not well formed."""
        self.graph.lint()

    def __str__(self) -> str:
        code = self._graph_module.print_readable(print_output=False).replace("\n", "\n    ")
        signature = str(self._graph_signature).replace("\n", "\n    ")
        ranges = self._range_constraints
        return f"ExportedProgram:\n    {code}\nGraph signature: {signature}\nRange constraints: {ranges}\n"


_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _shown(text: str, answer: bool, names: dict[str, str]) -> str:
    """A comparison of sizes as it has to be, with the ways to these in place of their names."""
    text = re.sub(r"\bs\d+\b", lambda found: names.get(found[0], found[0]), text)
    return text if answer else re.sub(r" ([<>=!]=?) ", lambda found: f" {_OPPOSITES[found[1]]} ", text, count=1)


__all__ = ["CallSpec", "Conditions", "ExportedProgram", "ModuleCallEntry", "ModuleCallSignature"]
