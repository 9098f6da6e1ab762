"""The resident code in the running process: its Python functions, the Storage type, and the words they share.

Nothing here is loaded at import; `Native.get()` does it at the first tensor.
"""

from __future__ import annotations

import _thread
import ctypes
import os
from collections.abc import Callable
from typing import Any

from . import cpu

FASTCALL, _KEYWORDS, _ONE = 0x80, 0x02, 0x08
_Pointer = ctypes.c_void_p


class _MethodDef(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("function", _Pointer), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


class _MemberDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _GetSetDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("get", _Pointer),
        ("set", _Pointer),
        ("doc", ctypes.c_char_p),
        ("closure", _Pointer),
    ]


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("value", _Pointer)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


_TP_DEALLOC, _TP_MEMBERS, _TP_GETSET, _TP_DOC = 52, 72, 73, 56
_LONGLONG, _OBJECT, _READONLY = 17, 6, 1
_DEFAULT, _NO_INSTANTIATION = 0, 1 << 7

# The words of ROOTS, in the order of resident/memory.py.
_ROOTS = [
    "tensor",
    "parameter",
    "node",
    "storage",
    "none",
    "true",
    "false",
    "zero",
    "float",
    "int",
    "bool",
    "at_layout",
    "at_storage",
    "at_offset",
    "at_needs",
    "at_grad_fn",
    "at_grad",
    "at_base",
    "at_extra",
    "node_tape",
    "node_saved",
    "tuple",
    "node_edges",
    "node_sequence",
    "tape_backward",
    "node_extra",
    "thread",
    "thread_id",
    "mode",
    "mode_of_thread",
    "on_status",
    "on_no_memory",
    "sequence",
    "madvise",
    "tape_shapes",
    "list",
    "layout_numel",
    "layout_dense",
    "layout_dtype",
    "layout_nbytes",
    "output_of",
    "output_node",
    "output_index",
    "on_node",
    "on_leaf",
    "on_join",
    "on_explain",
    "add",
    "add_in_place",
    "untracked",
    "clone",
    "on_flush",
    "on_lost",
    "trace",
    "on_awaited",
    "inferring",
]
ROOT = {name: i for i, name in enumerate(_ROOTS)}

_alive: list[Any] = []  # what native code points at
# A reference that is never given back. At the end of the process Python empties modules while native functions and
# types may still be alive, and looks into their definitions when they go.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_alive))


def keep(o: Any) -> Any:
    """Keeps an object alive for as long as the process."""
    _alive.append(o)
    return o


def pyfunction(name: str, address: int, flags: int, holder: Any = None, doc: str = "") -> Callable[..., Any]:
    """A Python callable of a native function with one of CPython's calling conventions."""
    definition = keep(_MethodDef(name.encode(), address, flags, doc.encode() if doc else None))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [_Pointer, _Pointer, _Pointer]
    return make(ctypes.addressof(definition), id(keep(holder)) if holder is not None else None, None)


def method(cls: type, name: str, address: int, flags: int, doc: str = "") -> Any:
    """A method descriptor of a class, whose body is a native function."""
    definition = keep(_MethodDef(name.encode(), address, flags, doc.encode() if doc else None))
    make = ctypes.pythonapi.PyDescr_NewMethod
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.py_object, _Pointer]
    return make(cls, ctypes.addressof(definition))


def slot_offset(cls: type, name: str) -> int:
    """Byte offset of a `__slots__` member in the instances of a class."""
    descriptor = id(cls.__dict__[name])
    member = ctypes.c_void_p.from_address(descriptor + 40).value
    assert member is not None
    return _MemberDef.from_address(member).offset


