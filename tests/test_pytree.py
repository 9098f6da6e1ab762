"""Nested containers as trees: next to the oracle, in what they say as in what they give."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.utils import _pytree as ours

Point = namedtuple("Point", "x y")
Named = {"b": 1, "a": [2, (3, None)], "n": Point(4, 5), "o": OrderedDict(z=1, y=2)}
TREES: list[Any] = [
    1, [], {}, (), Named, {**Named, "d": defaultdict(list, k=[7]), "q": deque([1, 2], maxlen=3)},
    [slice(1, 2), {1: "a"}],
]  # fmt: skip


class Held:
    def __init__(self, *children: Any) -> None:
        self.children = children


def outcome(call: Callable[[Any], Any], tree: ModuleType) -> str:
    try:
        return str(call(tree))
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


CALLS: list[Callable[[Any], Any]] = [
    *(lambda p, t=t: p.tree_flatten(t) for t in TREES),
    *(lambda p, t=t: p.tree_unflatten(p.tree_leaves(t), p.tree_structure(t)) for t in TREES),
    *(lambda p, t=t: [p.keystr(k) for k, _ in p.tree_leaves_with_path(t)] for t in TREES),
    *(lambda p, t=t: (p.tree_structure(t).num_nodes, p.tree_structure(t).num_leaves) for t in TREES),
    *(lambda p, t=t: p.tree_map_only(int, lambda x: -x, t) for t in TREES),
    *(lambda p, t=t: p.key_get(t, p.tree_leaves_with_path(t)[-1][0]) for t in TREES[4:]),
    lambda p: p.tree_leaves_with_path(Point([1], {"k": 2})),
    lambda p: p.tree_map_with_path(lambda k, x: p.keystr(k) + str(x), {"a": [1]}),
    lambda p: p.tree_map(lambda a, b: (a, b), {"a": 1, "b": 2}, OrderedDict(b=1, a=[2])),
    lambda p: p.tree_leaves([1, [2], (3,)], is_leaf=lambda x: isinstance(x, tuple)),
    lambda p: (p.tree_all(bool, [1, [0]]), p.tree_any(bool, [1, [0]]), p.tree_any_only(int, bool, [1.0, 0])),
    lambda p: p.tree_unflatten([1], p.tree_structure([1, (2, 3)])),
    lambda p: p.tree_unflatten([1], 3),
    lambda p: p.tree_map(max, [1, (2,)], [1, 2]),
    lambda p: p.tree_map(max, [1, 2], (1, 2)),
    lambda p: p.tree_map(max, [1, 2], [1, 2, 3]),
    lambda p: p.tree_map(max, {"a": 1}, {"b": 1}),
    lambda p: p.tree_map(max, Point(1, 2), namedtuple("Other", "x y")(1, 2)),
    lambda p: p.register_pytree_node(list, list, list),
]


@pytest.mark.parametrize("call", CALLS)
def test_as_the_oracle(oracle: ModuleType, call: Callable[[Any], Any]) -> None:
    assert outcome(call, ours) == outcome(call, oracle.utils._pytree)


def test_results_of_functions() -> None:
    """What `max` gives is a node, and stays what it is."""
    found = kagari.max(kagari.eye(2), 0)
    doubled = ours.tree_map(lambda x: x * 2, found)
    assert type(doubled) is type(found) and doubled.values.tolist() == [2, 2]
    assert ours.is_structseq(found) and not ours.is_namedtuple(found)


def test_own_classes() -> None:
    tree = {"h": Held(1, [2])}
    assert ours.tree_leaves(tree) == [tree["h"]]
    ours.register_pytree_node(Held, lambda h: (h.children, None), lambda children, _: Held(*children))
    try:
        assert ours.tree_leaves(tree) == [1, 2]
        assert ours.tree_map(str, tree)["h"].children == ("1", ["2"])
        with pytest.raises(ValueError, match="flatten_with_keys_fn"):
            ours.tree_leaves_with_path(tree)
        with pytest.raises(ValueError, match="already registered"):
            ours.register_pytree_node(Held, lambda h: (h.children, None), lambda children, _: Held(*children))
    finally:
        del ours.SUPPORTED_NODES[Held]


def test_structures_compare_and_hash() -> None:
    same = {ours.tree_structure(Named), ours.tree_structure(Named), ours.tree_structure([{}, 1]), ours.LeafSpec()}
    assert len(same) == 3
