"""Whole modules as graphs of PyTorch's operators, for other programs to read: `torch.export`."""

from __future__ import annotations

from typing import Any

from ..capture.dynamo.exc import UserError
from ..eager import Tensor
from ..fx.experimental.symbolic_shapes import ConstraintViolationError, GuardOnDataDependentSymNode
from ..nn import Module
from ..utils import _pytree as pytree
from . import dynamic_shapes, exported_program, graph_signature
from .dynamic_shapes import Dim, ShapesCollection, by_leaf, combined, dims
from .exported_program import Conditions, ExportedProgram, ModuleCallEntry, ModuleCallSignature
from .files import load, save
from .graph_signature import ExportGraphSignature
from .search import Search, places_of
from .tracing import Leaf, Traced

__all__ = [
    "Dim", "ExportGraphSignature", "ExportedProgram", "ModuleCallEntry", "ModuleCallSignature", "ShapesCollection",
    "dims", "dynamic_shapes", "export", "exported_program", "graph_signature", "load", "save",
]  # fmt: skip

_ABOVE = (
    "\n\nThe error above occurred when calling torch.export.export. If you would like to view some more information "
    "about this error, and get a list of all other errors that may occur in your export call, you can replace your "
    "`export()` call with `draft_export()`."
)


def export(
    mod: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    strict: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> ExportedProgram:
    """The graph of the operators of `torch.ops.aten` that a module calls, for arguments such as these.

    The module runs on tensors without memory, so nothing of it changes; what it does in Python, such as a loop, is
    done once. A program that asks for values of tensors has no graph.

    Args:
        mod (Module): what is exported.
        args (tuple), kwargs (dict): example arguments.
        dynamic_shapes: which sizes are free: for each argument, by its name or in order, a dictionary from dimensions
            to a :class:`Dim`, `Dim.AUTO`, `Dim.DYNAMIC`, `Dim.STATIC` or a number; nested as the argument is. All
            others are the example's. Default: none is free
        strict (bool): whether Python itself is analysed. There is one way here; it is accepted as PyTorch has it.
        preserve_module_call_signature: must be empty.
        prefer_deferred_runtime_asserts_over_guards: accepted as PyTorch has it.

    Raises ValueError for what is no module, ``UserError`` where the program contradicts what is said about sizes,
    ``GuardOnDataDependentSymNode`` where it asks for values, NotImplementedError where it calls what has no operator.

    Example::

        >>> import kagari as torch
        >>> class Model(torch.nn.Module):
        ...     def forward(self, x):
        ...         return torch.relu(x) + 1
        >>> exported = torch.export.export(Model(), (torch.ones(2, 3),), dynamic_shapes=({0: torch.export.Dim("n")},))
        >>> print(exported.graph_module.code.strip())
        def forward(self, x):
            relu = torch.ops.aten.relu.default(x);  x = None
            add = torch.ops.aten.add.Tensor(relu, 1);  relu = None
            return (add,)
        >>> exported.module()(torch.zeros(5, 3)).shape
        torch.Size([5, 3])
    """
    if not isinstance(mod, Module):
        raise ValueError(f"Expected `mod` to be an instance of `torch.nn.Module`, got {type(mod)}.")
    if preserve_module_call_signature:
        raise NotImplementedError("export: preserve_module_call_signature is not there yet")
    try:
        if not isinstance(args, tuple):
            raise UserError(f"Expecting `args` to be a tuple of example positional inputs, got {type(args)}")
        return _exported(mod, args, kwargs or {}, dynamic_shapes)
    except (ConstraintViolationError, GuardOnDataDependentSymNode, UserError) as error:
        raise type(error)(f"{error}{_ABOVE}") from None


def _exported(mod: Module, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any) -> ExportedProgram:
    named = combined(mod, args, kwargs)
    if isinstance(shapes, ShapesCollection):
        shapes = shapes.dynamic_shapes(mod, args, kwargs)
    leaves, in_spec = _leaves(named), pytree.tree_structure((args, kwargs))
    search = Search(mod, leaves, in_spec, places_of(leaves, by_leaf(named, shapes)))
    traced = search.run()
    signature = ExportGraphSignature(traced.inputs, traced.outputs)
    kept = mod.state_dict(keep_vars=True)
    targets = [spec.target for spec in traced.inputs if spec.target is not None]
    state = {name: kept[name] for name in [*[n for n in targets if n in kept], *kept]}
    constants = {
        name: traced.constants[name] for name in sorted(traced.constants, key=_non_persistent(mod).__contains__)
    }
    call = ModuleCallSignature([], [], in_spec, traced.out_spec, list(named))
    constraints = search.constraints()
    made = ExportedProgram(
        traced.root, traced.graph, signature, state, constraints, [ModuleCallEntry("", call)], (args, kwargs),
        constants, _conditions(search, leaves, traced),
    )  # fmt: skip
    made.graph_module.meta.update(forward_arg_names=list(named))
    return made


def _non_persistent(mod: Module) -> set[str]:
    return {name for name, _ in mod.named_buffers()}


def _conditions(search: Search, leaves: list[Leaf], traced: Traced) -> Conditions:
    """What is checked before a call of the program's module."""
    names = search.names(search.places)
    shapes: list[tuple[int, str, tuple[Any, ...]]] = []
    for at, leaf in enumerate(leaves):
        if not isinstance(leaf.value, Tensor):
            continue
        sizes: list[Any] = []
        for dim, size in enumerate(leaf.value.shape):
            place = search.places.get((at, dim))
            if place is None:
                sizes.append(int(size))
                continue
            sizes.append(place.text(names))
        shapes.append((at, leaf.source[3:].replace("']", "", 1), tuple(sizes)))
    asked = (*traced.symbols.guards, *search.conditions)
    kept = [guard for guard in asked if guard.left is None or guard.sign in ("==", "!=")]
    labels = {name: free.dim.__name__ for free, name in names.items() if free.dim is not None}
    return Conditions(shapes, list(dict.fromkeys((g.text, g.answer) for g in kept if "?" not in g.text)), labels)


def _leaves(named: dict[str, Any]) -> list[Leaf]:
    """The leaves of the arguments, with names that say the way to them."""
    found = []
    for name, value in named.items():
        for path, leaf in pytree.tree_leaves_with_path(value):
            steps = [str(getattr(key, "idx", getattr(key, "key", getattr(key, "name", key)))) for key in path]
            source = f"L['{name}']" + "".join(pytree.keystr((key,)) for key in path)
            found.append(Leaf("_".join([name, *steps]), source, leaf))
    return found
