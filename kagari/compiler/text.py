"""A small writer of LLVM IR text: typed values, one method per instruction, structured loops.

The text form is used instead of an object builder because it is what a reader sees in LLVM's own documentation, and
because joining strings is the cheapest way to make it: a fused element-wise kernel is written in a few hundred
microseconds.

Every kernel has the same signature, `KERNEL_PARAMS`:

    bufs     array of data pointers, one per buffer the kernel reads or writes
    ops      array of i64 operands: sizes and element strides
    scalars  array of 8-byte Python scalars (the bits of a double, or an i64)
    begin    first index of the parallel range this call has to do
    end      one past the last index
    worker   number of the calling thread, 0 for the submitting one
    status   i64 word into which the kernel ORs error bits
"""

from __future__ import annotations

import builtins
import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

KERNEL_PARAMS = (
    ("bufs", "ptr"),
    ("ops", "ptr"),
    ("scalars", "ptr"),
    ("begin", "i64"),
    ("end", "i64"),
    ("worker", "i64"),
    ("status", "ptr"),
)


@dataclass(frozen=True, slots=True)
class Val:
    """An SSA value or a literal: its spelling in LLVM IR and its type."""

    name: str
    type: str

    @property
    def lanes(self) -> int:
        """Number of vector lanes; 0 for a scalar."""
        return int(self.type[1:].split(" ", 1)[0]) if self.type[0] == "<" else 0

    @property
    def element(self) -> str:
        """Element type: `float` for `<16 x float>` as for `float`."""
        return self.type.rsplit(" ", 1)[1][:-1] if self.type[0] == "<" else self.type


def vector(lanes: int, element: str) -> str:
    """The type of a vector; lanes 0 gives the scalar type itself."""
    return f"<{lanes} x {element}>" if lanes else element


def float_literal(value: float, element: str) -> str:
    """A literal LLVM reads back exactly: the bits of the double nearest to the value in the element type."""
    if element == "float":
        value = ctypes.c_float(value).value  # infinite where it is too large
    return "0x" + struct.pack(">d", value).hex().upper()


BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "half": 16, "bfloat": 16, "float": 32, "double": 64}

CACHE_LINE = 64  # bytes that `prefetch` asks for


