"""Resident code: functions written in a small subset of Python, translated to LLVM IR.

What must run without the interpreter but is no kernel (the dispatcher, the memory pool, the threads) is written as
Python functions over 64-bit words. The subset: assignments, `if`, `while`, `break`, `continue`, `return`, integer
arithmetic, comparisons, `and`, `or`, `not`, calls. A variable is an i64; `p[i]` is the i-th word at address p. Names in
capitals are constants of the module or, where they are declared as `WORDS(n)`, arrays of words that live in the
generated code.

    def push(head, block):
        block[0] = head[0]
        head[0] = block

Beyond these, functions call each other, the C functions listed in `EXTERNS`, and the built-ins of `_Translator`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from .text import Builder, Val

# C functions resident code may call, with the type each returns. All arguments are words.
EXTERNS = {
    "PyThreadState_Get": "i64",
    "PyThreadState_GetID": "i64",
    "PyEval_SaveThread": "i64",
    "PyEval_RestoreThread": "void",
    "PyType_GenericAlloc": "i64",
    "PyObject_Free": "void",
    "PyObject_Vectorcall": "i64",
    "PyTuple_New": "i64",
    "PyLong_AsLongLongAndOverflow": "i64",
    "PyLong_AsLongLong": "i64",
    "PyLong_FromLongLong": "i64",
    "PyMem_RawMalloc": "i64",
    "PyMem_RawFree": "void",
    "PyThread_acquire_lock": "i32",
    "PyThread_release_lock": "void",
    "PyErr_Occurred": "i64",
    "PyErr_CheckSignals": "i32",
    "PyDict_GetItem": "i64",
    "PyType_IsSubtype": "i32",
    "PyIter_Next": "i64",
    "PyList_Append": "i32",
    "Py_DecRef": "void",
    "Py_IncRef": "void",
    "memcpy": "i64",
    "clock_gettime": "i32",
}

# Functions with one of these as their first parameter are called from outside; all others are internal.
ENTRY_PARAMS = ("module", "holder", "number", "released")
# The two large functions that every stub leads to.
NEVER_INLINED = ("call_method", "call_reflected", "dispatch", "execute", "defer", "settle")

_ARITHMETIC = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem", ast.BitAnd: "and",
    ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "lshr",
}  # fmt: skip
_COMPARISON = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge"}


class WORDS:
    """Declares an array of words that lives beside the code: `POOL = WORDS(64)`."""

    def __init__(self, count: int) -> None:
        self.count = count


class _Translator:
    """Writes one function at a time into a builder."""

    def __init__(
        self,
        builder: Builder,
        constants: dict[str, int],
        arrays: Iterable[str],
        functions: Iterable[str],
        exported: Sequence[str],
        later: Sequence[str],
    ) -> None:
        self.b, self.constants, self.arrays, self.functions = builder, constants, set(arrays), set(functions)
        self.exported, self.later = exported, later
        self.locals: dict[str, Val] = {}
        self.loops: list[tuple[str, str]] = []

    def function(self, node: ast.FunctionDef) -> None:
        params = [(a.arg, "i64") for a in node.args.args]
        exported = node.name in self.exported or (bool(params) and params[0][0] in ENTRY_PARAMS)
        values = self.b.begin_function(
            node.name, params, "i64", "" if exported else "internal", "noinline" if node.name in NEVER_INLINED else ""
        )
        self.locals = {name: self.b.var("i64", v) for (name, _), v in zip(params, values)}
        self.body(node.body)
        self.b.ret(self.b.int(0))
        self.b.end_function()

    def body(self, statements: list[ast.stmt]) -> None:
        for s in statements:
            getattr(self, "do_" + type(s).__name__.lower())(s)

    # Statements

    def do_expr(self, s: ast.Expr) -> None:
        if not isinstance(s.value, ast.Constant):
            self.value(s.value)

    def do_pass(self, s: ast.Pass) -> None:
        pass

    def do_assign(self, s: ast.Assign) -> None:
        self.store(s.targets[0], self.value(s.value))

    def do_augassign(self, s: ast.AugAssign) -> None:
        old = self.value(s.target)
        self.store(s.target, self.b.binary(_ARITHMETIC[type(s.op)], old, self.value(s.value)))

    def store(self, target: ast.expr, x: Val) -> None:
        if isinstance(target, ast.Name):
            if target.id not in self.locals:
                self.locals[target.id] = self.b.var("i64")
            self.b.set(self.locals[target.id], x)
        else:
            assert isinstance(target, ast.Subscript)
            self.b.store(x, self.address(target), 8)

    def address(self, s: ast.Subscript) -> Val:
        base = self.b.cast("inttoptr", self.value(s.value), "ptr")
        return self.b.gep(base, self.value(s.slice), "i64")

    def do_if(self, s: ast.If) -> None:
        yes, no, done = self.b.label(), self.b.label(), self.b.label()
        self.b.branch(self.truth(s.test), yes, no)
        for label, statements in ((yes, s.body), (no, s.orelse)):
            self.b.block(label)
            self.body(statements)
            self.b.jump(done)
        self.b.block(done)

    def do_while(self, s: ast.While) -> None:
        head, body, done = self.b.label(), self.b.label(), self.b.label()
        self.b.jump(head)
        self.b.block(head)
        self.b.branch(self.truth(s.test), body, done)
        self.b.block(body)
        self.loops.append((head, done))
        self.body(s.body)
        self.loops.pop()
        self.b.jump(head)
        self.b.block(done)

    def _leave(self, label: str) -> None:
        self.b.jump(label)
        self.b.block(self.b.label())

    def do_break(self, s: ast.Break) -> None:
        self._leave(self.loops[-1][1])

    def do_continue(self, s: ast.Continue) -> None:
        self._leave(self.loops[-1][0])

    def do_return(self, s: ast.Return) -> None:
        self.b.ret(self.value(s.value) if s.value else self.b.int(0))
        self.b.block(self.b.label())

    # Expressions

    def truth(self, e: ast.expr) -> Val:
        """An expression as an i1; `and` and `or` do not evaluate what they need not."""
        if isinstance(e, ast.BoolOp):
            result = self.b.var("i1")
            done = self.b.label()
            for operand in e.values[:-1]:
                x = self.truth(operand)
                self.b.set(result, x)
                more = self.b.label()
                self.b.branch(x, *((more, done) if isinstance(e.op, ast.And) else (done, more)))
                self.b.block(more)
            self.b.set(result, self.truth(e.values[-1]))
            self.b.jump(done)
            self.b.block(done)
            return self.b.get(result, "i1")
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            return self.b.binary("xor", self.truth(e.operand), Val("true", "i1"))
        if isinstance(e, ast.Compare):
            return self.b.icmp(_COMPARISON[type(e.ops[0])], self.value(e.left), self.value(e.comparators[0]))
        return self.b.icmp("ne", self.value(e), self.b.int(0))

    def value(self, e: ast.expr) -> Val:
        if isinstance(e, ast.Constant):
            return self.b.int(_integer(e))
        if isinstance(e, ast.Name):
            return self.name(e.id)
        if isinstance(e, ast.BinOp):
            return self.b.binary(_ARITHMETIC[type(e.op)], self.value(e.left), self.value(e.right))
        if isinstance(e, ast.Subscript):
            return self.b.load(self.address(e), "i64")
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            return self.b.sub(self.b.int(0), self.value(e.operand))
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Invert):
            return self.b.binary("xor", self.value(e.operand), self.b.int(-1))
        if isinstance(e, ast.Call):
            assert isinstance(e.func, ast.Name)
            return self.call(e.func.id, e.args)
        return self.b.cast("zext", self.truth(e), "i64")

    def name(self, name: str) -> Val:
        if name in self.locals:
            return self.b.get(self.locals[name], "i64")
        if name in self.arrays:
            return self.b.cast("ptrtoint", Val(f"@{name}", "ptr"), "i64")
        return self.b.int(self.constants[name])

    def call(self, name: str, args: list[ast.expr]) -> Val:
        builtin = getattr(self, "builtin_" + name, None)
        if builtin is not None:
            return builtin(*args)
        values = [self.value(a) for a in args]
        listed = ", ".join(f"i64 {v.name}" for v in values)
        if name in self.functions:
            return self.b.value(f"call i64 @{name}({listed})", "i64")
        if name in self.later:
            word = self.b.gep(Val("@LATER", "ptr"), self.b.int(self.later.index(name)), "i64")
            pointer = self.b.cast("inttoptr", self.b.load(word, "i64"), "ptr")
            return self.b.value(f"call i64 {pointer.name}({listed})", "i64")
        returns = EXTERNS[name]
        result = self.b.call(name, returns, *values)
        if returns == "void":
            return self.b.int(0)
        return self.b.cast("sext", result, "i64") if returns == "i32" else result

    # Built-ins

    def _pointer(self, e: ast.expr) -> Val:
        return self.b.cast("inttoptr", self.value(e), "ptr")

    def builtin_stack(self, count: ast.Constant) -> Val:
        """Address of `count` words on the stack."""
        return self.b.cast("ptrtoint", self.b.var(f"[{_integer(count)} x i64]"), "i64")

    def builtin_load32(self, address: ast.expr) -> Val:
        return self.b.cast("zext", self.b.load(self._pointer(address), "i32"), "i64")

    def builtin_store32(self, address: ast.expr, x: ast.expr) -> Val:
        self.b.store(self.b.cast("trunc", self.value(x), "i32"), self._pointer(address))
        return self.b.int(0)

    def builtin_leading_zeros(self, x: ast.expr) -> Val:
        return self.b.intrinsic("ctlz", "i64", self.value(x), Val("false", "i1"))

    def builtin_atomic_load(self, address: ast.expr) -> Val:
        return self.b.value(f"load atomic i64, ptr {self._pointer(address).name} seq_cst, align 8", "i64")

    def builtin_atomic_store(self, address: ast.expr, x: ast.expr) -> Val:
        pointer, x_ = self._pointer(address), self.value(x)
        self.b.emit(f"store atomic i64 {x_.name}, ptr {pointer.name} seq_cst, align 8")
        return self.b.int(0)

    def builtin_atomic_add(self, address: ast.expr, x: ast.expr) -> Val:
        """Adds and returns the value from before."""
        pointer, x_ = self._pointer(address), self.value(x)
        return self.b.value(f"atomicrmw add ptr {pointer.name}, i64 {x_.name} seq_cst", "i64")

    def builtin_swap_if(self, address: ast.expr, old: ast.expr, new: ast.expr) -> Val:
        """Compare-and-swap; true where it swapped."""
        pointer, a, b = self._pointer(address), self.value(old), self.value(new)
        pair = self.b.value(f"cmpxchg ptr {pointer.name}, i64 {a.name}, i64 {b.name} seq_cst seq_cst", "{ i64, i1 }")
        return self.b.cast("zext", self.b.value(f"extractvalue {{ i64, i1 }} {pair.name}, 1", "i1"), "i64")

    def builtin_relax(self) -> Val:
        """Tells the processor that this is a waiting loop: a hint where the target has one."""
        self.b.emit("call void @relax()")
        return self.b.int(0)

    def builtin_invoke(self, address: ast.expr, *args: ast.expr) -> Val:
        """Calls a function that returns nothing by its address: a kernel (see text.KERNEL_PARAMS)."""
        values = [self.value(a) for a in args]
        listed = ", ".join(f"i64 {v.name}" for v in values)
        self.b.emit(f"call void {self._pointer(address).name}({listed})")
        return self.b.int(0)


def _integer(e: ast.Constant) -> int:
    """The value of a constant: resident code knows integers alone."""
    assert isinstance(e.value, int), ast.dump(e)
    return e.value


class _Sources:
    """The functions, constants and arrays in some Python sources."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, int] = {}
        self.arrays: dict[str, int] = {}
        for source in sources:
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name] = node
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    name = node.targets[0].id
                    if isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "WORDS":
                        self.arrays[name] = node.value.args[0].value  # type: ignore[attr-defined]
                    elif isinstance(node.value, ast.Constant):
                        self.constants[name] = _integer(node.value)


