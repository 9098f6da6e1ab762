"""Scripts whose parameters and attributes are constants of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..nn import Module
from ..nn.utils.fusion import fuse_conv_bn_weights
from . import types
from .function import RecursiveScriptModule, ScriptModule
from .ir import Graph, Node, Value
from .passes import drop_unused, fold, has_effect, inlined
from .running import evaluate
from .types import Class, Method

_CONVOLUTIONS = frozenset(("aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::_convolution"))
_RANDOM = ("rand", "bernoulli", "dropout", "feature_dropout", "alpha_dropout", "multinomial", "normal", "poisson",
           "empty", "rrelu", "new_empty")  # fmt: skip


def freeze(mod: Any, preserved_attrs: Sequence[str] | None = None, optimize_numerics: bool = True) -> Any:
    """A script with all calls inlined, and all attributes that it never changes as constants.

    Raises RuntimeError for what is no script's module in evaluation mode, and for names that are not there.

    Args:
        mod: a script's module, in evaluation mode
        preserved_attrs: attributes and methods that stay
        optimize_numerics (bool): see :func:`run_frozen_optimizations`. Default: ``True``

    >>> import kagari as torch
    >>> frozen = torch.jit.freeze(torch.jit.script(torch.nn.Linear(2, 3).eval()))
    >>> print(frozen.code)
    def forward(self,
        input: Tensor) -> Tensor:
      _0 = torch.linear(input, CONSTANTS.c0, CONSTANTS.c1)
      return _0
    <BLANKLINE>
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your "
            "'nn.Module'."
        )
    if mod.training and "training" in mod._script_type.attributes:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
            "before freezing."
        )
    made = _Freezer(mod, tuple(preserved_attrs or ())).frozen()
    run_frozen_optimizations(made, optimize_numerics)
    return made


def run_frozen_optimizations(
    mod: Any, optimize_numerics: bool = True, preserved_methods: Sequence[str] | None = None
) -> None:
    """Has normalizations of what a convolution gives be part of the convolution, in the graphs of a frozen script.

    Nothing happens without `optimize_numerics`, as the results are not equal to the last digit. `preserved_methods` are
    methods besides `forward`; all that a frozen script has are changed.

    >>> import kagari as torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    >>> print(torch.jit.freeze(torch.jit.script(net)).code)
    def forward(self,
        input: Tensor) -> Tensor:
      _0 = torch.conv2d(input, CONSTANTS.c0, CONSTANTS.c1)
      return _0
    <BLANKLINE>
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError("expected a script's module")
    for name in dict.fromkeys((*mod._script_type.methods, *(preserved_methods or ()))):
        if name not in mod._script_type.methods:
            raise AttributeError(f"Method {name} is not available on module")
        if optimize_numerics:
            _fuse_normalizations(mod._script_type.methods[name].graph)


def optimize_for_inference(mod: Any, other_methods: Sequence[str] | None = None) -> Any:
    """The script, frozen if it was not: kernels are made for the processor and the sizes of each call anyway.

    >>> import kagari as torch
    >>> torch.jit.optimize_for_inference(torch.jit.script(torch.nn.ReLU().eval()))
    RecursiveScriptModule(original_name=ReLU)
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace "
            "to script your 'nn.Module'."
        )
    if "training" in mod._script_type.attributes:
        return freeze(mod.eval(), other_methods)
    return mod


class _Freezer:
    """Makes the frozen module."""

    def __init__(self, mod: ScriptModule, preserved: tuple[str, ...]) -> None:
        self.mod, self.preserved = mod, preserved
        known = mod._script_type
        for name in preserved:
            if name not in known.attributes and name not in known.methods:
                raise RuntimeError(f"Unknown name: {name}")
        self.kind = Class(known.name, is_module=True)
        self.kept: dict[str, Any] = {name: getattr(mod, name) for name in preserved if name in known.attributes}

    def frozen(self) -> ScriptModule:
        """The module."""
        source = self.mod._script_type.methods
        names = [n for n in dict.fromkeys(("forward", *self.preserved)) if n in source]
        graphs = {name: inlined(source[name].graph) for name in names}
        changed = {path for graph in graphs.values() for path in self._paths(graph, _written)}
        for graph in graphs.values():
            self._settle(graph, changed, tensors=False)
        changed |= {path for graph in graphs.values() for path in self._paths(graph, _overwritten)}
        for name, graph in graphs.items():
            self._settle(graph, changed, tensors=True)
            graph.params[0].type = self.kind
            method = source[name]
            self.kind.methods[name] = Method(name, method.arguments, graph.result, made=graph)
        made = RecursiveScriptModule(self.kind)
        for name, value in self.kept.items():
            self.kind.attributes[name] = self.mod._script_type.attributes[name]
            _set(made, name, value)
        object.__setattr__(made, "training", False)
        return made

    def _paths(self, graph: Graph, owned: Any) -> list[tuple[str, ...]]:
        """The attributes that nodes change."""
        found = []
        for node in graph.walk():
            path = owned(node, graph.params[0])
            if path is not None:
                found.append(path)
        return found

    def _settle(self, graph: Graph, changed: set[tuple[str, ...]], tensors: bool) -> None:
        """Has attributes be constants, and what follows from them."""
        for node in graph.nodes_of("prim::GetAttr"):
            path = _path(node.output, graph.params[0])
            if path is None or isinstance(node.output.type, Class):
                continue
            value = self._value(path)
            if path[0] in self.preserved or path in changed:
                self.kept[path[0]] = getattr(self.mod, path[0])
            elif isinstance(value, Tensor) is tensors or value is None:
                held = value.detach() if isinstance(value, Tensor) else value
                kind = node.output.type if value is not None else types.Nothing
                node.output.replace_by(graph.constant(held, kind, node))
                node.remove()
        fold(graph, graph, evaluate)
        if tensors:
            _fold_tensors(graph)
            _fold_lists(graph)
        drop_unused(graph)

    def _value(self, path: tuple[str, ...]) -> Any:
        found: Any = self.mod
        for name in path:
            found = getattr(found, name)
        return found


