"""Programs in files: those of the oracle are read, and the oracle reads those that are written here."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import pytest
from test_jit import MODULES, SCRIPTS, TRACES, assert_same, load, same_state

import kagari
from kagari.jit.frontend import FrontendError

__all__ = ["load"]
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # the oracle's


def compiled(program: Any, kind: str) -> Any:
    """The program's function or module as a script or a trace."""
    if kind == "trace":
        return program.torch.jit.trace(program.f, program.args)
    return program.torch.jit.script(program.make() if hasattr(program, "make") else program.f)


def stored(script: Any, save: Any) -> io.BytesIO:
    file = io.BytesIO()
    save(script, file)
    file.seek(0)
    return file


ALL = [(kind, name) for kind, table in (("script", SCRIPTS), ("module", MODULES), ("trace", TRACES)) for name in table]
TABLES = {"script": SCRIPTS, "module": MODULES, "trace": TRACES}


@pytest.mark.oracle
@pytest.mark.parametrize("kind, name", ALL)
def test_files_of_the_oracle(kind: str, name: str, load: Any, oracle: Any) -> None:
    ours, theirs = (load(TABLES[kind][name], lib) for lib in ("kagari", "torch"))
    other = compiled(theirs, kind)
    mine = kagari.jit.load(stored(other, oracle.jit.save))
    assert_same(mine(*ours.args), other(*theirs.args))
    if kind == "module":
        assert list(mine.state_dict()) == list(other.state_dict())


@pytest.mark.oracle
@pytest.mark.parametrize("kind, name", ALL)
def test_files_for_the_oracle(kind: str, name: str, load: Any, oracle: Any) -> None:
    ours, theirs = (load(TABLES[kind][name], lib) for lib in ("kagari", "torch"))
    mine = compiled(ours, kind)
    other = oracle.jit.load(stored(mine, kagari.jit.save))
    assert_same(mine(*ours.args), other(*theirs.args))


@pytest.mark.parametrize("kind, name", ALL)
def test_files_are_read_again(kind: str, name: str, load: Any) -> None:
    program = load(TABLES[kind][name])
    script = compiled(program, kind)
    again = kagari.jit.load(stored(script, kagari.jit.save))
    first, second = (program.args, load(TABLES[kind][name]).args)
    assert_same(script(*first), again(*second))
    twice = kagari.jit.load(stored(again, kagari.jit.save))
    assert_same(twice(*load(TABLES[kind][name]).args), again(*load(TABLES[kind][name]).args))


RICH = """
import enum
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class P(NamedTuple):
    x: Tensor
    y: int
@torch.jit.script
class Box:
    def __init__(self, x: Tensor, k: int):
        self.x = x
        self.k = k
        self.l: List[int] = []
    def get(self) -> Tensor:
        return self.x * self.k
class M(nn.Module):
    d: Dict[str, int]
    def __init__(self):
        super().__init__()
        self.s = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.d = {'a': 1}
        self.strs = ['a', 'b']
        self.fl = [1., 2.]
        self.tl = [torch.ones(2)]
        self.tup = (1, 'x', torch.ones(1))
        self.bl = [True]
        self.register_buffer('np', torch.ones(2), persistent=False)
        self.nest = [[1], [2]]
        self.shared = self.s[0].weight
    def forward(self, x):
        b = Box(x, 3)
        p = P(x, 2)
        c = torch.tensor([1., 2.])
        e = Color.RED
        if e == Color.BLUE: x = x + 1
        y = self.s(x) + b.get() + p.x + c
        return y, self.d['a'], self.strs, self.fl, self.tl, self.tup, self.nest, self.bl, p.y, e.value
def make(): return M()
args = (torch.ones(2, 2),)
"""


@pytest.mark.oracle
def test_all_kinds_of_attributes(load: Any, oracle: Any) -> None:
    ours, theirs = (load(RICH, lib) for lib in ("kagari", "torch"))
    a, b = ours.make(), theirs.make()
    same_state(a, b)
    mine, other = ours.torch.jit.script(a), theirs.torch.jit.script(b)
    assert_same(mine(*ours.args), other(*theirs.args))
    assert_same(kagari.jit.load(stored(other, oracle.jit.save))(*ours.args), other(*theirs.args))
    assert_same(mine(*ours.args), oracle.jit.load(stored(mine, kagari.jit.save))(*theirs.args))


