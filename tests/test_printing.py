"""The text of tensors: fixed examples, and some hundreds of arrays against the oracle's."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

import kagari
from kagari.eager.printing import format_tensor, get_printoptions, set_printoptions

SHAPES = (
    (), (1,), (7,), (20,), (0,), (0, 3), (2, 0), (1, 1), (2, 3), (5, 17), (3, 4, 5), (2, 1, 3, 2), (1000,), (1001,),
    (40, 50), (7, 7, 50), (2, 600), (600, 2), (3, 3, 3, 3, 20), (1500, 1), (6, 6, 6, 6),
)  # fmt: skip
DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "bool", "complex64", "complex128",
)  # fmt: skip
OPTIONS = (
    {}, {"precision": 2}, {"precision": 0}, {"threshold": 10}, {"edgeitems": 1, "threshold": 5},
    {"edgeitems": 0, "threshold": 5}, {"linewidth": 40}, {"linewidth": 5}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full", "precision": 7}, {"linewidth": 120, "edgeitems": 5},
)  # fmt: skip


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    set_printoptions(profile="default")


def text(values: object, dtype: str = "float32", **details: object) -> str:
    return format_tensor(np.array(values, "float32" if dtype == "bfloat16" else dtype), dtype_name=dtype, **details)


EXAMPLES = (
    (text(1.5), "tensor(1.5000)"),
    (text(3, "int64"), "tensor(3)"),
    (text([1, 2, 3]), "tensor([1., 2., 3.])"),
    (text([1, -2.5]), "tensor([ 1.0000, -2.5000])"),
    (text([1, np.nan]), "tensor([1., nan])"),
    (text([0.5, -np.inf]), "tensor([0.5000,   -inf])"),
    (text([1e-5, 1]), "tensor([1.0000e-05, 1.0000e+00])"),
    (text([1e9]), "tensor([1.0000e+09])"),
    (text([0, 0]), "tensor([0., 0.])"),
    (text([True, False], "bool"), "tensor([ True, False])"),
    (text([1, 2], "float64"), "tensor([1., 2.], dtype=torch.float64)"),
    (text([1.1], "bfloat16"), "tensor([1.1000], dtype=torch.bfloat16)"),
    (text([], "int64"), "tensor([], dtype=torch.int64)"),
    (text(np.zeros((0, 3))), "tensor([], size=(0, 3))"),
    (text([[1, 20], [3, 4]], "int32"), "tensor([[ 1, 20],\n        [ 3,  4]], dtype=torch.int32)"),
    (text([1], requires_grad=True), "tensor([1.], requires_grad=True)"),
    (text([1], grad_fn="AddBackward0"), "tensor([1.], grad_fn=<AddBackward0>)"),
    (text([1], requires_grad=True, parameter=True), "Parameter containing:\ntensor([1.], requires_grad=True)"),
    (text([1 - 2j, 1.5j], "complex64"), "tensor([1.-2.0000j, 0.+1.5000j])"),
    (text(np.arange(1001)), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])"),
    (text(np.arange(1002)), "tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9900e+02, 1.0000e+03,\n"
                            "        1.0010e+03])"),
)  # fmt: skip


@pytest.mark.parametrize(("got", "expected"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_fixed_examples(got: str, expected: str) -> None:
    assert got == expected


def test_summary_of_a_type_numpy_lacks_decodes_only_what_it_shows() -> None:
    assert repr(kagari.tensor([1.1], dtype=kagari.bfloat16)) == text([1.1015625], "bfloat16")
    huge = kagari.ones(1, dtype=kagari.bfloat16).expand(1 << 33)
    assert repr(huge) == "tensor([1., 1., 1.,  ..., 1., 1., 1.], dtype=torch.bfloat16)"


def test_summary_reads_only_what_it_shows() -> None:
    array = np.broadcast_to(np.float32(1), (1 << 20, 1 << 20))
    row = "[1., 1., 1.,  ..., 1., 1., 1.]"
    rows = ",\n        ".join([row] * 3 + ["..."] + [row] * 3)
    assert format_tensor(array, dtype_name="float32") == f"tensor([{rows}])"


def test_options_start_from_the_profile() -> None:
    set_printoptions(profile="short", linewidth=100, sci_mode=True)
    options = {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 100, "sci_mode": True}
    assert get_printoptions() == options


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random numbers of a random kind: small, integral, of any magnitude, with infinities and NaN."""
    x, scale = rng.normal(size=shape), 10.0 ** rng.integers(-8, 9)
    pick = rng.random(shape)
    kinds = (
        x, np.round(x * 10), x * scale, np.exp(x * 5), np.zeros(shape), np.floor(np.abs(x) * scale),
        np.where(pick < 0.3, np.nan, np.where(pick > 0.7, np.inf, x)),
        np.where(pick < 0.5, 0, np.where(pick > 0.9, -np.inf, np.round(x * 1e5))),
    )  # fmt: skip
    return kinds[rng.integers(len(kinds))]


def sample(torch: ModuleType, rng: np.random.Generator, dtype: str) -> object:
    """A tensor of random shape and content, of floating types now and then a parameter or a result."""
    x = numbers(rng, SHAPES[rng.integers(len(SHAPES))])
    kind = getattr(torch, dtype)
    if kind.is_complex:
        x = x + 1j * numbers(rng, x.shape)
    elif not kind.is_floating_point:
        x = np.clip(np.nan_to_num(x), -1e9, 1e9).astype(np.int64)
    tensor = torch.as_tensor(x).to(kind)
    if not kind.is_floating_point:
        return tensor
    role = rng.integers(4)
    return (tensor, tensor.requires_grad_(), torch.nn.Parameter(tensor), tensor.requires_grad_() + 0)[role]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_like_the_oracle(oracle: ModuleType, options: dict) -> None:
    rng = np.random.default_rng(len(str(options)))
    set_printoptions(**options)
    oracle.set_printoptions(**options)
    try:
        for i in range(40 if options.get("profile") == "full" else 120):
            dtype = DTYPES[i % len(DTYPES)]
            tensor = sample(oracle, rng, dtype)
            values = tensor.detach()
            got = format_tensor(
                (values.float() if dtype == "bfloat16" else values).numpy(),
                dtype_name=dtype,
                requires_grad=tensor.requires_grad,
                grad_fn=type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else None,
                parameter=isinstance(tensor, oracle.nn.Parameter),
            )
            assert got == repr(tensor)
    finally:
        oracle.set_printoptions(profile="default")