def _storage_type(dealloc: int, address: int) -> type:
    members = keep(
        (_MemberDef * 6)(
            _MemberDef(b"nbytes", _LONGLONG, 24, _READONLY, b"Size in bytes."),
            _MemberDef(b"version", _LONGLONG, 32, 0, b"Number of times the contents were changed in place."),
            _MemberDef(b"history", _LONGLONG, 56, 0, b"Number of the last node that rewrote the history of views."),
            _MemberDef(b"owner", _OBJECT, 40, 0, b"The object whose memory this is, None for the pool's own."),
            _MemberDef(b"shown", _LONGLONG, 72, 0, b"In which capture NumPy was shown it, -1 before all."),
            _MemberDef(None, 0, 0, 0, None),
        )
    )
    computed = keep(
        (_GetSetDef * 2)(
            _GetSetDef(b"data_ptr", address, None, b"Address of the first byte.", None),
            _GetSetDef(None, None, None, None, None),
        )
    )
    slots = keep(
        (_Slot * 5)(
            _Slot(_TP_DEALLOC, dealloc),
            _Slot(_TP_GETSET, ctypes.addressof(computed)),
            _Slot(_TP_MEMBERS, ctypes.addressof(members)),
            _Slot(_TP_DOC, ctypes.cast(ctypes.c_char_p(b"A block of memory that tensors share."), _Pointer).value),
            _Slot(0, None),
        )
    )
    spec = keep(_Spec(b"kagari.runtime.Storage", 80, 0, _DEFAULT | _NO_INSTANTIATION, slots))
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype = ctypes.py_object
    make.argtypes = [_Pointer]
    return make(ctypes.addressof(spec))


EXPORTS = {
    "allocate_storage": _ONE,
    "empty_cache": _ONE,
    "insert": FASTCALL,
    "call_plan": FASTCALL,
    "make_tensor": FASTCALL,
    "run_pass": FASTCALL,
    "next_sequence": _ONE,
    "run_worker": _ONE,
    "set_mode": _ONE,
    "foreach": FASTCALL,
}

# The functions of deferred execution, which come with code of their own.
QUEUE_EXPORTS = {
    "capture": _ONE, "release": _ONE, "flush_queue": _ONE, "look_at_slots": _ONE, "run_segment": _ONE,
    "discard": _ONE, "replay": FASTCALL,
}  # fmt: skip


