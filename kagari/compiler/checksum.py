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
from functools import lru_cache

from ..base.target import Target
from .kernel import Kernel
from .text import Builder, Val

_POLYNOMIAL = 0xEDB88320  # P without its highest power, x^32
_ONE = 1 << 31
BLOCK = 256
"""Kernels take multiples of so many bytes, and a state has as many; its vectors are folded independently."""

ALIGNMENT = 64


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
    found, square = _ONE, _ONE >> 1
    while n:
        if n & 1:
            found = times(found, square)
        square = times(square, square)
        n >>= 1
    return found


@lru_cache(64)
def start(register: int) -> int:
    """The first word of a state that stands for what zlib calls the register, the complement of a checksum.

    Before it counts, a state is moved by the bytes of one step: here it is moved back, as x^(2^32 - 1) is 1.
    """
    return times(register, power((1 << 32) - 1 - 8 * BLOCK))


def fold_kernel(target: Target) -> Kernel | None:
    """`fold(data, nbytes, state)`: adds bytes to a state, and reduces it to 16 bytes behind it.

    None where the processor has no products without carries.
    """
    return _kernel("fold", target)


def fill_kernel(target: Target) -> Kernel | None:
    """`fill(descriptor, offset, target, nbytes, state, buffer, capacity)`: the same for bytes of a file, which go into
    memory by way of a buffer.

    What goes through a buffer in the cache, and around the caches from there, takes the least from the memory's
    rate. Returns how many bytes there were, or fewer after an error. The target lies at a multiple of `ALIGNMENT`.
    """
    return _kernel("fill", target)


def _kernel(name: str, target: Target) -> Kernel | None:
    width = _width(target)
    if not width:
        return None
    return Kernel(f"checksum {name} {width} {target.triple}", name, lambda: _write(name, width, target.triple))


def _width(target: Target) -> int:
    """The bytes of the widest registers that can be multiplied; 0 for none."""
    features = target.features.split(",")
    if target.triple.startswith("x86"):
        if "+vpclmulqdq" in features:
            return target.vector_bytes
        return 16 if "+pclmul" in features else 0
    return 16 if target.triple.startswith(("aarch64", "arm64")) and "+aes" in features else 0


def _write(name: str, width: int, triple: str) -> str:
    b = Builder()
    params = [("data", "ptr"), ("nbytes", "i64"), ("state", "ptr")]
    _fold(b, params if name == "fold" else [*params, ("target", "ptr")], width, triple)
    if name == "fill":
        _fill(b)
    return b.module()


def _fold(b: Builder, params: Sequence[tuple[str, str]], width: int, triple: str) -> None:
    """The function; with a target it copies the data, too."""
    data, nbytes, state, *target = b.begin_function("fold", params, linkage="internal" if len(params) > 3 else "")
    ty, chains = f"<{width // 8} x i64>", BLOCK // width
    places = [b.gep(state, b.int(chain * width), "i8") for chain in range(chains)]
    slots = [b.var(ty, b.load(place, ty, 1)) for place in places]
    with b.loop(b.int(0), nbytes, BLOCK) as i:
        for chain, slot in enumerate(slots):
            at = b.add(i, b.int(chain * width))
            x = b.load(b.gep(data, at, "i8"), ty, 1)
            b.set(slot, _folded(b, b.get(slot, ty), 8 * BLOCK, x, triple))
            if target:
                b.store_past_caches(x, b.gep(target[0], at, "i8"))
    vectors = [b.get(slot, ty) for slot in slots]
    for x, place in zip(vectors, places):
        b.store(x, place, 1)
    parts = [_part(b, x, i) for x in vectors for i in range(width // 16)]
    total = parts[0]
    for x in parts[1:]:
        total = _folded(b, total, 128, x, triple)
    b.store(total, b.gep(state, b.int(BLOCK), "i8"), 1)
    b.ret()
    b.end_function()


def _fill(b: Builder) -> None:
    names = "descriptor", "offset", "target", "nbytes", "state", "buffer", "capacity"
    params = [(name, "ptr" if name in ("target", "state", "buffer") else "i64") for name in names]
    descriptor, offset, target, nbytes, state, buffer, capacity = b.begin_function("fill", params, "i64")
    number = b.cast("trunc", descriptor, "i32")
    with b.loop(b.int(0), nbytes, capacity) as done:
        size = b.intrinsic("smin", "i64", b.sub(nbytes, done), capacity)
        got = b.var("i64", b.int(0))
        more, step, whole, broken = b.label(), b.label(), b.label(), b.label()
        b.jump(more)
        b.block(more)
        have = b.get(got, "i64")
        b.branch(b.icmp("slt", have, size), step, whole)
        b.block(step)
        place = b.add(offset, b.add(done, have))
        count = b.call("pread", "i64", number, b.gep(buffer, have, "i8"), b.sub(size, have), place)
        b.set(got, b.add(have, count))
        b.branch(b.icmp("sgt", count, b.int(0)), more, broken)
        b.block(broken)
        b.ret(done)
        b.block(whole)
        b.call_local("fold", buffer, size, state, b.gep(target, done, "i8"))
    b.ret(nbytes)
    b.end_function()


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


__all__ = ["ALIGNMENT", "BLOCK", "fill_kernel", "fold_kernel", "power", "start", "times"]
