"""Mixed precision: which operators change their precision in a region of autocast, and that they do it as PyTorch's."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.ops.records import OPERATORS
from kagari.testing.cases import Case, build, cases, target

RULED = [record for record in OPERATORS if record.autocast is not None and record.samples is not None]
FREE = [record for record in OPERATORS if record.autocast is None]
# The covariances have a product inside, which alone is in lower precision in PyTorch; here they stay in float32. The
# function `max_pool3d` has a rule, and the operator has none: with places, too, it computes in lower precision.
INSIDE = frozenset(["corrcoef", "cov", "max_pool3d"])


def few(records: list[Any], dtype: str, count: int) -> list[Case]:
    return [case for case in cases(records, (dtype,)) if case.number < count]


def in_region(case: Case, library: ModuleType, enabled: bool = True, requires_grad: bool = False) -> Any:
    """(the results of a case in a region of autocast to bfloat16, its tensors), or the exception."""
    args, kwargs, tensors = build(case, library, requires_grad)
    try:
        with library.autocast("cpu", dtype=library.bfloat16, enabled=enabled):
            result = target(case.record, library)(*args, **kwargs)
    except Exception as error:
        return error
    return (tuple(result) if isinstance(result, tuple | list) else (result,)), tensors


def dtypes(results: Any) -> list[str]:
    return [str(t.dtype) for t in results]


def close(a: Any, b: Any, tolerance: float = 3e-2) -> None:
    a, b = (np.array(t.detach().double().tolist()) for t in (a, b))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [c for d in ("float32", "bfloat16") for c in few(RULED, d, 4)], ids=str)
def test_operator_with_a_rule(case: Case, oracle: ModuleType) -> None:
    want = in_region(case, oracle)
    if isinstance(want, Exception):
        assert isinstance(in_region(case, kagari), type(want))
        return
    got = in_region(case, kagari)
    assert not isinstance(got, Exception), got
    assert dtypes(got[0]) == dtypes(want[0])
    for a, b in zip(got[0], want[0]):
        close(a, b)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", few([r for r in RULED if r.differentiable], "float32", 1), ids=str)
def test_gradients_arrive_in_the_dtypes_of_the_arguments(case: Case, oracle: ModuleType) -> None:
    (want, theirs), (got, ours) = in_region(case, oracle, True, True), in_region(case, kagari, True, True)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, tuple(want[0].shape))
    for library, out in ((oracle, want[0]), (kagari, got[0])):
        out.backward(library.tensor(weights.tolist(), dtype=out.dtype).reshape(weights.shape))
    for a, b in zip(ours, theirs):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            assert str(a.grad.dtype) == str(b.grad.dtype)
            close(a.grad, b.grad)


@pytest.mark.filterwarnings("ignore")
def test_operators_without_a_rule_have_none_in_pytorch(oracle: ModuleType) -> None:
    changed = set()
    for dtype in ("float32", "bfloat16"):
        for case in few(FREE, dtype, 2):
            outside, inside = in_region(case, oracle, False), in_region(case, oracle)
            if not isinstance(outside, Exception) and dtypes(outside[0]) != dtypes(inside[0]):
                changed.add(case.record.name)
    assert changed == INSIDE


_A = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]]


def composed(torch: Any, dt: Any) -> dict[str, Callable[[], Any]]:
    """Functions that are no operators, on numbers of a dtype."""
    F, linalg = torch.nn.functional, torch.linalg
    a, v = torch.tensor(_A).to(dt), torch.tensor([0.5, 1.0, 2.0]).to(dt)
    volume = torch.arange(64.0).reshape(1, 1, 4, 4, 4).to(dt)
    wide = torch.ones(3)
    return {
        "cat": lambda: torch.cat([v, wide]),
        "stack": lambda: torch.stack([v, wide]),
        "hstack": lambda: torch.hstack([v, wide]),
        "multi_dot": lambda: linalg.multi_dot([a, a, v]),
        "matrix_power": lambda: linalg.matrix_power(a, 3),
        "einsum": lambda: torch.einsum("ij,jk->ik", a, a),
        "einsum elements": lambda: torch.einsum("i,i->i", v, v),
        "einsum outer": lambda: torch.einsum("i,j->ij", v, v),
        "einsum sum": lambda: torch.einsum("ij->j", a),
        "dot": lambda: torch.dot(v, v),
        "mv": lambda: torch.mv(a, v),
        "inverse": lambda: torch.inverse(a),
        "cholesky": lambda: linalg.cholesky(a),
        "solve": lambda: linalg.solve(a, a),
        "svd": lambda: linalg.svd(a)[1],
        "eigh": lambda: linalg.eigh(a)[0],
        "qr": lambda: linalg.qr(a)[1],
        "lstsq": lambda: linalg.lstsq(a, a).solution,
        "cond": lambda: linalg.cond(a),
        "vector_norm": lambda: linalg.vector_norm(v),
        "quantile": lambda: torch.quantile(v, 0.5),
        "max_pool3d": lambda: F.max_pool3d(volume, 2),
        "max_pool3d places": lambda: F.max_pool3d(volume, 2, return_indices=True)[0],
        "max_pool2d": lambda: F.max_pool2d(volume[0], 2),
        "replicate": lambda: F.pad(volume, (1,) * 6, mode="replicate"),
        "reflect": lambda: F.pad(volume, (1,) * 6, mode="reflect"),
        "ctc": lambda: F.ctc_loss(
            volume.reshape(16, 1, 4).log_softmax(2), torch.tensor([[1, 2]]), torch.tensor([16]), torch.tensor([2])
        ),
        "grid_sample": lambda: F.grid_sample(volume[0], torch.zeros(1, 2, 2, 2).to(dt), align_corners=False),
        "layer_norm": lambda: F.layer_norm(v, (3,)),
        "softmax": lambda: F.softmax(v, 0),
        "gelu": lambda: F.gelu(v),
        "add": lambda: v + wide,
        "linear": lambda: F.linear(input=v, weight=a),
        "out": lambda: torch.mm(a, a, out=torch.empty(3, 3, dtype=dt)),
        "in place": lambda: a.clone().addmm_(a, a),
        "float64": lambda: a.double() @ a.double(),
        "integers": lambda: torch.cat([torch.tensor([1]), v]),
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", list(composed(kagari, kagari.float32)))
def test_function_in_a_region(name: str, dtype: str, oracle: ModuleType) -> None:
    results = []
    for torch in (oracle, kagari):
        with torch.autocast("cpu"):
            results.append(composed(torch, getattr(torch, dtype))[name]())
    want, got = results
    assert str(got.dtype) == str(want.dtype)
    close(got, want)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(kind: str, oracle: ModuleType) -> None:
    """Products in bfloat16, and what all steps add to in float32."""
    layer = getattr(kagari.nn, kind)(3, 4)
    x = kagari.randn(5, 2, 3)
    with kagari.autocast("cpu"):
        out, state = layer(x)
    plain, _ = layer(x)
    assert out.dtype is {"RNN": kagari.bfloat16, "LSTM": kagari.bfloat16, "GRU": kagari.float32}[kind]
    assert kind != "LSTM" or state[1].dtype is kagari.float32
    close(out, plain)
    out.float().sum().backward()
    grads = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    plain.sum().backward()
    for g, p in zip(grads, layer.parameters()):
        assert g.dtype is kagari.float32
        close(g, p.grad)


def test_training_step(oracle: ModuleType) -> None:
    """A network of convolutions, a norm and attention: loss and gradients as PyTorch's, in float32."""
    found = []
    state: dict[str, np.ndarray] = {}
    for torch in (kagari, oracle):
        nn = torch.nn
        layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 3)]
        model = nn.Sequential(*layers)
        if state:
            model.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
        state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
        x = torch.linspace(-1, 1, 72).reshape(2, 1, 6, 6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = model(x)
            loss = nn.functional.cross_entropy(out, torch.tensor([0, 2]))
        loss.backward()
        assert out.dtype is torch.bfloat16 and loss.dtype is torch.float32
        assert all(p.grad.dtype is torch.float32 for p in model.parameters())
        found.append((loss, [p.grad for p in model.parameters()]))
    close(found[0][0], found[1][0])
    for a, b in zip(found[0][1], found[1][1]):
        close(a, b, 5e-2)


def test_sums_are_in_float32() -> None:
    """4096 ones would end at 256 in bfloat16."""
    ones = kagari.ones(1, 4096)
    with kagari.autocast("cpu"):
        assert (ones @ ones.T).item() == 4096
        assert kagari.nn.functional.conv1d(ones[None], ones[None]).item() == 4096


def test_a_region_ends_and_begins() -> None:
    a = kagari.ones(2, 2)
    with kagari.autocast("cpu"):
        inside = a @ a
        with kagari.autocast("cpu", enabled=False):
            assert (a @ a).dtype is kagari.float32
        with kagari.autocast("cpu", dtype=kagari.float16):
            assert (a @ a).dtype is kagari.float16
        assert (a @ a).dtype is inside.dtype is kagari.bfloat16
        with kagari.no_grad():
            assert kagari.mm(a, a).dtype is kagari.bfloat16
    assert (a @ a).dtype is kagari.mm(a, a).dtype is kagari.float32
    with pytest.raises(KeyError), kagari.autocast("cpu"):
        raise KeyError
    assert (a @ a).dtype is kagari.float32 and not kagari.is_autocast_enabled("cpu")


def test_other_modes_stay_what_they_are() -> None:
    w = kagari.ones(2, 2, requires_grad=True)
    with kagari.autocast("cpu"):
        kagari.set_grad_enabled(False)
    assert not kagari.is_grad_enabled() and not kagari.is_autocast_enabled("cpu")
    kagari.set_grad_enabled(True)
    with kagari.no_grad():
        kagari.set_autocast_enabled("cpu", True)
    assert kagari.is_autocast_enabled("cpu") and (w @ w).requires_grad
    kagari.set_autocast_enabled("cpu", False)
    assert (w @ w).dtype is kagari.float32


def test_changed_weights_are_seen() -> None:
    """No copies of weights are kept that could be out of date."""
    w = kagari.ones(2, 2, requires_grad=True)
    with kagari.autocast("cpu"):
        with kagari.no_grad():
            first = w @ w
            w.mul_(2)
        second = w @ w
    assert second.requires_grad and (second == 4 * first).all()


def test_it_is_of_the_thread() -> None:
    seen = []
    with kagari.autocast("cpu"):
        thread = threading.Thread(
            target=lambda: seen.append(
                (kagari.is_autocast_enabled("cpu"), (kagari.ones(1, 1) @ kagari.ones(1, 1)).dtype)
            )
        )
        thread.start()
        thread.join()
        assert (kagari.ones(1, 1) @ kagari.ones(1, 1)).dtype is kagari.bfloat16
    assert seen == [(False, kagari.float32)]


def test_views_and_changes_in_place_inside() -> None:
    w = kagari.arange(6.0).reshape(2, 3).requires_grad_()
    with kagari.autocast("cpu"):
        y = w * 1
        y[0].mul_(2)
        y.view(6)[1:2].zero_()
        loss = kagari.nn.functional.mse_loss(y.bfloat16(), kagari.zeros(2, 3).bfloat16(), reduction="sum")
    loss.backward()
    assert w.grad.tolist() == [[0, 0, 16], [6, 8, 10]]


def test_decorator() -> None:
    @kagari.autocast("cpu")
    def product(a: kagari.Tensor) -> kagari.Tensor:
        """A product."""
        return a @ a

    assert product(kagari.ones(2, 2)).dtype is kagari.bfloat16

    barrier = threading.Barrier(2)

    @kagari.autocast("cpu")
    def met() -> None:
        barrier.wait()

    states: list[bool] = []

    def work(before: bool) -> None:
        kagari.set_autocast_enabled("cpu", before)
        met()
        states.append(kagari.is_autocast_enabled("cpu") is before)

    threads = [threading.Thread(target=work, args=(before,)) for before in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == [True, True]
    assert product.__doc__ == "A product." and not kagari.is_autocast_enabled("cpu")


class Recorded:
    """What a call returned or raised, and what it warned of."""

    def __init__(self, call: Callable[[], Any]) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.result, self.error = call(), None
            except Exception as error:
                self.result, self.error = None, error
        self.warnings = [(w.category, str(w.message).split(" (Triggered")[0]) for w in caught]


CALLS: dict[str, Callable[[Any], Any]] = {
    "cpu": lambda t: describe(t.autocast("cpu")),
    "cuda": lambda t: describe(t.autocast("cuda")),
    "xpu": lambda t: describe(t.autocast("xpu")),
    "cuda off": lambda t: describe(t.autocast("cuda", enabled=False)),
    "float32": lambda t: describe(t.autocast("cpu", dtype=t.float32)),
    "cache": lambda t: describe(t.autocast("cpu", cache_enabled=False)),
    "number": lambda t: t.autocast(3),
    "unknown": lambda t: t.autocast("toaster"),
    "meta": lambda t: t.autocast("meta"),
    "no function": lambda t: t.autocast("cpu")(3),
    "cpu.amp": lambda t: describe(t.cpu.amp.autocast()),
    "cuda.amp": lambda t: describe(t.cuda.amp.autocast()),
    "cuda.amp.custom_fwd": lambda t: t.cuda.amp.custom_fwd(lambda ctx, x: x) and None,
    "cuda.amp.custom_bwd": lambda t: t.cuda.amp.custom_bwd(lambda ctx, x: x) and None,
    "custom_fwd": lambda t: t.amp.custom_fwd(device_type=3),
    "custom_bwd": lambda t: t.amp.custom_bwd(device_type=3),
    "is_enabled": lambda t: (t.is_autocast_enabled(), t.is_autocast_enabled("cpu")),
    "is_enabled unknown": lambda t: t.is_autocast_enabled("toaster"),
    "is_enabled number": lambda t: t.is_autocast_enabled(3),
    "set_enabled number": lambda t: t.set_autocast_enabled("cpu", 1),
    "dtypes": lambda t: [str(t.get_autocast_dtype(d)) for d in ("cpu", "cuda", "xpu", "mps", "hpu", "xla")],
    "dtype of meta": lambda t: t.get_autocast_dtype("meta"),
    "available": lambda t: [t.amp.is_autocast_available(d) for d in ("cpu", "cuda", "meta", "vulkan")],
    "available unknown": lambda t: t.amp.is_autocast_available("toaster"),
    "cache setting": lambda t: (t.is_autocast_cache_enabled(), t.set_autocast_cache_enabled("yes")),
    "nesting": lambda t: (t.autocast_increment_nesting(), t.autocast_decrement_nesting(), t.clear_autocast_cache()),
    "cpu enabled": lambda t: (t.is_autocast_cpu_enabled(), t.set_autocast_cpu_enabled(False)),
    "cpu dtype": lambda t: (str(t.get_autocast_cpu_dtype()), t.set_autocast_cpu_dtype(t.bfloat16)),
    "gpu dtype": lambda t: (str(t.get_autocast_gpu_dtype()), t.set_autocast_gpu_dtype(t.float16)),
    "two of lower precision": lambda t: in_one(t, lambda: t.cat([t.ones(1).half(), t.ones(1).bfloat16()])),
    "another of lower precision": lambda t: in_one(t, lambda: t.cat([t.ones(1).half()] * 2)),
    "float64 and float32": lambda t: in_one(t, lambda: t.ones(2, 2).double() @ t.ones(2, 2)),
}


def describe(region: Any) -> Any:
    return region.device, str(region.fast_dtype), region._enabled, region._cache_enabled


def in_one(torch: Any, call: Callable[[], Any]) -> Any:
    with torch.autocast("cpu"):
        return call()


@pytest.mark.parametrize("name", list(CALLS))
def test_interface(name: str, oracle: ModuleType) -> None:
    got, want = (Recorded(lambda t=torch: CALLS[name](t)) for torch in (kagari, oracle))
    assert got.result == want.result
    assert type(got.error) is type(want.error)
    words = lambda e: str(e).replace("torch.", "").replace("c10::", "").replace("kagari.", "")  # noqa: E731
    if name != "meta":
        assert words(got.error) == words(want.error)
    assert got.warnings == want.warnings


def test_settings_without_a_region() -> None:
    a = kagari.ones(2, 2)
    kagari.set_autocast_dtype("cpu", kagari.float16)
    assert (a @ a).dtype is kagari.float32
    kagari.set_autocast_enabled("cpu", True)
    try:
        assert (a @ a).dtype is kagari.get_autocast_dtype("cpu") is kagari.float16
    finally:
        kagari.set_autocast_enabled("cpu", False)
        kagari.set_autocast_dtype("cpu", kagari.bfloat16)


def custom_function(torch: Any, cast: bool) -> Any:
    how = {"cast_inputs": torch.float32} if cast else {}

    class Product(torch.autograd.Function):
        seen: list[Any] = []  # noqa: RUF012

        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", **how)
        def forward(ctx: Any, a: Any, others: Any) -> Any:
            Product.seen += [str(a.dtype), str(others[0].dtype), torch.is_autocast_enabled("cpu")]
            ctx.save_for_backward(a)
            return a @ a

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, grad: Any) -> Any:
            (a,) = ctx.saved_tensors
            Product.seen += [str(grad.dtype), torch.is_autocast_enabled("cpu"), str((a @ a).dtype)]
            return grad @ a, None

    return Product


@pytest.mark.parametrize("cast", [True, False])
def test_custom_functions(cast: bool, oracle: ModuleType) -> None:
    found = []
    for torch in (kagari, oracle):
        function = custom_function(torch, cast)
        x = torch.ones(2, 2, requires_grad=True)
        with torch.autocast("cpu"):
            y = function.apply(x.bfloat16(), [torch.ones(1).bfloat16()])
        y.sum().backward()
        found.append((str(y.dtype), function.seen, x.grad.tolist()))
        function.apply(x, [torch.ones(1).double()])
        found[-1] += (function.seen[-3:],)
    assert found[0] == found[1]
