"""A linker of object code in memory, for x86-64 in the ELF format.

An object gets memory of its own: its code, its constants, and a stub for each function of the process that it calls,
side by side, so that no reference within it is ever out of reach; so do several that call one another. LLVM's linker
puts these parts wherever it finds room, and ends the process when a distance doesn't fit into 32 bits or the system has
no more memory maps to give; this one raises OSError. Pages are writable until the code in them is whole, and executable
from then on, never both.

Sources: System V ABI, AMD64 supplement (relocation types, section headers); Tool Interface Standard, ELF 1.2.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

_SLAB = 16 << 20  # objects lie in mappings of this size: neighbours with equal rights count as one memory map
_PAGE = mmap.PAGESIZE
_ALLOC, _WRITE = 2, 1  # flags of a section
_PROGBITS, _SYMTAB, _RELA, _NOBITS = 1, 2, 4, 8  # types of a section
_ABS64, _PC32, _PLT32 = 1, 2, 4  # types of a relocation
_GOT = (9, 41, 42)  # those that ask for a place where the address stands
_SECTION, _SYMBOL, _RELOCATION = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
_JUMP = b"\xff\x25\x02\x00\x00\x00\xcc\xcc"  # jmp [rip + 2]: to the address in the eight bytes after it


class _Section(NamedTuple):
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


class _Symbol(NamedTuple):
    name: str
    section: int  # 0: of another object or of the process
    value: int
    home: _Object

    @property
    def place(self) -> int:
        """Where it is, from the start of the memory."""
        return self.home.placed[self.section] + self.value


class _Object:
    """What an ELF file says: its sections, symbols, what has to be filled in where, and where it was placed."""

    def __init__(self, code: bytes) -> None:
        (start,) = struct.unpack_from("<Q", code, 0x28)
        size, count = struct.unpack_from("<HH", code, 0x3A)
        self.code = code[: start + size * count]  # the table of sections is the last part
        records = _SECTION.iter_unpack(code[start : start + size * count])
        self.sections = [
            _Section(kind, flags, offset, size, link, info, max(align, 1))
            for _, kind, flags, _, offset, size, link, info, align, _ in records
        ]
        self.symbols = [s for table in self.sections if table.kind == _SYMTAB for s in self._symbols(table)]
        self.placed: dict[int, int] = {}  # where each section starts, from the start of the memory

    def _symbols(self, table: _Section) -> list[_Symbol]:
        names = self.sections[table.link].offset
        found = []
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(self.contents(table)):
            start = names + name
            found.append(_Symbol(self.code[start : self.code.index(b"\0", start)].decode(), section, value, self))
        return found

    def contents(self, section: _Section) -> bytes:
        """What the file has of a section."""
        return self.code[section.offset : section.offset + section.size]

    def place(self, writable: bool, end: int) -> int:
        """Lays the sections of one kind out, one after the other, and gives their end."""
        for i, section in enumerate(self.sections):
            kept = section.kind in (_PROGBITS, _NOBITS) and section.flags & _ALLOC and section.size
            if kept and bool(section.flags & _WRITE) == writable:
                self.placed[i] = _up(end, section.align)
                end = self.placed[i] + section.size
        return end

    def fill(self, image: bytearray) -> None:
        """Writes the sections to their places."""
        for i, at in self.placed.items():
            section = self.sections[i]
            if section.kind == _PROGBITS:
                image[at : at + section.size] = self.contents(section)

    def relocations(self) -> list[tuple[int, int, _Symbol, int]]:
        """(the place, the type, the symbol, what is added to it) for each, places from the start of the memory."""
        found = []
        for table in self.sections:
            if table.kind == _RELA and table.info in self.placed:
                start = self.placed[table.info]
                for offset, info, addend in _RELOCATION.iter_unpack(self.contents(table)):
                    found.append((start + offset, info & 0xFFFFFFFF, self.symbols[info >> 32], addend))
        return found


def is_linkable(code: bytes) -> bool:
    """Whether this linker knows the format: ELF of 64 bits, low byte first, for x86-64, on a system with mprotect."""
    return code[:6] == b"\x7fELF\x02\x01" and code[0x12:0x14] == b"\x3e\0" and os.name == "posix"


def joins(triple: str) -> bool:
    """Whether it knows the format of all objects for a target, so that code may come as two of them."""
    return triple.startswith("x86_64-") and "linux" in triple


def link(code: bytes, symbols: tuple[str, ...], resolve: Callable[[str], int]) -> list[int]:
    """Places an object, or several that stand one behind the other, in memory; gives the addresses of some functions.

    `resolve` gives the addresses of functions of the process. OSError where the system gives no memory.
    """
    parts = []
    while code:
        parts.append(_Object(code))
        code = code[len(parts[-1].code) :]
    end = 0
    for part in parts:
        end = part.place(False, end)
    defined = {s.name: s for part in parts for s in part.symbols if s.section}

    def relocations() -> Iterator[tuple[int, int, _Symbol, int]]:
        """Those of all sections that have a place by now."""
        for part in parts:
            for at, kind, symbol, addend in part.relocations():
                yield at, kind, symbol if symbol.section else defined.get(symbol.name, symbol), addend

    stubs: dict[_Symbol, int] = {}
    for _, kind, symbol, _ in relocations():
        if symbol not in stubs and (kind in _GOT or (kind == _PLT32 and not symbol.section)):
            stubs[symbol] = end = _up(end, 16)
            end += 16
    executable = end = _up(end, _PAGE)
    for part in parts:
        end = part.place(True, end)
    slab, base = _take(_up(end, _PAGE))
    image = bytearray(end)
    for part in parts:
        part.fill(image)

    def address(symbol: _Symbol) -> int:
        return base + symbol.place if symbol.section else resolve(symbol.name)

    for symbol, at in stubs.items():
        image[at : at + 16] = _JUMP + struct.pack("<Q", address(symbol))
    for at, kind, symbol, addend in relocations():
        if kind == _ABS64:
            struct.pack_into("<Q", image, at, address(symbol) + addend)
        elif kind in _GOT:
            struct.pack_into("<i", image, at, stubs[symbol] + 8 + addend - at)
        elif kind in (_PC32, _PLT32):
            target = stubs[symbol] if symbol in stubs and not symbol.section else address(symbol) - base
            struct.pack_into("<i", image, at, target + addend - at)
        else:
            raise OSError(f"the linker doesn't know relocations of type {kind} (symbol {symbol.name!r})")
    slab.write(base, image, executable)
    return [address(defined[name]) for name in symbols]


def _up(at: int, align: int) -> int:
    return -(-at // align) * align


class _Slab:
    """A mapping that objects are placed in. It is never given back: threads stay in its code until the process ends."""

    def __init__(self, size: int) -> None:
        rights = mmap.PROT_READ | mmap.PROT_WRITE
        self._memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, rights)
        # Tensors may be freed, which is done by this code, when all modules have been cleared at the process' end.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._memory))
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._next = 0

    def take(self, size: int) -> int | None:
        """The address of so many bytes of whole pages; None where they are not left."""
        if self._next + size > len(self._memory):
            return None
        self._next += size
        return self._address + self._next - size

    def write(self, address: int, image: bytearray, executable: int) -> None:
        """Fills memory that was taken, and makes its first bytes, whole pages, executable."""
        start = address - self._address
        self._memory[start : start + len(image)] = image
        if _libc().mprotect(address, executable, mmap.PROT_READ | mmap.PROT_EXEC):
            code = ctypes.get_errno()
            raise OSError(code, f"generated code can't be made executable: {os.strerror(code)}")


_slabs: list[_Slab] = []


def _take(size: int) -> tuple[_Slab, int]:
    """(the slab, the address) of memory for an object."""
    address = _slabs[-1].take(size) if _slabs else None
    if address is None:
        _slabs.append(_Slab(max(size, _SLAB)))
        address = _slabs[-1].take(size)
        assert address is not None
    return _slabs[-1], address


@cache
def _libc() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return library
