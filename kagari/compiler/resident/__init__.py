"""Resident code: the part of the runtime that is native but no kernel, as one module of LLVM IR."""

from __future__ import annotations

from pathlib import Path

from ..native import translate

FILES = ("memory.py", "threads.py", "dispatch.py", "queue.py", "tape.py")
METHODS = 64

REFLECTED = 32

# A method's C function is given no state of its own, so each method has a stub that knows its number.
_STUB = "define i64 @{name}_{i}({params}) {{\n  %r = tail call i64 @call_{name}(i64 {i}, {params})\n  ret i64 %r\n}}"


def sources() -> list[str]:
    """The Python sources of the resident code."""
    return [(Path(__file__).parent / name).read_text() for name in FILES]


def core_ir(triple: str) -> str:
    """The LLVM IR of the resident functions."""
    return translate(sources(), triple)


def stubs_ir() -> str:
    """The LLVM IR of the methods' stubs: a module of its own, since it need not be optimised."""
    four, three = "i64 %a, i64 %b, i64 %c, i64 %d", "i64 %a, i64 %b, i64 %c"
    lines = ["declare i64 @call_method(i64, i64, i64, i64, i64)", "declare i64 @call_reflected(i64, i64, i64, i64)"]
    lines += [_STUB.format(name="method", i=i, params=four) for i in range(METHODS)]
    lines += [_STUB.format(name="reflected", i=i, params=three) for i in range(REFLECTED)]
    return "\n".join(lines) + "\n"


def rows_ir(triple: str) -> str:
    """The LLVM IR of `put_rows`: a module of its own, for those that load data."""
    return translate([(Path(__file__).parent / "rows.py").read_text()], triple)
