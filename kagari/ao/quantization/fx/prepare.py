"""Putting observers into a graph: behind the calls that are to be quantized, and before them where nothing is yet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ....fx import GraphModule, Node
from ..observer import FixedQParamsObserver, ReuseInputObserver, is_activation_post_process
from ..qconfig_mapping import QConfigMapping
from ..quantization_mappings import DEFAULT_QAT_MODULE_MAPPINGS
from ..utils import activation_is_dynamically_quantized, activation_is_statically_quantized
from . import roles

OBSERVER = "activation_post_process_"


@dataclass
class Call:
    """A call that is to be quantized: its role, its configuration, and whether it is the ReLU behind a sum or product
    that is quantized together with it.
    """

    role: str
    qconfig: Any
    path: str  # of the module that it is in, or calls
    dynamic: bool = False
    joined: bool = False


def path_of(node: Node) -> str:
    """The path of the module that a node calls, or stands in."""
    if node.op == "call_module":
        return str(node.target)
    stack: dict[str, Any] = node.meta.get("nn_module_stack") or {}
    return list(stack)[-1] if stack else ""


class _Preparation:
    def __init__(self, model: GraphModule, mapping: QConfigMapping) -> None:
        self.model, self.mapping = model, mapping
        self.modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
        self.calls: dict[str, Call] = {}
        self.observed: dict[Node, Node] = {}  # values, and the observers behind them
        self.order: Counter[Any] = Counter()

    def run(self) -> dict[str, Call]:
        for node in list(self.model.graph.nodes):
            role = roles.role_of(node, self.modules)
            if role is None or role == roles.INFO:
                continue
            call = self._call(node, role)
            if call is not None:
                self.calls[node.name] = call
                self._observe(node, call)
        return self.calls

    def _call(self, node: Node, role: str) -> Call | None:
        """What is to become of a call; None where it stays as it is."""
        kind, path = roles.kind_of(node, self.modules), path_of(node)
        number = self.order[path, str(kind)]
        self.order[path, str(kind)] += 1
        qconfig = self.mapping.find(path, kind, number)
        if qconfig is None:
            return None
        if role == roles.TABLE:
            return Call(role, qconfig, path) if qconfig.weight().dtype.name == "quint8" else None
        if activation_is_dynamically_quantized(qconfig):
            return Call(role, qconfig, path, True) if role in (roles.WEIGHTED, roles.RECURRENT) else None
        before = self._producer(node)
        if role == roles.SHARED and before is not None:
            inner = self.calls.get(before.name)
            joins = roles.is_relu(node, self.modules) and len(before.users) == 1
            if joins and inner is not None and inner.role in _JOINING:
                return Call(inner.role, inner.qconfig, path, joined=True)
            if before in self.observed.values():
                return Call(role, qconfig, path)
        if not (activation_is_statically_quantized(qconfig) or _reuses(qconfig)):
            return None
        if role == roles.RECURRENT or (role == roles.FIXED and not _is_fixed(qconfig)):
            return None
        return Call(role, qconfig, path)

    def _producer(self, node: Node) -> Node | None:
        first = node.args[0] if node.args else None
        return first if isinstance(first, Node) else None

    def _observe(self, node: Node, call: Call) -> None:
        if call.role == roles.TABLE:
            return
        if not call.joined:
            for arg in self._inputs(node, call):
                self._observe_input(node, arg, call)
        if call.dynamic:
            return
        if call.role in _JOINING and any(roles.is_relu(n, self.modules) for n in node.users) and len(node.users) == 1:
            return  # what is observed is the positive part
        with_number = call.role == roles.BINARY and not call.joined and len(self._inputs(node, call)) == 1
        if call.role in (roles.SHARED, roles.CAT) or with_number:
            self._share(node)
        else:
            self._put_behind(node, call.qconfig.activation())

    def _inputs(self, node: Node, call: Call) -> list[Node]:
        """The tensors that a call takes as integers."""
        if call.role == roles.CAT:
            return [a for a in node.args[0] if isinstance(a, Node)] if node.args else []
        if call.role == roles.BINARY:
            return [a for a in node.args[:2] if isinstance(a, Node) and self._is_tensor(a)]
        if call.role == roles.FUNCTIONAL:
            given = [*node.args[:2], *[node.kwargs[k] for k in ("input", "weight") if k in node.kwargs]]
            return [a for a in given if isinstance(a, Node)]
        first = self._producer(node)
        return [first] if first is not None else [a for a in list(node.kwargs.values())[:1] if isinstance(a, Node)]

    def _is_tensor(self, node: Node) -> bool:
        if roles.role_of(node, self.modules) == roles.INFO or roles.name_of(node) in ("getattr", "floordiv"):
            return False
        return roles.name_of(node) != "getitem" or self._is_tensor(node.args[0])

    def _observe_input(self, node: Node, arg: Node, call: Call) -> None:
        if arg in self.observed.values():
            return
        if arg not in self.observed:
            is_weight = call.role == roles.FUNCTIONAL and arg.op == "get_attr"
            made = call.qconfig.weight() if is_weight else call.qconfig.activation()
            if isinstance(made, ReuseInputObserver):
                made = self.mapping.global_qconfig.activation()
            self._add(arg, made)
        node.replace_input_with(arg, self.observed[arg])

    def _share(self, node: Node) -> None:
        """The result is quantized as the inputs are, all of which have one observer."""
        seen = [n for n in node.all_input_nodes if n in self.observed.values()]
        if not seen:
            return
        observer = self.modules[str(seen[0].target)]
        for other in seen[1:]:
            setattr(self.model, str(other.target), observer)
            self.modules[str(other.target)] = observer
        self._put_behind(node, observer)

    def _put_behind(self, node: Node, observer: Any) -> None:
        users = list(node.users)
        made = self._add(node, observer)
        for user in users:
            user.replace_input_with(node, made)

    def _add(self, node: Node, observer: Any) -> Node:
        number = len(self.observed)
        name = f"{OBSERVER}{number}"
        setattr(self.model, name, observer)
        self.modules[name] = observer
        with self.model.graph.inserting_after(node):
            made = self.model.graph.call_module(name, (node,))
        self.observed[node] = made
        return made


_JOINING = (roles.BINARY, roles.FUNCTIONAL)


def _reuses(qconfig: Any) -> bool:
    return isinstance(qconfig.activation(), ReuseInputObserver)


def _is_fixed(qconfig: Any) -> bool:
    made = qconfig.activation()
    return isinstance(getattr(made, "activation_post_process", made), FixedQParamsObserver)


def is_observer(node: Node, modules: dict[str, Any]) -> bool:
    """Whether a node calls an observer."""
    return node.op == "call_module" and is_activation_post_process(modules[str(node.target)])


def exchange_for_training(model: GraphModule, mapping: QConfigMapping) -> None:
    """Puts layers with fake quantized weights in place of those that have such."""
    modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
    for node in model.graph.nodes:
        if node.op == "call_module" and type(modules[str(node.target)]) in DEFAULT_QAT_MODULE_MAPPINGS:
            layer = modules[str(node.target)]
            layer.qconfig = mapping.find(path_of(node), _float_kind(layer), 0)
            if layer.qconfig is not None:
                made = DEFAULT_QAT_MODULE_MAPPINGS[type(layer)].from_float(layer)
                parent, _, name = str(node.target).rpartition(".")
                setattr(model.get_submodule(parent), name, made)


def _float_kind(layer: Any) -> Any:
    """The class by which a layer, or the first of several in one, is configured."""
    return type(layer[0]) if hasattr(layer, "__getitem__") else type(layer)


def prepare(model: GraphModule, mapping: QConfigMapping) -> GraphModule:
    """The graph of a model with observers in it."""
    calls = _Preparation(model, mapping).run()
    made = GraphModule(model, model.graph, "GraphModule")
    made.train(model.training)
    made.meta["quantization"] = calls
    return made


__all__ = ["OBSERVER", "Call", "exchange_for_training", "is_observer", "path_of", "prepare"]
