"""From LLVM IR text to the bytes of an object file, for one target.

The only place of the compiler that opens llvmlite.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..base.target import Target
from .halves import halves

_idle: dict[tuple[Target, int], list[Any]] = {}
"""Machines by target and optimisation level that nobody uses."""


def version() -> str:
    """The version of the code generator: code that another one made is not taken from the store."""
    import llvmlite

    return llvmlite.__version__


@contextmanager
def _machine(target: Target, level: int) -> Iterator[Any]:
    """A target machine for an optimisation level (0 to 3), which no other thread has meanwhile."""
    import llvmlite.binding as llvm

    if not _idle:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    idle = _idle.setdefault((target, level), [])
    try:
        machine = idle.pop()
    except IndexError:
        machine = llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel="default"
        )
    try:
        yield machine
    finally:
        idle.append(machine)


def _optimised(machine: Any, text: str, target: Target, level: int) -> Any:
    """The module after the passes of its level.

    Templates write loops as they should be, vectorised and unrolled, so two passes are enough for kernels: variables
    become registers, empty blocks go. The standard pipeline takes ten times as long and finds nothing more.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple = target.triple
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_simplify_cfg_pass()
        passes.run(module, builder)  # in one call: each waits for the interpreter's lock when it comes back
    return module


def prepared(text: str, target: Target, level: int = 2) -> Callable[[], bytes]:
    """Optimises a module: 0 as it stands, 1 or more through the passes. Gives what assembles it, in any thread.

    Raises RuntimeError with LLVM's message where the text is not legal IR: that is a fault of a template, never of the
    user.
    """
    with _machine(target, level) as machine:
        module = _optimised(machine, text, target, level)

    def assembled() -> bytes:
        with _machine(target, level) as machine:
            return _emitted(machine, module)

    return assembled


def compile_object(text: str, target: Target, level: int = 2, halved: bool = False) -> bytes:
    """Optimises and assembles a module at once.

    With `halved` a long one becomes two objects, one behind the other, which two threads make at once.
    """
    parts = [prepared(part, target, level) for part in (halves(text) if halved else (text,))]
    return b"".join(_results_at_once(parts))


def _results_at_once(functions: list[Callable[[], bytes]]) -> list[bytes]:
    """What functions give, each further one called by a thread of its own, which outlives an interrupt of this one."""
    results: dict[int, bytes] = {}

    def call(k: int) -> None:
        results[k] = functions[k]()

    threads = [threading.Thread(target=call, args=(k,)) for k in range(1, len(functions))]
    for k, thread in enumerate(threads, 1):
        try:
            thread.start()
        except RuntimeError:  # the interpreter is about to end and starts no more threads
            call(k)
    call(0)
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    return [results[k] for k in range(len(functions))]


def _emitted(machine: Any, module: Any) -> bytes:
    """What `emit_object` gives, without llvmlite's lock, which is one for all of LLVM.

    LLVM asks for none where threads have contexts and machines of their own.
    """
    from llvmlite.binding import ffi

    locked = ffi.lib.LLVMPY_TargetMachineEmitToMemory
    emit = ctypes.CDLL(ffi.lib._name, handle=ffi.lib._handle).LLVMPY_TargetMachineEmitToMemory
    emit.argtypes, emit.restype = locked.argtypes, locked.restype
    with ffi.OutputString() as message:
        buffer = emit(machine, module, 1, message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def disassemble(text: str, target: Target, level: int = 2) -> str:
    """The assembly of a module: what a reader of a slow kernel looks at."""
    with _machine(target, level) as machine:
        return machine.emit_assembly(_optimised(machine, text, target, level))
