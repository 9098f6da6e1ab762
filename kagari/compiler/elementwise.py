"""One row for each element-wise primitive: how it is emitted for a vector, or a scalar, of a dtype's compute type."""

from __future__ import annotations

from collections.abc import Callable

from ..base.dtypes import dtype, float32
from ..ir.graph import COMPARE
from . import vecmath
from .text import BITS, Builder, Val, vector

# How a dtype lies in memory, and what it is computed in. 16-bit floats are moved as integers: few processors have
# masked loads, or
# stores, or shuffles of them, and LLVM calls functions of its own library in their place.
MEMORY = {
    "bool": "i8", "uint8": "i8", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "float16": "i16",
    "uint16": "i16", "uint32": "i32", "uint64": "i64",
    "bfloat16": "i16", "float32": "float", "float64": "double",
}  # fmt: skip
COMPUTE = MEMORY | {"bool": "i1", "float16": "float", "bfloat16": "float"}

DIVISION_BY_ZERO = 1
INDEX_OUT_OF_RANGE = 2
NOT_ALLOWED = 16

_FLOATS = ("half", "bfloat", "float", "double")


def compute_type(dt: dtype, lanes: int = 0) -> str:
    """The LLVM type values of a dtype are computed in."""
    return vector(lanes, COMPUTE[dt.name])


def from_memory(b: Builder, x: Val, dt: dtype) -> Val:
    """A loaded value in its compute type."""
    if dt.name == "bool":
        return b.icmp("ne", x, b.zero(x.type))
    target = compute_type(dt, x.lanes)
    if dt.name == "float16":
        result = b.cast("fpext", b.bitcast(x, vector(x.lanes, "half")), target)
    elif dt.name == "bfloat16":
        wide = b.cast("zext", x, vector(x.lanes, "i32"))
        result = b.bitcast(b.binary("shl", wide, b.int(16, wide.type)), target)
    else:
        return x
    b.narrow[result.name, dt.name] = x
    return result


def to_memory(b: Builder, x: Val, dt: dtype) -> Val:
    """A computed value as it is stored; one that was widened from that is not rounded again."""
    if (x.name, dt.name) in b.narrow:
        return b.narrow[x.name, dt.name]
    target = vector(x.lanes, MEMORY[dt.name])
    if dt.name == "bool":
        return b.cast("zext", x, target)
    if dt.name == "float16":
        return b.bitcast(b.cast("fptrunc", x, vector(x.lanes, "half")), target)
    return b.bitcast(to_bfloat(b, x), target) if dt.name == "bfloat16" else x


def to_bfloat(b: Builder, x: Val) -> Val:
    """Rounds floats to the nearest bfloat16, ties to even, in integers: few processors have an instruction for it."""
    bits = b.bitcast(x, vector(x.lanes, "i32"))
    number = lambda value: b.int(value, bits.type)  # noqa: E731
    odd = b.binary("and", b.binary("lshr", bits, number(16)), number(1))
    rounded = b.binary("lshr", b.add(b.add(bits, number(0x7FFF)), odd), number(16))
    quiet = b.binary("or", b.binary("lshr", bits, number(16)), number(0x40))
    upper = b.select(b.fcmp("uno", x, x), quiet, rounded)
    return b.bitcast(b.cast("trunc", upper, vector(x.lanes, "i16")), vector(x.lanes, "bfloat"))


def _kept(b: Builder, x: Val) -> Val:
    """A number that passes through memory: of two roundings of what has a copied sign, to float and to half, LLVM makes
    one from double to half, for which there is no instruction, and calls a function that is not there.
    """
    slot = b.var(x.type)
    b.emit(f"store volatile {x.type} {x.name}, ptr {slot.name}")
    return b.value(f"load volatile {x.type}, ptr {slot.name}", x.type)


def convert(b: Builder, x: Val, source: dtype, to: dtype) -> Val:
    """A cast between dtypes with PyTorch's meaning: non-zero is true, floats are cut towards zero, integers wrap.

    A cast to a 16-bit float rounds, though the value goes on in float32.
    """
    target = compute_type(to, x.lanes)
    if to.category == 2 and to.itemsize == 2 and source is not to:
        single = convert(b, x, source, float32)
        if x.type == "double" and to.name == "float16":
            single = _kept(b, single)
        return from_memory(b, to_memory(b, single, to), to)
    if x.type == target and (source.name == "bool") == (to.name == "bool"):
        return x
    if to.name == "bool":
        return b.fcmp("une", x, b.zero(x.type)) if x.element in _FLOATS else b.icmp("ne", x, b.zero(x.type))
    if x.element in _FLOATS:
        if to.category == 2:
            return b.cast("fpext" if BITS[x.element] < BITS[Val("", target).element] else "fptrunc", x, target)
        through = vector(x.lanes, "i64")
        whole = _cut(b, "fptosi", x, through)
        if to.name == "uint64":
            half = b.float(2.0**63, x.type)
            whole = b.select(b.fcmp("oge", x, half), _cut(b, "fptoui", x, through), whole)
        return whole if target == through else b.cast("trunc", whole, target)
    signed = source.is_signed
    if to.category == 2:
        return b.cast("sitofp" if signed else "uitofp", x, target)
    have, want = BITS[x.element], BITS[Val("", target).element]
    if have == want:
        return x
    return b.cast("trunc" if have > want else "sext" if signed else "zext", x, target)


