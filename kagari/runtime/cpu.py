"""The processor at hand:

its description for the compiler, and loading of object code. The runtime's only use of llvmlite.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from functools import cache
from pathlib import Path
from typing import Any

from ..base.config import isa, processors, thread_count
from ..base.target import Target

_lock = threading.Lock()
# Of the headers of sections in ELF objects
_PROGBITS = 1
_WRITE, _ALLOC, _EXECINSTR = 1, 2, 4


@cache
def host_target() -> Target:
    """This processor, or the lesser one that KAGARI_ISA asks for."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    triple, cpu, has = llvm.get_process_triple(), llvm.get_host_cpu_name(), features.get
    threads = max(thread_count(), processors())  # at most: plans have scratch memory for so many
    if isa() == "avx2":
        return Target(triple, "haswell", "", 32, 16, True, False, threads, _l2_bytes())
    wide = bool(has("avx512f") and has("avx512bw") and has("avx512vl") and has("avx512dq"))
    size = 64 if wide else 32 if has("avx2") else 16
    registers = 32 if wide or not triple.startswith("x86") else 16
    fma = bool(has("fma")) or not triple.startswith("x86")
    flags = features.flatten() + (",-prefer-256-bit" if wide else "")
    return Target(triple, cpu, flags, size, registers, fma, bool(wide and has("avx512bf16")), threads, _l2_bytes())


def _l2_bytes() -> int:
    """The size of a core's second-level cache, 1 MiB where the system does not tell."""
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(size.removesuffix("K")) << 10
    except (OSError, ValueError):
        return 1 << 20


@cache
def _engine() -> Any:
    """The linker of object code in memory.

    Never disposed of: worker threads stay in its code until the process ends.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.detach_on_exit = True
    return engine


def load(code: bytes, symbols: tuple[str, ...]) -> list[int]:
    """Links an object and gives the addresses of its functions."""
    import llvmlite.binding as llvm

    with _lock:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(_constants_as_code(code)))
        engine.finalize_object()
        return [engine.get_function_address(name) for name in symbols]


def _constants_as_code(code: bytes) -> bytes:
    """An ELF object whose constants are marked as code, so that they lie in the pages of the code.

    Pages of code are neighbours and make one memory map. With pages of constants between them each kernel would take
    two maps, of which Linux gives a process 65,530, and the linker ends the process that asks for more.
    """
    if code[:6] != b"\x7fELF\x02\x01":  # 64 bits, low byte first
        return code
    changed = bytearray(code)
    (start,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    for at in range(start, start + size * count, size):
        kind, flags = struct.unpack_from("<IQ", code, at + 4)
        if kind == _PROGBITS and flags & (_WRITE | _ALLOC) == _ALLOC:
            struct.pack_into("<Q", changed, at + 8, flags | _EXECINSTR)
    return bytes(changed)


def define(name: str, address: int) -> None:
    """Makes a function of the process known to the code loaded from now on."""
    import llvmlite.binding as llvm

    llvm.add_symbol(name, address)


def address_of(function: Any) -> int:
    """The address of a ctypes function; 0 for None."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0


def optional_symbol(name: str) -> int:
    """The address of a function of the C library, 0 where there is none."""
    try:
        return address_of(getattr(ctypes.CDLL(None), name))
    except (AttributeError, OSError, TypeError):
        return 0