def translate(
    sources: Iterable[str],
    triple: str,
    loaded: Iterable[str] = (),
    exported: Sequence[str] = (),
    later: Sequence[str] = (),
) -> str:
    """LLVM IR of all functions in the given Python sources, which share constants, arrays and functions.

    `loaded` are the sources of a module that is there already, whose constants, arrays and `exported` functions these
    know. With no such module, `exported` are functions of these that another one may call, and `later` those of the
    other one that these call, by the addresses in the array LATER.
    """
    own, other = _Sources(sources), _Sources(loaded)
    builder = Builder()
    known = [*own.functions, *[name for name in exported if name in other.functions]]
    arrays = other.arrays | own.arrays
    translator = _Translator(builder, other.constants | own.constants, arrays, known, exported, later)
    for node in own.functions.values():
        translator.function(node)
    lines = [f"@{name} = global [{count} x i64] zeroinitializer, align 64" for name, count in own.arrays.items()]
    lines += [f"@{name} = external global [{count} x i64], align 64" for name, count in other.arrays.items()]
    for name in known[len(own.functions) :]:
        lines.append(f"declare i64 @{name}({', '.join(['i64'] * len(other.functions[name].args.args))})")
    return "\n".join(lines) + "\n" + _relax(triple) + builder.module()


def _relax(triple: str) -> str:
    """The function `relax`: the processor's hint for waiting loops, or nothing where we know of none."""
    hint = {
        "x86_64": ("llvm.x86.sse2.pause", ""),
        "aarch64": ("llvm.aarch64.hint", "i32 1"),
        "arm64": ("llvm.aarch64.hint", "i32 1"),
    }
    name, args = hint.get(triple.split("-")[0], ("", ""))
    declare = f"declare void @{name}({args[:3]})\n" if name else ""
    call = f"  call void @{name}({args})\n" if name else ""
    return f"{declare}define internal void @relax() {{\n{call}  ret void\n}}\n"
