"""Nested containers as trees: taking them apart to a list of leaves, and putting them together again.

Lists, tuples, named tuples, dictionaries (ordered and with defaults, too), deques and what functions such as
:func:`max` return are nodes, and so is every class that :func:`register_pytree_node` has made known. All else is a
leaf, None and objects of derived classes among it.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, NamedTuple

from ..eager import Size
from ..eager.results import Result

__all__ = [
    "Context", "GetAttrKey", "LeafSpec", "MappingKey", "PyTree", "SUPPORTED_NODES", "SequenceKey", "TreeSpec",
    "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance", "is_structseq", "is_structseq_class",
    "is_structseq_instance", "key_get", "keystr", "register_pytree_node", "tree_all", "tree_all_only", "tree_any",
    "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf", "tree_iter", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path",
    "tree_structure", "tree_unflatten",
]  # fmt: skip

PyTree = Any
Context = Any
_IsLeaf = Callable[[Any], bool]
_Kind = type[Any] | tuple[type[Any], ...] | UnionType


# The way to a leaf


@dataclass(frozen=True)
class SequenceKey:
    """The step to an element of a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The element of this sequence."""
        return sequence[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """The step to a value of a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value of this mapping."""
        return mapping[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """The step to a field by its name."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The field of this object."""
        return getattr(obj, self.name)


_Path = tuple[Any, ...]


def keystr(kp: _Path) -> str:
    """The way to a leaf as an expression.

    >>> keystr((MappingKey("a"), SequenceKey(1)))
    "['a'][1]"
    """
    return "".join(map(str, kp))


def key_get(obj: Any, kp: _Path) -> Any:
    """What stands at the end of a way.

    >>> key_get({"a": [1, 2]}, (MappingKey("a"), SequenceKey(1)))
    2
    """
    for key in kp:
        obj = key.get(obj)
    return obj


# The kinds of nodes


def is_namedtuple_class(cls: type) -> bool:
    """Whether it is a class of named tuples.

    >>> is_namedtuple_class(tuple)
    False
    """
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)
        and callable(getattr(cls, "_make", None))
        and callable(getattr(cls, "_asdict", None))
    )


def is_namedtuple_instance(obj: object) -> bool:
    """Whether it is a named tuple.

    >>> is_namedtuple_instance((1, 2))
    False
    """
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: object | type) -> bool:
    """Whether it is a named tuple or a class of them.

    >>> is_namedtuple((1, 2))
    False
    """
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls: type) -> bool:
    """Whether it is a class of results with named fields, such as `time.struct_time`.

    >>> import time
    >>> is_structseq_class(time.struct_time)
    True
    """
    if isinstance(cls, type) and issubclass(cls, Result):
        return cls is not Result
    counts = ("n_fields", "n_sequence_fields", "n_unnamed_fields")
    return (
        isinstance(cls, type)
        and cls.__bases__ == (tuple,)
        and all(isinstance(getattr(cls, name, None), int) for name in counts)
    )


def is_structseq_instance(obj: object) -> bool:
    """Whether it is a result with named fields.

    >>> import time
    >>> is_structseq_instance(time.gmtime())
    True
    """
    return is_structseq_class(type(obj))


def is_structseq(obj: object | type) -> bool:
    """Whether it is a result with named fields or a class of them.

    >>> is_structseq(tuple)
    False
    """
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


class NodeDef(NamedTuple):
    """How objects of one class are taken apart and put together."""

    type: type[Any]
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None


SUPPORTED_NODES: dict[Any, NodeDef] = {}


