"""Making a quantized graph of one that was observed: calls are exchanged, and tensors become integers and numbers where
they have to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ....base import dtypes
from ....eager import Tensor
from ....eager import operators as ops
from ....fx import Graph, GraphModule, Node
from ....fx.node import map_arg
from ....quantized import creation, functions
from ...nn.quantized.base import quantize_weight
from ..quantization_mappings import DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS, DEFAULT_STATIC_QUANT_MODULE_MAPPINGS
from ..utils import activation_is_statically_quantized
from . import roles
from .prepare import Call, is_observer


@dataclass(eq=False)
class _Value:
    """A value of the old graph in the new one: as numbers, as integers, or both."""

    numbers: Node | None = None
    integers: Node | None = None
    observer: Any = None
    number: int = 0  # of observers before this one's


class _Conversion:
    def __init__(self, model: GraphModule, calls: dict[str, Call]) -> None:
        self.model, self.calls = model, calls
        self.modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
        self.graph = Graph()
        self.values: dict[Node, _Value] = {}
        self.names: Counter[str] = Counter()
        self.observers = 0
        self.taken = {node.name for node in model.graph.nodes}

    def run(self) -> GraphModule:
        for node in self.model.graph.nodes:
            if is_observer(node, self.modules):
                self._pass_observer(node)
            elif node.name in self.calls:
                self._exchange(node, self.calls[node.name])
            else:
                self._copy(node)
        self.graph.eliminate_dead_code()
        made = GraphModule(self.model, self.graph, type(self.model).__name__)
        made.delete_all_unused_submodules()
        made.register_state_dict_post_hook(_save_packed)
        made.register_load_state_dict_pre_hook(_load_packed)
        for module in made.modules():
            if hasattr(module, "qconfig"):
                del module.qconfig
        return made

    # Values

    def _numbers(self, node: Node) -> Node:
        value = self.values[node]
        if value.numbers is None:
            name = f"dequantize_{value.number}" if value.number else "dequantize"
            assert value.integers is not None
            value.numbers = self._new("call_method", "dequantize", (value.integers,), name)
        return value.numbers

    def _either(self, node: Node) -> Node:
        value = self.values[node]
        found = value.integers if value.integers is not None else value.numbers
        assert found is not None
        return found

    def _new(self, op: str, target: Any, args: tuple[Any, ...], name: str, kwargs: Any = None) -> Node:
        return self.graph.create_node(op, target, args, kwargs or {}, name)

    def _attribute(self, name: str, value: Any) -> Node:
        if isinstance(value, Tensor):
            self.model.register_buffer(name, value)
        else:
            setattr(self.model, name, value)
        return self.graph.get_attr(name)

    def _parameters(self, prefix: str, observer: Any) -> tuple[Node, Node]:
        """The scale and the zero point of an observer, as attributes of the model."""
        number = self.names[prefix]
        scale, zero_point = observer.calculate_qparams()
        made = [self._attribute(f"{prefix}_{what}_{number}", ops.tensor(value)) for what, value in
                (("scale", float(scale)), ("zero_point", int(zero_point)))]  # fmt: skip
        self.names[prefix] += 1
        return made[0], made[1]

    # Nodes

    def _pass_observer(self, node: Node) -> None:
        source = node.args[0]
        value, observer = self.values[source], self.modules[str(node.target)]
        self.values[node] = value
        value.observer, value.number = observer, self.observers
        self.observers += 1
        users = [self.calls[u.name] for u in node.users if u.name in self.calls and not self.calls[u.name].dynamic]
        if value.integers is not None or not users or observer.dtype not in (dtypes.quint8, dtypes.qint8):
            return
        if source.op == "get_attr":  # the weight of a function, which is packed
            self.names[users[0].path.replace(".", "_")] += 1
            return
        scale, zero_point = self._parameters(f"{users[0].path.replace('.', '_')}_input", observer)
        quantize = creation.quantize_per_tensor
        name = f"quantize_per_tensor_{value.number}" if value.number else "quantize_per_tensor"
        args = (value.numbers, scale, zero_point, observer.dtype)
        value.integers = self._new("call_function", quantize, args, name)

    def _copy(self, node: Node) -> None:
        """A call that stays as it is, with numbers."""
        take = self._either if roles.role_of(node, self.modules) == roles.INFO else self._numbers
        self.values[node] = _Value(self.graph.node_copy(node, take))

    def _exchange(self, node: Node, call: Call) -> None:
        if call.role == roles.TABLE or call.dynamic:
            self._swap(node, call, DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS)
            self.values[node] = _Value(self.graph.node_copy(node, self._numbers))
            return
        observer = self._behind(node)
        joins = observer is None and any(self.calls[u.name].joined for u in node.users if u.name in self.calls)
        if joins:
            self.values[node] = _Value()  # made with the ReLU behind it
            return
        follows = call.role in (roles.SHARED, roles.CAT)  # what its input says
        if observer is None or not (follows or activation_is_statically_quantized(call.qconfig)):
            self._copy(node)
            return
        if node.op != "call_module" or call.joined:
            self._exchange_function(node, call, observer)
            return
        if call.role in (roles.WEIGHTED, roles.OWN) or type(self.modules[str(node.target)]).__name__ in _RENAMED:
            self._swap(node, call, DEFAULT_STATIC_QUANT_MODULE_MAPPINGS, observer)
        self.values[node] = _Value(None, self.graph.node_copy(node, self._either))

    def _behind(self, node: Node) -> Any:
        """The observer of a call's results; None where there is none."""
        for user in node.users:
            if is_observer(user, self.modules):
                return self.modules[str(user.target)]
        return None

    def _swap(self, node: Node, call: Call, table: dict[Any, Any], observer: Any = None) -> None:
        path = str(node.target)
        layer = self.modules[path]
        if type(layer) not in table:
            return
        layer.qconfig = call.qconfig
        if observer is not None:
            layer.activation_post_process = observer
        made = table[type(layer)].from_float(layer)
        parent, _, name = path.rpartition(".")
        setattr(self.model.get_submodule(parent), name, made)
        self.modules[path] = made

    # Functions

    def _exchange_function(self, node: Node, call: Call, observer: Any) -> None:
        prefix = call.path.replace(".", "_")
        if call.role in (roles.SHARED, roles.CAT, roles.FIXED):
            self.names[prefix] += 1
            self.values[node] = _Value(None, self.graph.node_copy(node, self._either))
            return
        inner = node.args[0] if call.joined else node
        if call.role == roles.BINARY:
            made = self._binary(inner, call, observer, prefix)
        elif call.role == roles.FUNCTIONAL:
            made = self._functional(inner, call, observer, prefix)
        else:
            made = self._own(inner, observer, prefix)
        self.values[node] = _Value(None, made)

    def _function(
        self, name: str, args: tuple[Any, ...], kept: str | None = None, kwargs: dict[str, Any] | None = None
    ) -> Node:
        target = functions.find(name)
        shown, count = kept or name, 0
        while kept is None and shown in self.taken:
            count += 1
            shown = f"{name}_{count}"
        self.taken.add(shown)
        return self._new("call_function", target, args, shown, kwargs)

    def _binary(self, node: Node, call: Call, observer: Any, prefix: str) -> Node:
        name = roles.BINARY_CALLS[roles.name_of(node)] + "_relu" * call.joined
        args = [map_arg(a, self._either) for a in node.args[:2]]
        tensors = [isinstance(a, Node) and a in self.values and self.values[a].integers is not None
                   for a in node.args[:2]]  # fmt: skip
        if not all(tensors):
            self.names[prefix] += 1
            return self._function(name, tuple(args if tensors[0] else args[::-1]))
        return self._function(name, (*args, *self._parameters(prefix, observer)))

    def _own(self, node: Node, observer: Any, prefix: str) -> Node:
        name = roles.name_of(node)
        args = tuple([map_arg(a, self._either) for a in node.args])
        kept = {k: map_arg(v, self._either) for k, v in node.kwargs.items() if k not in _DROPPED.get(name, ())}
        scale, zero_point = self._parameters(prefix, observer)
        return self._function(name, args, None, {**kept, "output_scale": scale, "output_zero_point": zero_point})

    def _functional(self, node: Node, call: Call, observer: Any, prefix: str) -> Node:
        """A linear map or a convolution as a function: its weight is packed, once."""
        name = roles.name_of(node)
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        given = {**dict(zip(names, node.args)), **node.kwargs}
        weight, bias = (self._constant(given.get(part)) for part in ("weight", "bias"))
        weight_observer = self.values[given["weight"]].observer
        weight_observer(weight)
        packed = quantize_weight(weight, weight_observer)
        if name == "linear":
            params = functions.find("linear_prepack")(packed, bias)
        else:
            form = [given.get("stride", 1), given.get("padding", 0), given.get("dilation", 1)]
            params = functions.find(f"{name}_prepack")(packed, bias, *form, given.get("groups", 1))
        number = self.names["packed"]
        self.names["packed"] += 1
        held = self._attribute(f"{prefix}_packed_weight_{number}", params)
        parameters = self._parameters(prefix, observer)
        joined = "_relu" * call.joined
        return self._function(name + joined, (self._either(given["input"]), held, *parameters), node.name)

    def _constant(self, node: Any) -> Any:
        """The tensor that a node stands for: a parameter, or a buffer. Raises NotImplementedError for any other."""
        while isinstance(node, Node) and is_observer(node, self.modules):
            node = node.args[0]
        if node is None:
            return None
        if not isinstance(node, Node) or node.op != "get_attr":
            raise NotImplementedError("a weight that is computed is not quantized")
        found: Any = self.model
        for part in str(node.target).split("."):
            found = getattr(found, part)
        return found


_DROPPED = {
    "dropout": ("inplace",), "elu": ("inplace",), "hardswish": ("inplace",),
    "instance_norm": ("running_mean", "running_var", "use_input_stats", "momentum"),
}  # fmt: skip
"""Arguments of functions of numbers that those of quantized tensors do not have."""
_PACKED = "packed_weight_"


def _save_packed(module: Any, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Adds packed weights, which are no tensors, to a state."""
    for name, value in vars(module).items():
        if _PACKED in name:
            state[prefix + name] = value


def _load_packed(module: Any, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Takes packed weights from a state."""
    for name in [name for name in vars(module) if _PACKED in name and prefix + name in state]:
        setattr(module, name, state.pop(prefix + name))


_RENAMED = frozenset(["ReLU6"])


def convert(model: GraphModule) -> GraphModule:
    """The quantized graph of one that was prepared."""
    return _Conversion(model, model.meta["quantization"]).run()


__all__ = ["convert"]