def _set(made: ScriptModule, name: str, value: Any) -> None:
    if isinstance(value, Module):
        made.add_module(name, value)
    elif isinstance(value, Tensor):
        made.register_buffer(name, value)
        made._script_type.buffers.append(name)
    else:
        object.__setattr__(made, name, value)


def _path(value: Value, own: Value) -> tuple[str, ...] | None:
    """The names that lead from the module to a value; None for any other value."""
    names: list[str] = []
    while value is not own:
        if value.node is None or value.node.kind != "prim::GetAttr":
            return None
        names.insert(0, value.node.attributes["name"])
        value = value.node.inputs[0]
    return tuple(names)


def _written(node: Node, own: Value) -> tuple[str, ...] | None:
    """The attribute that a node assigns to."""
    if node.kind != "prim::SetAttr":
        return None
    owner = _path(node.inputs[0], own)
    return None if owner is None else (*owner, node.attributes["name"])


def _overwritten(node: Node, own: Value) -> tuple[str, ...] | None:
    """The attribute whose elements a node changes."""
    if node.schema is None or not node.schema.mutates or not node.inputs:
        return None
    return _path(node.inputs[0], own) or None


def _fold_tensors(graph: Graph) -> None:
    """Computes what depends on constants alone, tensors among them."""
    for node in list(graph.nodes):
        name = node.kind.partition("::")[2]
        plain = node.schema is not None and not has_effect(node) and not node.blocks and len(node.outputs) == 1
        known = all(v.is_constant for v in node.inputs) and any(isinstance(v.constant, Tensor) for v in node.inputs)
        if plain and known and not name.startswith(_RANDOM) and node.output.type == types.Tensor:
            with no_grad():
                made = graph.constant(evaluate(node), types.Tensor, node)
            node.output.replace_by(made)
            node.remove()


def _fold_lists(graph: Graph) -> None:
    """Lists of known numbers that are arguments of operators which don't change them."""
    for node in graph.nodes_of("prim::ListConstruct"):
        known = all(v.is_constant and isinstance(v.constant, int | float) for v in node.inputs)
        if known and node.inputs and all(u.schema is not None and not u.schema.mutates for u in node.output.uses):
            made = graph.constant([v.constant for v in node.inputs], node.output.type, node)
            node.output.replace_by(made)
            node.remove()


def _fold_ranks(graph: Graph) -> None:
    """The number of dimensions of what a convolution with a known weight gives: that of a batch."""
    for node in graph.nodes_of("aten::dim"):
        source = node.inputs[0].node
        if source is not None and source.kind in _CONVOLUTIONS and source.inputs[1].is_constant:
            node.output.replace_by(graph.constant(source.inputs[1].constant.dim(), types.Int, node))
            node.remove()
    fold(graph, graph, evaluate)
    drop_unused(graph)


def _fuse_normalizations(graph: Graph) -> None:
    """Convolutions that are followed by a normalization with known statistics."""
    _fold_ranks(graph)
    for node in graph.nodes_of("aten::batch_norm"):
        source = node.inputs[0].node
        if source is None or source.kind not in _CONVOLUTIONS:
            continue
        known = [v.is_constant for v in (*source.inputs[1:3], *node.inputs[1:])]
        turned = source.kind == "aten::_convolution" and source.inputs[6].constant
        if not all(known) or turned or node.inputs[5].constant or len(source.output.uses) > 1:
            continue
        weight, bias = (v.constant for v in source.inputs[1:3])
        scale, shift, mean, var = (v.constant for v in node.inputs[1:5])
        if mean is None or var is None:
            continue
        fused = fuse_conv_bn_weights(weight, bias, mean, var, node.inputs[7].constant, scale, shift)
        for at, value in enumerate(fused, 1):
            source.set_input(at, graph.constant(value.detach(), types.Tensor, source))
        source.output.name = ""
        node.output.replace_by(source.output)
        node.remove()
    drop_unused(graph)


__all__ = ["freeze", "optimize_for_inference", "run_frozen_optimizations"]