class Native:
    """The loaded resident code.

    `roots`, `stats`, `job` and `queue` are views of the words it shares with Python; every name of `EXPORTS` is a
    function, and so is every name of `QUEUE_EXPORTS`, with the first of which that code is loaded.
    """

    allocate_storage: Callable[[int], Any]
    empty_cache: Callable[[None], None]
    insert: Callable[..., None]
    call_plan: Callable[..., Any]
    run_pass: Callable[..., None]
    next_sequence: Callable[[None], int]
    make_tensor: Callable[..., Any]
    run_worker: Callable[[int], None]
    set_mode: Callable[[int], None]
    foreach: Callable[..., int]
    capture: Callable[[bool], bool]
    release: Callable[[int], None]
    flush_queue: Callable[[int], None]
    look_at_slots: Callable[[None], None]
    run_segment: Callable[[int], None]
    discard: Callable[[None], None]
    replay: Callable[..., tuple[Any, ...] | None]

    def __init__(
        self,
        core: bytes,
        stubs: bytes,
        methods: int,
        reflected: int,
        externs: dict[str, str],
        shared: tuple[str, ...],
        later: Callable[[Native], None],
    ) -> None:
        self._add_queue = later
        for name in externs:
            function = getattr(ctypes.pythonapi, name, None) or getattr(ctypes.CDLL(None), name)
            cpu.define(name, cpu.address_of(function))
        names = (
            *EXPORTS, "call_operator", "call_method", "call_reflected", "storage_dealloc", "storage_address",
            "shared_words", *shared,
        )  # fmt: skip
        addresses = dict(zip(names, cpu.load(core, names)))
        for name in ("call_method", "call_reflected", *shared):
            cpu.define(name, addresses[name])
        stub_names = [f"method_{i}" for i in range(methods)] + [f"reflected_{i}" for i in range(reflected)]
        found = cpu.load(stubs, tuple(stub_names))
        self._methods, self._reflected = found[:methods], found[methods:]
        self._operator_address = addresses["call_operator"]
        for name, flags in EXPORTS.items():
            setattr(self, name, pyfunction(name, addresses[name], flags))
        words = (ctypes.c_longlong * 8)()
        ctypes.CFUNCTYPE(None, _Pointer)(addresses["shared_words"])(ctypes.addressof(words))
        self.roots = (ctypes.c_longlong * 64).from_address(words[0])
        self.stats = (ctypes.c_longlong * 16).from_address(words[1])
        self.job = (ctypes.c_longlong * 128).from_address(words[2])
        self._locks = (ctypes.c_longlong * 64).from_address(words[3])
        self._method_states = (ctypes.c_longlong * methods).from_address(words[4])
        self._reflected_states = (ctypes.c_longlong * reflected).from_address(words[5])
        self.queue = (ctypes.c_longlong * 16).from_address(words[6])
        self._later = (ctypes.c_longlong * 8).from_address(words[7])
        cpu.define("ROOTS", words[0])
        cpu.define("QUEUE", words[6])
        self._used_methods = self._used_reflected = 0
        self.Storage = keep(_storage_type(addresses["storage_dealloc"], addresses["storage_address"]))
        self.set_roots(
            storage=self.Storage,
            none=None,
            true=True,
            false=False,
            zero=0,
            float=float,
            int=int,
            bool=bool,
            list=list,
            tuple=tuple,
        )
        self.roots[ROOT["madvise"]] = (
            cpu.optional_symbol("madvise") if os.name == "posix" and hasattr(os, "sched_getaffinity") else 0
        )

    def __getattr__(self, name: str) -> Any:
        if name not in QUEUE_EXPORTS:
            raise AttributeError(f"the resident code has no {name!r}")
        self._add_queue(self)
        return self.__dict__[name]

    def add_queue(self, code: bytes, later: tuple[str, ...]) -> None:
        """Loads deferred execution; `later` are the functions of it that the core calls."""
        addresses = cpu.load(code, (*later, *QUEUE_EXPORTS))
        for i in range(len(later)):
            self._later[i] = addresses[i]
        for (name, flags), address in zip(QUEUE_EXPORTS.items(), addresses[len(later) :]):
            setattr(self, name, pyfunction(name, address, flags))

    def set_roots(self, **objects: Any) -> None:
        """Tells native code where Python objects are."""
        for name, o in objects.items():
            self.roots[ROOT[name]] = id(keep(o))

    def trace(self, address: int) -> None:
        """Tells native code where to note kernels and their times, see `tracing` in resident/dispatch.py; 0 for not."""
        self.roots[ROOT["trace"]] = address

    def set_offsets(self, **offsets: int) -> None:
        """Tells native code where the slots of tensors and nodes are."""
        for name, offset in offsets.items():
            self.roots[ROOT[name]] = offset

    @property
    def captures(self) -> int:
        """The number of the last capture."""
        return self.queue[13]

    @property
    def notes(self) -> bool:
        """Whether a thread's calls are noted."""
        return self.queue[0] != 0

    # Operators

    def operator_function(self, name: str, state: Any, doc: str) -> Callable[..., Any]:
        """The Python function of an operator; `state` is the Storage that holds its table's description."""
        return pyfunction(name, self._operator_address, FASTCALL | _KEYWORDS, state, doc)

    @staticmethod
    def bindable(function: Callable[..., Any]) -> Any:
        """A native function as a class attribute that takes the instance as its first argument."""
        make = ctypes.pythonapi.PyInstanceMethod_New
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.py_object]
        return make(function)

    def operator_method(self, cls: type, name: str, state: Any, doc: str) -> Any:
        """The same as a method descriptor, which Python's own operators call without a bound method."""
        number = self._used_methods
        self._used_methods += 1
        self._method_states[number] = state.data_ptr
        return method(cls, name, self._methods[number], FASTCALL | _KEYWORDS, doc)

    def operator_reflected(self, cls: type, name: str, state: Any) -> Any:
        """A binary operator whose `self` is the second argument."""
        number = self._used_reflected
        self._used_reflected += 1
        self._reflected_states[number] = state.data_ptr
        return method(cls, name, self._reflected[number], FASTCALL)

    # Threads

    def start_threads(self, count: int) -> None:
        """Makes kernels run on `count` threads, the calling one among them.

        Threads are never ended, only left unused.
        """
        running = sum(1 for w in range(1, 64) if self._locks[w])
        for worker in range(running + 1, min(count, 63)):
            make = ctypes.pythonapi.PyThread_allocate_lock
            make.restype = _Pointer
            lock = make()
            acquire = ctypes.pythonapi.PyThread_acquire_lock
            acquire.argtypes = [_Pointer, ctypes.c_int]
            acquire(lock, 1)
            self._locks[worker] = lock
            _thread.start_new_thread(self.run_worker, (worker,))
        self.job[80] = max(0, min(count, cpu.host_target().threads, 63) - 1)
        self.job[81] = 4000

    def forget_threads(self) -> None:
        """In the child of a fork there are no workers: the pool starts from nothing."""
        for i in range(128):
            self.job[i] = 0
        for i in range(64):
            self._locks[i] = 0
