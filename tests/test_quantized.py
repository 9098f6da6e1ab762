"""Quantized tensors: integers equal to the oracle's bit for bit, views, text, files, and fake quantization."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

pytestmark = pytest.mark.filterwarnings("ignore")

SCALES = (0.1, 0.0371, 1 / 3, 0.25)
DTYPES = ("quint8", "qint8", "qint32")
SPECIAL = [float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 0.0, -0.0, 0.125, 0.375]


def halves(scale: float, n: int = 4001) -> np.ndarray:
    """Numbers of which many lie halfway between two integers."""
    steps = np.random.default_rng(7).integers(-700, 700, n) / 2
    return (steps * scale).astype(np.float32)


def both(torch: ModuleType, oracle: ModuleType, make: Callable[[ModuleType], Any]) -> tuple[Any, Any]:
    return make(torch), make(oracle)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("scale", SCALES)
def test_integers_are_the_oracles(oracle: ModuleType, name: str, scale: float) -> None:
    for zero_point, values in itertools.product((0, 3, 64, 127), (halves(scale).tolist(), SPECIAL)):
        ours, theirs = (
            torch.quantize_per_tensor(torch.tensor(values), scale, zero_point, getattr(torch, name))
            for torch in (kagari, oracle)
        )
        np.testing.assert_array_equal(ours.int_repr().numpy(), theirs.int_repr().numpy())
        np.testing.assert_array_equal(ours.dequantize().numpy(), theirs.dequantize().numpy())


@pytest.mark.parametrize(("name", "axis"), list(itertools.product(DTYPES, (0, 1))))
def test_integers_by_channel_are_the_oracles(oracle: ModuleType, name: str, axis: int) -> None:
    rows = [[*halves(s, 300).tolist(), *SPECIAL] for s in SCALES]

    def make(torch: ModuleType) -> Any:
        x = torch.tensor(rows)
        return torch.quantize_per_channel(x if axis == 0 else x.t(), torch.tensor(SCALES), torch.tensor([0, 3, 9, 100]),
                                          axis, getattr(torch, name))  # fmt: skip

    ours, theirs = both(kagari, oracle, make)
    np.testing.assert_array_equal(ours.int_repr().numpy(), theirs.int_repr().numpy())
    np.testing.assert_array_equal(ours.dequantize().numpy(), theirs.dequantize().numpy())


def test_float_parameters_are_the_oracles(oracle: ModuleType) -> None:
    values = np.random.default_rng(3).normal(size=(4, 301)).astype(np.float32)

    def make(torch: ModuleType) -> Any:
        zeros = torch.tensor([5.3, 12.7, 100.1, 50.0])
        return torch.quantize_per_channel(torch.tensor(values.tolist()), torch.tensor([0.1, 0.2, 0.03, 0.01]), zeros, 0,
                                          torch.quint8)  # fmt: skip

    ours, theirs = both(kagari, oracle, make)
    assert str(ours) == str(theirs)
    np.testing.assert_array_equal(ours.int_repr().numpy(), theirs.int_repr().numpy())
    np.testing.assert_array_equal(ours.dequantize().numpy(), theirs.dequantize().numpy())


@pytest.mark.parametrize("reduce_range", [False, True])
def test_dynamic_parameters_are_the_oracles(oracle: ModuleType, reduce_range: bool) -> None:
    drawn = np.random.default_rng(5)
    tensors = [drawn.normal(drawn.normal(), drawn.uniform(0, 9), 40).astype(np.float32).tolist() for _ in range(50)]
    tensors += [[0.0, 0.0], [1.0, 1.0], [1e-30, 0.0], [-2.0, 1.0], [-1e-6, 3e-6], [-1e-7, 0.0], [3.0]]
    for values, name in itertools.product(tensors, ("quint8", "qint8")):
        ours, theirs = (
            torch.quantize_per_tensor_dynamic(torch.tensor(values), getattr(torch, name), reduce_range)
            for torch in (kagari, oracle)
        )
        assert (ours.q_scale(), ours.q_zero_point()) == (theirs.q_scale(), theirs.q_zero_point()), values
        np.testing.assert_array_equal(ours.int_repr().numpy(), theirs.int_repr().numpy())


def quantized(torch: ModuleType, name: str = "quint8") -> Any:
    x = torch.tensor([[-1.0, 0.26, 0.5, 7.0], [1.25, 2.0, 300.0, -3.0]])
    return torch.quantize_per_tensor(x, 0.5, 10, getattr(torch, name))


def by_channel(torch: ModuleType) -> Any:
    x = torch.tensor([[-1.0, 0.26, 0.5], [1.25, 2.0, 300.0]])
    return torch.quantize_per_channel(x, torch.tensor([0.1, 0.2]), torch.tensor([5, 0]), 0, torch.qint8)


ANSWERS: dict[str, Callable[[ModuleType, Any], Any]] = {
    "itself": lambda torch, q: q, "row": lambda torch, q: q[0], "element": lambda torch, q: q[0, 1],
    "column": lambda torch, q: q[:, 1], "item": lambda torch, q: q[0, 1].item(), "mask": lambda torch, q: q[q > 0.3],
    "list": lambda torch, q: list(q), "view": lambda torch, q: q.view(-1), "reshape": lambda torch, q: q.reshape(4, 2),
    "permute": lambda torch, q: q.permute(1, 0), "T": lambda torch, q: q.T, "t": lambda torch, q: q.t().contiguous(),
    "clone": lambda torch, q: q.clone(), "detach": lambda torch, q: q.detach(), "data": lambda torch, q: q.data,
    "unsqueeze": lambda torch, q: q.unsqueeze(1), "flatten": lambda torch, q: torch.flatten(q),
    "cat": lambda torch, q: torch.cat([q, q[:1]]), "stack": lambda torch, q: torch.stack([q, q]),
    "expand": lambda torch, q: q.expand(2, 2, 4), "repeat": lambda torch, q: q.repeat(2, 1),
    "split": lambda torch, q: q.split(1), "chunk": lambda torch, q: q.chunk(2, 1),
    "unbind": lambda torch, q: q.unbind(), "flip": lambda torch, q: q.flip(0),
    "index": lambda torch, q: q[torch.tensor([1, 0])], "select": lambda torch, q: q.index_select(0, torch.tensor([1])),
    "sort": lambda torch, q: q.sort(), "topk": lambda torch, q: q.topk(1), "max": lambda torch, q: q.max(),
    "max of rows": lambda torch, q: q.max(1), "min": lambda torch, q: q.min(), "mean": lambda torch, q: q.mean(),
    "mean of rows": lambda torch, q: q.mean(-1), "equal": lambda torch, q: (q.equal(q.clone()), torch.equal(q, q[:1])),
    "eq": lambda torch, q: q == q, "lt": lambda torch, q: q < 0.5, "relu": lambda torch, q: torch.relu(q),
    "relu_": lambda torch, q: q.relu_(), "relu6": lambda torch, q: torch.nn.functional.relu6(q),
    "clamp": lambda torch, q: q.clamp(0, 1.3), "hardtanh": lambda torch, q: torch.nn.functional.hardtanh(q, -0.4, 1.0),
    "sigmoid": lambda torch, q: q.sigmoid(), "tanh": lambda torch, q: torch.tanh(q),
    "hardsigmoid": lambda torch, q: torch.nn.functional.hardsigmoid(q),
    "leaky_relu": lambda torch, q: torch.nn.functional.leaky_relu(q, 0.1),
    "gelu": lambda torch, q: torch.nn.functional.gelu(q), "fill": lambda torch, q: q.clone().fill_(1.2),
    "copy": lambda torch, q: q.clone().copy_(torch.full((2, 4), 1.3)),
    "put": lambda torch, q: [q := q.clone(), q.__setitem__(0, 3.2), q],
    "pad": lambda torch, q: torch.nn.functional.pad(q, (1, 2), value=1.0),
    "masked_fill": lambda torch, q: q.masked_fill(q.int_repr() > 12, 1.0),
    "max_pool2d": lambda torch, q: torch.nn.functional.max_pool2d(q[None, None], 2),
    "avg_pool2d": lambda torch, q: torch.nn.functional.avg_pool2d(q[None, None], 2),
    "adaptive": lambda torch, q: torch.nn.functional.adaptive_avg_pool2d(q[None, None], 1),
    "interpolate": lambda torch, q: torch.nn.functional.interpolate(q[None, None], scale_factor=2),
    "bilinear": lambda torch, q: torch.nn.functional.interpolate(q[None, None], scale_factor=2, mode="bilinear"),
    "type": lambda torch, q: (q.type(), q.is_quantized, torch.ones(1).is_quantized, q.qscheme(), q.dtype),
    "layout": lambda torch, q: (q.stride(), q.element_size(), q.is_contiguous(), q.numel(), q.shape, len(q)),
    "to": lambda torch, q: q.to("cpu"), "dequantize": lambda torch, q: torch.dequantize([q, q]),
    "make": lambda torch, q: torch._make_per_tensor_quantized_tensor(q.int_repr(), 0.25, 3),
    "number": lambda torch, q: torch.quantize_per_tensor(torch.tensor(1.2), 0.5, 10, torch.quint8),
    "nothing": lambda torch, q: torch.quantize_per_tensor(torch.empty(0, 2), 0.5, 10, torch.quint8),
    "tensors": lambda torch, q: torch.quantize_per_tensor(q.dequantize(), torch.tensor(0.5), torch.tensor(3), q.dtype),
}  # fmt: skip


@pytest.mark.parametrize("name", ["quint8", "qint8"])
@pytest.mark.parametrize("case", ANSWERS)
def test_answers_are_the_oracles(oracle: ModuleType, case: str, name: str) -> None:
    ours, theirs = (str(ANSWERS[case](torch, quantized(torch, name))) for torch in (kagari, oracle))
    assert ours == theirs


OF_CHANNELS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda p: p, "row": lambda p: p[0], "unsqueeze": lambda p: p.unsqueeze(0), "clone": lambda p: p.clone(),
    "contiguous": lambda p: p.contiguous(), "eq": lambda p: p == p,
    "asked": lambda p: (p.q_per_channel_scales(), p.q_per_channel_zero_points(), p.q_per_channel_axis(), p.qscheme()),
    "integers": lambda p: p.int_repr(), "dequantize": lambda p: p.dequantize(),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_CHANNELS)
def test_answers_by_channel_are_the_oracles(oracle: ModuleType, case: str) -> None:
    ours, theirs = (str(OF_CHANNELS[case](by_channel(torch))) for torch in (kagari, oracle))
    assert ours == theirs


ERRORS: dict[str, Callable[[ModuleType], Any]] = {
    "dtype": lambda torch: torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.uint8),
    "double": lambda torch: torch.quantize_per_tensor(torch.ones(2).double(), 0.5, 0, torch.quint8),
    "above": lambda torch: torch.quantize_per_tensor(torch.ones(2), 0.5, 300, torch.quint8),
    "below": lambda torch: torch.quantize_per_tensor(torch.ones(2), 0.5, -1, torch.quint8),
    "twice": lambda torch: torch.quantize_per_tensor(quantized(torch), 0.5, 0, torch.quint8),
    "channels": lambda torch: torch.quantize_per_channel(torch.ones(2), torch.ones(3), torch.zeros(3), 0, torch.qint8),
    "axis": lambda torch: torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 2, torch.qint8),
    "sizes": lambda torch: torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(1), 0, torch.qint8),
    "zero": lambda torch: torch.quantize_per_channel(
        torch.ones(2, 2), torch.ones(2), torch.tensor([0, 300]), 0, torch.quint8
    ),
    "scales": lambda torch: quantized(torch).q_per_channel_scales(), "scale": lambda torch: by_channel(torch).q_scale(),
    "plain": lambda torch: torch.ones(2).q_scale(), "plain integers": lambda torch: torch.ones(2).int_repr(),
    "transposed": lambda torch: by_channel(torch).t(), "list": lambda torch: quantized(torch).tolist(),
    "numpy": lambda torch: quantized(torch).numpy(), "float": lambda torch: quantized(torch).float(),
    "sum of numbers": lambda torch: quantized(torch) + torch.ones(2, 4),
    "gradient": lambda torch: quantized(torch).requires_grad_(),
    "copied": lambda torch: torch.ones(2, 4).copy_(quantized(torch)),
    "close": lambda torch: torch.allclose(quantized(torch), quantized(torch)),
    "signed": lambda torch: quantized(torch).is_signed(), "32": lambda torch: torch.quantize_per_tensor_dynamic(
        torch.ones(2), torch.qint32, False
    ),
    "fake bounds": lambda torch: torch.fake_quantize_per_tensor_affine(torch.ones(2), 0.1, 0, 9, 1),
    "fake zero": lambda torch: torch.fake_quantize_per_tensor_affine(torch.ones(2), 0.1, 99, 0, 9),
    "fake integers": lambda torch: torch.fake_quantize_per_tensor_affine(torch.ones(2).int(), 0.1, 0, 0, 9),
    "fake channels": lambda torch: torch.fake_quantize_per_channel_affine(
        torch.ones(2, 3), torch.ones(2), torch.zeros(2).int(), 1, 0, 9
    ),
    "fake type": lambda torch: torch.fake_quantize_per_channel_affine(
        torch.ones(2, 3), torch.ones(2), torch.zeros(2).long(), 0, 0, 9
    ),
    "fake axis": lambda torch: torch.fake_quantize_per_channel_affine(
        torch.ones(2, 3), torch.ones(2), torch.zeros(2).int(), 2, 0, 9
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_the_oracles(oracle: ModuleType, case: str) -> None:
    with pytest.raises(Exception) as theirs:
        ERRORS[case](oracle)
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[case](kagari)
    assert str(theirs.value).startswith(str(ours.value)[:40])


@pytest.mark.parametrize("case", ["add", "abs", "sum", "argmax", "zeros_like", "linear"])
def test_what_is_missing(case: str) -> None:
    q = quantized(kagari)
    calls: dict[str, Callable[[], Any]] = {
        "add": lambda: q + q, "abs": lambda: q.abs(), "sum": lambda: q.sum(), "argmax": lambda: q.argmax(),
        "zeros_like": lambda: kagari.zeros_like(q), "linear": lambda: kagari.nn.functional.linear(q, q),
    }  # fmt: skip
    with pytest.raises(NotImplementedError, match=f"aten::{case}' with arguments from the 'QuantizedCPU'"):
        calls[case]()


def test_views_share_memory() -> None:
    q = quantized(kagari)
    q[0].fill_(2.0)
    assert q.dequantize()[0].tolist() == [2.0] * 4
    q[1:].copy_(kagari.ones(1, 4))
    assert q.int_repr()[1].tolist() == [12] * 4


@pytest.mark.parametrize("make", [quantized, by_channel])
def test_copies(make: Callable[[ModuleType], Any]) -> None:
    q = make(kagari)
    for other in (copy.copy(q), copy.deepcopy(q), pickle.loads(pickle.dumps(q))):
        assert str(other) == str(q) and other.equal(q)


@pytest.mark.parametrize("make", [quantized, by_channel])
def test_files(make: Callable[[ModuleType], Any], oracle: ModuleType) -> None:
    for writer, reader in ((kagari, oracle), (oracle, kagari), (kagari, kagari)):
        file = io.BytesIO()
        writer.save({"q": make(writer), "row": make(writer)[1], "scheme": writer.per_tensor_affine}, file)
        file.seek(0)
        read = reader.load(file)
        assert str(read) == str({"q": make(writer), "row": make(writer)[1], "scheme": writer.per_tensor_affine})


def test_a_file_with_a_wrong_scale() -> None:
    rebuild = kagari.serialization.rebuild
    block = rebuild.Block(kagari.ones(2, dtype=kagari.uint8)._storage, kagari.quint8, 2)
    for quantizer in ((), ("per_tensor_affine", 1.0, 0), (kagari.per_tensor_affine, "1", 0),
                      (kagari.per_channel_affine, kagari.ones(3), kagari.ones(3), 0)):  # fmt: skip
        with pytest.raises(RuntimeError, match="expected the scale and the zero point"):
            rebuild.rebuild_quantized(block, 0, (2,), (1,), quantizer, False)


# Fake quantization


@pytest.mark.parametrize("name", ["float32", "float64", "float16"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("zero_point", [0, 3, 100])
def test_fake_quantization(oracle: ModuleType, name: str, scale: float, zero_point: int) -> None:
    values = [*halves(scale, 500).tolist(), *SPECIAL]

    def make(torch: ModuleType) -> Any:
        x = torch.tensor(values, dtype=getattr(torch, name), requires_grad=True)
        y = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, 120)
        y.sum().backward()
        parameters = torch.tensor(scale), torch.tensor(zero_point, dtype=torch.int32)
        return y.detach(), x.grad, torch.fake_quantize_per_tensor_affine(x.detach(), *parameters, 0, 120)

    for ours, theirs in zip(*both(kagari, oracle, make)):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_fake_quantization_by_channel(oracle: ModuleType) -> None:
    rows = [[*halves(s, 300).tolist(), float("nan"), -0.0] for s in SCALES]

    def make(torch: ModuleType) -> Any:
        x = torch.tensor(rows, requires_grad=True)
        zeros = torch.tensor([0, 3, 9, 100], dtype=torch.int32)
        y = torch.fake_quantize_per_channel_affine(x, torch.tensor(SCALES), zeros, 0, -10, 120)
        y.sum().backward()
        return y.detach(), x.grad

    for ours, theirs in zip(*both(kagari, oracle, make)):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("channels", [False, True])
def test_learnable_fake_quantization(oracle: ModuleType, channels: bool) -> None:
    drawn = np.random.default_rng(1)
    values, upstream = drawn.normal(size=(3, 8)).tolist(), drawn.normal(size=(3, 8)).tolist()

    def make(torch: ModuleType) -> Any:
        x = torch.tensor(values, requires_grad=True)
        if channels:
            scale = torch.tensor([0.1, 0.2, 0.05], requires_grad=True)
            zero = torch.tensor([5.3, 2.0, 0.6], requires_grad=True)
            y = torch._fake_quantize_learnable_per_channel_affine(x, scale, zero, 0, 0, 20, 0.5)
        else:
            scale, zero = torch.tensor([0.1], requires_grad=True), torch.tensor([5.3], requires_grad=True)
            y = torch._fake_quantize_learnable_per_tensor_affine(x, scale, zero, 0, 20, 0.5)
        y.backward(torch.tensor(upstream))
        return y.detach(), x.grad, scale.grad, zero.grad

    for ours, theirs in zip(*both(kagari, oracle, make)):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("by_row", "symmetric"), list(itertools.product((False, True), (False, True))))
def test_fused_observation(oracle: ModuleType, by_row: bool, symmetric: bool) -> None:
    drawn = np.random.default_rng(2)
    batches = [(drawn.normal(size=(3, 8)) * 3).tolist() for _ in range(3)]

    def make(torch: ModuleType) -> Any:
        n = 3 if by_row else 1
        low, high = torch.full((n,), float("inf")), torch.full((n,), float("-inf"))
        scale, zero = torch.ones(n), torch.zeros(n, dtype=torch.int32)
        on, made = torch.tensor([1]), []
        for batch in batches:
            x = torch.tensor(batch, requires_grad=True)
            y = torch.fused_moving_avg_obs_fake_quant(
                x, on, on, low, high, scale, zero, 0.1, -128, 127, 0, by_row, symmetric
            )
            y.sum().backward()
            made += [y.detach(), x.grad, low.clone(), high.clone(), scale.clone(), zero.clone()]
        return made

    for ours, theirs in zip(*both(kagari, oracle, make)):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, atol=1e-6)