def _cut(b: Builder, how: str, x: Val, through: str) -> Val:
    """Floats as 64-bit integers, cut towards zero; what is out of range becomes the nearest one."""
    kind = f"v{x.lanes}i64" if x.lanes else "i64"
    return b.intrinsic(f"{how}.sat.{kind}", x.type, x, returns=through)


_INTEGER = {"add": "add", "sub": "sub", "mul": "mul", "bitand": "and", "bitor": "or", "bitxor": "xor", "shl": "shl"}
_FLOAT = {"add": "fadd contract", "sub": "fsub contract", "mul": "fmul contract", "div": "fdiv", "rem": "frem"}
_ORDERED = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_ROUNDING = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "roundeven"}


def emit(b: Builder, op: str, dt: dtype, args: list[Val], fault: Callable[[Val, int], None]) -> Val:
    """A primitive on arguments of dtype `dt`; `fault(lanes, bit)` reports lanes where an input is not allowed."""
    is_float = dt.category == 2
    x = args[0]
    if op == "where":
        return b.select(*args)
    if op == "require":
        fault(b.binary("xor", x, b.splat(Val("true", "i1"), x.lanes)), NOT_ALLOWED)
        return args[1]
    if op in COMPARE:
        if is_float:
            return b.fcmp(_ORDERED[op], *args)
        predicate = _SIGNED[op] if dt.is_signed or op in ("eq", "ne") else "u" + op
        return b.icmp(predicate, *args)
    if is_float and op in vecmath.FUNCTIONS:
        return vecmath.FUNCTIONS[op](b, *args)
    if op in ("maximum", "minimum"):
        if is_float:
            return b.intrinsic(op, x.type, *args)
        return b.intrinsic(("s" if dt.is_signed else "u") + op[:3], x.type, *args)
    if is_float:
        return _float(b, op, args)
    return _integer(b, op, dt, args, fault)


def _float(b: Builder, op: str, args: list[Val]) -> Val:
    x = args[0]
    if op in _FLOAT:
        return b.binary(_FLOAT[op], *args)
    if op == "neg":
        return b.fneg(x)
    if op == "abs":
        return b.intrinsic("fabs", x.type, x)
    if op == "sqrt":
        return b.intrinsic("sqrt", x.type, x)
    if op in _ROUNDING:
        return b.intrinsic(_ROUNDING[op], x.type, x)
    if op == "sign":
        one = b.intrinsic("copysign", x.type, b.float(1.0, x.type), x)
        zero = b.fcmp("oeq", x, b.zero(x.type))
        signed = b.select(zero, b.zero(x.type), one)
        return b.select(b.fcmp("uno", x, x), b.zero(x.type), signed)
    raise KeyError(op)


def _integer(b: Builder, op: str, dt: dtype, args: list[Val], fault: Callable[[Val, int], None]) -> Val:
    x = args[0]
    if op in _INTEGER:
        if op == "shl":
            return _shift(b, "shl", x, args[1], b.zero(x.type))
        if dt.name == "bool":
            return b.binary({"add": "or", "mul": "and", "sub": "xor"}.get(op, _INTEGER[op]), *args)
        return b.binary(_INTEGER[op], *args)
    if op == "shr":
        fill = b.binary("ashr", x, b.int(BITS[x.element] - 1, x.type)) if dt.is_signed else b.zero(x.type)
        return _shift(b, "ashr" if dt.is_signed else "lshr", x, args[1], fill)
    if op == "neg":
        return b.sub(b.zero(x.type), x)
    if op == "abs":
        return b.intrinsic("abs", x.type, x, Val("false", "i1")) if dt.is_signed else x
    if op == "bitnot":
        return b.binary("xor", x, b.int(-1, x.type))
    if op == "sign":
        one = b.int(1, x.type)
        if not dt.is_signed:
            return b.select(b.icmp("ne", x, b.zero(x.type)), one, b.zero(x.type))
        negative = b.binary("ashr", x, b.int(BITS[x.element] - 1, x.type))
        return b.select(b.icmp("sgt", x, b.zero(x.type)), one, negative)
    if op in _ROUNDING:
        return x
    if op in ("idiv", "rem"):
        return _divide(b, op, dt, x, args[1], fault)
    if op == "gcd":
        return _divisor(b, x, args[1], dt)
    if op == "pow":
        return _power(b, x, args[1], dt)
    raise KeyError(op)


def _shift(b: Builder, op: str, x: Val, amount: Val, beyond: Val) -> Val:
    """Shifts by the width or more, or by less than nothing, give `beyond` instead of poison."""
    inside = b.icmp("ult", amount, b.int(BITS[x.element], x.type))
    return b.select(inside, b.binary(op, x, b.select(inside, amount, b.zero(x.type))), beyond)


