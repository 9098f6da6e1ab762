"""Resident code: the part of the runtime that is native but no kernel, as modules of LLVM IR."""

from __future__ import annotations

import re
from pathlib import Path

from ..native import translate

FILES = ("memory.py", "threads.py", "dispatch.py", "pending.py", "tape.py")
# What the queue's module calls of the core, and the core of the queue's, in the order of the array LATER.
SHARED = (
    "birth", "byte_offset", "deliver", "fault", "give_block", "give_temps", "inferred", "make_output", "new_tensor",
    "no_memory", "overlaps", "record_node", "reference", "run_plan", "settle", "size_class", "take_block", "ticks",
    "unclear", "wait",
)  # fmt: skip
LATER = ("defer", "flush")
METHODS = 64

REFLECTED = 32

# A method's C function is given no state of its own, so each method has a stub that knows its number.
_STUB = "define i64 @{name}_{i}({params}) {{\n  %r = tail call i64 @call_{name}(i64 {i}, {params})\n  ret i64 %r\n}}"


def _sources(*names: str) -> list[str]:
    return [(Path(__file__).parent / name).read_text() for name in names]


def _outline(source: str) -> str:
    """The constants and functions of a source, without what the functions do, which takes long to parse."""
    lines = re.findall(r"^(?:[A-Z_]+ = .*|def .*)$", source, re.M)
    return "\n".join([line + " pass" * line.startswith("def ") for line in lines])


def core_ir(triple: str) -> str:
    """The LLVM IR of the resident functions that every program needs."""
    return translate(_sources(*FILES), triple, exported=SHARED, later=LATER)


def queue_ir(triple: str) -> str:
    """The LLVM IR of deferred execution: a module of its own, for those that capture."""
    return translate(_sources("queue.py"), triple, map(_outline, _sources(*FILES)), exported=(*SHARED, *LATER))


def stubs_ir() -> str:
    """The LLVM IR of the methods' stubs: a module of its own, since it need not be optimised."""
    four, three = "i64 %a, i64 %b, i64 %c, i64 %d", "i64 %a, i64 %b, i64 %c"
    lines = ["declare i64 @call_method(i64, i64, i64, i64, i64)", "declare i64 @call_reflected(i64, i64, i64, i64)"]
    lines += [_STUB.format(name="method", i=i, params=four) for i in range(METHODS)]
    lines += [_STUB.format(name="reflected", i=i, params=three) for i in range(REFLECTED)]
    return "\n".join(lines) + "\n"


def rows_ir(triple: str) -> str:
    """The LLVM IR of `put_rows`: a module of its own, for those that load data."""
    return translate(_sources("rows.py"), triple)
