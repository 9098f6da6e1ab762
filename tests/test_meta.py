"""The device `meta`: tensors with a layout and no memory, compared with the oracle's, and with those that have it."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.ops.records import OPERATORS
from kagari.testing.cases import Case, build, cases, target

pytestmark = pytest.mark.filterwarnings("ignore")

SAMPLES = [c for c in cases(OPERATORS) if c.dtype == "float32" and c.number < 3]
# Operators that look at values to check their arguments, and so raise on `meta`.
LOOK = {"gaussian_nll_loss", "embedding_bag"}


def on_meta(x: Any) -> Any:
    """An argument with its tensors on `meta`, with the same strides."""
    if isinstance(x, kagari.Tensor):
        made = kagari.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
        return made.requires_grad_(x.requires_grad)
    return type(x)(map(on_meta, x)) if isinstance(x, list | tuple) else x


def tensors(x: Any) -> Iterator[Any]:
    """The tensors of a result or of arguments."""
    if isinstance(x, kagari.Tensor):
        yield x
    elif isinstance(x, list | tuple):
        for y in x:
            yield from tensors(y)


def lies(x: Any) -> list[Any]:
    """Shape, strides, dtype and need of a gradient of each tensor."""
    return [(t.shape, t.stride(), t.dtype, t.requires_grad) for t in tensors(x)]


@pytest.mark.parametrize("case", SAMPLES, ids=map(str, SAMPLES))
def test_operator(case: Case) -> None:
    """Results and gradients lie as those of tensors with memory do."""
    function = target(case.record, kagari)
    args, kwargs, _ = build(case, kagari, True)
    there = [on_meta(a) for a in args], {name: on_meta(a) for name, a in kwargs.items()}
    try:
        want = function(*args, **kwargs)
    except Exception as error:
        with pytest.raises(type(error)):
            function(*there[0], **there[1])
        return
    try:
        got = function(*there[0], **there[1])
    except RuntimeError as error:
        assert case.record.name in LOOK and "cannot be called on meta" in str(error)
        return
    assert all(t.is_meta for t in tensors(got))
    assert lies(got) == lies(want)
    found = []
    for result, (a, k) in ((want, (args, kwargs)), (got, there)):
        outputs = [t for t in tensors(result) if t.requires_grad]
        leaves = [t for t in tensors([*a, *k.values()]) if t.requires_grad and t.is_leaf]
        if not outputs or not leaves:
            return
        ones = [kagari.ones_like(o) for o in outputs]
        try:
            found.append([None if g is None else lies(g) for g in
                          kagari.autograd.grad(outputs, leaves, ones, allow_unused=True)])  # fmt: skip
        except RuntimeError as error:
            found.append([type(error)])
    assert found[0] == found[1]


def seen(library: ModuleType, text: str) -> str:
    """What an expression gives, as text, or the kind of exception it raises."""
    m, c = library.empty(2, 3, device="meta"), library.ones(2, 3)
    try:
        return repr(eval(text, {"torch": library, "m": m, "c": c}))
    except Exception as error:
        return type(error).__name__


EXPRESSIONS = (
    "m", "m.double()", "m.long()", "m.bool()", "m + 1", "m + c[0, 0]", "m[0]", "m.T", "m[:, 1:]", "m[0, 0]", "m.sum()",
    "torch.empty(2, 3, dtype=torch.float64, device='meta', requires_grad=True)", "torch.ones(0, 3, device='meta')",
    "torch.nn.Parameter(m)", "torch.tensor([1, 2], device='meta')", "torch.tensor(1.5, device='meta')",
    "torch.as_tensor([1.0], device=torch.device('meta'))", "torch.full((2,), True, device='meta')",
    "torch.rand(2, device='meta')", "torch.randn(2, 2, device='meta')", "torch.randint(3, (2,), device='meta')",
    "torch.randperm(4, device='meta')", "torch.arange(5, device='meta')", "torch.linspace(0, 1, 5, device='meta')",
    "torch.eye(3, device='meta')", "torch.zeros_like(c, device='meta')", "torch.rand_like(m)", "m.new_ones(2)",
    "c.new_zeros(2, device='meta')", "m.normal_()", "m.uniform_()", "m.bernoulli_(0.5)", "m.add_(c)", "m.copy_(c)",
    "m.fill_(1)", "c.to('meta')", "c.to(m).device", "m.to(c)", "m.to('cpu')", "m.cpu()", "m.to('meta') is m",
    "m + c", "c + m", "c + m[0, 0]", "torch.where(m > 0, m, c)", "c.copy_(m)", "m == c",
    "m.item()", "m[0, 0].item()", "bool(m[0, 0])", "float(m[0, 0])", "int(m[0, 0])", "m.tolist()", "m.numpy()",
    "m.numpy(force=True)", "m.nonzero()", "m.unique()", "m.masked_select(m > 0)", "m[m > 0]",
    "torch.bincount(m.long())",
    "torch.equal(m, m)", "torch.allclose(m, m)", "m.data_ptr()", "m.device", "m.is_meta, m.is_cpu, c.is_meta",
    "m.untyped_storage().nbytes()", "(m + m).untyped_storage().nbytes()", "m[1].untyped_storage().nbytes()",
    "m.untyped_storage().device", "m.untyped_storage().tolist()", "m.type()", "m.share_memory_()", "len(m), list(m)[0]",
    "m[torch.tensor([0, 1])]", "torch.nn.functional.embedding(torch.tensor([0, 1]), m)", "m.gather(0, m.long())",
    "torch.nn.functional.dropout(m)", "torch.multinomial(m, 2)", "torch.bernoulli(m)", "torch.normal(m, m)",
    "m.as_strided((2, 2), (1, 2))", "(m + m).as_strided((2, 2), (1, 2))", "m.resize_(4, 5)", "torch.add(m, m, out=c)",
    "torch.empty(2, 3, 4, 5, device='meta', memory_format=torch.channels_last).stride()",
    "torch.stack([m, m]), torch.cat([m, m], 1), m.split(1)", "f'{m[0, 0]}'", "f'{m[0, 0]:.2f}'",
)  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expression(text: str, oracle: ModuleType) -> None:
    assert seen(kagari, text) == seen(oracle, text)


def test_default_device(oracle: ModuleType) -> None:
    for library in (kagari, oracle):
        with library.device("meta"):
            made = library.tensor([1.0]), library.arange(3), library.nn.Linear(2, 3).weight, library.zeros(2)
            assert all(t.is_meta for t in made)
            assert not library.ones(2, device="cpu").is_meta
            assert not library.zeros_like(library.ones(2, device="cpu")).is_meta
        assert not library.ones(2).is_meta
        library.set_default_device("meta")
        try:
            assert library.ones(2).is_meta
        finally:
            library.set_default_device(None)
        assert not library.ones(2).is_meta


def network(library: ModuleType, **how: Any) -> Any:
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, **how), nn.BatchNorm2d(4, **how), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 8, **how), nn.LayerNorm(8, **how), nn.Dropout(), nn.Linear(8, 2, **how),
    )  # fmt: skip


def test_module(oracle: ModuleType) -> None:
    found = []
    for library in (kagari, oracle):
        model = network(library, device="meta")
        out = model(library.empty(2, 3, 8, 8, device="meta"))
        out.sum().backward()
        assert all(p.grad.is_meta and p.grad.shape == p.shape for p in model.parameters())
        before = list(model.parameters())
        library.optim.AdamW(model.parameters()).step()
        with pytest.raises(NotImplementedError, match="to_empty"):
            model.to("cpu")
        found.append([(repr(out.detach()), out.stride()), [tuple(p.stride()) for p in before]])
        source = network(library).eval()
        with pytest.warns(UserWarning, match="which is a no-op"):
            model.load_state_dict(source.state_dict())
        assert all(p.is_meta for p in model.parameters())
        model.load_state_dict(source.state_dict(), assign=True)
        x = library.ones(1, 3, 8, 8)
        assert (model.eval()(x) == source(x)).all()
        assert not any(p.is_meta for p in network(library, device="meta").to_empty(device="cpu").parameters())
        assert all(p.is_meta for p in source.to("meta").parameters())
    assert found[0] == found[1]


def test_name_of_extra_state(oracle: ModuleType) -> None:
    """Programs that put parameters in place of a model's on `meta` ask for it."""
    name = "_EXTRA_STATE_KEY_SUFFIX"
    assert getattr(kagari.nn.modules.module, name) == getattr(oracle.nn.modules.module, name)


