"""torch.func against the oracle: every transformation, and nested ones, of many functions of one example."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

_random = np.random.default_rng(3)
X, Y, W = (_random.normal(size=size).astype(np.float32) for size in ((3, 4), (3, 4), (5, 4)))

# Expressions of `a`, which is one example: four numbers. `m` is the same as a matrix, `y` and `w` are shared.
FUNCTIONS = """
W @ a.sin()
F.softmax(a, -1)
F.log_softmax(a, 0)
F.layer_norm(a, (4,))
F.rms_norm(a, (4,))
F.gelu(a)
F.relu(a)
F.glu(a)
F.prelu(a, t.tensor([0.2]))
F.cross_entropy(a, t.tensor(1))
F.cross_entropy(m, t.tensor([0, 1]), label_smoothing=0.1)
F.mse_loss(a, y)
F.huber_loss(a, y)
F.smooth_l1_loss(a, a.detach())
F.binary_cross_entropy_with_logits(a, t.ones(4))
F.kl_div(a.log_softmax(0), y.softmax(0), reduction="sum")
F.cosine_similarity(a[:2], a[2:], dim=0)
F.triplet_margin_loss(a[None], y[None], W[:1])
F.ctc_loss(a.view(2, 1, 2).log_softmax(-1), t.tensor([[1]]), t.tensor([2]), t.tensor([1]))
F.embedding(t.tensor([0, 1]), a[None].expand(2, 4))
F.embedding_bag(t.tensor([0, 1]), m, t.tensor([0]))
F.conv1d(a.view(1, 1, 4), t.ones(2, 1, 3))
F.conv2d(t.arange(32.0).view(1, 2, 4, 4), a.view(1, 2, 2, 1))
F.conv2d(a.view(1, 2, 2, 1).expand(1, 2, 2, 3), t.arange(8.0).view(2, 1, 2, 2), groups=2, padding=1)
F.conv2d(t.arange(32.0).view(1, 2, 4, 4), a.view(2, 1, 2, 1), groups=2)
F.conv_transpose1d(a.view(1, 1, 4), t.ones(1, 1, 2))
F.max_pool1d(a.view(1, 1, 4), 2)
F.avg_pool1d(a.view(1, 1, 4), 2)
F.adaptive_max_pool1d(a.view(1, 1, 4), 2)
F.batch_norm(m, None, None, training=True)
F.group_norm(a.view(1, 4), 2)
F.instance_norm(a.view(1, 2, 2))
F.scaled_dot_product_attention(a.view(1, 2, 2), W[:4].view(1, 8, 2), y.view(1, 2, 2).repeat(1, 4, 1))
F.scaled_dot_product_attention(a.view(1, 2, 2), a.view(1, 2, 2) * 2, a.view(1, 2, 2), is_causal=True)
F.interpolate(m[None, None], scale_factor=2, mode="bilinear")
F.grid_sample(m[None, None], t.zeros(1, 1, 1, 2), align_corners=False)
F.unfold(m[None, None], 2)
F.pixel_shuffle(a.view(1, 4, 1, 1), 2)
F.pad(a, (1, 1))
F.bilinear(a[None], a[None], t.ones(2, 4, 4))
F.local_response_norm(a.view(1, 2, 2), 2)
t.sort(a, descending=True)[0]
a.topk(2)[0]
a.median()
a.kthvalue(2)[0]
a.quantile(0.3)
a.cumsum(0)
a.cumprod(0)
a.cummax(0)[0]
a.logsumexp(0)
a.logcumsumexp(0)
a.prod()
a.norm()
a.norm(p=3)
t.dist(a, a.detach())
a.std()
a.var()
a.max(0)[0]
a.amax()
a.aminmax()[0]
a[1]
a[[2, 0]]
a[1:3] * a[None, :2]
a.gather(0, t.tensor([1, 0]))
a.take(t.tensor([0, 3]))
a.scatter(0, t.tensor([1]), t.tensor([9.0]))
a.scatter_reduce(0, t.tensor([0, 0]), a[:2], "amax")
a.index_add(0, t.tensor([1, 1]), y[:2])
a.index_put((t.tensor([0, 1]),), t.ones(2))
a.masked_fill(t.tensor([True, False, True, False]), 0.0)
t.where(a > 0, a, a * a)
t.cat([a, y * a])
t.stack([a, a * 2])
sum(a.split(2))
a.unbind()[1]
a.flip(0)
a.roll(1)
m.tril()
m.T
m.trace()
t.diag(a)
a.unfold(0, 2, 1)
a.repeat(2)
a.diff()
t.trapezoid(a)
t.block_diag(m, m)
t.kron(m, t.eye(2))
t.einsum("i,j->ij", a, y)
t.outer(a, y)
m @ m
t.bmm(m[None], m[None])
t.addmm(a[:2], m, m)
t.maximum(a, y)
a.clamp(-0.5, 0.5)
a.abs() ** a
a % 0.7
t.atan2(a, y)
t.hypot(a, y)
t.logaddexp(a, y)
t.special.erfinv(a.tanh() * 0.9)
t.lgamma(a.abs() + 0.1)
t.polygamma(1, a.abs() + 1)
t.complex(a[:2], a[2:]).abs()
a.to(t.float64)
t.zeros_like(a) + a
a.new_zeros(4).add_(a)
a.clone().add_(2).mul_(a)
written(a, 1, a[0] * 2)
written(a * 1, slice(1, 3), 0.0)
written(a * 1, t.tensor([0, 3]), a[:2] * y[:2])
(a, a * 2)
t.fft.rfft(a).abs()
t.linalg.inv(m + 5 * t.eye(2))
t.linalg.solve(m + 3 * t.eye(2), t.ones(2))
t.linalg.det(m)
t.linalg.slogdet(m)[1]
t.linalg.cholesky(m @ m.T + t.eye(2))
t.linalg.qr(m)[1]
t.linalg.svdvals(m)
t.linalg.eigvalsh(m + m.T)
t.linalg.pinv(m)
t.matrix_exp(m)
""".strip().splitlines()

TRANSFORMATIONS: dict[str, Callable[..., Any]] = {
    "vmap": lambda u, f, total, x, y: u.vmap(f)(x),
    "vmap of vmap": lambda u, f, total, x, y: u.vmap(u.vmap(f))(x[None].expand(2, 3, 4)),
    "vmap of grad": lambda u, f, total, x, y: u.vmap(u.grad(total))(x),
    "grad of vmap": lambda u, f, total, x, y: u.grad(lambda x: total(x, u.vmap(f)))(x),
    "jvp": lambda u, f, total, x, y: u.jvp(f, (x[0],), (y[0],)),
    "vmap of jvp": lambda u, f, total, x, y: u.vmap(lambda a, b: u.jvp(f, (a,), (b,))[1])(x, y),
    "jacrev": lambda u, f, total, x, y: u.jacrev(f)(x[0]),
    "jacfwd": lambda u, f, total, x, y: u.jacfwd(f)(x[0]),
    "jacfwd of jacrev": lambda u, f, total, x, y: u.jacfwd(u.jacrev(total))(x[0]),
    "jacrev of jacrev": lambda u, f, total, x, y: u.jacrev(u.jacrev(total))(x[0]),
    "vmap of jvp of grad": lambda u, f, total, x, y: u.vmap(lambda a, b: u.jvp(u.grad(total), (a,), (b,))[1])(x, y),
    "jvp of vmap of grad": lambda u, f, total, x, y: u.jvp(u.vmap(u.grad(total)), (x,), (y,))[1],
}


def _written(target: Any, index: Any, value: Any) -> Any:
    target = target.clone()
    target[index] = value
    return target


def _function(source: str, lib: ModuleType) -> Callable[..., Any]:
    scope = {"t": lib, "F": lib.nn.functional, "y": lib.tensor(Y[1]), "W": lib.tensor(W), "written": _written}
    return eval(f"lambda a: (lambda a, m: {source})(a, a.view(2, 2))", scope)


def _sum(result: Any, lib: ModuleType) -> Any:
    """A number that depends on every element."""
    if isinstance(result, tuple):
        return sum(_sum(r, lib) for r in result)
    weights = lib.arange(1.0, result.numel() + 1).view(result.shape).to(result.dtype)
    return (result * weights).sum()


def _numbers(result: Any) -> Any:
    if isinstance(result, dict):
        return {k: _numbers(v) for k, v in result.items()}
    if isinstance(result, tuple | list):
        return [_numbers(r) for r in result]
    return result.numpy()  # which what is part of a graph refuses


def _outcome(how: Callable[..., Any], source: str, lib: ModuleType, func: ModuleType) -> Any:
    f = _function(source, lib)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = how(func, f, lambda a, g=f: _sum(g(a), lib), lib.tensor(X), lib.tensor(Y))
    return _numbers(result)


def _close(ours: Any, theirs: Any, tolerance: float = 2e-4) -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for k in theirs:
            _close(ours[k], theirs[k], tolerance)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            _close(a, b, tolerance)
    else:
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("source", FUNCTIONS)
def test_transformations(source: str, oracle: ModuleType) -> None:
    """Where PyTorch has no derivative, that along a direction is compared with differences; the others are taken."""
    import torch.func

    for name, how in TRANSFORMATIONS.items():
        try:
            theirs = _outcome(how, source, oracle, torch.func)
        except (NotImplementedError, RuntimeError):
            theirs = None
        ours = _outcome(how, source, kagari, kagari.func)
        if theirs is not None:
            _close(ours, theirs)
        elif name == "jvp":
            f = _function(source, kagari)
            x, y = kagari.tensor(X[0]), kagari.tensor(Y[0])
            slope = (f(x + 1e-2 * y) - f(x - 1e-2 * y)) / 2e-2
            _close(ours[1], slope.numpy(), 2e-2)


def _pair(oracle: ModuleType, program: Callable[..., Any]) -> tuple[Any, Any]:
    import torch.func

    outcomes = []
    for lib, func in ((kagari, kagari.func), (oracle, torch.func)):
        lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcomes.append(program(lib, func))
            except Exception as error:
                outcomes.append(error)
    return outcomes[0], outcomes[1]


def _mlp(t: ModuleType) -> tuple[Any, Any]:
    net = t.nn.Sequential(t.nn.Linear(4, 6), t.nn.Tanh(), t.nn.Linear(6, 2))
    return net, {k: v.detach() for k, v in net.named_parameters()}


def _gradients_of_samples(t: ModuleType, u: ModuleType) -> Any:
    net, parameters = _mlp(t)

    def loss(p: Any, x: Any, label: Any) -> Any:
        return t.nn.functional.cross_entropy(u.functional_call(net, p, (x[None],)), label[None])

    return u.vmap(u.grad(loss), (None, 0, 0))(parameters, t.tensor(X), t.tensor([0, 1, 1]))


def _gradients_of_images(t: ModuleType, u: ModuleType) -> Any:
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.GroupNorm(1, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )
    parameters = {k: v.detach() for k, v in net.named_parameters()}

    def loss(p: Any, x: Any, label: Any) -> Any:
        return nn.functional.cross_entropy(u.functional_call(net, p, (x[None],)), label[None])

    images = t.randn(5, 1, 4, 4)
    return u.vmap(u.grad(loss), (None, 0, 0))(parameters, images, t.tensor([0, 1, 1, 0, 1]))


def _ensemble(t: ModuleType, u: ModuleType) -> Any:
    nets = [t.nn.Linear(4, 3) for _ in range(4)]
    parameters, buffers = u.stack_module_state(nets)

    def call(p: Any, b: Any, x: Any) -> Any:
        return u.functional_call(nets[0], (p, b), (x,))

    assert all(p.is_leaf and p.requires_grad for p in parameters.values())
    return u.vmap(call, (0, 0, None))(parameters, buffers, t.tensor(X)).detach()


def _tangent_kernel(t: ModuleType, u: ModuleType) -> Any:
    net, parameters = _mlp(t)
    rows = u.vmap(u.jacrev(lambda p, x: u.functional_call(net, p, (x,))), (None, 0))(parameters, t.tensor(X))
    return sum(t.einsum("naf,mbf->nmab", j.flatten(2), j.flatten(2)) for j in rows.values())


def _attention(t: ModuleType, u: ModuleType) -> Any:
    layer = t.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    parameters = {k: v.detach() for k, v in layer.named_parameters()}
    x = t.tensor(X)[:, None, :].repeat(1, 3, 1) * t.arange(1.0, 4.0)[None, :, None]
    return u.vmap(u.grad(lambda p, x: u.functional_call(layer, p, (x[None],)).pow(2).sum()), (None, 0))(parameters, x)


def _second_order(t: ModuleType, u: ModuleType) -> Any:
    w = t.tensor(W, requires_grad=True)
    norm = u.grad(lambda x: (w @ x.sin()).pow(2).sum())(t.tensor(X[0])).pow(2).sum()
    norm.backward()
    return w.grad


PROGRAMS: dict[str, Callable[..., Any]] = {
    "gradients of samples": _gradients_of_samples,
    "gradients of images": _gradients_of_images,
    "ensemble": _ensemble,
    "tangent kernel": _tangent_kernel,
    "transformer layer": _attention,
    "a graph through grad": _second_order,
    "in_dims": lambda t, u: u.vmap(t.mm, (None, 1))(t.tensor(W), t.tensor(X)[:, None].repeat(1, 3, 1).transpose(0, 2)),
    "out_dims": lambda t, u: u.vmap(lambda a: (a, a * 2), out_dims=(1, 0))(t.tensor(X)),
    "trees": lambda t, u: u.vmap(
        lambda d, e: {"s": d["a"] + e[0], "t": (d["a"] * e[1],)}, in_dims=({"a": 0}, (0, None))
    )({"a": t.tensor(X)}, (t.tensor(Y), t.tensor(W[0]))),
    "keywords are shared": lambda t, u: u.vmap(lambda a, b=None: a * b)(t.tensor(X), b=t.tensor(Y)),
    "chunks": lambda t, u: u.vmap(t.dot, chunk_size=2)(t.tensor(X), t.tensor(Y)),
    "several arguments": lambda t, u: u.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(t.tensor(X), t.tensor(Y)),
    "aux": lambda t, u: u.grad_and_value(lambda a: (a.sum(), a * 2), has_aux=True)(t.tensor(X)),
    "trees of gradients": lambda t, u: u.grad(lambda d: (d["a"] ** 2).sum())({"a": t.tensor(X), "b": t.tensor(Y)}),
    "vjp": lambda t, u: u.vjp(lambda a: (a.sin(), a * 2), t.tensor(X))[1]((t.tensor(Y), t.tensor(X))),
    "vmap of a vjp": lambda t, u: u.vmap(u.vjp(t.sin, t.tensor(X[0]))[1])(t.eye(4)),
    "linearize": lambda t, u: u.linearize(lambda a: a.sin(), t.tensor(X))[1](t.tensor(Y)),
    "jacobians by argument": lambda t, u: u.jacfwd(lambda a, b: {"p": a * b, "q": b.sum()}, (0, 1))(
        t.tensor(X[0]), t.tensor(Y[0])
    ),
    "chunked jacobian": lambda t, u: u.jacrev(t.sin, chunk_size=3)(t.tensor(X)),
    "hessian of several": lambda t, u: u.hessian(lambda a, b: (a * b).pow(2).sum(), argnums=(0, 1))(
        t.tensor(X[0]), t.tensor(Y[0])
    ),
    "third derivative": lambda t, u: u.vmap(u.grad(u.grad(u.grad(lambda a: a**4))))(t.tensor(X[0])),
    "index of an example": lambda t, u: u.vmap(lambda a: t.tensor(W)[:, a.argmax()])(t.tensor(X)),
    "written by a mask": lambda t, u: u.vmap(lambda a: t.where(a > 0, a, t.zeros(())))(t.tensor(X)),
    "a loop that writes": lambda t, u: u.vmap(u.grad(lambda a: _walk(t, a).sum()))(t.tensor(X)),
    "batched gradients": lambda t, u: _batched_gradients(t),
    "jacobians at once": lambda t, u: _functional(t),
}  # fmt: skip


def _walk(t: ModuleType, a: Any) -> Any:
    path = a.clone()
    for k in range(1, 4):
        path[k] = path[k - 1] + a[k]
    return path


def _functional(t: ModuleType) -> Any:
    f = t.autograd.functional
    w, x = t.tensor(W), t.tensor(X[0])
    both = lambda a, b: (w @ a.sin(), a * b)  # noqa: E731
    slopes = f.hessian(lambda a: a.sin().pow(2).sum(), x, vectorize=True, outer_jacobian_strategy="forward-mode")
    return [
        f.jacobian(both, (x, x * 2), vectorize=True),
        f.jacobian(both, (x, x * 2), vectorize=True, strategy="forward-mode"),
        f.hessian(lambda a: (w @ a.sin()).pow(2).sum(), x, vectorize=True),
        slopes.detach(),
    ]


def _batched_gradients(t: ModuleType) -> Any:
    w = t.tensor(W, requires_grad=True)
    out = w.sin() @ t.tensor(X[0])
    return t.autograd.grad(out, w, t.eye(5), is_grads_batched=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, oracle: ModuleType) -> None:
    ours, theirs = _pair(oracle, PROGRAMS[name])
    if isinstance(theirs, Exception):
        raise theirs
    if isinstance(ours, Exception):
        raise ours
    _close(_numbers(ours), _numbers(theirs))


DRAWS: dict[str, Callable[..., Any]] = {
    "randn": lambda t: lambda a: a + t.randn(4),
    "rand": lambda t: lambda a: a + t.rand(2, 1).sum(),
    "randint": lambda t: lambda a: a + t.randint(0, 9, (4,)),
    "rand_like": lambda t: lambda a: t.rand_like(a),
    "dropout": lambda t: lambda a: t.nn.functional.dropout(a, 0.5),
    "randperm": lambda t: lambda a: t.randperm(4) + a.sum(),
}


@pytest.mark.parametrize("randomness", ["same", "different"])
@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(name: str, randomness: str, oracle: ModuleType) -> None:
    ours, theirs = _pair(oracle, lambda t, u: u.vmap(DRAWS[name](t), randomness=randomness)(t.ones(3, 4)))
    if isinstance(ours, Exception):
        raise ours
    _close(_numbers(ours), _numbers(theirs))


def test_dropout_in_a_gradient_of_each_example() -> None:
    t, u = kagari, kagari.func
    found = u.vmap(u.grad(lambda a: t.nn.functional.dropout(a, 0.5).sum()), randomness="different")(t.ones(64, 4))
    assert set(found.flatten().tolist()) == {0.0, 2.0}
    assert not all((found[0] == row).all() for row in found)


REFUSED: dict[str, Callable[..., Any]] = {
    "no tensor": lambda t, u: u.vmap(lambda a: a)(3),
    "structure": lambda t, u: u.vmap(lambda a: a, in_dims=(0, 0))(t.ones(2)),
    "dimension": lambda t, u: u.vmap(lambda a: a, in_dims=5)(t.ones(2, 2)),
    "no dimension": lambda t, u: u.vmap(lambda a: a, in_dims=None)(t.ones(2)),
    "sizes": lambda t, u: u.vmap(lambda a, b: a)(t.ones(3), t.ones(2)),
    "no tensor returned": lambda t, u: u.vmap(lambda a: 3)(t.ones(2)),
    "out_dims": lambda t, u: u.vmap(lambda a: a, out_dims=(0, 1))(t.ones(2)),
    "out_dims None": lambda t, u: u.vmap(lambda a: a, out_dims=None)(t.ones(2)),
    "no inputs": lambda t, u: u.vmap(lambda: 1)(),
    "randomness": lambda t, u: u.vmap(lambda a: a, randomness="no")(t.ones(2)),
    "chunk_size": lambda t, u: u.vmap(lambda a: a, chunk_size=0)(t.ones(2)),
    "no scalar": lambda t, u: u.grad(lambda a: a)(t.ones(2)),
    "no tensor for grad": lambda t, u: u.grad(lambda a: 3)(t.ones(2)),
    "no aux": lambda t, u: u.grad(lambda a: a.sum(), has_aux=True)(t.ones(2)),
    "argnums": lambda t, u: u.grad(lambda a: a.sum(), argnums=1)(t.ones(2)),
    "equal argnums": lambda t, u: u.grad(lambda a: a.sum(), argnums=(0, 0))(t.ones(2), t.ones(2)),
    "integers": lambda t, u: u.grad(lambda a: a.sum())(t.ones(2, dtype=t.int64)),
    "cotangents": lambda t, u: u.vjp(lambda a: (a, a), t.ones(2))[1](t.ones(2)),
    "primals": lambda t, u: u.jvp(lambda a: a, t.ones(2), t.ones(2)),
    "tangents": lambda t, u: u.jvp(lambda a: a, (t.ones(2),), (t.ones(2), t.ones(2))),
    "tangent's shape": lambda t, u: u.jvp(lambda a: a, (t.ones(2),), (t.ones(3),)),
    "strict": lambda t, u: u.jvp(lambda a: t.ones(2), (t.ones(2),), (t.ones(2),), strict=True),
    "no models": lambda t, u: u.stack_module_state([]),
    "random numbers": lambda t, u: u.vmap(lambda a: t.randn(2))(t.ones(2)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, oracle: ModuleType) -> None:
    ours, theirs = _pair(oracle, REFUSED[name])
    assert isinstance(theirs, Exception) and type(ours) is type(theirs), (ours, theirs)
    assert str(ours)[:30] == str(theirs)[:30]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a * a.sum().item(), "asks for elements"),
        (lambda a: a if a.sum() > 0 else -a, "data-dependent control flow"),
        (lambda a: a[a > 0], "asks for elements"),
        (lambda a: a.nonzero(), "asks for elements"),
        (lambda a: kagari.zeros(4).add_(a), "inplace arithmetic"),
    ],
)
def test_what_examples_do_not_have_in_common(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        kagari.func.vmap(function)(kagari.tensor(X))


def test_a_tensor_that_was_kept_is_of_no_use() -> None:
    kept: list[Any] = []
    kagari.func.vmap(lambda a: (kept.append(a), a)[1])(kagari.ones(2, 3))
    with pytest.raises(RuntimeError, match="its call had ended"):
        kept[0] + 1
    assert repr(kept[0]).startswith("BatchedTensor(")


def test_a_view_of_what_is_written_to() -> None:
    def f(a: Any) -> Any:
        b = a * 1
        view = b[0]
        b.mul_(2)
        return view * a[1]

    with pytest.raises(RuntimeError, match="write into a clone"):
        kagari.func.vmap(kagari.func.grad(f))(kagari.tensor(X))


def test_new_sizes_compile_nothing() -> None:
    u = kagari.func
    net = kagari.nn.Linear(7, 5)
    parameters = {k: v.detach() for k, v in net.named_parameters()}

    def gradients(n: int) -> Any:
        def loss(p: Any, x: Any) -> Any:
            return u.functional_call(net, p, (x,)).tanh().pow(2).sum()

        return u.vmap(u.grad(loss), (None, 0))(parameters, kagari.randn(n, 7))

    gradients(3)
    before = kagari.backends.kagari.kernels_compiled()
    assert gradients(11)["weight"].shape == (11, 5, 7)
    assert kagari.backends.kagari.kernels_compiled() == before


@pytest.mark.parametrize(
    "transform",
    [
        lambda u, f: u.grad(f),
        lambda u, f: u.vmap(u.grad(f)),
        lambda u, f: u.grad(lambda x: u.vmap(f)(x).sum()),
        lambda u, f: u.hessian(f),
        lambda u, f: lambda x: u.jvp(f, (x,), (x,)),
        lambda u, f: lambda x: u.vjp(f, x)[1](kagari.tensor(1.0)),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_nothing_is_left_in_cycles(transform: Callable[..., Any], own: bool) -> None:
    exp = _operations(kagari)[0]
    seen: list[weakref.ref[Any]] = []

    def f(x: Any) -> Any:
        y = exp(x) if own else x.exp()
        seen.append(weakref.ref(y))
        return (y * x.sin()).sum()

    x = kagari.ones(3, 4)
    gc.collect()
    gc.disable()
    try:
        transform(kagari.func, f)(x)
        assert seen and all(ref() is None for ref in seen)
    finally:
        gc.enable()


# Operations with a gradient of the user's own


def _operations(t: ModuleType) -> tuple[Any, Any]:
    class Exp(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, k: float) -> Any:
            return t.exp(x * k)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.saved_tensors[0] * ctx.k, None

        @staticmethod
        def jvp(ctx: Any, change: Any, _: Any) -> Any:
            return change * ctx.saved_tensors[0] * ctx.k

    class Product(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, w: Any) -> Any:
            return x * w, (x * w).sum()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            x, w = ctx.saved_tensors
            return g * w + h * w, g * x + h * x

    return lambda a: Exp.apply(a, 2.0), lambda a, b: Product.apply(a, b)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "vmap": lambda t, u, e, p, x, w: u.vmap(e)(x),
    "vmap of grad": lambda t, u, e, p, x, w: u.vmap(u.grad(lambda a: e(a).sum()))(x),
    "vmap of grad of grad": lambda t, u, e, p, x, w: u.vmap(
        u.grad(lambda a: u.grad(lambda b: e(b).sum())(a).pow(2).sum())
    )(x),
    "grad of vmap": lambda t, u, e, p, x, w: u.grad(lambda x: u.vmap(e)(x).pow(2).sum())(x),
    "grad of grad of vmap": lambda t, u, e, p, x, w: u.grad(
        lambda z: u.grad(lambda y: u.vmap(e)(y).pow(2).sum())(z).pow(2).sum()
    )(x),
    "jacrev of jacrev": lambda t, u, e, p, x, w: u.jacrev(u.jacrev(lambda a: e(a).pow(2).sum()))(x[0]),
    "jacfwd": lambda t, u, e, p, x, w: u.jacfwd(e)(x[0]),
    "hessian": lambda t, u, e, p, x, w: u.hessian(lambda a: e(a).pow(2).sum())(x[0]),
    "several outputs": lambda t, u, e, p, x, w: u.vmap(p, (0, None))(x, w),
    "gradients of several": lambda t, u, e, p, x, w: u.vmap(
        u.grad(lambda a, b: sum(o.sum() for o in p(a, b)), (0, 1)), (0, None)
    )(x, w),
    "what all share": lambda t, u, e, p, x, w: u.vmap(
        u.grad(lambda a, b: (e(a) * b).sum() + t.linalg.det(a.view(1, 1, 2, 2)[0, 0] if a.numel() == 4 else a), (0,)),
        (None, 0),
    )(w, x),
    "shared arguments": lambda t, u, e, p, x, w: u.grad(
        lambda a, b: sum(o.pow(2).sum() for o in u.vmap(p, (0, None))(a, b)), (0, 1)
    )(x, w),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_the_user(name: str, oracle: ModuleType) -> None:
    def program(t: ModuleType, u: ModuleType) -> Any:
        return OPERATIONS[name](t, u, *_operations(t), t.tensor(X) * 0.3, t.tensor(W[0]))

    ours, theirs = _pair(oracle, program)
    for outcome in (theirs, ours):
        if isinstance(outcome, Exception):
            raise outcome
    _close(_numbers(ours), _numbers(theirs))


def test_a_rule_of_the_user() -> None:
    t = kagari

    class Sorted(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return t.tensor(np.sort(x.numpy()))

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any) -> Any:
            assert info.batch_size == 3 and in_dims == (0,)
            return t.tensor(np.sort(x.numpy(), -1)), 0

    assert kagari.func.vmap(Sorted.apply)(t.tensor(X)).tolist() == np.sort(X, -1).tolist()


def test_an_operation_that_looks_at_elements_is_called_for_each_example() -> None:
    t, u = kagari, kagari.func

    class Cube(t.autograd.Function):
        """By way of NumPy; the gradient takes an argument, the result and something of its own."""

        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            square = t.tensor(x.detach().numpy() ** 2)
            result = t.tensor(square.numpy() * x.detach().numpy()) * w
            ctx.save_for_backward(square, w, result)
            return result

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            square, w, result = ctx.saved_tensors
            return 3 * square * w * g, g * result / w

    x, w = t.tensor(X), t.tensor(W[0])

    def outcomes(f: Callable[..., Any]) -> list[Any]:
        return [
            u.vmap(f, (0, None))(x, w),
            *u.vmap(u.grad(lambda a, b: f(a, b).sum(), (0, 1)), (0, None))(x, w),
            *u.grad(lambda a, b: u.vmap(f, (0, None))(a, b).sum(), (0, 1))(x, w),
        ]

    for ours, expected in zip(outcomes(Cube.apply), outcomes(lambda a, b: a**3 * b)):
        _close(ours.numpy(), expected.numpy())


# Dual tensors


def test_dual_tensors(oracle: ModuleType) -> None:
    def program(t: ModuleType, u: ModuleType) -> Any:
        fw = t.autograd.forward_ad
        x, y = t.tensor(X), t.tensor(Y)
        with fw.dual_level():
            dual = fw.make_dual(x, y)
            found = [fw.unpack_dual((dual * dual).sum(1).exp()), fw.unpack_dual(dual[1:]), fw.unpack_dual(x)]
            changed = fw.make_dual(x.clone(), y.clone())
            changed.mul_(3)
            changed[0] = 1.0
            found += [fw.unpack_dual(changed)]
            assert fw.unpack_dual(dual.detach()).tangent is None
            kinds = (tuple(dual.shape), str(dual.dtype), dual.numel(), len(dual))
        assert fw.unpack_dual(dual).tangent is None and repr(dual) == repr(x)
        return [kinds, [[None if p is None else p.tolist() for p in pair] for pair in found], (dual * 2).tolist()]

    import torch.autograd.forward_ad  # noqa: F401

    ours, theirs = _pair(oracle, program)
    for outcome in (theirs, ours):
        if isinstance(outcome, Exception):
            raise outcome
    assert ours[0] == theirs[0] and ours[1][2] == theirs[1][2]
    np.testing.assert_allclose(ours[2], theirs[2])
    for (p, s), (q, r) in zip(ours[1], theirs[1]):
        np.testing.assert_allclose(p, q, rtol=1e-5)
        if s is not None:
            np.testing.assert_allclose(s, r, rtol=1e-5)


DUALS: dict[str, Callable[..., Any]] = {
    "nested": lambda t, fw: fw.enter_dual_level(),
    "shapes": lambda t, fw: fw.make_dual(t.ones(2), t.ones(3)),
    "integers": lambda t, fw: fw.make_dual(t.ones(2, dtype=t.int64), t.ones(2)),
}


@pytest.mark.parametrize("name", DUALS)
def test_dual_tensors_that_are_refused(name: str, oracle: ModuleType) -> None:
    import torch.autograd.forward_ad  # noqa: F401

    def program(t: ModuleType, u: ModuleType) -> Any:
        with t.autograd.forward_ad.dual_level():
            return DUALS[name](t, t.autograd.forward_ad)

    ours, theirs = _pair(oracle, program)
    assert isinstance(theirs, Exception) and type(ours) is type(theirs) and str(ours) == str(theirs)


def test_dual_tensors_outside_of_a_level() -> None:
    with pytest.raises(RuntimeError, match="no level exists"):
        kagari.autograd.forward_ad.make_dual(kagari.ones(2), kagari.ones(2))