RESULTS = (
    "x.mean()", "x.mean(0)", "x.sum(1, keepdim=True)", "x.t()", "x + 1", "1 - x", "2 ** x", "x * x", "x @ x.t()",
    "x.relu()", "x.view(-1)", "x.half()", "x.bfloat16().exp()", "x.to(torch.complex64) * 1j", "x[::2, 1:]", "x[0]",
    "nn.Parameter(x.detach())", "x.detach()", "x.max(0)", "x.max()", "x / 0", "-x / 0", "torch.cat([x, x])",
    "x.expand(2, 2, 3)", "x.unsqueeze(0)", "x.squeeze()", "x.std()", "x.var(0)", "x.norm()", "x.flip(0)",
    "x.clamp(1, 2)", "x.clamp(min=1)", "x.softmax(1)", "F.cross_entropy(x, torch.tensor([0, 1]))",
    "F.mse_loss(x, x.detach())", "F.layer_norm(x, (3,))", "F.dropout(x, 0.0)", "x.reshape(3, 2)", "x.transpose(0, 1)",
    "x.permute(1, 0)", "x.topk(2)", "x.sort()", "x.cumsum(0)", "x.prod(1)", "x.logsumexp(0)",
    "x.where(x > 2, torch.zeros(()))", "torch.where(x > 2, x, 0.0)", "x.clone().add_(1)", "x.clone().mul_(2).t()",
    "x.double().requires_grad_()", "torch.zeros(0, 3)", "torch.zeros(0, 3).requires_grad_()", "x.pow(2)", "x ** x",
    "x.abs()", "x > 2", "torch.tensor(1.5, requires_grad=True)", "x.sum()", "torch.eye(3, dtype=torch.bfloat16)",
    "x.tril()", "torch.outer(x[0], x[0])", "x.gather(1, torch.tensor([[0], [1]]))",
    "x.index_select(0, torch.tensor([1]))", "x.repeat(2, 1)", "torch.bmm(x[None], x.t()[None])",
    "torch.addmm(torch.zeros(2, 2), x, x.t())", "F.conv1d(x[None], torch.ones(1, 2, 2))", "F.max_pool1d(x[None], 2)",
    "F.avg_pool2d(x[None, None], 2)", "F.pad(x, (1, 1))", "F.embedding(torch.tensor([0, 1]), x)", "x.view_as(x)",
    "x.flatten()", "x.new_tensor([1.0]) * x", "x.lerp(x, 0.5)", "x.fmod(2)", "x.remainder(2)", "x.floor()", "x.round()",
    "x.sign()", "x.exp().sqrt()", "x.atan2(x)", "torch.view_as_real(x.to(torch.complex64))",
    "x.to(torch.complex64).abs()", "x.unfold(1, 2, 1)", "x.diagonal()", "x.roll(1)", "x.narrow(0, 0, 1)",
    "x.swapaxes(0, 1)", "x.clone()", "x.t().contiguous()", "x.masked_fill(x > 2, 0.0)", "x.aminmax()", "x.median()",
    "x.median(0)", "torch.hstack([x, x])", "torch.stack([x, x], 1)",
    "torch.stack([x[0]] * 14)", "x.T", "x.mT", "x.mean((0, 1))", "torch.var_mean(x)",
)  # fmt: skip


@pytest.mark.parametrize("source", RESULTS)
def test_results_with_the_names_of_their_nodes(source: str, oracle: ModuleType) -> None:
    shown = []
    for library in (kagari, oracle):
        x = library.arange(6.0).reshape(2, 3).requires_grad_()
        names = {"torch": library, "F": library.nn.functional, "nn": library.nn, "x": x}
        shown.append(repr(eval(source, names)))
    assert shown[0] == shown[1]


@pytest.mark.parametrize("source", [
    "x ** 2", "x.pow(2.5)", "x * x", "2 ** x", "x / x", "x.exp()", "x.log()", "x.sin()", "x.tan()", "x.tanh()",
    "x.sigmoid()", "x.sqrt()", "x.rsqrt()", "x.abs()", "x.reciprocal()", "x.log1p()", "x.atan()", "x.asinh()",
    "x.erf()", "F.relu(x)", "F.gelu(x)", "F.silu(x)", "F.mish(x)", "F.elu(x)", "F.log_softmax(x, 1)", "x.softmax(1)",
    "x.logsumexp(1)", "x.norm()", "x.prod()", "x.std()", "x.var(0)", "x @ x.T",
])  # fmt: skip
def test_gradients_with_the_names_of_their_nodes(source: str, oracle: ModuleType) -> None:
    shown = []
    for library in (kagari, oracle):
        x = library.tensor([[0.5, 0.25], [0.75, 0.125]], requires_grad=True)
        y = eval(source, {"torch": library, "F": library.nn.functional, "x": x})
        (found,) = library.autograd.grad(y, x, library.ones_like(y), create_graph=True)
        shown.append(found.grad_fn.name())
    assert shown[0] == shown[1]