@pytest.mark.oracle
def test_further_files(oracle: Any, load: Any, tmp_path: Any) -> None:
    program = load("def f(x):\n    return x + 1\n")
    path = str(tmp_path / "m.pt")
    kagari.jit.save(kagari.jit.script(program.f), path, _extra_files={"info.txt": "hello"})
    for lib in (kagari, oracle):
        found = {"info.txt": "", "none": ""}
        lib.jit.load(path, _extra_files=found)
        assert found == {"info.txt": b"hello", "none": b""}
    on_meta = kagari.jit.script(kagari.nn.Linear(2, 2))
    on_meta.save(path)
    assert kagari.jit.load(path, map_location="meta").weight.is_meta
    with pytest.raises(ValueError, match="does not exist"):
        kagari.jit.load(str(tmp_path / "no.pt"))


def rewritten(data: bytes, change: Any) -> io.BytesIO:
    """An archive with changed records."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename.partition("/")[2], old.read(info)))
    out.seek(0)
    return out


HOSTILE = {
    "import": "    import os\n    return x\n",
    "call": "    return eval(\"1\")\n",
    "open": "    return open(\"x\")\n",
    "attribute": "    return x.__class__.__mro__\n",
    "getattr": "    return getattr(x, \"__class__\")\n",
    "torch": "    return torch.load(\"x\")\n",
    "class": "    return __torch__.os.system(\"x\")\n",
    "lambda": "    return (lambda: x)()\n",
    "comprehension of globals": "    return [c for c in ().__class__.__bases__]\n",
    "syntax": "    return (\n",
    "assignment": "    x.data = 1\n    return x\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused(name: str) -> None:
    data = kagari.jit.script(kagari.nn.ReLU()).save_to_buffer()

    def change(path: str, content: bytes) -> bytes:
        if path.endswith("functional.py"):
            head = content[: content.index(b"Tensor:\n") + 8]
            return head + HOSTILE[name].replace("x", "input").encode()
        return content

    with pytest.raises((RuntimeError, FrontendError), match="functional"):
        kagari.jit.load(rewritten(data, change))


@pytest.mark.parametrize("names", ["__class__", "forward", "_script_type", "register_buffer"])
def test_hostile_attributes_are_refused(names: str) -> None:
    data = kagari.jit.script(kagari.nn.ReLU()).save_to_buffer()

    def change(path: str, content: bytes) -> bytes:
        return content.replace(b"  training : bool\n", f"  training : bool\n  {names} : int\n".encode())

    with pytest.raises(RuntimeError, match="can't be that of an attribute"):
        kagari.jit.load(rewritten(data, change))


@pytest.mark.parametrize("place", [("os", "system"), ("builtins", "eval"), ("torch.nn", "Linear")])
def test_hostile_pickles_are_refused(place: tuple[str, str]) -> None:
    data = kagari.jit.script(kagari.nn.ReLU()).save_to_buffer()
    hostile = f"c{place[0]}\n{place[1]}\n(X\x01\x00\x00\x001tR.".encode()
    file = rewritten(data, lambda path, content: hostile if path == "data.pkl" else content)
    with pytest.raises(pickle.UnpicklingError, match="not on the list"):
        kagari.jit.load(file)


@pytest.mark.oracle
def test_units_of_text(oracle: Any) -> None:
    text = "def f(x: Tensor, n: int) -> Tensor:\n  return x + n\ndef g(x: Tensor) -> Tensor:\n  return f(x, 2) * 2\n"
    mine, other = kagari.jit.CompilationUnit(text), oracle.jit.CompilationUnit(text)
    assert mine.f.code == other.f.code
    assert_same(mine.g(kagari.ones(1)), other.g(oracle.ones(1)))
    with pytest.raises(RuntimeError, match="undefined value open"):
        kagari.jit.CompilationUnit("def f(x: Tensor):\n  return open(x)\n")


def test_formats_reach_into_nothing(load: Any) -> None:
    program = load("def f(x, t: str):\n    return t.format(x)\n")
    assert kagari.jit.script(program.f)(kagari.ones(1), "{0.__class__} {}") == "{0.__class__} tensor([1.])"


def test_what_is_no_program(tmp_path: Any) -> None:
    file = io.BytesIO()
    kagari.save({"a": 1}, file)
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"constants\.pkl"):
        kagari.jit.load(file)
    with pytest.raises(RuntimeError, match="no file that save"):
        kagari.jit.load(io.BytesIO(b"nothing of that kind"))
    cut = kagari.jit.script(kagari.nn.Linear(2, 2)).save_to_buffer()
    with pytest.raises(RuntimeError, match="damaged"):
        kagari.jit.load(io.BytesIO(cut[: len(cut) // 2]))