class Builder:
    """Writes one module of one or more functions.

    A builder has one current function and appends to it. Local variables (`var`) are stack slots that LLVM turns into
    registers, so loops need no hand-made phi nodes.
    """

    def __init__(self) -> None:
        self._count = 0
        self._lines: list[str] = []
        self._entry: list[str] = []
        self._declarations: dict[str, str] = {}
        self._functions: list[str] = []
        self._header = ""
        self._metadata: set[str] = set()
        self._beside: set[str] = set()
        # What 16-bit floats were before they were widened, by the name of the wide value and the dtype.
        self.narrow: dict[tuple[str, str], Val] = {}

    # Functions and modules

    def begin_function(
        self, name: str, params=KERNEL_PARAMS, returns: str = "void", linkage: str = "", attributes: str = ""
    ) -> list[Val]:
        """Starts a function and returns its parameters."""
        self._lines, self._entry, self._count, self.narrow = [], [], 0, {}
        listed = ", ".join(f"{ty} %{label}" for label, ty in params)
        self._header = f"define {linkage} {returns} @{name}({listed}) {attributes} #0 {{\nentry:"
        return [Val(f"%{label}", ty.split(" ", 1)[0]) for label, ty in params]

    def end_function(self) -> None:
        self._functions.append("\n".join([self._header, *self._entry, *self._lines, "}"]))

    def beside(self, name: str, write: Callable[[Builder, str], None]) -> str:
        """The name of what `write` adds to this module, beside the function that is being written, on first use."""
        if name not in self._beside:
            self._beside.add(name)
            other = Builder()
            other._declarations, other._functions = self._declarations, self._functions
            write(other, name)
        return name

    def words(self, name: str, values: Sequence[builtins.int]) -> None:
        """Constant words of this module."""
        listed = ", ".join(f"i64 {value}" for value in values)
        self._functions.append(f"@{name} = internal constant [{len(values)} x i64] [{listed}]")

    def module(self, attributes: str = "nounwind") -> str:
        """The whole text: declarations and functions; `attributes` apply to every function."""
        declarations = "\n".join(self._declarations.values())
        return (
            declarations
            + "\n\n"
            + "\n\n".join(self._functions)
            + f"\n\nattributes #0 = {{ {attributes} }}\n"
            + "\n".join(sorted(self._metadata))
            + "\n"
        )

    def declare(self, name: str, returns: str, arg_types: list[str]) -> None:
        self._declarations.setdefault(name, f"declare {returns} @{name}({', '.join(arg_types)})")

    # Lines

    def emit(self, text: str) -> None:
        self._lines.append("  " + text)

    def value(self, text: str, type_: str) -> Val:
        """Appends `%n = text` and returns it as a value."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {text}")
        return Val(name, type_)

    # Constants

    def int(self, value: builtins.int, type_: str = "i64") -> Val:
        return self.splat(Val(str(int(value)), Val("", type_).element), Val("", type_).lanes)

    def float(self, value: builtins.float, type_: str = "float") -> Val:
        ty = Val("", type_)
        return self.splat(Val(float_literal(value, ty.element), ty.element), ty.lanes)

    def zero(self, type_: str) -> Val:
        return Val(
            "null"
            if type_ == "ptr"
            else "zeroinitializer"
            if type_[0] == "<"
            else "0.0"
            if type_ in ("half", "bfloat", "float", "double")
            else "0",
            type_,
        )

    def splat(self, x: Val, lanes: builtins.int) -> Val:
        """The scalar in every lane; a literal becomes a constant vector."""
        if not lanes:
            return x
        ty = vector(lanes, x.type)
        if x.name[0] != "%":
            return Val("<" + ", ".join([f"{x.type} {x.name}"] * lanes) + ">", ty)
        one = self.value(f"insertelement {ty} poison, {x.type} {x.name}, i64 0", ty)
        return self.value(f"shufflevector {ty} {one.name}, {ty} poison, <{lanes} x i32> zeroinitializer", ty)

    def iota(self, lanes: builtins.int, element: str = "i64") -> Val:
        """0, 1, 2, ... as an integer vector."""
        return Val("<" + ", ".join(f"{element} {i}" for i in range(lanes)) + ">", vector(lanes, element))

    # Arithmetic: `add fadd mul fmul and or xor shl lshr ashr sdiv udiv srem ...`

    def binary(self, op: str, a: Val, b: Val) -> Val:
        return self.value(f"{op} {a.type} {a.name}, {b.name}", a.type)

    def add(self, a: Val, b: Val) -> Val:
        return self.binary("add", a, b)

    def sub(self, a: Val, b: Val) -> Val:
        return self.binary("sub", a, b)

    def mul(self, a: Val, b: Val) -> Val:
        return self.binary("mul", a, b)

    def fadd(self, a: Val, b: Val) -> Val:
        return self.binary("fadd contract", a, b)

    def fsub(self, a: Val, b: Val) -> Val:
        return self.binary("fsub contract", a, b)

    def fmul(self, a: Val, b: Val) -> Val:
        return self.binary("fmul contract", a, b)

    def fdiv(self, a: Val, b: Val) -> Val:
        return self.binary("fdiv", a, b)

    def fneg(self, a: Val) -> Val:
        return self.value(f"fneg {a.type} {a.name}", a.type)

    def fma(self, a: Val, b: Val, c: Val) -> Val:
        """a * b + c in one rounding."""
        return self.intrinsic("fma", a.type, a, b, c)

    def icmp(self, predicate: str, a: Val, b: Val) -> Val:
        return self.value(f"icmp {predicate} {a.type} {a.name}, {b.name}", vector(a.lanes, "i1"))

    def fcmp(self, predicate: str, a: Val, b: Val) -> Val:
        return self.value(f"fcmp {predicate} {a.type} {a.name}, {b.name}", vector(a.lanes, "i1"))

    def select(self, condition: Val, a: Val, b: Val) -> Val:
        return self.value(f"select {condition.type} {condition.name}, {a.type} {a.name}, {b.type} {b.name}", a.type)

    def cast(self, op: str, x: Val, type_: str) -> Val:
        """`sext zext trunc fpext fptrunc sitofp uitofp fptosi fptoui bitcast inttoptr ptrtoint`."""
        return self.value(f"{op} {x.type} {x.name} to {type_}", type_)

    def bitcast(self, x: Val, type_: str) -> Val:
        return x if x.type == type_ else self.cast("bitcast", x, type_)

    # Calls

    def intrinsic(self, name: str, type_: str, *args: Val, returns: str | None = None, flags: str = "") -> Val:
        """A call of `llvm.<name>` overloaded on one type:

        `fma`, `sqrt`, `fabs`, `floor`, `maximum`, `masked.load`...
        """
        ty = Val("", type_)
        suffix = (f"v{ty.lanes}" if ty.lanes else "") + {
            "float": "f32",
            "double": "f64",
            "half": "f16",
            "bfloat": "bf16",
        }.get(ty.element, ty.element)
        return self.call(f"llvm.{name}.{suffix}", returns or type_, *args, flags=flags)

    def call(self, name: str, returns: str, *args: Val, flags: str = "") -> Val:
        """A call of a declared function; declares it on first use. Returns a value, of type void for a procedure."""
        self.declare(name, returns, [a.type for a in args])
        listed = ", ".join(f"{a.type} {a.name}" for a in args)
        text = f"call {flags + ' ' if flags else ''}{returns} @{name}({listed})"
        if returns == "void":
            self.emit(text)
            return Val("", "void")
        return self.value(text, returns)

    def call_local(self, name: str, *args: Val) -> None:
        """A call of a procedure that this module defines."""
        self.emit(f"call void @{name}({', '.join(f'{a.type} {a.name}' for a in args)})")

    # Memory

    def gep(self, base: Val, index: Val, element: str) -> Val:
        """base + index elements."""
        return self.value(f"getelementptr {element}, ptr {base.name}, i64 {index.name}", "ptr")

    def load(self, pointer: Val, type_: str, align: builtins.int = 0) -> Val:
        align = align or max(1, BITS.get(Val("", type_).element, 64) // 8)
        return self.value(f"load {type_}, ptr {pointer.name}, align {align}", type_)

    def store(self, x: Val, pointer: Val, align: builtins.int = 0) -> None:
        align = align or max(1, BITS.get(x.element, 64) // 8)
        self.emit(f"store {x.type} {x.name}, ptr {pointer.name}, align {align}")

    def store_past_caches(self, x: Val, pointer: Val) -> None:
        """A store of whole, aligned vectors that does not fetch the lines it writes."""
        align = BITS[x.element] // 8 * x.lanes
        self._metadata.add("!0 = !{i32 1}")
        self.emit(f"store {x.type} {x.name}, ptr {pointer.name}, align {min(align, 64)}, !nontemporal !0")

    def unknown(self, x: Val) -> Val:
        """The same value, of which LLVM does not know where it is from, and so cannot count it from another one."""
        slot = self.var(x.type, x)
        return self.value(f"load volatile {x.type}, ptr {slot.name}", x.type)

    def prefetch(self, pointer: Val, write: bool = False) -> None:
        """Asks for a cache line that will be read, or written; a pointer into nowhere does no harm."""
        self.call("llvm.prefetch.p0", "void", pointer, *(self.int(i, "i32") for i in (int(write), 3, 1)))

    def transposed(self, rows: list[Val]) -> list[Val]:
        """As many vectors as each has lanes, transposed: each step swaps the off-diagonal blocks of one size."""
        n, ty = len(rows), rows[0].type
        size = 1
        while size < n:
            result = list(rows)
            for i in range(n):
                if i & size:
                    continue
                low = [(k & ~size) + (n if k & size else 0) for k in range(n)]
                high = [(k | size) + (n if k & size else 0) for k in range(n)]
                for at, lanes in ((i, low), (i | size, high)):
                    listed = ", ".join(f"i32 {k}" for k in lanes)
                    text = f"shufflevector {ty} {rows[i].name}, {ty} {rows[i | size].name}, <{n} x i32> <{listed}>"
                    result[at] = self.value(text, ty)
            rows = result
            size *= 2
        return rows

    def masked_load(self, pointer: Val, mask: Val, type_: str, other: Val | None = None) -> Val:
        """Lanes whose mask bit is off read nothing and give zero, or what `other` holds."""
        ty = Val("", type_)
        suffix = (
            f"v{ty.lanes}"
            + {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(ty.element, ty.element)
            + ".p0"
        )
        name = f"llvm.masked.load.{suffix}"
        self.declare(name, type_, ["ptr", mask.type, type_])
        align, rest = max(1, BITS[ty.element] // 8), other.name if other is not None else "zeroinitializer"
        return self.value(
            f"call {type_} @{name}(ptr align {align} {pointer.name}, {mask.type} {mask.name}, {type_} {rest})",
            type_,
        )

    def masked_store(self, x: Val, pointer: Val, mask: Val) -> None:
        suffix = (
            f"v{x.lanes}"
            + {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(x.element, x.element)
            + ".p0"
        )
        name = f"llvm.masked.store.{suffix}"
        self.declare(name, "void", [x.type, "ptr", mask.type])
        align = max(1, BITS[x.element] // 8)
        self.emit(f"call void @{name}({x.type} {x.name}, ptr align {align} {pointer.name}, {mask.type} {mask.name})")

    def lane_mask(self, first: Val, end: Val, lanes: builtins.int) -> Val:
        """Lane i is on where first + i < end.

        Compared in 32 bits: one instruction makes the mask, and with AVX2 it has the width of the lanes of floats.
        """
        left = self.intrinsic("smin", "i64", self.sub(end, first), self.int(lanes))
        return self.icmp("sgt", self.splat(self.cast("trunc", left, "i32"), lanes), self.iota(lanes, "i32"))

    # Variables and control flow

    def var(self, type_: str, initial: Val | None = None) -> Val:
        """A local variable: a stack slot in the entry block, promoted to a register by LLVM."""
        self._count += 1
        name = f"%a{self._count}"
        self._entry.append(f"  {name} = alloca {type_}")
        slot = Val(name, "ptr")
        if initial is not None:
            self.emit(f"store {type_} {initial.name}, ptr {name}")
        return slot

    def get(self, slot: Val, type_: str) -> Val:
        return self.value(f"load {type_}, ptr {slot.name}", type_)

    def set(self, slot: Val, x: Val) -> None:
        self.emit(f"store {x.type} {x.name}, ptr {slot.name}")

    def label(self) -> str:
        self._count += 1
        return f"l{self._count}"

    def block(self, label: str) -> None:
        self._lines.append(f"{label}:")

    def jump(self, label: str) -> None:
        self.emit(f"br label %{label}")

    def branch(self, condition: Val, yes: str, no: str) -> None:
        self.emit(f"br i1 {condition.name}, label %{yes}, label %{no}")

    @contextmanager
    def loop(self, start: Val, stop: Val, step: Val | builtins.int = 1) -> Iterator[Val]:
        """`for i in range(start, stop, step)` with a positive step; yields i."""
        step = self.int(step) if isinstance(step, builtins.int) else step
        slot = self.var("i64", start)
        head, body, done = self.label(), self.label(), self.label()
        self.jump(head)
        self.block(head)
        index = self.get(slot, "i64")
        self.branch(self.icmp("slt", index, stop), body, done)
        self.block(body)
        yield index
        self.set(slot, self.value(f"add nsw i64 {index.name}, {step.name}", "i64"))
        self.jump(head)
        self.block(done)

    @contextmanager
    def when(self, condition: Val) -> Iterator[None]:
        """Runs the body where the scalar condition holds."""
        body, done = self.label(), self.label()
        self.branch(condition, body, done)
        self.block(body)
        yield
        self.jump(done)
        self.block(done)

    def ret(self, x: Val | None = None) -> None:
        self.emit("ret void" if x is None else f"ret {x.type} {x.name}")

    def leave(self) -> None:
        """Returns from the procedure in the middle of it."""
        self.ret()
        self.block(self.label())
