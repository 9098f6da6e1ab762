"""Scripts and traces next to the oracle: their programs, character for character, and what they compute."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # the oracle's

HEAD = """
from typing import *
import {lib} as torch
from {lib} import nn
import {lib}.nn.functional as F
Tensor = torch.Tensor
"""


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Makes a module of a program, with Kagari or with PyTorch as `torch`."""
    made = []

    def load(text: str, lib: str = "kagari") -> ModuleType:
        path = tmp_path / f"{lib}_{len(made)}.py"
        path.write_text(HEAD.format(lib=lib) + text)
        spec = importlib.util.spec_from_file_location("program", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["program"] = module
        made.append(module)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("program", None)


def as_lists(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: as_lists(v) for k, v in found.items()}
    if isinstance(found, tuple | list):
        return [as_lists(part) for part in found]
    return found.tolist() if hasattr(found, "tolist") else found


def plain(code: str) -> str:
    """The text without the numbers that tell classes of one name apart."""
    return re.sub(r"\.___torch_mangle_\d+", "", code)


SCRIPTS = {
    "loop": "def f(x, n: int):\n    for i in range(n):\n        x = x + i\n    return x\nargs = (torch.ones(2), 3)",
    "carried": """
def f(x, n: int):
    z = x; a = x; m = x
    for i in range(n):
        z = z+1; a = a*2; b = a; m = b
        if i > 2:
            q = z; a = a+q; z = z*a
        else:
            q = m; z = z-a
        m = q
    while bool(z.sum() < 10):
        z = z*2
    return z, a, m
args = (torch.ones(2), 5)
""",
    "early": """
def f(x):
    if x.sum() > 0:
        return x
    y = x + 1
    return y
args = (torch.tensor([-1., -2.]),)
""",
    "optional": """
def f(x, y: Optional[Tensor] = None, k: Tuple[int, int] = (1, 2)):
    if y is not None:
        x = x + y
    r : List[Tensor] = []
    for v in k:
        r.append(x*v)
    return torch.stack(r, dim=0), r
args = (torch.ones(2), torch.ones(2), (1, 2))
""",
    "containers": """
def f(x: Tensor, d: Dict[str, Tensor], t: Tuple[int, str]):
    a, b = t
    d['x'] = x
    s = f"hello {a} {b}"
    assert a > 3, "too small"
    if b == "k":
        raise ValueError("no " + b)
    for k, v in d.items():
        x = x + v
    l = [i*2 for i in range(3)]
    y = x[1:, None, 0, ..., ::2]
    z = x[:, l]
    x[0] = 1
    x += 1
    return x.shape, y, z, len(l), s, -a, a // 2, a / 2, a % 2, a ** 2.0, not (a > 2 and a < 5)
args = (torch.arange(30.).view(3, 5, 2), {'y': torch.ones(1)}, (4, 'z'))
""",
    "results": """
class P(NamedTuple):
    x: Tensor
    y: int
def f(x, y: int):
    v, i = torch.max(x, 1)
    w, _ = x.max(dim=0)
    p = P(x, 3)
    q = torch.zeros(3, dtype=torch.float64)
    o: Optional[Tensor] = None
    if y > 3:
        o = x
    e = {'a': x, 'b': v}
    n = float('inf')
    s = 'he\\n"l'
    t = (1,)
    ss = (x, y, 3)[1:]
    a, b = x.shape
    u = x.shape[0]
    m = max(y, 3)
    h = x if y > 2 else v
    return p.x + p[0], i, w, q, o, e['a'], n, 1e-5, s, t[0], ss, a, b, u, m, abs(y), h
args = (torch.arange(6.).view(2, 3), 3)
""",
    "functions": """
def g(x, p: float = 0.5):
    return F.dropout(F.relu(x), p, False) + F.softmax(x, 1)
def f(x):
    return g(x) * F.gelu(x) + g(x, 0.3)
args = (torch.ones(2, 3),)
""",
    "methods": """
def f(x):
    parts = x.split(1)
    first = torch.where(x > 1, x, torch.zeros_like(x))
    text = '%s-%d' % ('a', 3)
    return x.float(), x.long() + 1, x.type(torch.float64), parts, first, torch.topk(x, 1), text, sorted([3, 1]), [
        int(v) for v in [1., 2.]]
args = (torch.arange(4.).view(2, 2),)
""",
    "futures": """
def neg(x): return torch.neg(x)
def f(x):
    futs: List[torch.jit.Future[Tensor]] = []
    for _ in range(10):
        futs.append(torch.jit.fork(neg, x))
    res = []
    for fut in futs:
        res.append(torch.jit.wait(fut))
    return torch.sum(torch.stack(res))
args = (torch.ones(2),)
""",
    "numbers": """
def f(x, n: int, s: float):
    return 2 - x, 2 / x, 2 * x, 3 + x, x // 2, x % 2, 2 > x, n * s, n + 1, s // 2.0, int(s), min(n, 2), -n
args = (torch.arange(1., 4.), 3, 2.5)
""",
}  # fmt: skip

# What jumps out of loops has the same result, and another program.
JUMPS = """
def f(x, n: int):
    for i in range(n):
        if x.sum() > 40: return x
        if i == 4: break
        if i == 2: continue
        x = x * 2
    k = 0
    while True:
        k += 1
        if k > 3: break
        for j in range(2):
            if j == 1: break
            x = x - j
    return x + k
"""

MODULES = {
    "tutorial": """
class Gate(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        else:
            return -x
class Cell(nn.Module):
    def __init__(self, dg):
        super().__init__()
        self.dg = dg
        self.linear = nn.Linear(4, 4)
    def forward(self, x, h):
        new_h = torch.tanh(self.dg(self.linear(x)) + h)
        return new_h, new_h
def make(): return Cell(Gate())
args = (torch.ones(3, 4), torch.ones(3, 4))
""",
    "attributes": """
class A(nn.Module):
    k: torch.jit.Final[int]
    tt: Optional[Tensor]
    def __init__(self):
        super().__init__()
        self.k = 4
        self.register_buffer('b', torch.zeros(3))
        self.n = 0
        self.lst = [1, 2]
        self.w = nn.Parameter(torch.ones(2))
        self.tt = None
    @torch.jit.export
    def hello(self, x): return x + self.k
    @torch.jit.unused
    def unu(self, x): return x
    def helper(self, x: Tensor, y: float = 2.0): return x * y
    def forward(self, x, flag: bool = False):
        self.n += 1
        self.b += x
        self.b = self.b * 2
        if self.training:
            x = self.helper(x)
        if flag: x = self.hello(x)
        if torch.jit.is_scripting(): x = x - 1
        else: x = self.foo(x)
        l = [x, x]
        for j, q in enumerate(l): x = x + q * j
        for p, q in zip(l, self.lst): x = x + p * q
        if isinstance(x, Tensor): x = x + 1
        y = self.tt
        if y is not None: x = x + y
        while True:
            x = x + 1
            if x.sum() > 3: break
        return x.view(-1, 3).to(torch.float64) + self.b
def make(): return A()
args = (torch.ones(3), True)
""",
    "layers": """
class M(nn.Module):
    def __init__(s):
        super().__init__()
        s.c = nn.Conv2d(3, 8, 3, padding=1); s.bn = nn.BatchNorm2d(8)
        s.l = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])
        s.seq = nn.Sequential(nn.ReLU(), nn.Dropout(0.0), nn.LeakyReLU(0.1), nn.Hardswish())
        s.pool = nn.AdaptiveAvgPool2d(1); s.mp = nn.MaxPool2d(2); s.ln = nn.LayerNorm(8)
        s.sm = nn.Softmax(dim=1); s.g = nn.GELU(); s.d = nn.ModuleDict({'a': nn.Tanh(), 'b': nn.GroupNorm(2, 8)})
    def forward(s, x):
        x = s.mp(s.seq(s.bn(s.c(x))))
        x = s.pool(x).flatten(1)
        for l in s.l: x = F.relu(l(x))
        for i, l in enumerate(s.l): x = l(x) * i
        for k, m in s.d.items(): x = m(x)
        x = s.d['a'](s.l[0](s.ln(x)))
        return s.sm(s.g(x))
def make(): return M()
args = (torch.arange(384.).view(2, 3, 8, 8) / 400,)
""",
    "ensemble": """
class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell_f = nn.LSTM(3, 4)
        self.cell_b = nn.LSTM(3, 4)
    def forward(self, x: Tensor) -> Tensor:
        future_f = torch.jit.fork(self.cell_f, x)
        output_b, _ = self.cell_b(torch.flip(x, dims=[0]))
        output_b_rev = torch.flip(output_b, dims=[0])
        output_f, _ = torch.jit.wait(future_f)
        return torch.cat((output_f, output_b_rev), dim=2)
class Ensemble(nn.Module):
    def __init__(self, n_models):
        super().__init__()
        self.n_models = n_models
        self.models = nn.ModuleList([Both() for _ in range(self.n_models)])
    def forward(self, x : Tensor) -> Tensor:
        futures : List[torch.jit.Future[Tensor]] = []
        for model in self.models:
            futures.append(torch.jit.fork(model, x))
        results : List[Tensor] = []
        for future in futures:
            results.append(torch.jit.wait(future))
        return torch.stack(results).sum(dim=0)
def make(): return Ensemble(3)
args = (torch.arange(24.).view(4, 2, 3) / 10,)
""",
    "recurrent": """
class R(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(8, 5); self.cell = nn.LSTMCell(5, 5)
    def forward(self, x):
        y, (h, c) = self.lstm(x)
        z, g = self.gru(y)
        a, b = self.cell(z[:, 0])
        return y, h, c, z, g, a, b
def make(): return R()
args = (torch.arange(24.).view(2, 4, 3) / 10,)
""",
}  # fmt: skip

TRACES = {
    "shapes": """
def f(x):
    a = x.view(x.size(0), -1)
    b = a[:, 0] + a[0] * 2 - x.shape[1]
    b = b / 3
    c = torch.cat([b, b])
    c[0] = 5
    d = c.float().max(0)
    m = (x @ x.t()).softmax(-1)
    return d.values, torch.zeros(2), x.mean(1, keepdim=True), x.permute(1, 0), m, 1 - x, x ** 2, x > 0, x.sum()
args = (torch.arange(16.).view(4, 4),)
""",
    "network": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 4, 3); self.bn = nn.BatchNorm2d(4); self.c2 = nn.Conv2d(4, 8, 3)
        self.fc = nn.Sequential(nn.Linear(200, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer('off', torch.zeros(3))
    def forward(self, x):
        x = F.relu(self.bn(self.c1(x)))
        x = F.max_pool2d(x, 2)
        x = torch.relu(self.c2(x))
        x = x.view(x.size(0), -1)
        x = self.fc(x)
        return F.log_softmax(x * self.scale + self.off, dim=1)
f = Net().eval()
args = (torch.arange(512.).view(2, 1, 16, 16) / 500,)
""",
    "twice": """
class B(nn.Module):
    def __init__(s):
        super().__init__()
        s.l = nn.Linear(3, 3); s.m = nn.Linear(3, 3)
    def forward(s, x):
        h = s.l(x); y = s.l(h); a, b = s.m(y), h
        return a + b, (a, s.l.weight.sum())
f = B()
args = (torch.ones(2, 3),)
""",
    "script inside": """
@torch.jit.script
def two(x, n: int):
    for i in range(n):
        x = x + i
    return x, x * 2
class Inner(nn.Module):
    def forward(self, x):
        if x.sum() > 3: return x + 1
        return x
class W(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(Inner())
    def forward(self, x):
        y, h = two(self.inner(x), 3)
        return torch.relu(y) + h
f = W()
args = (torch.ones(3),)
""",
}  # fmt: skip


def same_state(mine: Any, other: Any) -> None:
    """Gives both modules equal parameters."""
    for a, b in zip(mine.parameters(), other.parameters()):
        values = kagari.linspace(-1, 1, a.numel()).view(*a.shape) if a.numel() > 1 else kagari.ones(*a.shape)
        with kagari.no_grad():
            a.copy_(values)
        b.data.copy_(type(b.data)(values.tolist()))


def assert_same(mine: Any, other: Any) -> None:
    a, b = as_lists(mine), as_lists(other)
    assert repr(type(a)) == repr(type(b))
    if isinstance(a, dict):
        a, b = list(a.items()), list(b.items())
    if isinstance(a, list):
        assert len(a) == len(b)
        for one, two in zip(a, b):
            assert_same(one, two)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=2e-4, abs=2e-5, nan_ok=True)
    else:
        assert a == b


@pytest.mark.oracle
@pytest.mark.parametrize("name", SCRIPTS)
def test_programs_of_functions(name: str, load: Any) -> None:
    ours, theirs = (load(SCRIPTS[name], lib) for lib in ("kagari", "torch"))
    mine, other = ours.torch.jit.script(ours.f), theirs.torch.jit.script(theirs.f)
    assert plain(mine.code) == plain(other.code)
    assert_same(mine(*ours.args), other(*theirs.args))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_compute_what_python_does(name: str, load: Any) -> None:
    first, second = load(SCRIPTS[name]), load(SCRIPTS[name])
    assert_same(kagari.jit.script(first.f)(*first.args), second.f(*second.args))


@pytest.mark.parametrize("n", [0, 1, 3, 7])
def test_jumps(n: int, load: Any) -> None:
    program = load(JUMPS)
    scripted = kagari.jit.script(program.f)
    for start in (1.0, 5.0, 30.0):
        x = kagari.full((2,), start)
        assert_same(scripted(x, n), program.f(x, n))


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODULES)
def test_programs_of_modules(name: str, load: Any) -> None:
    ours, theirs = (load(MODULES[name], lib) for lib in ("kagari", "torch"))
    a, b = ours.make(), theirs.make()
    same_state(a, b)
    mine, other = ours.torch.jit.script(a), theirs.torch.jit.script(b)
    assert repr(mine) == repr(other)
    if name != "recurrent":  # whose layers have overloads in PyTorch
        assert plain(mine.code) == plain(other.code)
    if name == "attributes":
        assert (mine.hello.code, mine.helper.code) == (other.hello.code, other.helper.code)
    assert_same(mine(*ours.args), other(*theirs.args))
    mine.eval()
    other.eval()
    assert_same(mine(*ours.args), other(*theirs.args))
    assert list(mine.state_dict()) == list(other.state_dict())


@pytest.mark.parametrize("name", MODULES)
def test_scripted_modules_compute_what_python_does(name: str, load: Any) -> None:
    program = load(MODULES[name])
    module = program.make()
    scripted = kagari.jit.script(module)
    if name == "attributes":
        return  # it asks whether it is a script
    mine, other = scripted(*program.args), module(*program.args)
    assert_same(mine, other)
    total = mine[0] if isinstance(mine, tuple) else mine
    (total**2).sum().backward()
    assert any(p.grad is not None and bool((p.grad != 0).any()) for p in module.parameters())


@pytest.mark.oracle
@pytest.mark.parametrize("name", TRACES)
def test_programs_of_traces(name: str, load: Any) -> None:
    ours, theirs = (load(TRACES[name], lib) for lib in ("kagari", "torch"))
    if hasattr(ours.f, "parameters"):
        same_state(ours.f, theirs.f)
    mine, other = (p.torch.jit.trace(p.f, p.args) for p in (ours, theirs))
    assert plain(mine.code) == plain(other.code)
    assert_same(mine(*ours.args), other(*theirs.args))
    if hasattr(ours.f, "parameters"):
        assert repr(mine) == repr(other)
        for path, module in mine.named_modules():
            if "forward" in module._script_type.methods:
                assert plain(module.code) == plain(other.get_submodule(path).code), path


def test_traces_follow_sizes(load: Any) -> None:
    def f(x: Any) -> Any:
        return x.reshape(x.shape[1] * 2, -1) + x.size(0)

    traced = kagari.jit.trace(f, kagari.ones(4, 2))
    assert_same(traced(kagari.ones(6, 3)), f(kagari.ones(6, 3)))


@pytest.mark.oracle
@pytest.mark.parametrize(
    "body",
    [
        "return x if x.sum() > 0 else -x", "return x * int(x[0])", "return x * float(x[0])", "return x[int(x[0])]",
        "return x * len(x)",
    ],
)  # fmt: skip
def test_warnings_of_traces(body: str, load: Any) -> None:
    found = []
    for lib in ("kagari", "torch"):
        program = load(f"def f(x):\n    {body}\n", lib)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            program.torch.jit.trace(program.f, program.torch.ones(2), check_trace=False)
        found.append([(w.category.__name__, str(w.message)) for w in seen if w.category is not DeprecationWarning])
    assert found[0] == found[1]


ERRORS = {
    "undefined": "def f(x):\n    return foo(x)",
    "annotated": "def f(x: Tensor):\n    y: int = x\n    return y",
    "one branch": "def f(x):\n    if x.sum() > 0:\n        y = 1\n    return y",
    "attribute": "def f(x):\n    return torch.foo(x)",
    "method": "def f(x: int):\n    return x.foo()",
    "builtin": "def f(x):\n    return open('x')",
    "yield": "def f(x):\n    yield x",
    "try": "def f(x):\n    try:\n        return x\n    except: pass",
    "lambda": "def f(x):\n    return lambda y: y",
    "global": "def f(x):\n    global yy\n    return x",
    "varargs": "def f(*args):\n    return args",
    "default": "def f(x, k: List[int] = [1, 2]):\n    return x",
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, load: Any) -> None:
    messages, kinds = [], []
    for lib in ("kagari", "torch"):
        program = load(ERRORS[name] + "\n", lib)
        with pytest.raises(Exception, match=r"File") as error:
            program.torch.jit.script(program.f)
        kinds.append(isinstance(error.value, RuntimeError))
        messages.append(re.sub(r'File "[^"]*"', "File", str(error.value)).strip())
    assert messages[0] == messages[1]
    assert kinds[0] == kinds[1]


@pytest.mark.oracle
def test_operators_are_pytorchs(oracle: Any) -> None:
    from kagari.eager import aten

    theirs: dict[str, Any] = {}
    for schema in oracle._C._jit_get_all_schemas():
        theirs[f"{schema.name}.{schema.overload_name}".rstrip(".")] = schema
    count = 0
    for name in aten.names():
        for mine in aten.schemas(name):
            other = theirs[str(mine)]
            assert [a.name for a in mine.arguments] == [a.name for a in other.arguments], str(mine)
            assert [a.keyword_only for a in mine.arguments] == [a.kwarg_only for a in other.arguments]
            for a, b in zip(mine.arguments, other.arguments):
                assert a.is_required is not b.has_default_value()
                if b.has_default_value() and not (a.spread and isinstance(a.default, int)):
                    assert a.default == b.default_value, (str(mine), a.name)
            assert len(mine.returns) == len(other.returns), str(mine)
            count += 1
    assert count > 1700


def test_programs_ask_in_python_too() -> None:
    assert not kagari.jit.is_scripting() and not kagari.jit.is_tracing()
    with pytest.raises(RuntimeError, match="must be a bool or a function"):
        kagari.jit.ignore(1)


IGNORED = """
class M(nn.Module):
    @torch.jit.ignore
    def python(self, x) -> Tensor:
        return x * len(str(type(x)))
    @torch.jit.unused
    def never(self, x): return x
    @torch.jit.ignore(drop=True)
    def dropped(self, x) -> int: return 3
    def forward(self, x, deep: bool = False):
        if deep:
            x = self.never(x)
        return self.python(x) + 1
"""


def test_functions_that_stay_in_python(load: Any) -> None:
    program = load(IGNORED)
    scripted = kagari.jit.script(program.M())
    x = kagari.ones(1)
    assert_same(scripted(x), program.M()(x))
    assert_same(scripted.python(x), program.M().python(x))
    with pytest.raises(kagari.jit.Error, match="annotated to be ignored"):
        scripted(x, True)
    with pytest.raises(RuntimeError, match="Could not export Python function call 'python'"):
        scripted.save_to_buffer()


def test_exceptions_of_scripts(load: Any) -> None:
    program = load("""
def f(x, n: int):
    if n > 2:
        raise ValueError(f"no {n}")
    assert n > 0, "too small"
    return x + n
""")
    scripted = kagari.jit.script(program.f)
    assert_same(scripted(kagari.ones(1), 1), [2.0])
    for n, text in ((3, "builtins.ValueError: no 3"), (0, "RuntimeError: AssertionError: too small")):
        with pytest.raises(kagari.jit.Error, match=text):
            scripted(kagari.ones(1), n)
    with pytest.raises(RuntimeError, match="Expected a value of type 'int' for argument 'n'"):
        scripted(kagari.ones(1), "a")
    with pytest.raises(RuntimeError, match="missing value for argument 'n'"):
        scripted(kagari.ones(1))
    assert kagari.jit.export_opnames(scripted) == ["aten::add.Scalar", "aten::format", "aten::gt.int"]


def test_functions_scripted_in_traces(load: Any) -> None:
    program = load("""
@torch.jit.script_if_tracing
def first_row(x):
    if x.size(0) > 2:
        return x[0]
    return x[1]
def f(x):
    return first_row(x) + 1
""")
    traced = kagari.jit.trace(program.f, kagari.ones(3, 2))
    short = kagari.arange(4.0).view(2, 2)
    assert_same(traced(short), program.f(short))


def test_modules_are_copied_moved_and_trained() -> None:
    scripted = kagari.jit.script(kagari.nn.Sequential(kagari.nn.Linear(2, 3), kagari.nn.BatchNorm1d(3)))
    copied = copy.deepcopy(scripted)
    x = kagari.rand(4, 2)
    assert_same(copied(x), scripted(x))
    optimizer = kagari.optim.SGD(copied.parameters(), 0.1)
    copied(x).pow(2).sum().backward()
    optimizer.step()
    assert not bool((copied[0].weight == scripted[0].weight).all())
    copied.load_state_dict(scripted.state_dict())
    assert_same(copied.eval()(x), scripted.eval()(x))
    assert copied.double()(x.double()).dtype is kagari.float64
    with pytest.raises(RuntimeError, match=r"use my_module\.save"):
        pickle.dumps(scripted)


def test_attributes_of_no_type_are_left_out(load: Any) -> None:
    program = load("""
import functools
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = functools.partial(nn.Linear, 2)
        self.anything = object()
        self.both = [1, 'a']
        self.k = 2
    def forward(self, x): return x * self.k
class Asks(M):
    def forward(self, x): return self.anything
""")
    assert_same(kagari.jit.script(program.M())(kagari.ones(1)), [2.0])
    with pytest.raises(RuntimeError, match="failed to convert Python type: 'object' to a TorchScript type"):
        kagari.jit.script(program.Asks())
