"""PyTorch's operators under their own names, and programs as graphs of them: next to the oracle, and by themselves."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.fx
from kagari.eager import aten as signatures
from kagari.fx.experimental.proxy_tensor import make_fx
from kagari.library import namespaces as ops

MATRIX = (
    "x + 1", "1 - x", "2 / x", "2 ** x", "x ** 2", "x // 2", "x % 2", "x - 1", "lib.sub(x, 1, alpha=2)", "x > 0",
    "x == 0", "~(x > 0)", "x.T", "x.mT", "lib.zeros(3) + x", "lib.ones_like(x)", "x.new_zeros(3)",
    "lib.arange(3) + x", "lib.full((3,), 1.5) * x", "lib.tensor([1., 2, 3]) + x", "x.double()", "x.to(lib.float64)",
    "x.to('cpu')", "x[None]", "x[..., 0]", "x[0:1]", "x[:, [0, 1]]", "x[lib.tensor([0, 1])]", "x[::2]", "x[-1]",
    "x.sum(1)", "x.sum((0, 1))", "x.sum(dim=1, keepdim=True)", "x.mean()", "x.max()", "lib.maximum(x, x)",
    "x.max(1)", "x.std()", "x.var(1)", "x.norm()", "x.split(1, 1)", "x.chunk(3, 1)", "lib.cat([x, x])",
    "lib.stack([x, x], 1)", "x @ x.t()", "lib.einsum('ij,kj->ik', x, x)", "lib.where(x > 0, x, 0.0)",
    "lib.where(x > 0, x, -x)", "x.masked_fill(x > 0, -1e9)", "x.clamp(0, 1)", "x.view(-1)", "x.reshape(3, 2)",
    "x.permute(1, 0)", "x.expand(4, 2, 3)", "x.repeat(2, 1)", "x.unsqueeze(0)", "x.flatten()", "x.unbind()",
    "[*x][0]", "abs(x)", "x.t().contiguous()", "x.topk(2)", "x.argmax(1)",
    "x.gather(1, lib.zeros(2, 1, dtype=lib.long))", "lib.softmax(x, 1)", "F.softmax(x, 1, dtype=lib.float64)",
    "F.log_softmax(x, 1)", "F.gelu(x, approximate='tanh')", "F.leaky_relu(x, 0.1)", "F.elu(x)", "F.relu6(x)",
    "F.layer_norm(x, (3,))", "F.normalize(x)", "F.mse_loss(x, x + 1)", "F.cross_entropy(x, lib.zeros(2).long())",
    "F.nll_loss(x, lib.zeros(2).long(), reduction='sum')", "F.smooth_l1_loss(x, x + 1, beta=0.5)",
    "F.binary_cross_entropy_with_logits(x, x)", "F.embedding(lib.zeros(2).long(), x)", "x.cumsum(0)", "x.all(1)",
    "x.size(0) * x", "F.dropout(x, 0.5, False)", "lib.triu(lib.ones(3, 3), 1)", "x.type_as(x)", "x.roll(1, 0)",
    "lib.div(x, 2, rounding_mode='floor')", "x.unflatten(1, (1, 3))", "x.amax(1)", "lib.tensordot(x, x, 2)",
    "x.clone().add_(1)", "x.clone().fill_(1.0)", "lib.meshgrid(x[0], x[0], indexing='ij')", "x.round(decimals=1)",
    "F.avg_pool1d(x, 2, None)",
)  # fmt: skip
IMAGES = (
    "F.max_pool2d(x, 2)", "F.max_pool2d(x, 3, 2, 1)", "F.avg_pool2d(x, 2)", "F.adaptive_avg_pool2d(x, 1)",
    "F.interpolate(x, scale_factor=2)", "F.interpolate(x, size=(8, 8), mode='bilinear', align_corners=False)",
    "F.pad(x, (1, 1, 1, 1))", "F.pad(x, (1, 1, 1, 1), mode='reflect')", "F.group_norm(x, 3)", "F.instance_norm(x)",
    "F.conv2d(x, lib.ones(3, 3, 1, 1))", "F.conv2d(x, lib.ones(3, 3, 1, 1), padding='same')",
    "F.conv_transpose2d(x, lib.ones(3, 3, 1, 1))", "F.scaled_dot_product_attention(x, x, x, is_causal=True)",
    "F.unfold(x, 2)", "F.batch_norm(x, lib.zeros(3), lib.ones(3))", "x.mean([2, 3], True)", "x[:, :, 1:3, ::2]",
    "F.grid_sample(x, lib.zeros(2, 4, 4, 2), align_corners=False)", "F.max_pool2d(x, 2, return_indices=True)",
    "x[:, 0, :, None]", "x[:, lib.tensor([0, 1]), :]",
    "F.pixel_shuffle(x.expand(2, 3, 4, 4)[:, :1].repeat(1, 4, 1, 1), 2)",
)  # fmt: skip
CASES = [(case, (2, 3)) for case in MATRIX] + [(case, (2, 3, 4, 4)) for case in IMAGES]


def program(lib: ModuleType, text: str) -> Callable[[Any], Any]:
    """The function of a text in one of the libraries."""
    made: Callable[[Any], Any] = eval(f"lambda x: {text}", {"lib": lib, "F": lib.nn.functional})
    return made


def lines(graph: Any) -> list[str]:
    """The calls of a graph as text."""
    calls = []
    for node in graph.nodes:
        if node.op == "call_function":
            name = "getitem" if "getitem" in str(node.target) else str(node.target)
            args = [node.all_input_nodes[0].name, *node.args[1:]] if name == "getitem" else node.args
            calls.append(
                f"{node.name} {name} {args} {node.kwargs}".replace("x_1", "x").replace("c_lifted_tensor_", "constant")
            )
    return [call.replace("_tensor_constant", "constant") for call in calls]


def leaves(result: Any) -> list[Any]:
    """The tensors of a result."""
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize(("text", "shape"), CASES)
def test_graphs_compute_what_the_program_does(text: str, shape: tuple[int, ...]) -> None:
    f = program(kagari, text)
    x = kagari.arange(float(kagari.zeros(shape).numel())).reshape(shape) / 3 + 0.1
    graph = make_fx(f)(x)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    results = [leaves(g(t)) for g, t in zip((f, graph), inputs)]
    for ours, theirs in zip(*results, strict=True):
        kagari.testing.assert_close(ours, theirs)
        assert ours.requires_grad == theirs.requires_grad
    for result in results:
        parts = [part.sum() for part in result if part.requires_grad]
        if parts:
            sum(parts[1:], parts[0]).backward()
    if inputs[0].grad is not None:
        kagari.testing.assert_close(inputs[0].grad, inputs[1].grad)


@pytest.mark.parametrize(("text", "shape"), CASES[::3])
def test_graphs_are_the_oracles(oracle: ModuleType, text: str, shape: tuple[int, ...]) -> None:
    f = program(oracle, text)

    class Model(oracle.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return f(x)

    theirs = oracle.export.export(Model(), (oracle.ones(shape),)).graph
    assert lines(make_fx(program(kagari, text))(kagari.ones(shape)).graph) == lines(theirs)


def test_names(oracle: ModuleType) -> None:
    for text in ("add", "add.Tensor", "relu.default", "sum.dim_IntList"):
        ours, theirs = (eval(f"ops.aten.{text}", {"ops": space}) for space in (ops, oracle.ops))
        assert (repr(ours), str(ours), ours.__name__) == (repr(theirs), str(theirs), theirs.__name__)
        if "." in text:
            assert (ours.name(), ours.namespace) == (theirs.name(), theirs.namespace)
            assert ours.overloadpacket.__name__ == theirs.overloadpacket.__name__


def test_operators_are_called() -> None:
    x = kagari.tensor([-1.0, 2.0])
    assert ops.aten.relu(x).tolist() == ops.aten.relu.default(x).tolist() == [0, 2]
    assert ops.aten.add(x, 1, alpha=2).tolist() == [1, 4]
    assert ops.aten.sum.dim_IntList(x, [0]).item() == 1
    assert ops.aten.slice(x, 0, 1).tolist() == [2]
    with pytest.raises(RuntimeError, match="aten::relu"):
        ops.aten.relu.default("x")
    with pytest.raises(RuntimeError, match=r"No overload of aten\.relu"):
        ops.aten.relu("x")
    with pytest.raises(AttributeError, match="no overload name 'nonsense'"):
        _ = ops.aten.relu.nonsense
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ops.aten.nonsense


def test_signatures_are_the_oracles(oracle: ModuleType) -> None:
    names = (
        "lift_fresh_copy",
        "_assert_tensor_metadata",
        "_softmax",
        "native_layer_norm",
        "_to_copy",
        "native_dropout",
    )
    for name in names:
        for ours in signatures.schemas(f"aten::{name}"):
            theirs = getattr(getattr(oracle.ops.aten, name), ours.overload or "default")._schema
            assert [(a.name, a.is_required) for a in ours.arguments] == [
                (a.name, not a.has_default_value()) for a in theirs.arguments
            ]


def test_graphs_are_copied_and_pickled() -> None:
    graph = make_fx(lambda x: kagari.relu(x) + 1)(kagari.ones(2))
    for other in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert other.code == graph.code
        assert other(kagari.tensor([-1.0, 1.0])).tolist() == [1, 2]


def test_what_has_no_graph() -> None:
    with pytest.raises(RuntimeError, match="data-dependent"):
        make_fx(lambda x: x * 2 if x.sum() > 0 else x)(kagari.ones(2))
    with pytest.raises(NotImplementedError, match="grad: there is no operator"):
        make_fx(lambda x: kagari.autograd.grad((x * x).sum(), x)[0] + 1)(kagari.ones(2, requires_grad=True))
    with pytest.raises(NotImplementedError, match="made by what has no operator"):
        make_fx(lambda x: kagari.nn.Parameter(x) + 1)(kagari.ones(2))
    with pytest.raises(NotImplementedError, match=r"local_response_norm: there is no operator.*test_aten"):
        make_fx(lambda x: kagari.nn.functional.local_response_norm(x, 2))(kagari.ones(1, 2, 3))
    with pytest.raises(NotImplementedError, match=r"aten\.fft_fft\.default.*test_aten"):
        make_fx(lambda x: kagari.fft.fft(x))(kagari.ones(2))


def test_nothing_of_the_program_changes() -> None:
    total = kagari.zeros(2)
    graph = make_fx(lambda x: total.add_(x) * 2)(kagari.ones(2))
    assert total.tolist() == [0, 0]
    assert graph(kagari.ones(2)).tolist() == [2, 2]
    assert total.tolist() == [1, 1]


def test_meta_tensors_are_indexed() -> None:
    x, at = kagari.ones(3, 4, device="meta"), kagari.zeros(2, dtype=kagari.long, device="meta")
    assert tuple(x[at].shape) == (2, 4)
    assert tuple(x[:, at].shape) == (3, 2)
    x[at] = 1.0