def register_pytree_node(
    cls: type[Any],
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Makes a class known whose objects are nodes from now on.

    Args:
        cls: the class itself; derived classes stay leaves.
        flatten_fn: gives the children of an object, and a context with what else is needed to make it again.
        unflatten_fn: makes an object of children and context.
        serialized_type_name, to_dumpable_context, from_dumpable_context: accepted as PyTorch has them.
        flatten_with_keys_fn: as ``flatten_fn``, each child together with the key that leads to it.

    Raises ValueError where the class is known.

    >>> class Pair:
    ...     def __init__(self, *sides):
    ...         self.sides = sides
    >>> register_pytree_node(Pair, lambda pair: (pair.sides, None), lambda sides, _: Pair(*sides))
    >>> tree_leaves([Pair(1, [2, 3])])
    [1, 2, 3]
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _get_node_type(tree: Any) -> Any:
    """Under which key of SUPPORTED_NODES an object is found, if it is there."""
    kind = type(tree)
    if kind in SUPPORTED_NODES:
        return kind
    if issubclass(kind, Result):
        _register_sequence(kind, kind)
        return kind
    return _NAMED if is_namedtuple_class(kind) else kind


def _is_leaf(tree: Any, is_leaf: _IsLeaf | None = None) -> bool:
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


def _sequence_keys(children: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [(SequenceKey(i), child) for i, child in enumerate(children)]


def _dict_flatten(d: Mapping[Any, Any]) -> tuple[list[Any], list[Any]]:
    return list(d.values()), list(d)


def _dict_flatten_with_keys(d: Mapping[Any, Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_unflatten(values: Iterable[Any], context: list[Any]) -> dict[Any, Any]:
    return dict(zip(context, values))


def _register_sequence(cls: type[Any], make: Callable[[Iterable[Any]], Any]) -> None:
    def flatten_with_keys(sequence: Any) -> tuple[list[tuple[Any, Any]], None]:
        return _sequence_keys(sequence), None

    register_pytree_node(
        cls, lambda s: (list(s), None), lambda c, _: make(c), flatten_with_keys_fn=flatten_with_keys
    )  # fmt: skip


_NAMED = namedtuple
_register_sequence(tuple, tuple)
_register_sequence(list, list)
_register_sequence(Size, Size)
register_pytree_node(dict, _dict_flatten, _dict_unflatten, flatten_with_keys_fn=_dict_flatten_with_keys)
register_pytree_node(
    OrderedDict,
    _dict_flatten,
    lambda values, keys: OrderedDict(zip(keys, values)),
    flatten_with_keys_fn=_dict_flatten_with_keys,
)
register_pytree_node(
    defaultdict,
    lambda d: (list(d.values()), [d.default_factory, list(d)]),
    lambda values, context: defaultdict(context[0], zip(context[1], values)),
    flatten_with_keys_fn=lambda d: (_dict_flatten_with_keys(d)[0], [d.default_factory, list(d)]),
)
register_pytree_node(
    deque,
    lambda d: (list(d), d.maxlen),
    lambda values, length: deque(values, maxlen=length),
    flatten_with_keys_fn=lambda d: (_sequence_keys(d), d.maxlen),
)
register_pytree_node(
    _NAMED,  # type: ignore[arg-type]
    lambda t: (list(t), type(t)),
    lambda values, cls: cls(*values),
    flatten_with_keys_fn=lambda t: ([(GetAttrKey(n), v) for n, v in zip(t._fields, t)], type(t)),
)
_MAPPINGS = frozenset((dict, OrderedDict, defaultdict))


# Structure


@dataclass
class TreeSpec:
    """The structure of a tree: the kind of its root, its context, and the structures of its children.

    >>> tree_structure([1, (2, 3)])
    TreeSpec(list, None, [*,
      TreeSpec(tuple, None, [*,
        *])])
    """

    type: Any
    context: Context
    children_specs: list[TreeSpec]
    num_nodes: int = field(init=False)
    num_leaves: int = field(init=False)
    num_children: int = field(init=False)

    def __post_init__(self) -> None:
        inside = self.children_specs
        self.num_children = len(inside)
        self.num_nodes = 1 + sum(child.num_nodes for child in inside)
        self.num_leaves = 1 if self.is_leaf() else sum(child.num_leaves for child in inside)

    def __repr__(self, indent: int = 0) -> str:
        if self.is_leaf():
            return "*"
        inside = [child.__repr__(indent + 2) for child in self.children_specs]
        if len(inside) > 1:
            inside[1:] = [" " * (indent + 2) + text for text in inside[1:]]
        name = "namedtuple" if self.type is _NAMED else self.type.__name__
        return f"TreeSpec({name}, {self.context}, [{f',{chr(10)}'.join(inside)}])"

    def __hash__(self) -> int:
        context = self.context
        if self.type is defaultdict:
            context = (context[0], *context[1])
        elif self.type in (dict, OrderedDict):
            context = tuple(context)
        return hash((self.type, context, tuple(self.children_specs)))

    def is_leaf(self) -> bool:
        """Whether it is the structure of a single leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The structures of the children."""
        return self.children_specs.copy()

    def child(self, index: int) -> TreeSpec:
        """The structure of one child."""
        return self.children_specs[index]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this structure with these leaves. Raises ValueError where their number is another."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._make(iter(leaves))

    def _make(self, leaves: Iterator[Any]) -> Any:
        if self.is_leaf():
            return next(leaves)
        children = [child._make(leaves) for child in self.children_specs]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self.context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of a tree that stand where this structure has leaves.

        Raises ValueError where the tree is another one above them.
        """
        parts: list[Any] = []
        self._collect(tree, parts)
        return parts

    def _collect(self, tree: Any, parts: list[Any]) -> None:
        if self.is_leaf():
            parts.append(tree)
            return
        kind = _get_node_type(tree)
        if kind is not self.type and not (kind in _MAPPINGS and self.type in _MAPPINGS):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        children = list(children)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if kind in _MAPPINGS:
            keys = self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(tree):
                missing, extra = set(keys) - set(tree), set(tree) - set(keys)
                raise ValueError(f"Node keys mismatch; missing key(s): {missing}; extra key(s): {extra}.")
            children = [tree[key] for key in keys]
        elif kind is not deque and context != self.context:
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}; expected {self.context!r}, but got {context!r}."
            )
        for child, part in zip(self.children_specs, children):
            child._collect(part, parts)


_LEAF = TreeSpec(None, None, [])


def LeafSpec() -> TreeSpec:
    """The structure of a leaf.

    >>> LeafSpec()
    *
    """
    return _LEAF


def tree_is_leaf(tree: PyTree, is_leaf: _IsLeaf | None = None) -> bool:
    """Whether it is a leaf: no node, or one for which ``is_leaf`` is true.

    >>> tree_is_leaf(1), tree_is_leaf([1])
    (True, False)
    """
    return _is_leaf(tree, is_leaf)


# Taking apart, putting together


def tree_iter(tree: PyTree, is_leaf: _IsLeaf | None = None) -> Iterator[Any]:
    """The leaves, one after the other.

    >>> list(tree_iter({"a": 1, "b": [2, 3]}))
    [1, 2, 3]
    """
    if _is_leaf(tree, is_leaf):
        yield tree
    else:
        for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
            yield from tree_iter(child, is_leaf)


def tree_leaves(tree: PyTree, is_leaf: _IsLeaf | None = None) -> list[Any]:
    """The list of the leaves, from left to right; a dictionary has its own order.

    >>> tree_leaves({"b": 1, "a": [2, 3]})
    [1, 2, 3]
    """
    return list(tree_iter(tree, is_leaf))


def _flatten(tree: Any, leaves: list[Any], is_leaf: _IsLeaf | None) -> TreeSpec:
    if _is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree: PyTree, is_leaf: _IsLeaf | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, and its structure.

    >>> tree_flatten((1, [2]))
    ([1, 2], TreeSpec(tuple, None, [*,
      TreeSpec(list, None, [*])]))
    """
    leaves: list[Any] = []
    structure = _flatten(tree, leaves, is_leaf)
    return leaves, structure


def tree_structure(tree: PyTree, is_leaf: _IsLeaf | None = None) -> TreeSpec:
    """The structure of a tree.

    >>> tree_structure([1]) == tree_structure([2])
    True
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree with these leaves: the inverse of :func:`tree_flatten`.

    Raises TypeError where ``treespec`` is no structure, ValueError where the number of leaves is another.

    >>> tree_unflatten([1, 2], tree_structure({"a": 0, "b": [0]}))
    {'a': 1, 'b': [2]}
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    return treespec.unflatten(leaves)


def _with_paths(tree: Any, path: _Path, is_leaf: _IsLeaf | None) -> Iterator[tuple[_Path, Any]]:
    if _is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _get_node_type(tree)
    flatten = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if flatten is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to "
            "register_pytree_node."
        )
    for key, child in flatten(tree)[0]:
        yield from _with_paths(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: _IsLeaf | None = None) -> list[tuple[_Path, Any]]:
    """The leaves, each behind the keys that lead to it.

    >>> tree_leaves_with_path({"a": [5]})
    [((MappingKey(key='a'), SequenceKey(idx=0)), 5)]
    """
    return list(_with_paths(tree, (), is_leaf))


def tree_flatten_with_path(
    tree: PyTree, is_leaf: _IsLeaf | None = None
) -> tuple[list[tuple[_Path, Any]], TreeSpec]:  # fmt: skip
    """The leaves, each behind the keys that lead to it, and the structure.

    >>> tree_flatten_with_path(None)
    ([((), None)], *)
    """
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


# Functions on leaves


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: _IsLeaf | None = None) -> PyTree:
    """The tree of what a function gives for the leaves; ``rests`` are further trees, for its further arguments.

    Raises ValueError where one of them is another tree above the leaves of the first.

    >>> tree_map(lambda x, y: x + y, [1, {"a": 2}], [10, {"a": 20}])
    [11, {'a': 22}]
    """
    leaves, structure = tree_flatten(tree, is_leaf)
    return structure.unflatten(map(func, leaves, *(structure.flatten_up_to(rest) for rest in rests)))


def tree_map_with_path(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: _IsLeaf | None = None
) -> PyTree:  # fmt: skip
    """As :func:`tree_map`, with the keys that lead to the leaf as first argument.

    >>> tree_map_with_path(lambda path, x: keystr(path) + str(x), {"a": [1]})
    {'a': ["['a'][0]1"]}
    """
    found, structure = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = [path for path, _ in found], [leaf for _, leaf in found]
    return structure.unflatten(map(func, paths, leaves, *(structure.flatten_up_to(rest) for rest in rests)))


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: _IsLeaf | None = None) -> PyTree:
    """Calls a function on all leaves for what it does to them, and gives the tree itself.

    >>> tree_map_(print, [1, 2])
    1
    2
    [1, 2]
    """
    leaves, structure = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *(structure.flatten_up_to(rest) for rest in rests)), maxlen=0)
    return tree


def _chooses(of: _Kind | Callable[[Any], bool]) -> Callable[[Any], bool]:
    if isinstance(of, type | tuple | UnionType):
        return lambda leaf: isinstance(leaf, of)
    if callable(of):
        return of
    raise TypeError(f"Argument must be a type, a tuple of types, or a callable, but got {of!r}")


def tree_map_only(
    type_or_types_or_pred: _Kind | Callable[[Any], bool],
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: _IsLeaf | None = None,
) -> PyTree:
    """As :func:`tree_map` on the leaves of these types, or for which a function is true; others stay.

    >>> tree_map_only(int, lambda x: -x, [1, 2.0, "a"])
    [-1, 2.0, 'a']
    """
    chosen = _chooses(type_or_types_or_pred)
    return tree_map(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: _Kind | Callable[[Any], bool],
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: _IsLeaf | None = None,
) -> PyTree:
    """As :func:`tree_map_` on the leaves of these types, or for which a function is true.

    >>> tree_map_only_(int, print, [1, 2.0])
    1
    [1, 2.0]
    """
    chosen = _chooses(type_or_types_or_pred)
    return tree_map_(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf | None = None) -> bool:
    """Whether something is true of all leaves.

    >>> tree_all(lambda x: x > 1, [1, 2])
    False
    """
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf | None = None) -> bool:
    """Whether something is true of a leaf.

    >>> tree_any(lambda x: x > 1, [1, 2])
    True
    """
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types: _Kind, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf | None = None
) -> bool:
    """Whether something is true of all leaves of these types.

    >>> tree_all_only(int, lambda x: x > 1, [2, 0.5])
    True
    """
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(
    type_or_types: _Kind, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf | None = None
) -> bool:
    """Whether something is true of a leaf of these types.

    >>> tree_any_only(int, lambda x: x > 1, [1, 2.5])
    False
    """
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))
