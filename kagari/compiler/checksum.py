"""The checksum of zip archives, CRC-32, as a kernel that folds much memory into 16 bytes with the same checksum.

Memory is a polynomial over the numbers modulo 2, the first bit with the highest power, and its checksum is the
remainder modulo P. 16 bytes that lie d bits further left count x^d times as much: they can be taken away there, if
their product with x^d modulo P is added to the bytes d bits further right. Processors multiply such polynomials of 64
bits, without carries, in one instruction.

In a register the powers go up from the last bit to the first: bit i of n stands for x^(n - 1 - i). The product of two
numbers of 64 bits has its bit k where x^(126 - k) belongs, and in a register of 128 bits that is one too low: the
factors make up for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.target import Target
from .kernel import Kernel
from .text import Builder, Val

_POLYNOMIAL = 0xEDB88320  # P without its highest power, x^32
ONE = 1 << 31
_CHAINS = 4  # vectors that are folded independently of each other: a product takes some cycles

BLOCK = 256
"""The kernel takes multiples of so many bytes."""


def times(a: int, b: int) -> int:
    """The product of two polynomials modulo P."""
    product = 0
    for _ in range(32):
        a <<= 1
        if a & 1 << 32:
            product ^= b
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def power(n: int) -> int:
    """x^n modulo P."""
    found, square = ONE, ONE >> 1
    while n:
        if n & 1:
            found = times(found, square)
        square = times(square, square)
        n >>= 1
    return found


def fold_kernel(target: Target) -> Kernel | None:
    """`fold(data, nbytes, start, result)`: the first bytes are changed by `start`, as their checksum would be.

    None where the processor has no products without carries.
    """
    width = _width(target)
    if not width:
        return None
    return Kernel(f"checksum {width} {target.triple}", "fold", lambda: _write(width, target.triple))


def _width(target: Target) -> int:
    """The bytes of the widest registers that can be multiplied; 0 for none."""
    features = target.features.split(",")
    if target.triple.startswith("x86"):
        if "+vpclmulqdq" in features:
            return target.vector_bytes
        return 16 if "+pclmul" in features else 0
    return 16 if target.triple.startswith(("aarch64", "arm64")) and "+aes" in features else 0


def _write(width: int, triple: str) -> str:
    b = Builder()
    params = ("data", "ptr"), ("nbytes", "i64"), ("start", "i64"), ("result", "ptr")
    data, nbytes, start, result = b.begin_function("fold", params)
    ty = f"<{width // 8} x i64>"
    step = _CHAINS * width

    def at(i: Val, chain: int) -> Val:
        return b.load(b.gep(data, b.add(i, b.int(chain * width)), "i8"), ty, 1)

    vectors = [at(b.int(0), chain) for chain in range(_CHAINS)]
    first = b.value(f"insertelement {ty} zeroinitializer, i64 {start.name}, i64 0", ty)
    slots = [b.var(ty, x) for x in (b.binary("xor", vectors[0], first), *vectors[1:])]
    with b.loop(b.int(step), nbytes, step) as i:
        for chain, slot in enumerate(slots):
            b.set(slot, _folded(b, b.get(slot, ty), 8 * step, at(i, chain), triple))
    total, *rest = (b.get(slot, ty) for slot in slots)
    for x in rest:
        total = _folded(b, total, 8 * width, x, triple)
    total, *rest = (_part(b, total, i) for i in range(width // 16))
    for x in rest:
        total = _folded(b, total, 128, x, triple)
    b.store(total, result, 1)
    b.ret()
    b.end_function()
    return b.module()


def _part(b: Builder, x: Val, i: int) -> Val:
    """16 of a vector's bytes."""
    return b.value(f"shufflevector {x.type} {x.name}, {x.type} poison, <2 x i32> <i32 {2 * i}, i32 {2 * i + 1}>", _PART)


_PART = "<2 x i64>"


def _folded(b: Builder, x: Val, distance: int, onto: Val, triple: str) -> Val:
    """Each 16 bytes of a vector on those that are so many bits further right."""
    # The first 8 bytes are 64 bits further away than the last.
    factors = [power(distance + 63) << 32, power(distance - 1) << 32] * (x.lanes // 2)
    by = _words(factors)
    product = _x86_products if triple.startswith("x86") else _arm_products
    first, last = product(b, x, by)
    return b.binary("xor", b.binary("xor", first, last), onto)


def _words(values: Sequence[int]) -> Val:
    """A constant vector."""
    return Val(f"<{', '.join(f'i64 {v}' for v in values)}>", f"<{len(values)} x i64>")


def _x86_products(b: Builder, x: Val, by: Val) -> tuple[Val, Val]:
    """The products of the first words of each pair, and of the last ones."""
    name = "llvm.x86.pclmulqdq" + {16: "", 32: ".256", 64: ".512"}[8 * x.lanes]
    first, last = (b.call(name, x.type, x, by, b.int(which, "i8")) for which in (0x00, 0x11))
    return first, last


def _arm_products(b: Builder, x: Val, by: Val) -> tuple[Val, Val]:
    words = [[b.value(f"extractelement {v.type} {v.name}, i64 {i}", "i64") for v in (x, by)] for i in range(2)]
    first, last = (b.bitcast(b.call("llvm.aarch64.neon.pmull64", "<16 x i8>", *pair), x.type) for pair in words)
    return first, last


__all__ = ["BLOCK", "ONE", "fold_kernel", "power", "times"]
