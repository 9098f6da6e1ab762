"""Linking of object code in memory: references within an object, to the process, and what can't be linked."""

from __future__ import annotations

import ctypes
import mmap
import platform
import threading

import pytest

from kagari.compiler import halves
from kagari.compiler.llvm import compile_object
from kagari.runtime import cpu, linker

_OBJECT = """
target triple = "{triple}"
@count = internal global i64 40
@zeros = internal global [1000 x i64] zeroinitializer
@table = internal constant [2 x ptr] [ptr @once, ptr @twice]
declare double @fmod(double, double)
declare double @given(double)

define internal double @once(double %x) noinline {{ ret double %x }}
define internal double @twice(double %x) noinline {{
  %y = fmul double %x, 2.5
  ret double %y
}}
define double @by_table(double %x, i64 %i) {{
  %at = getelementptr [2 x ptr], ptr @table, i64 0, i64 %i
  %f = load ptr, ptr %at
  %y = call double %f(double %x)
  ret double %y
}}
define double @of_process(double %x) {{
  %y = call double @fmod(double %x, double 3.0)
  %z = call double @given(double %y)
  ret double %z
}}
define i64 @counted(i64 %i) {{
  %n = load i64, ptr @count
  %m = add i64 %n, 1
  store i64 %m, ptr @count
  %at = getelementptr [1000 x i64], ptr @zeros, i64 0, i64 %i
  %z = load i64, ptr %at
  %sum = add i64 %m, %z
  ret i64 %sum
}}
define ptr @address_of_fmod() {{ ret ptr @fmod }}
"""
_DOUBLE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
_BY_TABLE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_longlong)
_COUNTED = ctypes.CFUNCTYPE(ctypes.c_longlong, ctypes.c_longlong)
_ADDRESS = ctypes.CFUNCTYPE(ctypes.c_void_p)
_given = _DOUBLE(lambda x: x + 100)  # kept as long as code may call it

elf = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux", reason="LLVM links here"
)


def made(text: str = _OBJECT) -> bytes:
    target = cpu.host_target()
    return compile_object(text.replace("@shared = external global ptr\n", "").format(triple=target.triple), target, 1)


@pytest.fixture(params=["own", "llvm"])
def functions(request: pytest.FixtureRequest) -> list[int]:
    """The functions of the object, by either linker."""
    cpu.define("given", cpu.address_of(_given))
    names = ("by_table", "of_process", "counted", "address_of_fmod")
    if request.param == "llvm":
        return cpu._link_by_llvm(made(), names)
    if not linker.is_linkable(made()):
        pytest.skip("LLVM links here")
    return cpu.load(made(), names)


def test_references(functions: list[int]) -> None:
    by_table, of_process, counted, address = functions
    assert [_BY_TABLE(by_table)(4.0, i) for i in (0, 1)] == [4.0, 10.0]
    assert _DOUBLE(of_process)(8.0) == 102.0
    assert [_COUNTED(counted)(i) for i in (0, 999)] == [41, 42]
    assert _ADDRESS(address)()
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(_ADDRESS(address)())(8.0, 3.0) == 2.0


@elf
def test_a_copy_has_variables_of_its_own() -> None:
    cpu.define("given", cpu.address_of(_given))
    first, second = (_COUNTED(cpu.load(made(), ("counted",))[0]) for _ in range(2))
    assert (first(0), first(0), second(0)) == (41, 42, 41)


@elf
def test_a_function_that_is_not_there() -> None:
    text = """target triple = "{triple}"
    declare void @no_such_function()
    define void @f() {{ call void @no_such_function()
      ret void }}"""
    with pytest.raises(OSError, match="calls no_such_function, which this process doesn't have"):
        cpu.load(made(text), ("f",))


@elf
def test_a_relocation_that_is_not_known() -> None:
    text = """target triple = "{triple}"
    @local = internal thread_local global i64 5
    define ptr @f() {{ ret ptr @local }}"""
    with pytest.raises(OSError, match="relocations of type"):
        cpu.load(made(text), ("f",))


@elf
def test_an_object_larger_than_a_slab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linker, "_SLAB", mmap.PAGESIZE)
    monkeypatch.setattr(linker, "_slabs", slabs := [])
    cpu.define("given", cpu.address_of(_given))
    assert _COUNTED(cpu.load(made(), ("counted",))[0])(0) == 41
    assert _COUNTED(cpu.load(made(), ("counted",))[0])(0) == 41
    assert len(slabs) == 2


@elf
def test_pages_that_can_not_be_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that forbids generated code says so in an exception."""
    cpu.define("given", cpu.address_of(_given))
    monkeypatch.setattr(mmap, "PROT_EXEC", 1 << 20)  # a right that no system knows
    with pytest.raises(OSError, match="generated code can't be made executable"):
        cpu.load(made(), ("counted",))


_HALF = """define internal double @{name}(double %x) noinline {{
  %y = fmul double %x, {factor}
  ret double %y
}}
define double @calls_{name}(double %x) {{
  %y = call double @{other}(double %x)
  %n = load i64, ptr @count
  %m = add i64 %n, 1
  store i64 %m, ptr @count
  %f = sitofp i64 %m to double
  %z = fadd double %y, %f
  ret double %z
}}
"""


@elf
def test_halves_that_call_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of both parts reach those of the other, and share what is variable."""
    monkeypatch.setattr(halves, "_LEAST", 0)
    text = 'target triple = "{triple}"\n@count = global [1 x i64] zeroinitializer\n'
    text += _HALF.replace("{name}", "twice").replace("{other}", "thrice").replace("{factor}", "2.0")
    text += _HALF.replace("{name}", "thrice").replace("{other}", "twice").replace("{factor}", "3.0")
    target = cpu.host_target()
    text = text.format(triple=target.triple)
    assert [part.count("define") for part in halves.halves(text)] == [2, 2]
    code = compile_object(text, target, 1, halved=True)
    assert len(code) > len(compile_object(text, target, 1))
    by_twice, by_thrice = map(_DOUBLE, cpu.load(code, ("calls_twice", "calls_thrice")))
    assert (by_twice(1.0), by_thrice(1.0), by_twice(1.0)) == (3 + 1, 2 + 2, 3 + 3)


@elf
def test_halves_where_no_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interpreter's end the second half is compiled after the first."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(halves, "_LEAST", 0)
    monkeypatch.setattr(threading.Thread, "start", start)
    target = cpu.host_target()
    code = compile_object(_OBJECT.format(triple=target.triple), target, 1, halved=True)
    cpu.define("given", cpu.address_of(_given))
    assert _DOUBLE(cpu.load(code, ("of_process",))[0])(8.0) == 102.0