def test_saving(oracle: ModuleType) -> None:
    state = {"w": kagari.empty(2, 3, device="meta").t(), "p": kagari.nn.Parameter(kagari.empty(2, device="meta"))}
    file = io.BytesIO()
    kagari.save(state, file)
    for library in (kagari, oracle):
        file.seek(0)
        loaded = library.load(file)
        assert repr(loaded) == repr(state) and loaded["w"].stride() == (1, 3)
    theirs, file = oracle.empty(2, 3, dtype=oracle.float64, device="meta"), io.BytesIO()
    oracle.save(theirs, file)
    file.seek(0)
    assert repr(kagari.load(file)) == repr(theirs)
    file = io.BytesIO()
    oracle.save({"w": oracle.ones(2, 3)[:, 1:]}, file)
    for library in (kagari, oracle):
        file.seek(0)
        loaded = library.load(file, map_location="meta")["w"]
        assert loaded.is_meta and loaded.stride() == (3, 1)
    for made in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert repr(made) == repr(state)


def test_compiled_and_collated() -> None:
    m = kagari.empty(3, device="meta")
    assert kagari.compile(lambda x: (x * 2 + 1).sum())(m).is_meta
    assert next(iter(kagari.utils.data.DataLoader([m, m], batch_size=2))).shape == (2, 3)
    huge = kagari.empty(1 << 30, 1 << 20, device="meta")
    assert (huge @ huge.T).shape == (1 << 30, 1 << 30)
