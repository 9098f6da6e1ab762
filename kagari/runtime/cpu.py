"""The processor at hand:

its description for the compiler, and loading of object code. The runtime's only use of llvmlite.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from ..base.config import isa, processors, thread_count
from ..base.target import Target
from . import linker


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


_defined: dict[str, int] = {}


def define(name: str, address: int) -> None:
    """Makes a function known to the code loaded from now on."""
    _defined[name] = address


def joins_objects() -> bool:
    """Whether code for this processor may come as several objects, one behind the other."""
    return linker.joins(host_target().triple)


def load(code: bytes, symbols: tuple[str, ...]) -> list[int]:
    """Links an object and gives the addresses of its functions. One thread at a time; OSError where it can't be."""
    return linker.link(code, symbols, _resolve) if linker.is_linkable(code) else _link_by_llvm(code, symbols)


def _resolve(name: str) -> int:
    """The address of a function that code asks for by name."""
    found = _defined.get(name) or optional_symbol(name)
    if not found:
        raise OSError(f"generated code calls {name}, which this process doesn't have")
    return found


@cache
def _engine() -> Any:
    """LLVM's linker in memory. Never disposed of: worker threads stay in its code until the process ends."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.detach_on_exit = True
    return engine


def _link_by_llvm(code: bytes, symbols: tuple[str, ...]) -> list[int]:
    """The same for formats and processors that our own linker doesn't know."""
    import llvmlite.binding as llvm

    for name, address in _defined.items():
        llvm.add_symbol(name, address)
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return [engine.get_function_address(name) for name in symbols]


def address_of(function: Any) -> int:
    """The address of a ctypes function; 0 for None."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0


@cache
def _process() -> ctypes.CDLL:
    """The functions of this process and its libraries."""
    return ctypes.CDLL(None)


def optional_symbol(name: str) -> int:
    """The address of a function of the C library, 0 where there is none."""
    try:
        return address_of(getattr(_process(), name))
    except (AttributeError, OSError, TypeError):
        return 0