def _divide(b: Builder, op: str, dt: dtype, x: Val, y: Val, fault: Callable[[Val, int], None]) -> Val:
    """Division towards zero.

    A divisor of 0 is reported; the lowest number over -1 wraps, as the processor would trap on both.
    """
    zero = b.icmp("eq", y, b.zero(y.type))
    fault(zero, DIVISION_BY_ZERO)
    one = b.int(1, y.type)
    if not dt.is_signed:
        return b.binary("udiv" if op == "idiv" else "urem", x, b.select(zero, one, y))
    minus = b.icmp("eq", y, b.int(-1, y.type))
    safe = b.select(b.binary("or", zero, minus), one, y)
    if op == "rem":
        return b.select(minus, b.zero(x.type), b.binary("srem", x, safe))
    return b.select(minus, b.sub(b.zero(x.type), x), b.binary("sdiv", x, safe))


def _power(b: Builder, x: Val, y: Val, dt: dtype) -> Val:
    """Integer power by squaring: a round for each bit of the largest exponent among the lanes.

    A negative exponent gives 0, but for the bases 1 and -1.
    """
    one, zero = b.int(1, x.type), b.zero(x.type)
    exponent = b.select(b.icmp("slt", y, zero), zero, y) if dt.is_signed else y
    all_bits = b.intrinsic("vector.reduce.or", x.type, exponent, returns=x.element) if x.lanes else exponent
    rounds = b.sub(b.int(BITS[x.element], x.element), b.intrinsic("ctlz", x.element, all_bits, Val("false", "i1")))
    power, base = b.var(x.type, one), b.var(x.type, x)
    with b.loop(b.int(0), rounds if x.element == "i64" else b.cast("zext", rounds, "i64")) as bit:
        shift = bit if x.element == "i64" else b.cast("trunc", bit, x.element)
        odd = b.icmp("ne", b.binary("and", b.binary("lshr", exponent, b.splat(shift, x.lanes)), one), zero)
        square = b.get(base, x.type)
        b.set(power, b.select(odd, b.mul(b.get(power, x.type), square), b.get(power, x.type)))
        b.set(base, b.mul(square, square))
    result = b.get(power, x.type)
    if not dt.is_signed:
        return result
    sign = b.select(b.icmp("ne", b.binary("and", y, one), b.zero(x.type)), x, one)
    unit = b.icmp("ule", b.add(x, one), b.int(2, x.type))
    unit = b.binary("and", unit, b.icmp("ne", x, b.zero(x.type)))
    negative = b.icmp("slt", y, zero)
    return b.select(negative, b.select(unit, sign, b.zero(x.type)), result)


def _divisor(b: Builder, x: Val, y: Val, dt: dtype) -> Val:
    """The greatest common divisor by Euclid's algorithm, until no lane has a remainder."""
    one, zero, no = b.int(1, x.type), b.zero(x.type), Val("false", "i1")
    start = [b.intrinsic("abs", v.type, v, no) if dt.is_signed else v for v in (x, y)]
    slots = [b.var(x.type, v) for v in start]
    head, body, done = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    divisor, rest = (b.get(slot, x.type) for slot in slots)
    any_left = b.intrinsic("vector.reduce.or", x.type, rest, returns=x.element) if x.lanes else rest
    b.branch(b.icmp("ne", any_left, b.zero(x.element)), body, done)
    b.block(body)
    found = b.icmp("eq", rest, zero)
    b.set(slots[0], b.select(found, divisor, rest))
    b.set(slots[1], b.select(found, zero, b.binary("urem", divisor, b.select(found, one, rest))))
    b.jump(head)
    b.block(done)
    return divisor


def identity(b: Builder, op: str, type_: str, dt: dtype) -> Val:
    """The neutral element of a reduction."""
    ty = Val("", type_)
    if op in ("reduce_sum", "cumsum"):
        return b.zero(type_)
    if op in ("reduce_prod", "cumprod"):
        return b.float(1.0, type_) if dt.category == 2 else b.int(1, type_)
    largest = op in ("reduce_min", "argmin")
    if dt.category == 2:
        return b.float(float("inf") if largest else float("-inf"), type_)
    bits = BITS[ty.element]
    if not dt.is_signed:
        return b.int(-1 if largest else 0, type_)
    return b.int((1 << (bits - 1)) - 1 if largest else -(1 << (bits - 1)), type_)


def combine(b: Builder, op: str, dt: dtype, a: Val, x: Val) -> Val:
    """One step of a reduction."""
    name = {"reduce_sum": "add", "cumsum": "add", "reduce_prod": "mul", "cumprod": "mul", "reduce_max": "maximum"}.get(
        op, "minimum"
    )
    if dt.name == "bool":
        return b.binary("or" if name in ("add", "maximum") else "and", a, x)
    if dt.category == 2 and name in ("maximum", "minimum"):
        # NaN wins. Zeros count as equal whatever their sign: telling them apart takes twice as many instructions.
        return b.intrinsic(name, a.type, a, x, flags="nsz")
    return emit(b, name, dt, [a, x], lambda lanes, bit: None)
